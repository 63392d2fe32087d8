-- Deploy convo_tenancy:isolation/roles to pg

-- Roles belong to the cluster: another database may have made them, and use them. So a revert leaves them.

\set ON_ERROR_STOP on
\set change isolation/roles
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL ROLE NONE; -- who deploys may create roles; the owner of the tables need not

DO $$
DECLARE
    wanted record;
    missing CONSTANT text := (
        SELECT string_agg(format('CREATE ROLE %s', w.role_name), '; ' ORDER BY w.role_name)
        FROM (VALUES ('convo_shop'), ('convo_back_office'), ('convo_health')) AS w (role_name)
        WHERE to_regrole(w.role_name) IS NULL
    );
BEGIN
    FOR wanted IN
        SELECT
            w.role_name,
            w.comment,
            r.oid IS NOT NULL AS is_there,
            r.rolcanlogin OR r.rolsuper OR r.rolbypassrls AS is_more
        FROM (
            VALUES
                ('convo_shop', 'The application for one shop, that of app.current_shop_id (docs/isolation.md).'),
                ('convo_back_office', 'Trusted code that sees all shops (docs/isolation.md).'),
                ('convo_health', 'The health check (docs/isolation.md).')
        ) AS w (role_name, comment)
        LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = w.role_name
    LOOP
        IF wanted.is_more THEN
            RAISE EXCEPTION 'role % exists, but is not a plain group role: ALTER ROLE % NOLOGIN NOSUPERUSER NOBYPASSRLS',
                wanted.role_name, wanted.role_name
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;

        IF NOT wanted.is_there THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted.role_name);
                EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.role_name, wanted.comment);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- made from another database, just now
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'role % may not create roles: have a superuser run "%", then run the same again',
                        current_user, missing
                        USING ERRCODE = 'insufficient_privilege';
            END;
        END IF;
    END LOOP;
END;
$$;

COMMIT;
