SELECT current_setting('session_replication_role');
