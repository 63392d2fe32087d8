-- Deploy convo_tenancy:isolation/scope to pg

-- What isolation is about, whether it is on, and who has which right there.

\set ON_ERROR_STOP on
\set change isolation/scope
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.isolation (
    singleton boolean NOT NULL DEFAULT TRUE,
    state text NOT NULL DEFAULT 'off',
    despite text[] NOT NULL DEFAULT '{}',
    CONSTRAINT isolation_pkey PRIMARY KEY (singleton),
    CONSTRAINT isolation_singleton_check CHECK (singleton),
    CONSTRAINT isolation_state_check CHECK (state IN ('off', 'enforcing', 'on', 'relaxing'))
);

COMMENT ON TABLE tenancy.isolation IS
'Whether members of convo_shop are bound to one shop: one row. Only tenancy.enforce_isolation() and tenancy.relax_isolation() '
'write it.';
COMMENT ON COLUMN tenancy.isolation.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.isolation.state IS
'off or on; enforcing or relaxing while the switch works or after it was interrupted. convo_shop has rights on tables only in '
'state on.';
COMMENT ON COLUMN tenancy.isolation.despite IS 'The names of the findings that tenancy.enforce_isolation() was told to accept.';

INSERT INTO tenancy.isolation DEFAULT VALUES
ON CONFLICT (singleton) DO NOTHING;

CREATE OR REPLACE VIEW tenancy.isolated_tables (name, oid)
WITH (security_invoker = TRUE)
AS
SELECT
    substr(d.name, length('of_the_shop on ') + 1),
    to_regclass(substr(d.name, length('of_the_shop on ') + 1))::oid
FROM tenancy.deployed_parts AS d
WHERE d.kind = 'policy'
    AND d.is_there
    AND starts_with(d.name, 'of_the_shop on ');

COMMENT ON VIEW tenancy.isolated_tables IS
'The tables whose row-level security the switch turns on and off: those deployed with a policy of_the_shop, even if it is gone. '
'Set search_path = pg_catalog before you query it. Example: SELECT name FROM tenancy.isolated_tables ORDER BY name';
COMMENT ON COLUMN tenancy.isolated_tables.name IS 'The name, with the schema.';
COMMENT ON COLUMN tenancy.isolated_tables.oid IS 'The oid; NULL if the table is gone.';

CREATE OR REPLACE VIEW tenancy.written_tables (oid)
WITH (security_invoker = TRUE)
AS
SELECT c.oid
FROM pg_class AS c
WHERE c.relkind = 'r'
    AND (
        c.relnamespace IN (to_regnamespace('tenancy'), to_regnamespace('tenancy_archive'))
        OR c.oid IN (
            to_regclass('public.customers'),
            CASE WHEN tenancy.has_legacy_side() THEN to_regclass('public.customer_booking_stats') END, -- or a stray one
            to_regclass('public.customer_shop_profiles'),
            to_regclass('public.customer_stylist_preferences')
        )
    );

COMMENT ON VIEW tenancy.written_tables IS
'The tables that mirrors, SQL API and repair write with the owner''s rights. Example: SELECT oid::regclass FROM '
'tenancy.written_tables';
COMMENT ON COLUMN tenancy.written_tables.oid IS 'The table.';

CREATE OR REPLACE VIEW tenancy.isolation_relations (oid, name, is_written)
WITH (security_invoker = TRUE)
AS
WITH RECURSIVE relation AS (
    SELECT t.oid
    FROM (
        SELECT i.oid
        FROM tenancy.isolated_tables AS i
        UNION
        SELECT w.oid
        FROM tenancy.written_tables AS w
        UNION
        SELECT to_regclass('public.shops')::oid
        UNION
        SELECT s.oid
        FROM pg_class AS s
        WHERE s.relkind = 'S'
            AND s.relnamespace IN (to_regnamespace('tenancy'), to_regnamespace('tenancy_archive'))
    ) AS t
    UNION
    -- What stands on them: views, sequences of their columns, parents and children
    SELECT d.oid
    FROM relation AS t
    CROSS JOIN LATERAL (
        SELECT w.ev_class AS oid
        FROM pg_depend AS p
        JOIN pg_rewrite AS w ON w.oid = p.objid
        WHERE p.refclassid = 'pg_class'::regclass
            AND p.refobjid = t.oid
            AND p.classid = 'pg_rewrite'::regclass
        UNION ALL
        SELECT c.oid
        FROM pg_depend AS p
        JOIN pg_class AS c
            ON c.oid = p.objid
            AND c.relkind = 'S'
        WHERE p.refclassid = 'pg_class'::regclass
            AND p.refobjid = t.oid
            AND p.classid = 'pg_class'::regclass
        UNION ALL
        SELECT h.inhrelid
        FROM pg_inherits AS h
        WHERE h.inhparent = t.oid
        UNION ALL
        SELECT h.inhparent
        FROM pg_inherits AS h
        WHERE h.inhrelid = t.oid
    ) AS d
)

SELECT
    r.oid,
    r.oid::regclass::text,
    r.oid IN (SELECT w.oid FROM tenancy.written_tables AS w)
FROM relation AS r
JOIN pg_class AS c ON c.oid = r.oid
WHERE NOT EXISTS ( -- such a view shows what the reader may read anyway
        SELECT
        FROM pg_options_to_table(c.reloptions) AS o
        WHERE o.option_name = 'security_invoker'
            AND o.option_value::boolean
    );

