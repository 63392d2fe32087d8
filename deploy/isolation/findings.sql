-- Deploy convo_tenancy:isolation/findings to pg

-- What keeps isolation from holding, by one rule for the switch, the health check and isolation/rights.

\set ON_ERROR_STOP on
\set change isolation/findings
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE VIEW tenancy.isolation_faults (kind, finding, name, detail, remedy)
WITH (security_invoker = TRUE)
AS
SELECT
    'switch' AS kind,
    format('isolation is half-way, %s', i.state) AS finding,
    'the switch' AS name,
    'it runs now, or was interrupted' AS detail,
    CASE i.state
        WHEN 'enforcing' THEN 'CALL tenancy.enforce_isolation() goes on, CALL tenancy.relax_isolation() goes back'
        ELSE 'CALL tenancy.relax_isolation() goes on, CALL tenancy.enforce_isolation() goes back'
    END AS remedy
FROM tenancy.isolation AS i
WHERE i.state IN ('enforcing', 'relaxing')
UNION ALL
SELECT
    'switch',
    'row-level security and isolation differ',
    'table ' || t.name,
    format('isolation is %s, row-level security is %s', i.state, CASE WHEN c.relrowsecurity THEN 'on' ELSE 'off' END),
    CASE i.state WHEN 'off' THEN 'CALL tenancy.relax_isolation()' ELSE 'CALL tenancy.enforce_isolation()' END
FROM tenancy.isolation AS i
CROSS JOIN tenancy.isolated_tables AS t
JOIN pg_class AS c ON c.oid = t.oid
WHERE CASE
        WHEN i.state = 'off' THEN c.relrowsecurity
        ELSE NOT c.relrowsecurity
            AND (i.state = 'on' OR has_any_column_privilege(to_regrole('convo_shop')::oid, c.oid, 'SELECT, INSERT, UPDATE'))
    END
UNION ALL
SELECT
    'ours',
    format('it is not as it was deployed, but %s', p.problem),
    format('%s %s', p.kind, p.name),
    CASE p.kind WHEN 'policy' THEN 'it limits what members of convo_shop see' ELSE 'it checks who calls' END,
    format('psql -f deploy/%s.sql', p.change)
FROM tenancy.part_problems AS p
CROSS JOIN tenancy.isolation AS i
WHERE p.kind = 'policy'
    OR (
        p.kind IN ('function', 'trigger')
        AND i.state <> 'off' -- else it is no matter of isolation
        AND (p.change ~ '^(api|isolation)/' OR p.change IN ('mirror/is_restricted', 'mirror/shop_context'))
    )
UNION ALL
SELECT
    'ours',
    'every role may execute functions of this project',
    'PUBLIC',
    format('EXECUTE on %s functions of schema tenancy', count(*)),
    'psql -f deploy/isolation/rights.sql'
FROM tenancy.given_rights AS r
WHERE r.kind = 'ROUTINE'
    AND r.grantee = 0
HAVING count(*) > 0
UNION ALL
SELECT
    'ours',
    'the group has no rights in this database',
    'role ' || g.name,
    'it does not exist',
    'psql -f deploy/isolation/roles.sql'
FROM unnest('{convo_shop,convo_back_office,convo_health}'::text[]) AS g (name)
WHERE to_regrole(g.name) IS NULL
UNION ALL
SELECT
    'ours',
    'its owner is not that of public.customers',
    format('%s %s', lower(o.kind COLLATE pg_catalog."C"), o.name),
    format('owner %I', pg_get_userbyid(o.owner)),
    format('ALTER %s %s OWNER TO %I', o.kind, o.name, pg_get_userbyid(t.relowner))
