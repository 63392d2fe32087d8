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
'Whether members of convo_shop are bound to one shop: one row. Written by tenancy.enforce_isolation() and '
'tenancy.relax_isolation() alone.';
COMMENT ON COLUMN tenancy.isolation.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.isolation.state IS
'off or on; enforcing or relaxing on the way there, and after it was interrupted. convo_shop has rights on tables only in on.';
COMMENT ON COLUMN tenancy.isolation.despite IS 'The findings that do not matter, by name, as tenancy.enforce_isolation() was told.';

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
'The tables that the switch opens and closes: those that were deployed with a policy of_the_shop, whether it is still there or '
'not. To be read with search_path = pg_catalog. Example: SELECT name FROM tenancy.isolated_tables ORDER BY name';
COMMENT ON COLUMN tenancy.isolated_tables.name IS 'The name, with the schema.';
COMMENT ON COLUMN tenancy.isolated_tables.oid IS 'The oid; NULL for a table that is gone.';

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
'The tables that functions write with the rights of the owner: mirrors, the SQL API, repair. '
'Example: SELECT oid::regclass FROM tenancy.written_tables';
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
'What isolation is about: the isolated tables, customer_booking_stats, shops, our own tables and sequences, and their sequences, '
'parents, children, and views that show any of them with their owner''s rights. '
'Example: SELECT name FROM tenancy.isolation_relations';
COMMENT ON COLUMN tenancy.isolation_relations.oid IS 'The table, view or sequence.';
COMMENT ON COLUMN tenancy.isolation_relations.name IS 'Its name, with the schema when search_path = pg_catalog.';
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
'Each right that somebody but the owner was given, on tables, views, sequences, columns and schemas, and on our '
'functions. To be read with search_path = pg_catalog. Example: SELECT name, privilege FROM tenancy.given_rights WHERE grantee = 0';
COMMENT ON COLUMN tenancy.given_rights.kind IS 'TABLE (a view, too), SEQUENCE, ROUTINE or SCHEMA.';
COMMENT ON COLUMN tenancy.given_rights.oid IS 'The object.';
COMMENT ON COLUMN tenancy.given_rights.name IS 'Its name, as a statement has it.';
COMMENT ON COLUMN tenancy.given_rights.column_name IS 'The column; NULL for the whole.';
COMMENT ON COLUMN tenancy.given_rights.owner IS 'Whose the object is.';
COMMENT ON COLUMN tenancy.given_rights.grantor IS 'Who gave it: the owner, or who got it WITH GRANT OPTION.';
COMMENT ON COLUMN tenancy.given_rights.grantee IS 'The role; 0 for PUBLIC.';
COMMENT ON COLUMN tenancy.given_rights.privilege IS 'The right.';
COMMENT ON COLUMN tenancy.given_rights.is_grantable IS 'Whether the role may give it to others.';

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
'Every role with itself and all roles that it is a member of, at any distance, inherited or by SET ROLE. A superuser is a member '
'of those alone that were granted. Example: SELECT member::regrole FROM tenancy.role_members WHERE role = ''convo_shop''::regrole';
COMMENT ON COLUMN tenancy.role_members.member IS 'The oid of the member.';
COMMENT ON COLUMN tenancy.role_members.role IS 'The oid of the role.';

COMMIT;
