-- Whether somebody deploys or reverts now: Sqitch holds an advisory lock of this number as long as it does.
SELECT count(*) > 0 AS runs
FROM pg_locks AS l
WHERE l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND (l.classid, l.objid, l.objsubid) = (0, 75474063, 1);
