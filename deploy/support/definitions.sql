-- Deploy convo_tenancy:support/definitions to pg

-- What a change takes away is written down before it goes, as the statements that make it again; its revert runs them.

\set ON_ERROR_STOP on
\set change support/definitions
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE TABLE IF NOT EXISTS tenancy.definitions (
    change text NOT NULL,
    kind text NOT NULL,
    object text NOT NULL,
    position integer NOT NULL,
    statement text NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (change, kind, object)
);

COMMENT ON TABLE tenancy.definitions IS
'What a change removed from the legacy tables, as statements that make it again. The change''s revert runs them, and deletes '
'each row whose statement succeeds. Example: SELECT kind, statement FROM tenancy.definitions ORDER BY change, position';
COMMENT ON COLUMN tenancy.definitions.change IS 'The change that removed it.';
COMMENT ON COLUMN tenancy.definitions.kind IS
'table, column, default, not null, storage, key, index, constraint, validation, statistics, trigger, rule, policy, grant, comment '
'or table comment.';
COMMENT ON COLUMN tenancy.definitions.object IS 'The object that the statement makes or alters.';
COMMENT ON COLUMN tenancy.definitions.position IS 'The order of the statements of one kind.';
COMMENT ON COLUMN tenancy.definitions.statement IS 'The statement, with all names qualified.';

CREATE OR REPLACE FUNCTION tenancy.definitions_of(relation regclass, column_names text[] DEFAULT NULL)
RETURNS TABLE (kind text, object text, statement text)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    is_table CONSTANT boolean := column_names IS NULL;
    attnums CONSTANT smallint[] := ARRAY(
        SELECT a.attnum
        FROM pg_attribute AS a
        WHERE a.attrelid = relation
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND (is_table OR a.attname = ANY (column_names))
    );
