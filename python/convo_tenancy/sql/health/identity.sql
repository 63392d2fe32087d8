-- A word that no other database has, nor the standby of this one, which has counters of its own.
SELECT concat_ws('-', c.system_identifier, d.oid, CASE WHEN pg_is_in_recovery() THEN 'standby' END)
FROM pg_control_system() AS c
JOIN pg_database AS d ON d.datname = current_database();