FROM (
    SELECT
        'ROUTINE' AS kind,
        p.oid::regprocedure::text AS name,
        p.proowner AS owner
    FROM pg_proc AS p
    WHERE p.pronamespace IN (to_regnamespace('tenancy'), to_regnamespace('tenancy_archive'))
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, -- named again: else a restored dump would have another name
        c.oid::regclass::text,
        c.relowner
    FROM pg_class AS c
    WHERE (
        c.relkind IN ('r', 'v', 'S')
        AND c.relnamespace IN (to_regnamespace('tenancy'), to_regnamespace('tenancy_archive'))
    )
    OR c.oid IN (SELECT b.oid FROM tenancy.isolated_tables AS b)
    OR c.oid IN (SELECT w.oid FROM tenancy.written_tables AS w)
    OR c.oid = to_regclass('public.shops')
    UNION ALL
    SELECT
        'SCHEMA' AS kind,
        quote_ident(n.nspname),
        n.nspowner
    FROM pg_namespace AS n
    WHERE n.nspname IN ('tenancy', 'tenancy_archive')
) AS o
JOIN pg_class AS t
    ON t.oid = to_regclass('public.customers')
    AND t.relowner <> o.owner;

COMMENT ON VIEW tenancy.isolation_faults IS
'Part of tenancy.isolation_findings: faults of this project''s own objects and their rights, with isolation on or off.';
COMMENT ON COLUMN tenancy.isolation_faults.kind IS 'As in tenancy.isolation_findings: switch or ours.';
COMMENT ON COLUMN tenancy.isolation_faults.finding IS 'What is wrong.';
COMMENT ON COLUMN tenancy.isolation_faults.name IS 'The object or right concerned.';
COMMENT ON COLUMN tenancy.isolation_faults.detail IS 'What the check saw.';
COMMENT ON COLUMN tenancy.isolation_faults.remedy IS 'What to do.';

CREATE OR REPLACE VIEW tenancy.isolation_risks (finding, name, detail, remedy, may_be_overridden)
WITH (security_invoker = TRUE)
AS
WITH owner AS (
    SELECT r.*
    FROM pg_class AS t
    JOIN pg_roles AS r ON r.oid = t.relowner
    WHERE t.oid = to_regclass('public.customers')
),

convo_group AS (
    SELECT r.*
    FROM pg_roles AS r
    WHERE r.rolname IN ('convo_shop', 'convo_back_office', 'convo_health')
),

-- Those that bring more than a look at settings, or a place in the queue
predefined AS MATERIALIZED (
    SELECT r.*
    FROM pg_roles AS r
    WHERE r.oid < 16384
        AND starts_with(r.rolname, 'pg_')
        AND r.rolname NOT IN ('pg_database_owner', 'pg_checkpoint', 'pg_use_reserved_connections', 'pg_read_all_settings')
),

relation AS MATERIALIZED (
    SELECT r.*
    FROM tenancy.isolation_relations AS r
),

given_right AS MATERIALIZED (
    SELECT g.*
    FROM tenancy.given_rights AS g
),

relation_right AS MATERIALIZED (
    SELECT
        r.oid,
        r.name,
        r.is_written,
        g.grantee,
        g.privilege
    FROM relation AS r
    JOIN given_right AS g
        ON g.oid = r.oid
        AND g.kind IN ('TABLE', 'SEQUENCE')
),

any_right AS (
    SELECT
        r.oid,
        r.name,
        r.grantee,
        r.privilege
    FROM relation_right AS r
    UNION ALL
    SELECT
        NULL AS oid,
        g.name,
        g.grantee,
        g.privilege
    FROM given_right AS g
    WHERE g.kind = 'ROUTINE'
        OR (g.kind = 'SCHEMA' AND g.name = 'tenancy')
        OR (g.kind = 'SCHEMA' AND g.name = 'public' AND g.privilege = 'CREATE') -- by which others run what it makes there
),

parameter_right AS (
    SELECT
        p.parname,
        a.grantee,
        a.privilege_type
    FROM pg_parameter_acl AS p
    CROSS JOIN LATERAL aclexplode(p.paracl) AS a
),

-- Once for all that ask: it is planned and walked anew for each
membership AS MATERIALIZED (
    SELECT m.*
    FROM tenancy.role_members AS m
),