BEGIN
    RETURN QUERY
    WITH col AS (
        SELECT
            a.*,
            pg_get_expr(d.adbin, d.adrelid) AS expression,
            format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod), (
                SELECT ' COLLATE ' || a.attcollation::regcollation::text
                FROM pg_type AS t
                WHERE t.oid = a.atttypid
                    AND a.attcollation <> t.typcollation
            )) AS definition,
            format('ALTER TABLE %s ALTER COLUMN %I ', relation, a.attname) AS alter_column
        FROM pg_attribute AS a
        LEFT JOIN pg_attrdef AS d
            ON d.adrelid = a.attrelid
            AND d.adnum = a.attnum
        WHERE a.attrelid = relation
            AND a.attnum = ANY (attnums)
        ORDER BY a.attnum -- the order in which columns come back, whatever the plan
    ),

    -- What goes with the table or the columns, and may have a comment
    part AS (
        SELECT
            CASE WHEN c.contype IN ('c', 'f') THEN 'constraint' WHEN c.contype = 'n' THEN 'not null' ELSE 'key' END AS kind,
            'pg_constraint'::regclass AS classid,
            c.oid,
            format('CONSTRAINT %I ON %s', c.conname, relation) AS name,
            -- Without a look at the rows, while others wait
            format(
                'ALTER TABLE %s ADD CONSTRAINT %I %s', relation, c.conname,
                CASE WHEN c.contype IN ('c', 'f') THEN regexp_replace(pg_get_constraintdef(c.oid), '( NOT VALID)?$', ' NOT VALID')
                    ELSE pg_get_constraintdef(c.oid) END
            ) AS statement
        FROM pg_constraint AS c
        WHERE c.conrelid = relation
            AND c.contype IN ('c', 'f', 'p', 'u', 'x', 'n')
            AND (c.contype <> 'n' OR NOT is_table) -- CREATE TABLE has them
            AND (is_table OR c.conkey && attnums)
        UNION ALL
        SELECT
            'index',
            'pg_class'::regclass,
            i.indexrelid,
            format('INDEX %s', i.indexrelid::regclass),
            pg_get_indexdef(i.indexrelid)
        FROM pg_index AS i
        WHERE i.indrelid = relation
            AND NOT EXISTS (
                SELECT
                FROM pg_constraint AS c
                WHERE c.conindid = i.indexrelid
                    AND c.conrelid = relation
            )
            AND (is_table OR EXISTS (
                SELECT
                FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass
                    AND d.objid = i.indexrelid
                    AND d.refobjid = relation
                    AND d.refobjsubid = ANY (attnums)
            ))
        UNION ALL
        SELECT
            'statistics',
            'pg_statistic_ext'::regclass,
            s.oid,
            format('STATISTICS %s.%I', s.stxnamespace::regnamespace, s.stxname),
            pg_get_statisticsobjdef(s.oid)
        FROM pg_statistic_ext AS s
        WHERE s.stxrelid = relation
            AND (is_table OR EXISTS (
                SELECT
                FROM pg_depend AS d
                WHERE d.classid = 'pg_statistic_ext'::regclass
                    AND d.objid = s.oid
                    AND d.refobjid = relation
                    AND d.refobjsubid = ANY (attnums)
            ))
        UNION ALL
        SELECT
            'trigger',
            'pg_trigger'::regclass,
            t.oid,
            format('TRIGGER %I ON %s', t.tgname, relation),
            pg_get_triggerdef(t.oid) || CASE t.tgenabled
                WHEN 'D' THEN format('; ALTER TABLE %s DISABLE TRIGGER %I', relation, t.tgname)
                WHEN 'R' THEN format('; ALTER TABLE %s ENABLE REPLICA TRIGGER %I', relation, t.tgname)
                WHEN 'A' THEN format('; ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, t.tgname)
                ELSE ''
            END
        FROM pg_trigger AS t
        JOIN pg_proc AS f ON f.oid = t.tgfoid
        WHERE t.tgrelid = relation
            AND NOT t.tgisinternal
            AND is_table
            AND f.pronamespace <> 'tenancy'::regnamespace
        UNION ALL
        SELECT
            'rule',
            'pg_rewrite'::regclass,
            r.oid,
            format('RULE %I ON %s', r.rulename, relation),
            pg_get_ruledef(r.oid)
        FROM pg_rewrite AS r
        WHERE r.ev_class = relation
            AND is_table
        UNION ALL
        SELECT
            'policy',
            'pg_policy'::regclass,
            p.oid,
            format('POLICY %I ON %s', p.polname, relation),
            concat(
                format('CREATE POLICY %I ON %s', p.polname, relation),
                CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,
                ' FOR ',
                CASE p.polcmd
                    WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL'
                END,
                ' TO ',
                (
                    SELECT string_agg(CASE WHEN m.oid = 0 THEN 'PUBLIC' ELSE m.oid::regrole::text END, ', ')
                    FROM unnest(p.polroles) AS m (oid)
                ),
                ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
            )
        FROM pg_policy AS p
        WHERE p.polrelid = relation
            AND is_table
    ),

    made AS (
        SELECT
            'table' AS kind,
            relation::text AS object,
            concat(
                'CREATE ', CASE t.relpersistence WHEN 'u' THEN 'UNLOGGED ' END, 'TABLE ', relation, ' (', (
                    SELECT string_agg(
                        concat(
                            c.definition,
                            CASE
                                WHEN c.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s)', c.expression)
                                || CASE c.attgenerated WHEN 's' THEN ' STORED' ELSE ' VIRTUAL' END
                                ELSE ' DEFAULT ' || c.expression
                            END,
                            CASE WHEN c.attnotnull THEN ' NOT NULL' END
                        ), ', ' ORDER BY c.attnum
                    )
                    FROM col AS c
                ), ')', ' WITH (' || array_to_string(t.reloptions, ', ') || ')'
            ) AS statement
        FROM pg_class AS t
        WHERE t.oid = relation
            AND is_table
        UNION ALL
        SELECT
            'column',
            c.attname::text,
            format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s', relation, c.definition)
        FROM col AS c
        WHERE NOT is_table
        UNION ALL
        SELECT
            'default',
            c.attname::text,
            c.alter_column || coalesce('SET DEFAULT ' || c.expression, 'DROP DEFAULT')
        FROM col AS c
        WHERE NOT is_table
        UNION ALL
        SELECT
            'not null',
            c.attname::text,
            c.alter_column || 'SET NOT NULL'
        FROM col AS c
        WHERE NOT is_table
            AND c.attnotnull
            AND NOT EXISTS (SELECT FROM part AS p WHERE p.kind = 'not null') -- they are constraints from PostgreSQL 18 on
        UNION ALL
        SELECT
            'storage',
            format('%s of %s', s.what, c.attname),
            c.alter_column || s.clause
        FROM col AS c
        JOIN pg_type AS t ON t.oid = c.atttypid
        CROSS JOIN LATERAL (
            VALUES
            ('statistics target', 'SET STATISTICS ' || nullif(coalesce(c.attstattarget, -1), -1)),
            ('options', 'SET (' || array_to_string(c.attoptions, ', ') || ')'),
            (
                'storage',
                CASE WHEN c.attstorage <> t.typstorage THEN 'SET STORAGE ' || CASE c.attstorage
                    WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED'
                END END
            )
        ) AS s (what, clause)
        WHERE s.clause IS NOT NULL
        UNION ALL
        SELECT
            p.kind,
            p.name,
            p.statement
        FROM part AS p
        UNION ALL
        SELECT
            'validation',
            format('CONSTRAINT %I ON %s', c.conname, relation),
            format('ALTER TABLE %s VALIDATE CONSTRAINT %I', relation, c.conname)
        FROM pg_constraint AS c
        JOIN part AS p
            ON p.classid = 'pg_constraint'::regclass
            AND p.oid = c.oid
        WHERE c.convalidated
            AND c.contype IN ('c', 'f')
        UNION ALL
        SELECT
            'policy',
            s.clause,
            format('ALTER TABLE %s %s', relation, s.clause)
        FROM pg_class AS t
        CROSS JOIN LATERAL (
            VALUES
            (t.relrowsecurity, 'ENABLE ROW LEVEL SECURITY'),
            (t.relforcerowsecurity, 'FORCE ROW LEVEL SECURITY')
        ) AS s (is_so, clause)
        WHERE t.oid = relation
            AND is_table
            AND s.is_so
        UNION ALL
        SELECT
            'grant',
            concat(a.privilege_type, ' (' || g.attname || ')', ' to ', coalesce(r.rolname, 'PUBLIC')),
            concat(
                'GRANT ', a.privilege_type, ' (' || quote_ident(g.attname) || ')', ' ON ', relation,
                ' TO ', coalesce(quote_ident(r.rolname), 'PUBLIC'), CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END
            )
        FROM (
            SELECT
                NULL::name AS attname,
                t.relacl AS acl
            FROM pg_class AS t
            WHERE t.oid = relation
                AND is_table
            UNION ALL
            SELECT
                c.attname,
                c.attacl
            FROM col AS c
        ) AS g
        CROSS JOIN LATERAL aclexplode(g.acl) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE a.grantee <> (SELECT t.relowner FROM pg_class AS t WHERE t.oid = relation)
        UNION ALL
        SELECT
            c.kind,
            c.name,
            format('COMMENT ON %s IS %L', c.name, c.comment)
        FROM (
            SELECT
                'comment' AS kind,
                p.name,
                obj_description(p.oid, p.classid::name) AS comment
            FROM part AS p
            WHERE obj_description(p.oid, p.classid::name) IS NOT NULL
            UNION ALL
            SELECT
                'comment',
                format('COLUMN %s.%I', relation, c.attname),
                col_description(c.attrelid, c.attnum)
            FROM col AS c
            UNION ALL
            SELECT
                'table comment',
                format('TABLE %s', relation),
                obj_description(relation, 'pg_class')
            WHERE is_table
        ) AS c
    )

    SELECT
        m.kind,
        m.object,
        m.statement
    FROM made AS m;