COMMENT ON VIEW tenancy.isolation_relations IS
'The relations whose rights isolation checks: isolated tables, customer_booking_stats, shops, this project''s tables and '
'sequences; also their sequences, parents, children, and views that show any of them with the owner''s rights. Example: SELECT '
'name FROM tenancy.isolation_relations';
COMMENT ON COLUMN tenancy.isolation_relations.oid IS 'The table, view or sequence.';
COMMENT ON COLUMN tenancy.isolation_relations.name IS 'Its name; with search_path = pg_catalog, schema included.';
COMMENT ON COLUMN tenancy.isolation_relations.is_written IS 'Whether it is one of tenancy.written_tables.';

CREATE OR REPLACE VIEW tenancy.given_rights (kind, oid, name, column_name, owner, grantor, grantee, privilege, is_grantable)
WITH (security_invoker = TRUE)
AS
SELECT
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
    c.oid,
    c.oid::regclass::text AS name,
    NULL::name AS column_name,
    c.relowner AS owner,
    a.grantor,
    a.grantee,
    a.privilege_type AS privilege,
    a.is_grantable
FROM pg_class AS c
CROSS JOIN LATERAL aclexplode(c.relacl) AS a
WHERE a.grantee <> c.relowner
UNION ALL
-- One pass over pg_attribute: a look-up for each table takes ten times as long.
SELECT
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, -- named again: else a restored dump would have another name
    c.oid,
    c.oid::regclass::text,
    t.attname,
    c.relowner,
    a.grantor,
    a.grantee,
    a.privilege_type,
    a.is_grantable
FROM pg_attribute AS t
JOIN pg_class AS c ON c.oid = t.attrelid
CROSS JOIN LATERAL aclexplode(t.attacl) AS a
WHERE t.attacl IS NOT NULL
    AND NOT t.attisdropped
    AND a.grantee <> c.relowner
UNION ALL
SELECT
    'ROUTINE',
    p.oid,
    p.oid::regprocedure::text,
    NULL,
    p.proowner,
    a.grantor,
    a.grantee,
    a.privilege_type,
    a.is_grantable
FROM pg_proc AS p
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE p.pronamespace IN (to_regnamespace('tenancy'), to_regnamespace('tenancy_archive'))
    AND a.grantee <> p.proowner
UNION ALL
SELECT
    'SCHEMA',
    n.oid,
    quote_ident(n.nspname),
    NULL,
    n.nspowner,
    a.grantor,
    a.grantee,
    a.privilege_type,
    a.is_grantable
FROM pg_namespace AS n
CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
WHERE a.grantee <> n.nspowner;

COMMENT ON VIEW tenancy.given_rights IS
'Rights that roles other than the owner have on tables, views, sequences, columns and schemas, and on this project''s '
'functions. Set search_path = pg_catalog before you query it. Example: SELECT name, privilege FROM tenancy.given_rights WHERE '
'grantee = 0';
COMMENT ON COLUMN tenancy.given_rights.kind IS 'TABLE (also a view), SEQUENCE, ROUTINE or SCHEMA.';
COMMENT ON COLUMN tenancy.given_rights.oid IS 'The object.';
COMMENT ON COLUMN tenancy.given_rights.name IS 'The name, as SQL writes it.';
COMMENT ON COLUMN tenancy.given_rights.column_name IS 'The column; NULL for the whole object.';
COMMENT ON COLUMN tenancy.given_rights.owner IS 'The owner of the object.';
COMMENT ON COLUMN tenancy.given_rights.grantor IS 'The role that granted it: the owner, or a role with GRANT OPTION.';
COMMENT ON COLUMN tenancy.given_rights.grantee IS 'The role that has it; 0 for PUBLIC.';
COMMENT ON COLUMN tenancy.given_rights.privilege IS 'The right, such as SELECT.';
COMMENT ON COLUMN tenancy.given_rights.is_grantable IS 'Whether the grantee may grant it to others.';

CREATE OR REPLACE VIEW tenancy.role_members (member, role)
WITH (security_invoker = TRUE)
AS
WITH RECURSIVE membership (member, role) AS (
    SELECT
        r.oid,
        r.oid
    FROM pg_roles AS r
    UNION
    SELECT
        m.member,
        a.roleid
    FROM membership AS m
    JOIN pg_auth_members AS a
        ON a.member = m.role
        -- PostgreSQL 16 makes who creates a role a member that neither inherits nor may take it.
        AND (
            coalesce((to_jsonb(a) ->> 'inherit_option')::boolean, TRUE)
            OR coalesce((to_jsonb(a) ->> 'set_option')::boolean, TRUE)
        )
)

SELECT
    m.member,
    m.role
FROM membership AS m;

COMMENT ON VIEW tenancy.role_members IS
'Each role with itself and with every role that it is a member of, directly or not, by inheritance or SET ROLE. For a superuser '
'only granted memberships count. Example: SELECT member::regrole FROM tenancy.role_members WHERE role = ''convo_shop''::regrole';
COMMENT ON COLUMN tenancy.role_members.member IS 'The oid of the member.';
COMMENT ON COLUMN tenancy.role_members.role IS 'The oid of the role.';

COMMIT;