bound AS (
    SELECT r.*
    FROM membership AS m
    JOIN pg_roles AS r ON r.oid = m.member
    WHERE m.role = to_regrole('convo_shop')::oid
),

-- Whom row-level security does not stop
exempt AS (
    SELECT
        m.member AS oid,
        string_agg(
            concat_ws(
                ', ',
                CASE WHEN m.role <> m.member THEN format('member of %I', r.rolname) END,
                CASE WHEN r.rolsuper THEN 'superuser' WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
                CASE WHEN m.role IN (SELECT o.oid FROM owner AS o) THEN 'owner of the tables' END
            ), '; ' ORDER BY r.rolname
        ) AS why,
        bool_or(r.rolsuper) AS has_superuser
    FROM membership AS m
    JOIN pg_roles AS r ON r.oid = m.role
    WHERE r.rolsuper
        OR (r.rolbypassrls AND r.oid = m.member) -- by SET ROLE alone, and then for what that role may do
        OR m.role IN (SELECT o.oid FROM owner AS o)
    GROUP BY m.member
),

-- What each role may do on the tables, but for what the three groups give
own_right AS (
    SELECT
        g.member AS oid,
        r.oid AS relation,
        r.privilege,
        format(
            '%s on %s%s', r.privilege, r.name,
            CASE WHEN g.role = 0 THEN ' by PUBLIC' WHEN g.role <> g.member THEN format(' by %I', pg_get_userbyid(g.role)) END
        ) AS detail
    FROM (
        SELECT
            m.member,
            m.role
        FROM membership AS m
        WHERE m.role NOT IN (SELECT c.oid FROM convo_group AS c)
        UNION ALL
        SELECT
            p.oid,
            0
        FROM pg_roles AS p
    ) AS g
    JOIN any_right AS r ON r.grantee = g.role
    UNION ALL
    SELECT
        m.member,
        t.oid,
        CASE r.rolname WHEN 'pg_read_all_data' THEN 'SELECT' WHEN 'pg_write_all_data' THEN 'INSERT' END,
        'all that it brings by ' || r.rolname
    FROM predefined AS r
    JOIN membership AS m
        ON m.role = r.oid
        AND m.member <> m.role
    CROSS JOIN tenancy.isolated_tables AS t
    UNION ALL
    -- By which it may take other rights, or read what the server writes
    SELECT
        m.member,
        NULL AS oid, -- named: else a restored dump would have another name
        a.name,
        concat_ws(' by ', a.name, CASE WHEN m.role <> m.member THEN quote_ident(r.rolname) END)
    FROM membership AS m
    JOIN pg_roles AS r ON r.oid = m.role
    CROSS JOIN LATERAL (VALUES ('CREATEROLE', r.rolcreaterole), ('REPLICATION', r.rolreplication)) AS a (name, is_so)
    WHERE a.is_so
    UNION ALL
    SELECT
        m.member,
        NULL AS oid,
        p.privilege_type,
        format(
            '%s on parameter %s%s', p.privilege_type, p.parname,
            CASE WHEN m.role <> m.member THEN format(' by %I', pg_get_userbyid(m.role)) END
        )
    FROM parameter_right AS p
    JOIN membership AS m ON m.role = p.grantee
    UNION ALL
    SELECT
        m.member,
        NULL AS oid,
        'ADMIN' AS privilege,
        format('ADMIN OPTION on %I', pg_get_userbyid(a.roleid))
    FROM pg_auth_members AS a
    JOIN convo_group AS c ON c.oid = a.roleid
    JOIN membership AS m ON m.role = a.member
    WHERE a.admin_option
),