END;
$$;

COMMENT ON FUNCTION tenancy.definitions_of(regclass, text[]) IS
'The statements that make a table again, or only these columns. They include defaults, constraints, indexes, statistics '
'objects, rights and comments; for a whole table also rules, policies and other projects'' triggers. Example: SELECT * FROM '
'tenancy.definitions_of(''public.customers'', ''{no_show_count}'')';

CREATE OR REPLACE PROCEDURE tenancy.record_definitions(change text, relation regclass, column_names text[], kinds text[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What is written down already was there before the change; what is there now may be the change's.
    INSERT INTO tenancy.definitions (change, kind, object, position, statement)
    SELECT
        record_definitions.change,
        d.kind,
        d.object,
        row_number() OVER (),
        d.statement
    FROM tenancy.definitions_of(relation, column_names) AS d
    WHERE d.kind = ANY (kinds)
    ON CONFLICT ON CONSTRAINT definitions_pkey DO NOTHING;
END;
$$;

COMMENT ON PROCEDURE tenancy.record_definitions(text, regclass, text[], text[]) IS
'Records in tenancy.definitions what a change is about to remove: definitions of these kinds, of the whole table (columns NULL) '
'or of these columns. Example: CALL tenancy.record_definitions(''api/deprecated'', ''public.customers'', ''{no_show_count}'', '
'''{comment}'')';

CREATE OR REPLACE PROCEDURE tenancy.restore_definitions(change text, kinds text[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition record;
BEGIN
    FOR definition IN
        SELECT
            d.kind,
            d.object,
            d.statement
        FROM tenancy.definitions AS d
        WHERE d.change = restore_definitions.change
            AND d.kind = ANY (kinds)
        ORDER BY
            array_position(kinds, d.kind),
            d.position
    LOOP
        BEGIN
            EXECUTE definition.statement;
        EXCEPTION
            WHEN duplicate_object OR duplicate_table OR duplicate_column THEN
                NULL; -- by a run that was interrupted
            WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
                RAISE;
            WHEN OTHERS THEN
                -- A role that is gone, say, or rows that were written since. The way back goes on.
                RAISE WARNING 'could not restore %: %. Correct the cause, then run: %', tenancy.printable(definition.object),
                    tenancy.printable(sqlerrm), tenancy.printable(definition.statement);
                CONTINUE;
        END;
        DELETE FROM tenancy.definitions AS d
        WHERE d.change = restore_definitions.change
            AND d.kind = definition.kind
            AND d.object = definition.object;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE tenancy.restore_definitions(text, text[]) IS
'Makes again what a change removed, kind by kind in this order. A statement that fails stays in tenancy.definitions, and a '
'warning shows it. Example: CALL tenancy.restore_definitions(''api/deprecated'', ''{comment}'')';

COMMIT;
