-- Verify convo_tenancy:expand/preconditions on pg

BEGIN;

DO $$
BEGIN
    IF current_setting('server_version_num')::integer < 150000 THEN
        RAISE EXCEPTION 'PostgreSQL % is too old: 15 or later is needed', current_setting('server_version');
    END IF;
END;
$$;

ROLLBACK;
