-- Deploy convo_tenancy:support/parts to pg

-- What the changes make, and what they made.

\set ON_ERROR_STOP on
\set change support/parts
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE VIEW tenancy.parts (kind, name, oid, state, is_valid)
WITH (security_invoker = TRUE)
AS
SELECT
    'function' AS kind,
    -- As regprocedure has it, which would look for others of the name in each schema
    format('tenancy.%I(%s)', p.proname, replace(oidvectortypes(p.proargtypes), ', ', ',')) AS name,
    p.oid,
    concat_ws(
        E'\n', p.prosrc, p.prosqlbody, p.prosecdef, p.provolatile, p.proisstrict, p.proleakproof, p.proparallel, p.proconfig,
        p.proargnames, p.proargdefaults, p.prorettype, p.proallargtypes
    ) AS state,
    TRUE AS is_valid
FROM pg_proc AS p
WHERE p.pronamespace = 'tenancy'::regnamespace
UNION ALL
SELECT
    'view' AS kind, -- named in each branch: else a restored dump would have other names
    c.oid::regclass::text AS name,
    c.oid,
    concat_ws(E'\n', c.reloptions, r.xmin) AS state,
    TRUE AS is_valid
FROM pg_class AS c
JOIN pg_rewrite AS r ON r.ev_class = c.oid
WHERE c.relnamespace = 'tenancy'::regnamespace
    AND c.relkind = 'v'
UNION ALL
SELECT
    'table' AS kind,
    c.oid::regclass::text AS name,
    c.oid,
    string_agg(
        concat_ws(' ', a.attname, a.atttypid, a.atttypmod, d.adbin, a.attnotnull), E'\n' ORDER BY a.attnum
    ) AS state,
    TRUE AS is_valid
FROM pg_class AS c
JOIN pg_attribute AS a
    ON a.attrelid = c.oid
    AND a.attnum > 0
    AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d
    ON d.adrelid = a.attrelid
    AND d.adnum = a.attnum
WHERE (c.relnamespace = 'tenancy'::regnamespace OR c.oid = (SELECT to_regclass('public.customer_shop_profiles')))
    AND c.relkind = 'r'
GROUP BY c.oid
UNION ALL
SELECT
    'index' AS kind,
    i.indexrelid::regclass::text AS name,
    i.indexrelid AS oid,
    i.indexrelid::text AS state,
    i.indisvalid AND i.indisready AS is_valid
FROM pg_index AS i
JOIN pg_class AS t ON t.oid = i.indrelid
WHERE t.relnamespace = 'tenancy'::regnamespace
    OR t.oid IN ((SELECT to_regclass('public.customer_shop_profiles')), (SELECT to_regclass('public.stylists')))
UNION ALL
SELECT
    'constraint' AS kind,
    format('%I on %s', c.conname, c.conrelid::regclass) AS name,
    c.oid,
    concat_ws(' ', c.oid, c.condeferrable, c.condeferred) AS state,
    c.convalidated AND NOT EXISTS (
        SELECT
        FROM pg_trigger AS g
        WHERE g.tgconstraint = c.oid
            AND g.tgenabled IN ('D', 'R')
    ) AS is_valid
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
WHERE (t.relnamespace = 'tenancy'::regnamespace OR t.oid = (SELECT to_regclass('public.customer_shop_profiles')))
    AND c.contype IN ('p', 'u', 'f', 'c')
UNION ALL
SELECT
    'trigger' AS kind,
    format('%I on %s', t.tgname, t.tgrelid::regclass) AS name,
    t.oid,
    concat_ws(' ', t.tgfoid, t.tgtype, t.tgattr, t.tgqual, t.tgargs, t.tgoldtable, t.tgnewtable) AS state,
    t.tgenabled IN ('O', 'A') AS is_valid
FROM pg_trigger AS t
WHERE t.tgfoid = ANY (ARRAY(SELECT f.oid FROM pg_proc AS f WHERE f.pronamespace = 'tenancy'::regnamespace)) -- noqa: CP03,LT01,LT06
UNION ALL
SELECT
    'policy' AS kind,
    format('%I on %s', p.polname, p.polrelid::regclass) AS name,
    p.oid,
    concat_ws(' ', t.relforcerowsecurity, p.xmin) AS state,
    TRUE AS is_valid -- whether row-level security is on: tenancy.isolation_findings
FROM pg_policy AS p
JOIN pg_class AS t ON t.oid = p.polrelid
WHERE t.relnamespace = 'public'::regnamespace;

