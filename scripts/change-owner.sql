-- Gives all tables, functions, types and schemas of the application and of this project, and Sqitch's registry, to an ordinary role, so
-- that the SQL API does not run with the rights of a superuser (docs/isolation.md#the-owner). All of it or nothing. As a superuser:
--
--   psql -X URL -v owner=ROLE -f scripts/change-owner.sql

\set ON_ERROR_STOP on

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp; -- somebody's operators in public would run as the superuser

GRANT USAGE, CREATE ON SCHEMA public TO :"owner";

SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), :'owner') \gexec

-- What belongs to an extension, or to another object, follows that.
SELECT format('ALTER %s %s OWNER TO %I', o.kind, o.name, :'owner') -- noqa: RF02
FROM (
    SELECT
        'TABLE' AS kind,
        c.oid,
        c.oid::regclass::text AS name,
        c.relnamespace AS schema_oid
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT
        'ROUTINE',
        p.oid,
        p.oid::regprocedure::text,
        p.pronamespace
    FROM pg_proc AS p
    UNION ALL
    SELECT
        'TYPE',
        t.oid,
        t.oid::regtype::text,
        t.typnamespace
    FROM pg_type AS t
    WHERE t.typtype IN ('d', 'e', 'r')
    UNION ALL
    SELECT
        'SCHEMA',
        n.oid,
        quote_ident(n.nspname),
        n.oid
    FROM pg_namespace AS n
    WHERE n.nspname <> 'public'
) AS o
JOIN pg_namespace AS s ON s.oid = o.schema_oid
WHERE s.nspname IN ('public', 'tenancy', 'tenancy_archive', 'sqitch')
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS d
        WHERE d.objid = o.oid
            AND d.deptype IN ('e', 'a', 'i')
    ) \gexec

COMMIT;
