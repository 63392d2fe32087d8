-- Deploy convo_tenancy:mirror/legacy_readers to pg

\set ON_ERROR_STOP on
\set change mirror/legacy_readers
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.names_legacy_side(statement text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN statement COLLATE pg_catalog."C" ~* '\mcustomer_booking_stats\M' -- else no I is an i in a Turkish locale
OR (
    statement COLLATE pg_catalog."C" ~* '\mcustomers\M'
    AND statement COLLATE pg_catalog."C" ~* '\m(preferred_stylist_id|average_spend_cents|no_show_count)\M'
);

COMMENT ON FUNCTION tenancy.names_legacy_side(text) IS
'Whether a text names customer_booking_stats, or customers and a column that the contract removes. It may err: the column may '
'belong to another table. Example: SELECT tenancy.names_legacy_side(''SELECT no_show_count FROM customers'')';

CREATE OR REPLACE FUNCTION tenancy.statements_relation(relation_name name)
RETURNS regclass
LANGUAGE sql
STABLE
RETURN (
    SELECT c.oid::regclass
    FROM pg_extension AS e
    JOIN pg_depend AS d
        ON d.refclassid = 'pg_extension'::regclass
        AND d.refobjid = e.oid
        AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass
    JOIN pg_class AS c ON c.oid = d.objid
    WHERE e.extname = 'pg_stat_statements'
        AND c.relname = statements_relation.relation_name
);

COMMENT ON FUNCTION tenancy.statements_relation(name) IS
'A view of the extension pg_stat_statements, in its schema; NULL without the extension. Example: SELECT '
'tenancy.statements_relation(''pg_stat_statements'')';

CREATE OR REPLACE FUNCTION tenancy.unseen_readers()
RETURNS text
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF tenancy.statements_relation('pg_stat_statements') IS NULL THEN
        RETURN 'reads are seen by pg_stat_statements alone: add it to shared_preload_libraries, restart the server, and '
            'CREATE EXTENSION pg_stat_statements';
    END IF;
    IF tenancy.statements_relation('pg_stat_statements_info') IS NULL THEN
        RETURN 'run ALTER EXTENSION pg_stat_statements UPDATE';
    END IF;

    BEGIN
        EXECUTE format('SELECT FROM %s', tenancy.statements_relation('pg_stat_statements_info'));
    EXCEPTION
        WHEN object_not_in_prerequisite_state THEN
            RETURN 'reads are seen by pg_stat_statements alone: add it to shared_preload_libraries, and restart the server';
    END;

    IF current_setting('pg_stat_statements.track', TRUE) = 'none' THEN
        RETURN 'pg_stat_statements.track is none: set it to top';
    END IF;
    IF NOT pg_has_role('pg_read_all_stats', 'USAGE') THEN
        RETURN tenancy.printable(format('statements of other roles are hidden: GRANT pg_read_all_stats TO %I', current_user));
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.unseen_readers() IS
'Why tenancy.legacy_readers() may miss statements, and what to do; NULL if it misses none. Example: SELECT '
'tenancy.unseen_readers()';

-- Also of what pg_stat_statements has as it was sent: COPY, DECLARE, DO, and at times a statement that was entered again.
CREATE OR REPLACE FUNCTION tenancy.without_literals(statement text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH token AS (
        SELECT
            m.match[1] AS token,
            m.position
        FROM regexp_matches(
            left(without_literals.statement, 5000),
            -- A name in quotes, a string, a comment without another one inside, what no pattern can follow to its end (a comment, a
            -- string in dollars, one with backslashes), a parameter, a number, a word, a space, a character
            '("(?:[^"]|"")*(?:"|$)|''(?:[^''\\]|'''')*(?:''|$)|--[^\n]*|/\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/|/\*|\$(?:[^\s\d$][^\s$]*)?\$|\\|'
            '\$\d+|\.?\d[\w.]*|[[:alpha:]_][\w$]*|\s+|.)',
            'g'
        ) WITH ORDINALITY AS m (match, position)
    )

    SELECT string_agg(
        CASE
            WHEN t.token ~ '^(''|\.?\d)' THEN '?'
            WHEN t.token ~ '^(\s|--|/\*)' THEN ' '
            ELSE t.token
        END,
        '' ORDER BY t.position
    )
    FROM token AS t
    WHERE t.position < (
        SELECT coalesce(min(e.position), 5001)
        FROM token AS e
        WHERE e.token ~ '^(''|/\*|\\|\$([^\s\d$][^\s$]*)?\$)$'
    );
$$;

COMMENT ON FUNCTION tenancy.without_literals(text) IS
'A statement made fit for a message: one line, ? for each string and number, no comments. It is cut at the first string in '
'dollars or with backslashes, whose end only PostgreSQL''s parser finds. Example: SELECT tenancy.without_literals(''COPY '
'(SELECT 42) TO ''''/tmp/x'''''')';

CREATE OR REPLACE FUNCTION tenancy.legacy_readers()
RETURNS TABLE (queryid bigint, role_name text, calls bigint, statement text, counted_since timestamptz, forget text)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statements CONSTANT regclass := tenancy.statements_relation('pg_stat_statements');
    info CONSTANT regclass := tenancy.statements_relation('pg_stat_statements_info');
BEGIN
    IF info IS NULL THEN
        RETURN; -- and tenancy.unseen_readers() says why
    END IF;

    -- Ours carry a mark.
    RETURN QUERY EXECUTE format(
        $query$
        SELECT
            s.queryid,
            pg_get_userbyid(s.userid)::text,
            s.calls,
            left(tenancy.without_literals(s.query), 120),
            i.stats_reset,
            format('SELECT %%I.pg_stat_statements_reset(0, %%s, %%s)', n.nspname, s.dbid, s.queryid)
        FROM %s AS s
        CROSS JOIN %s AS i
        JOIN pg_class AS c ON c.oid = $1
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            AND s.toplevel
            AND s.query COLLATE pg_catalog."C" ~*
                '^(\s|\(|/\*.*\*/|--[^\n]*\n)*(SELECT|WITH|TABLE|COPY|DECLARE|PREPARE|INSERT|UPDATE|DELETE|MERGE|DO)\M'
            AND tenancy.names_legacy_side(s.query)
            AND s.query !~ '\mconvo-tenancy\M'
        $query$,
        statements,
        info
    )
    USING statements;
EXCEPTION
    WHEN object_not_in_prerequisite_state THEN
        RETURN; -- not loaded
END;
$$;

COMMENT ON FUNCTION tenancy.legacy_readers() IS
'Statements in pg_stat_statements that name the legacy side, by role. It leaves out this project''s own, which bear the comment '
'convo-tenancy. Run the statement in forget once the application has moved: it removes the entry. Example: SELECT * FROM '
'tenancy.legacy_readers() ORDER BY calls DESC';

COMMIT;