-- What a role may do there is done with the rights of who writes, or believed by what has the owner's.
power AS (
    SELECT
        r.grantee,
        r.privilege,
        'TABLE ' || r.name AS name
    FROM relation_right AS r
    WHERE r.privilege = 'TRIGGER'
        OR (
            r.is_written
            AND r.privilege IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
            AND NOT starts_with(r.name, 'public.')
        )
    UNION ALL
    SELECT
        g.grantee,
        g.privilege,
        'SCHEMA ' || g.name
    FROM given_right AS g
    WHERE g.kind = 'SCHEMA'
        AND g.name IN ('tenancy', 'tenancy_archive')
        AND g.privilege = 'CREATE'
    UNION ALL
    SELECT
        p.grantee,
        p.privilege_type,
        'PARAMETER ' || p.parname
    FROM parameter_right AS p
    WHERE p.parname = 'session_replication_role' -- past all triggers
)

SELECT
    'the SQL API would run with the rights of a superuser' AS finding,
    format('role %I', o.rolname) AS name,
    format('owner of public.customers, %s', e.why) AS detail,
    'give the tables to an ordinary role: docs/isolation.md#the-owner' AS remedy,
    FALSE AS may_be_overridden
FROM owner AS o
JOIN exempt AS e ON e.oid = o.oid
WHERE e.has_superuser
UNION ALL
SELECT
    'it is a member of convo_shop, and no policy binds it',
    format('role %I', b.rolname),
    e.why,
    format('REVOKE convo_shop FROM %I, and give the application a login of its own', b.rolname),
    FALSE
FROM bound AS b
JOIN exempt AS e ON e.oid = b.oid
WHERE b.rolname <> 'convo_shop'
UNION ALL
SELECT
    'it is bound to one shop, and has rights of its own',
    format('role %I', b.rolname),
    string_agg(DISTINCT r.detail, '; ' ORDER BY r.detail),
    'revoke them, or give the application a login of its own',
    FALSE
FROM bound AS b
JOIN own_right AS r ON r.oid = b.oid
WHERE b.oid NOT IN (SELECT e.oid FROM exempt AS e)
GROUP BY b.rolname
UNION ALL
SELECT
    'the group has attributes or memberships that it must not have',
    format('role %I', g.rolname),
    d.detail,
    'remove them',
    FALSE
FROM convo_group AS g
CROSS JOIN LATERAL (
    SELECT
        concat_ws(
            ', ',
            CASE WHEN g.rolcanlogin THEN 'LOGIN' END,
            CASE WHEN g.rolsuper THEN 'superuser' END,
            CASE WHEN g.rolbypassrls THEN 'BYPASSRLS' END,
            string_agg(format('member of %I', r.rolname), ', ' ORDER BY r.rolname)
        ) AS detail
    FROM membership AS m
    JOIN pg_roles AS r
        ON r.oid = m.role
        AND r.oid <> g.oid
        AND (
            r.rolsuper
            OR r.oid IN (SELECT p.oid FROM predefined AS p)
            OR r.oid IN (SELECT c.oid FROM convo_group AS c)
            OR r.oid IN (SELECT o.oid FROM owner AS o)
        )
    WHERE m.member = g.oid
) AS d
WHERE d.detail <> ''
UNION ALL
SELECT
    'it is a member of several groups',
    format('role %I', l.rolname),
    string_agg(g.rolname, ', ' ORDER BY g.rolname),
    'give each application a login of its own',
    FALSE
FROM pg_roles AS l
JOIN membership AS m ON m.member = l.oid
JOIN convo_group AS g ON g.oid = m.role
WHERE l.rolcanlogin
GROUP BY l.rolname
HAVING count(*) > 1
UNION ALL
SELECT
    'it could act with the rights of others',
    coalesce('role ' || quote_ident(r.rolname), 'PUBLIC'),
    string_agg(format('%s on %s', p.privilege, p.name), ', ' ORDER BY p.name, p.privilege),
    string_agg(
        format('REVOKE %s ON %s FROM %s', p.privilege, p.name, coalesce(quote_ident(r.rolname), 'PUBLIC')),
        '; ' ORDER BY p.name, p.privilege
    ),
    FALSE
