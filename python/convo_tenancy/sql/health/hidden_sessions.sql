-- How many sessions of this database this role may not look at.
SELECT count(*)
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    AND NOT (
        pg_has_role('pg_read_all_stats', 'USAGE')
        OR pg_has_role(a.usesysid, 'USAGE')
    );