COMMENT ON VIEW tenancy.parts IS
'The parts that the changes made, as they are now. Set search_path = pg_catalog, so that names match tenancy.deployed_parts. '
'Example: SELECT * FROM tenancy.parts WHERE NOT is_valid';
COMMENT ON COLUMN tenancy.parts.kind IS 'function, view, table, index, constraint, trigger or policy.';
COMMENT ON COLUMN tenancy.parts.name IS 'The name; for a constraint, trigger or policy with its table.';
COMMENT ON COLUMN tenancy.parts.oid IS 'Its oid in the catalog of its kind.';
COMMENT ON COLUMN tenancy.parts.state IS
'A text from the catalog that differs after each alteration. Unlike tenancy.part_definition() it needs no lock.';
COMMENT ON COLUMN tenancy.parts.is_valid IS 'Whether it works: a trigger is enabled, a constraint validated, an index valid.';

CREATE OR REPLACE FUNCTION tenancy.part_definition(kind text, part_oid oid)
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
BEGIN
    -- A statement for each kind, planned when it is first needed: one for all of them would begin them all in each call.
    CASE part_definition.kind
        WHEN 'function' THEN
            RETURN (
                SELECT
                    concat_ws(
                        E'\n',
                        coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
                        p.prosecdef,
                        p.provolatile,
                        p.proisstrict,
                        p.proleakproof,
                        p.proparallel,
                        p.proconfig,
                        pg_get_function_arguments(p.oid),
                        pg_get_function_result(p.oid)
                    )
                FROM pg_proc AS p
                WHERE p.oid = part_definition.part_oid
            );
        WHEN 'view' THEN
            RETURN (
                SELECT concat_ws(E'\n', c.reloptions, pg_get_viewdef(c.oid))
                FROM pg_class AS c
                WHERE c.oid = part_definition.part_oid
            );
        WHEN 'table' THEN
            RETURN (
                SELECT
                    string_agg(
                        concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull),
                        E'\n' ORDER BY a.attname
                    )
                FROM pg_attribute AS a
                LEFT JOIN pg_attrdef AS d
                    ON d.adrelid = a.attrelid
                    AND d.adnum = a.attnum
                WHERE a.attrelid = part_definition.part_oid
                    AND a.attnum > 0
                    AND NOT a.attisdropped
            );
        WHEN 'index' THEN
            RETURN pg_get_indexdef(part_definition.part_oid);
        WHEN 'constraint' THEN
            RETURN regexp_replace(pg_get_constraintdef(part_definition.part_oid), ' NOT VALID$', '');
        WHEN 'trigger' THEN
            RETURN pg_get_triggerdef(part_definition.part_oid);
        ELSE -- policy
            RETURN (
                SELECT
                    concat_ws(
                        E'\n', t.relforcerowsecurity, p.polpermissive, p.polcmd,
                        (
                            SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ', ' ORDER BY r.rolname)
                            FROM unnest(p.polroles) AS m (oid) LEFT JOIN pg_roles AS r ON r.oid = m.oid
                        ),
                        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
                    )
                FROM pg_policy AS p
                JOIN pg_class AS t ON t.oid = p.polrelid
                WHERE p.oid = part_definition.part_oid
            );
    END CASE;
END;
$$;

COMMENT ON FUNCTION tenancy.part_definition(text, oid) IS
'The definition of a part of tenancy.parts, by its kind and oid; the md5 is the fingerprint. Example: SELECT p.name, '
'tenancy.part_definition(p.kind, p.oid) FROM tenancy.parts AS p';

CREATE OR REPLACE FUNCTION tenancy.part_states()
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(p.kind || ' ' || p.name, p.oid || ' ' || hashtextextended(p.state, 0))
        FROM tenancy.parts AS p
    );
END;
$$;

COMMENT ON FUNCTION tenancy.part_states() IS
'All parts as JSON: kind and name, with oid and a hash of the state. Scripts compare it at their beginning and end. Example: '
'SELECT tenancy.part_states() ->> ''view tenancy.parts''';

CREATE TABLE IF NOT EXISTS tenancy.deployed_parts (
    kind text NOT NULL,
    name text NOT NULL,
    change text NOT NULL,
    fingerprint text NOT NULL,
    definition text,
    is_there boolean NOT NULL DEFAULT TRUE,
    superseded text[] NOT NULL DEFAULT '{}',
    server_version integer NOT NULL DEFAULT current_setting('server_version_num')::integer / 10000,
    CONSTRAINT deployed_parts_pkey PRIMARY KEY (kind, name)
);