FROM power AS p
LEFT JOIN pg_roles AS r ON r.oid = p.grantee
WHERE r.rolsuper IS NOT TRUE
GROUP BY r.rolname
UNION ALL
SELECT
    'it runs with the rights of each writer, and its function has another owner',
    format('trigger %I on %s', t.tgname, t.tgrelid::regclass),
    format('function %s of %I', t.tgfoid::regprocedure, r.rolname),
    format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass),
    FALSE
FROM pg_trigger AS t
JOIN pg_proc AS f ON f.oid = t.tgfoid
JOIN pg_roles AS r
    ON r.oid = f.proowner
    AND NOT r.rolsuper
JOIN owner AS o ON o.oid <> r.oid
WHERE t.tgrelid IN (SELECT n.oid FROM relation AS n)
UNION ALL
SELECT
    'a default setting decides what sessions see or whether writes are mirrored',
    coalesce(nullif(concat_ws(' in ', 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(b.datname)), ''), 'all roles'),
    string_agg(split_part(c.setting, '=', 1), ', ' ORDER BY c.setting),
    string_agg(
        concat_ws(
            ' ', 'ALTER',
            CASE
                WHEN r.oid IS NULL AND b.oid IS NOT NULL THEN format('DATABASE %I', b.datname)
                ELSE concat_ws(' ', 'ROLE', coalesce(quote_ident(r.rolname), 'ALL'), 'IN DATABASE ' || quote_ident(b.datname))
            END,
            'RESET', split_part(c.setting, '=', 1)
        ), '; ' ORDER BY c.setting
    ),
    NOT bool_or(c.setting COLLATE pg_catalog."C" ~* '^session_replication_role=')
FROM pg_db_role_setting AS s
CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS b ON b.oid = s.setdatabase
WHERE c.setting COLLATE pg_catalog."C" ~* '^(app\.current_shop_id|tenancy\.[a-z_]+|session_replication_role)='
    AND (s.setdatabase = 0 OR b.datname = current_database())
GROUP BY
    r.oid,
    r.rolname,
    b.oid,
    b.datname
UNION ALL
SELECT
    'its pg_dump or COPY FROM would fail',
    format('role %I', l.rolname),
    concat_ws(
        ', ',
        'pg_dump: ' || nullif(count(DISTINCT r.relation) FILTER (WHERE r.privilege = 'SELECT'), 0) || ' of the tables',
        'COPY FROM: ' || nullif(count(DISTINCT r.relation) FILTER (WHERE r.privilege = 'INSERT'), 0) || ' of the tables'
    ),
    format('ALTER ROLE %I BYPASSRLS; or pg_dump --enable-row-security, and INSERT in place of COPY FROM', l.rolname),
    TRUE
FROM pg_roles AS l
JOIN own_right AS r
    ON r.oid = l.oid
    AND r.privilege IN ('SELECT', 'INSERT')
    AND r.relation IN (SELECT t.oid FROM tenancy.isolated_tables AS t)
WHERE l.rolcanlogin
    AND l.oid NOT IN (SELECT e.oid FROM exempt AS e)
    AND l.oid NOT IN (SELECT b.oid FROM bound AS b)
GROUP BY l.rolname;

COMMENT ON VIEW tenancy.isolation_risks IS
'Part of tenancy.isolation_findings: what other roles, memberships and rights would let a login do, or stop it from doing, with '
'isolation on.';
COMMENT ON COLUMN tenancy.isolation_risks.finding IS 'What is wrong.';
COMMENT ON COLUMN tenancy.isolation_risks.name IS 'The role, object or right concerned.';
COMMENT ON COLUMN tenancy.isolation_risks.detail IS 'What the check saw.';
COMMENT ON COLUMN tenancy.isolation_risks.remedy IS 'What to do.';
COMMENT ON COLUMN tenancy.isolation_risks.may_be_overridden IS 'Whether you may name it in tenancy.enforce_isolation(despite).';

CREATE OR REPLACE VIEW tenancy.isolation_findings (kind, finding, name, detail, remedy, may_be_overridden, is_overridden)
WITH (security_invoker = TRUE)
AS
SELECT
    f.kind,
    f.finding,
    f.name,
    f.detail,
    f.remedy,
    FALSE,
    FALSE
