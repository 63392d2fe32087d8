-- Revert convo_tenancy:mirror/watch from pg

\set ON_ERROR_STOP on
\set change mirror/watch
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP TRIGGER IF EXISTS keep_watch_at_truncate ON tenancy.legacy_writes;
DROP TRIGGER IF EXISTS keep_watch ON tenancy.legacy_writes;
DROP FUNCTION IF EXISTS tenancy.keep_watch();
DROP PROCEDURE IF EXISTS tenancy.restart_watch();
DROP VIEW IF EXISTS tenancy.watch;
DROP VIEW IF EXISTS tenancy.mirror_marks;
DROP TABLE IF EXISTS tenancy.mirror_watch;

COMMIT;
