-- Deploy convo_tenancy:isolation/switch to pg

-- From off to on: row-level security first, a table at a time, then all rights of convo_shop at one moment. Back the other way round. So
-- nobody has a right that no policy limits, wherever it is interrupted. It is the last change of phase 2, lest a revert is refused
-- half-way.

\set ON_ERROR_STOP on
\set change isolation/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE PROCEDURE tenancy.set_isolation(state text, despite text[] DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state_before text;
    unknown_names text;
    left_over text;
BEGIN
    PERFORM tenancy.begin_change('deploy', 'isolation/switch'); -- alone among our scripts, and as the owner
    SELECT i.state
    INTO STRICT state_before
    FROM tenancy.isolation AS i;
    IF (state = 'on' AND state_before <> 'enforcing') OR (state = 'off' AND state_before <> 'relaxing') THEN
        RAISE EXCEPTION 'isolation is now %: another session called the other procedure', state_before
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    UPDATE tenancy.isolation AS i
    SET
        state = set_isolation.state,
        despite = CASE set_isolation.state WHEN 'off' THEN '{}' ELSE coalesce(set_isolation.despite, i.despite) END;

    IF state = 'enforcing' THEN
        SELECT string_agg(quote_literal(n.name), ', ')
        INTO unknown_names
        FROM unnest(despite) AS n (name)
        WHERE n.name NOT IN (SELECT f.name FROM tenancy.isolation_findings AS f WHERE f.may_be_overridden);
        IF unknown_names IS NOT NULL THEN
            RAISE EXCEPTION 'despite names findings that do not exist or cannot be overridden. Take them out: %', unknown_names
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        CALL tenancy.check_isolation('{ours,theirs}');
        RETURN; -- what was on stays on until the end
    END IF;

    CALL tenancy.grant_rights();
    CASE state
        WHEN 'on' THEN
            CALL tenancy.check_isolation();
        WHEN 'relaxing' THEN
            left_over := (
                SELECT string_agg(tenancy.printable(format('%s (%s)', d.name, d.statement)), ', ' ORDER BY d.name)
                FROM tenancy.right_differences AS d
                JOIN tenancy.isolated_tables AS t ON t.oid = d.oid
                WHERE d.difference = 'excess'
                    AND d.role_name = 'convo_shop'
            );
            IF left_over IS NOT NULL THEN
                RAISE EXCEPTION 'convo_shop would have rights that no policy limits: %', left_over
                    USING ERRCODE = 'object_not_in_prerequisite_state';
            END IF;
        ELSE
            NULL;
    END CASE;
END;
$$;

COMMENT ON PROCEDURE tenancy.set_isolation(text, text[]) IS
'Part of the isolation switch: records a state and gives convo_shop the rights of that state. Refuses (55000) enforcing and on '
'while tenancy.isolation_findings has objections. Example: CALL tenancy.set_isolation(''relaxing'')';

CREATE OR REPLACE PROCEDURE tenancy.switch_table(table_name text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state text;
    is_on boolean;
BEGIN
    PERFORM tenancy.begin_change('deploy', 'isolation/switch');
    SELECT
        i.state,
        c.relrowsecurity
    INTO
        state,
        is_on
    FROM tenancy.isolation AS i
    CROSS JOIN pg_class AS c
    WHERE c.oid = table_name::regclass;
    IF state NOT IN ('enforcing', 'relaxing') THEN
        RAISE EXCEPTION 'isolation is now %: another session changed it first', state
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF is_on <> (state = 'enforcing') THEN
        CALL tenancy.lock_tables('ACCESS EXCLUSIVE', table_name);
        EXECUTE format(
            'ALTER TABLE %s %s ROW LEVEL SECURITY', table_name::regclass,
            CASE state WHEN 'enforcing' THEN 'ENABLE' ELSE 'DISABLE' END
        );
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.switch_table(text) IS
'Part of the isolation switch: turns a table''s row-level security on (state enforcing) or off (state relaxing). Example: CALL '
'tenancy.switch_table(''public.bookings'')';

-- They commit, so they carry no SET and qualify every name.
CREATE OR REPLACE PROCEDURE tenancy.enforce_isolation(despite text[] DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    table_name text;
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.set_isolation('enforcing', despite);
    FOREACH table_name IN ARRAY ARRAY(SELECT t.name FROM tenancy.isolated_tables AS t ORDER BY t.name) LOOP
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.switch_table(table_name);
    END LOOP;
    COMMIT;
    CALL tenancy.begin_batch();
    CALL tenancy.set_isolation('on');
END;
$$;

COMMENT ON PROCEDURE tenancy.enforce_isolation(text[]) IS
'Turns isolation on: binds members of convo_shop to one shop and gives them their rights. Commits; if it is interrupted, call '
'it again. Refuses (55000) while tenancy.isolation_findings has a finding that is not overridden; despite names those to '
'override. Call it outside a transaction. Example: CALL tenancy.enforce_isolation()';

CREATE OR REPLACE PROCEDURE tenancy.relax_isolation()
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    table_name text;
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.set_isolation('relaxing');
    FOREACH table_name IN ARRAY ARRAY(SELECT t.name FROM tenancy.isolated_tables AS t ORDER BY t.name) LOOP
        COMMIT;
        CALL tenancy.begin_batch();
        CALL tenancy.switch_table(table_name);
    END LOOP;
    COMMIT;
    CALL tenancy.begin_batch();
    CALL tenancy.set_isolation('off');
END;
$$;

COMMENT ON PROCEDURE tenancy.relax_isolation() IS
'Turns isolation off: revokes all rights of convo_shop on tables and disables row-level security. Commits; if it is '
'interrupted, call it again. Call it outside a transaction. Example: CALL tenancy.relax_isolation()';

COMMIT;