FROM tenancy.isolation_faults AS f
UNION ALL
SELECT
    CASE WHEN d.is_risk THEN 'theirs' WHEN d.is_switched THEN 'switch' ELSE 'ours' END,
    CASE d.difference WHEN 'missing' THEN 'the group lacks a right' ELSE 'the group has more rights than are listed' END,
    d.name,
    CASE WHEN d.is_risk THEN 'a column that tenancy.listed_rights does not have' ELSE 'see tenancy.listed_rights' END,
    CASE d.difference WHEN 'missing' THEN 'psql -f deploy/isolation/rights.sql' ELSE d.statement END,
    d.is_risk,
    d.is_risk AND d.name = ANY (d.despite) -- noqa: CP03,LT01,LT06
FROM (
    SELECT
        r.*,
        i.despite,
        r.is_optional AND i.state IN ('enforcing', 'on') AS is_risk -- which may be taken
    FROM tenancy.right_differences AS r
    CROSS JOIN tenancy.isolation AS i
) AS d
UNION ALL
SELECT
    'theirs',
    r.finding,
    r.name,
    r.detail,
    r.remedy,
    r.may_be_overridden,
    r.may_be_overridden AND r.name = ANY (i.despite) -- noqa: CP03,LT01,LT06
FROM tenancy.isolation_risks AS r
CROSS JOIN tenancy.isolation AS i
WHERE i.state IN ('enforcing', 'on');

COMMENT ON VIEW tenancy.isolation_findings IS
'What keeps isolation from being in the state that tenancy.isolation says: a row for each finding. The switch, the health check '
'and deploy/isolation/rights.sql use it. Set search_path = pg_catalog before you query it. Example: SELECT * FROM '
'tenancy.isolation_findings';
COMMENT ON COLUMN tenancy.isolation_findings.kind IS
'What mends it. switch: tenancy.enforce_isolation() or tenancy.relax_isolation(); ours: a script of this project; theirs: the '
'administrator of the roles and rights.';
COMMENT ON COLUMN tenancy.isolation_findings.finding IS 'What is wrong.';
COMMENT ON COLUMN tenancy.isolation_findings.name IS 'The role, object or right concerned.';
COMMENT ON COLUMN tenancy.isolation_findings.detail IS 'What the check saw.';
COMMENT ON COLUMN tenancy.isolation_findings.remedy IS 'What to do.';
COMMENT ON COLUMN tenancy.isolation_findings.may_be_overridden IS 'Whether you may name it in tenancy.enforce_isolation(despite).';
COMMENT ON COLUMN tenancy.isolation_findings.is_overridden IS 'Whether tenancy.enforce_isolation() was told to accept it.';

CREATE OR REPLACE PROCEDURE tenancy.check_isolation(kinds text[] DEFAULT '{switch,ours,theirs}')
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
AS $$
DECLARE
    found record;
BEGIN
    SELECT
        count(*) AS number,
        string_agg(format('%s: %s (%s; remedy: %s)', f.name, f.finding, f.detail, f.remedy), '. ' ORDER BY f.kind, f.name) AS text,
        string_agg(quote_literal(f.name), ', ' ORDER BY f.name) FILTER (WHERE f.may_be_overridden) AS names
    INTO found
    FROM tenancy.isolation_findings AS f
    WHERE f.kind = ANY (kinds)
        AND NOT f.is_overridden;

    IF found.number > 0 THEN
        RAISE EXCEPTION 'isolation would not hold. Findings: %. %', found.number, tenancy.printable(found.text) || coalesce(
            '. To override those that do not matter, name them: CALL tenancy.enforce_isolation(ARRAY[' || found.names || '])', ''
        )
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.check_isolation(text[]) IS
'Fails (55000) if tenancy.isolation_findings has any of these kinds that is not overridden, and lists them all. Example: CALL '
'tenancy.check_isolation()';

COMMIT;
