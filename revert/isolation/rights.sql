-- Revert convo_tenancy:isolation/rights from pg

\set ON_ERROR_STOP on
\set change isolation/rights
\ir ../support/begin.sql
\if :is_done \quit \endif

SET LOCAL ROLE NONE; -- Sqitch's registry belongs to who deployed first, not to the owner of the tables
SELECT
    s.registry,
    to_regclass(format('%I.changes', s.registry)) IS NOT NULL AS has_registry
FROM tenancy.settings AS s \gset
\if :has_registry
REVOKE SELECT ON :"registry".changes, :"registry".tags FROM convo_health;
REVOKE USAGE ON SCHEMA :"registry" FROM convo_health;
\endif
CALL tenancy.act_as_owner();

-- What the owner gave, and no more: PostgreSQL warns of each object of others, an extension's say, where there is nothing to take.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT
            g.kind,
            g.name,
            r.rolname AS role_name
        FROM tenancy.given_rights AS g
        JOIN pg_roles AS r
            ON r.oid = g.grantee
            AND r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
        LEFT JOIN pg_class AS c
            ON c.oid = g.oid
            AND g.kind IN ('TABLE', 'SEQUENCE')
        WHERE g.grantor = g.owner
            AND pg_get_userbyid(g.owner) = current_user
            AND (
                c.relnamespace IN ('public'::regnamespace, 'tenancy'::regnamespace) -- what is put aside keeps its rights
                OR (g.kind, g.name) = ('SCHEMA', 'tenancy')
                OR (g.kind = 'ROUTINE' AND starts_with(g.name, 'tenancy.'))
            )
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %I', given.kind, given.name, given.role_name);
    END LOOP;
END;
$$;

COMMIT;