COMMENT ON TABLE tenancy.deployed_parts IS
'The parts as the scripts made them, entered at COMMIT. The health check and the gate compare tenancy.parts with it. To keep a '
'change that you made by hand: SELECT tenancy.accept_parts().';
COMMENT ON COLUMN tenancy.deployed_parts.kind IS 'As in tenancy.parts.';
COMMENT ON COLUMN tenancy.deployed_parts.name IS 'As in tenancy.parts.';
COMMENT ON COLUMN tenancy.deployed_parts.change IS 'The change that made it. Running deploy/<change>.sql makes it again.';
COMMENT ON COLUMN tenancy.deployed_parts.fingerprint IS 'The md5 of its definition.';
COMMENT ON COLUMN tenancy.deployed_parts.definition IS 'The definition, to make it again; NULL for a function or table.';
COMMENT ON COLUMN tenancy.deployed_parts.is_there IS 'False if a later change removed it; that change''s revert makes it again.';
COMMENT ON COLUMN tenancy.deployed_parts.superseded IS
'The changes that made it before a later release made it anew, newest first. The revert of the later change returns it to them. '
'If their script runs again before that, the part counts as altered until the later script runs, too.';
COMMENT ON COLUMN tenancy.deployed_parts.server_version IS
'The major version of the PostgreSQL that entered it. A restored dump keeps it.';

CREATE OR REPLACE VIEW tenancy.part_problems (kind, name, change, definition, problem)
WITH (security_invoker = TRUE)
AS
-- Once: the planner takes it that there are few, and would look for each
WITH part AS MATERIALIZED (
    SELECT
        p.kind,
        p.name,
        p.oid,
        p.is_valid
    FROM tenancy.parts AS p
)

SELECT
    d.kind,
    d.name,
    d.change,
    d.definition,
    CASE
        WHEN p.name IS NULL THEN 'missing'
        WHEN NOT p.is_valid THEN CASE d.kind WHEN 'constraint' THEN 'not validated' WHEN 'index' THEN 'invalid' ELSE 'disabled' END
        ELSE 'altered'
    END
FROM tenancy.deployed_parts AS d
LEFT JOIN part AS p
    ON p.kind = d.kind
    AND p.name = d.name
WHERE d.is_there
    AND (p.name IS NULL OR NOT p.is_valid OR md5(tenancy.part_definition(p.kind, p.oid)) <> d.fingerprint)
    -- From PostgreSQL 16 on, columns of a view's only table are written without its name.
    AND NOT coalesce(
        d.kind = 'view'
        AND d.server_version <> current_setting('server_version_num')::integer / 10000
        AND regexp_replace(tenancy.part_definition(p.kind, p.oid), '\m(?!tenancy\M|public\M)\w+\.', '', 'g')
        = regexp_replace(d.definition, '\m(?!tenancy\M|public\M)\w+\.', '', 'g'),
        FALSE
    );

COMMENT ON VIEW tenancy.part_problems IS
'Parts that somebody dropped, disabled or altered since the scripts made them. Set search_path = pg_catalog before you query '
'it. Example: SELECT kind, name, problem FROM tenancy.part_problems';
COMMENT ON COLUMN tenancy.part_problems.kind IS 'As in tenancy.parts.';
COMMENT ON COLUMN tenancy.part_problems.name IS 'As in tenancy.parts.';
COMMENT ON COLUMN tenancy.part_problems.change IS 'The change that made it.';
COMMENT ON COLUMN tenancy.part_problems.definition IS 'The definition as it was made; NULL for a function or table.';
COMMENT ON COLUMN tenancy.part_problems.problem IS 'missing, disabled, invalid, not validated or altered.';

CREATE OR REPLACE FUNCTION tenancy.record_parts()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    parts_before CONSTANT jsonb := nullif(current_setting('tenancy.parts_before', TRUE), '')::jsonb;
    parts_now jsonb;
    grant_rights CONSTANT regprocedure := to_regprocedure('tenancy.grant_rights()'); -- not in phase 1
    is_later CONSTANT boolean := tenancy.is_later(NEW.change);
    is_reverted boolean;
    routine regprocedure;
BEGIN
    IF parts_before IS NULL THEN
        RETURN NULL; -- entered already, or a row that somebody wrote by hand
    END IF;

    -- A new function may be called by everybody.
    FOR routine IN
        SELECT p.oid
        FROM pg_proc AS p
        WHERE p.pronamespace = 'tenancy'::regnamespace
            AND pg_get_userbyid(p.proowner) = current_user
            AND has_function_privilege('public', p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', routine);
    END LOOP;

    -- What was made again has lost its rights.
    IF current_setting('tenancy.begun', TRUE) = 'deploy standing' AND grant_rights IS NOT NULL THEN
        EXECUTE format('CALL %s', grant_rights);
    END IF;

    SELECT c.state IN ('absent', 'reverting') -- as it is by now
    INTO is_reverted
    FROM tenancy.changes AS c
    WHERE c.change = NEW.change;

    -- Only what this transaction made or altered: what somebody altered before it stays told.
    parts_now := tenancy.part_states();

    UPDATE tenancy.deployed_parts AS d
    SET is_there = FALSE
    WHERE d.is_there
        AND parts_before ? (d.kind || ' ' || d.name)
        AND NOT parts_now ? (d.kind || ' ' || d.name);

    INSERT INTO tenancy.deployed_parts AS d (kind, name, change, fingerprint, definition)
    SELECT
        p.kind,
        p.name,
        NEW.change,
        md5(p.definition),
        CASE WHEN p.kind NOT IN ('function', 'table') THEN p.definition END
    FROM (
        SELECT
            split_part(n.key, ' ', 1) AS kind,
            substr(n.key, strpos(n.key, ' ') + 1) AS name,
            tenancy.part_definition(split_part(n.key, ' ', 1), split_part(n.value, ' ', 1)::oid) AS definition
        FROM jsonb_each_text(parts_now) AS n
        WHERE n.value IS DISTINCT FROM parts_before ->> n.key
        OFFSET 0 -- the definition is read once
    ) AS p
    ORDER BY
        p.kind,
        p.name
    ON CONFLICT (kind, name) DO UPDATE
    SET
        change = CASE WHEN d.change = NEW.change AND is_reverted THEN coalesce(d.superseded[1], d.change)
            WHEN is_later AND NOT is_reverted THEN NEW.change
            ELSE d.change
        END,
        superseded = CASE WHEN d.change = NEW.change AND is_reverted THEN d.superseded[2 :]
            WHEN is_later AND NOT is_reverted AND d.change <> NEW.change THEN d.change || d.superseded
            ELSE d.superseded
        END,
        fingerprint = excluded.fingerprint,
        definition = excluded.definition,
        server_version = excluded.server_version,
        is_there = TRUE
    WHERE NEW.change <> ALL (d.superseded); -- else it is still to be as the later change made it

    DELETE FROM tenancy.deployed_parts AS d
    WHERE d.change = NEW.change
        AND NOT d.is_there
        AND EXISTS (
            SELECT
            FROM tenancy.changes AS c
            WHERE c.change = d.change
                AND c.state = 'absent'
        );

    PERFORM set_config('tenancy.parts_before', '', TRUE);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.record_parts() IS
'Trigger: when a script commits, records in tenancy.deployed_parts what it made, altered or dropped, and revokes EXECUTE on its '
'functions from PUBLIC. When a script runs again, it also grants the rights of tenancy.listed_rights again.';

SET LOCAL client_min_messages = warning; -- of what is not there, nobody need be told
DROP TRIGGER IF EXISTS record_parts ON tenancy.changes;
CREATE CONSTRAINT TRIGGER record_parts
AFTER UPDATE ON tenancy.changes
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW
EXECUTE FUNCTION tenancy.record_parts();

COMMENT ON TRIGGER record_parts ON tenancy.changes IS 'Records what a script made, when it commits.';

CREATE OR REPLACE FUNCTION tenancy.accept_parts()
RETURNS void
LANGUAGE sql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    UPDATE tenancy.deployed_parts AS d
    SET
        fingerprint = md5(tenancy.part_definition(p.kind, p.oid)),
        server_version = DEFAULT
    FROM tenancy.parts AS p
    WHERE p.kind = d.kind
        AND p.name = d.name
        AND md5(tenancy.part_definition(p.kind, p.oid)) <> d.fingerprint;
$$;

COMMENT ON FUNCTION tenancy.accept_parts() IS
'Accepts all alterations by hand: from now on the health check and the gate compare with the parts as they are. Example: SELECT '
'tenancy.accept_parts()';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy.part_definition(text, oid) TO pg_read_all_data; -- which suffices for the health check

INSERT INTO tenancy.deployed_parts AS d (kind, name, change, fingerprint, definition)
SELECT
    p.kind,
    p.name,
    CASE
        WHEN p.name ~ 'part' THEN 'support/parts'
        WHEN p.kind IN ('function', 'view') THEN 'support/begin'
        ELSE 'support/schema'
    END,
    md5(tenancy.part_definition(p.kind, p.oid)),
    CASE WHEN p.kind NOT IN ('function', 'table') THEN tenancy.part_definition(p.kind, p.oid) END
FROM tenancy.parts AS p
WHERE NOT EXISTS (SELECT FROM tenancy.deployed_parts)
    AND p.name !~ '\mpublic\M'
ORDER BY
    p.kind,
    p.name;

COMMIT;
