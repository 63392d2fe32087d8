-- Deploy convo_tenancy:contract/gate to pg

\set ON_ERROR_STOP on
\set change contract/gate
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.despite_names(despite text)
RETURNS text[]
LANGUAGE sql
IMMUTABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    -- A comma in quotes or parentheses does not separate. A quote or parenthesis without its other half makes a name of nothing.
    SELECT coalesce(array_agg(DISTINCT btrim(m.match[1], E' \n\t')), '{}')
    FROM regexp_matches(despite, '((?:[^,"()]|"[^"]*"|"(?![^"]*")|\((?:[^"()]|"[^"]*")*\)|[()])+)', 'g') AS m (match)
    WHERE btrim(m.match[1], E' \n\t') <> '';
$$;

COMMENT ON FUNCTION tenancy.despite_names(text) IS
'Splits a list of names at the commas outside quotes and parentheses. Example: SELECT tenancy.despite_names(''function '
'public.f(integer, text), index public.i'')';

CREATE OR REPLACE FUNCTION tenancy.quick_findings(quiet_period interval, customer_ids integer[])
RETURNS TABLE (priority integer, finding text, name text, detail text, remedy text, may_be_overridden boolean)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
SET plan_cache_mode = force_custom_plan -- a generic plan would read whole tables for a few customers
AS $$
DECLARE
    quiet CONSTANT interval := coalesce(quiet_period, (SELECT s.legacy_quiet_period FROM tenancy.settings AS s));
BEGIN
    RETURN QUERY
    SELECT
        1,
        'customers drift',
        'drift',
        count(*) || ' times; ' || min(
            format(
                'customer %s, %s: legacy %s, profile %s', d.customer_id, d.kind,
                coalesce(d.legacy_value, 'none'), coalesce(d.profile_value, 'none')
            )
        ),
        'convo-tenancy repair',
        FALSE
    FROM tenancy.drift AS d
    WHERE quick_findings.customer_ids IS NULL
        OR d.customer_id = ANY (quick_findings.customer_ids)
    HAVING count(*) > 0
    UNION ALL
    SELECT
        2,
        'the mirrors are not as they were deployed',
        tenancy.printable('trigger ' || p.name),
        p.problem,
        'convo-tenancy health names the command; if you altered it on purpose, SELECT tenancy.accept_parts()',
        FALSE
    FROM tenancy.part_problems AS p
    WHERE p.kind = 'trigger'
        AND p.change <> 'contract/switch' -- what an attempt left: the next one makes its own
    UNION ALL
    SELECT
        4,
        format('somebody wrote to the legacy side within %s', quiet),
        tenancy.printable(format('writer "%s" as %I', replace(w.application_name, '"', '""'), w.role_name)),
        format('last at %s', w.last_at),
        'move or stop it and wait, or shorten the time: --set legacy_quiet_period=''1 hour''',
        TRUE
    FROM tenancy.legacy_writers AS w
    WHERE w.last_at + interval '5 minutes' > now() - quiet -- a row stands for so long
        AND quiet <> '0' -- also of who wrote after this transaction began
    UNION ALL
    SELECT
        5,
        format('nobody knows who wrote to the legacy side within %s', quiet),
        'watch',
        CASE
            WHEN w.since IS NULL THEN 'the mirrors do not watch'
            WHEN w.gap IS NOT NULL THEN format(
                'since %s this was off, replaced, or restored from a dump: %s', w.since, w.gap
            )
            ELSE format('the mirrors watch since %s', w.since)
        END,
        CASE WHEN w.since IS NULL OR w.gap IS NOT NULL THEN 'CALL tenancy.restart_watch(), then ' ELSE '' END
        || 'wait, or shorten the time: --set legacy_quiet_period=''1 hour''',
        TRUE
    FROM tenancy.watch AS w
    WHERE (w.since IS NULL OR w.gap IS NOT NULL OR w.since > now() - quiet)
        AND quiet <> '0'
    UNION ALL
    SELECT
        7,
        'something depends on the legacy side',
        tenancy.printable(d.name),
        tenancy.printable(d.detail),
        'move it to the profiles or drop it',
        d.goes_along
    FROM tenancy.legacy_dependents() AS d;
END;
$$;

COMMENT ON FUNCTION tenancy.quick_findings(interval, integer[]) IS
'The findings of tenancy.contract_findings() that are quick enough to check under the contract''s lock. With customer_ids, '
'drift of these customers only. Example: SELECT * FROM tenancy.quick_findings(NULL, ARRAY[42])';

CREATE OR REPLACE FUNCTION tenancy.contract_findings(
    quiet_period interval DEFAULT NULL,
    despite text DEFAULT '',
    customer_ids integer[] DEFAULT NULL
)
RETURNS TABLE (finding text, name text, detail text, remedy text, may_be_overridden boolean, is_overridden boolean)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
SET plan_cache_mode = force_custom_plan -- for all customers, for a few, or for none
AS $$
DECLARE
    named CONSTANT text[] NOT NULL := tenancy.despite_names(coalesce(contract_findings.despite, ''));
BEGIN
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT q.*
        FROM tenancy.quick_findings(contract_findings.quiet_period, contract_findings.customer_ids) AS q
        UNION ALL
        SELECT
            1,
            'bookings count for a wrong shop',
            'shops',
            count(*) || ' customers; ' || min(
                format('customer %s, %s of shop %s belong to shop %s', m.customer_id, m.bookings, m.from_shop_id, m.to_shop_id)
            ),
            'convo-tenancy repair --shops',
            TRUE
        FROM tenancy.misplaced_bookings AS m
        WHERE contract_findings.customer_ids IS NULL
            OR m.customer_id = ANY (contract_findings.customer_ids)
        HAVING count(*) > 0
        UNION ALL
        SELECT
            2,
            'the mirrors are not as they were deployed',
            tenancy.printable(format('%s %s', p.kind, p.name)),
            p.problem,
            'convo-tenancy health names the command; if you altered it on purpose, SELECT tenancy.accept_parts()',
            FALSE
        FROM tenancy.part_problems AS p
        WHERE p.kind IN ('function', 'view')
        UNION ALL
        SELECT
            3,
            'a foreign key of customer_shop_profiles is not in force',
            'constraint ' || p.name,
            p.problem,
            'psql -f deploy/profiles/foreign_keys.sql',
            FALSE
        FROM tenancy.part_problems AS p
        WHERE p.kind = 'constraint'
            AND p.change = 'profiles/foreign_keys'
        UNION ALL
        SELECT
            6,
            'somebody reads the legacy side',
            'reader ' || r.queryid,
            format(
                '%s calls by %s since %s: %s',
                sum(r.calls), tenancy.printable(string_agg(DISTINCT r.role_name, ', ')), min(r.counted_since),
                tenancy.printable(min(r.statement))
            ),
            format('move it, %s, and see whether it returns', tenancy.printable(min(r.forget))),
            TRUE
        FROM tenancy.legacy_readers() AS r
        GROUP BY r.queryid
        UNION ALL
        SELECT
            8,
            'its text names the legacy side, as far as a search for words can tell',
            tenancy.printable(m.name),
            'a call would fail after the contract',
            'move it to the profiles or drop it',
            TRUE
        FROM tenancy.legacy_mentions() AS m
        WHERE m.name NOT IN (SELECT d.name FROM tenancy.legacy_dependents() AS d)
    )

    SELECT
        a.finding,
        a.name,
        a.detail,
        a.remedy,
        a.may_be_overridden,
        a.is_overridden
    FROM (
        SELECT
            f.*,
            f.may_be_overridden AND f.name = ANY (named) AS is_overridden
        FROM found AS f
        UNION ALL
        SELECT
            9,
            'contract_despite names a finding that the gate does not have',
            tenancy.printable(n.name),
            'misspelt, or resolved',
            'take it out of contract_despite',
            FALSE,
            FALSE
        FROM unnest(named) AS n (name)
        WHERE contract_findings.customer_ids IS NULL
            AND n.name NOT IN (SELECT f.name FROM found AS f)
    ) AS a
    ORDER BY
        a.priority,
        a.name;
END;
$$;

COMMENT ON FUNCTION tenancy.contract_findings(interval, text, integer[]) IS
'What makes the contract (phase 3) unsafe, a row for each finding. Any that is not overridden closes the gate. quiet_period: '
'how long the mirrors must have watched without a direct write to the legacy side; by default from tenancy.settings, 0 skips '
'the check. despite: the names of findings to override. With customer_ids, only findings in their rows. Example: SELECT * FROM '
'tenancy.contract_findings()';

CREATE OR REPLACE FUNCTION tenancy.refusal(findings text[], names text[])
RETURNS text
LANGUAGE sql
IMMUTABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'the contract is refused and changed nothing. Findings: ' || cardinality(findings) || '. '
        || array_to_string(findings[:12], '. ')
        || CASE WHEN cardinality(findings) > 12 THEN '. All of them: convo-tenancy gate' ELSE '' END
        || coalesce(
            '. To override those that do not matter, name them: --set contract_despite='''
            || replace(array_to_string(names, ', '), '''', '''\''''') || '''',
            ''
        );
$$;

COMMENT ON FUNCTION tenancy.refusal(text[], text[]) IS
'The error text for these findings, and for the names of those that you may override. NULL without findings. Example: SELECT '
'tenancy.refusal(''{drift}'', NULL)';

CREATE OR REPLACE PROCEDURE tenancy.refuse_contract(refusal text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.refuse_contract(text) IS
'Fails (55000) with this text of tenancy.refusal(); does nothing if it is NULL. Example: CALL tenancy.refuse_contract(NULL)';

CREATE OR REPLACE FUNCTION tenancy.contract_refusal(quiet_period text, despite text, customer_ids integer[] DEFAULT NULL)
RETURNS text
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        tenancy.refusal(
            array_agg(format('%s: %s (%s; remedy: %s)', f.name, f.finding, f.detail, f.remedy))
            FILTER (WHERE NOT f.is_overridden),
            array_agg(f.name) FILTER (WHERE f.may_be_overridden)
        )
    FROM tenancy.contract_findings(nullif(quiet_period, '')::interval, despite, customer_ids) AS f;
$$;

COMMENT ON FUNCTION tenancy.contract_refusal(text, text, integer[]) IS
'The error text with which the contract would be refused (tenancy.contract_findings); NULL if the gate is open. Example: SELECT '
'tenancy.contract_refusal(''1 hour'', '''')';

CREATE OR REPLACE PROCEDURE tenancy.check_contract(contract text, quiet_period text, despite text)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unseen text;
BEGIN
    IF NOT tenancy.has_legacy_side() THEN
        RETURN; -- the script runs again
    END IF;

    IF contract IS DISTINCT FROM 'yes' THEN
        RAISE EXCEPTION 'the contract takes customer_booking_stats and columns of customers away, so it needs your consent: '
            'read docs/phase-3.md, run convo-tenancy gate, then run sqitch deploy --set contract=yes'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF nullif(quiet_period, '')::interval < interval '0' THEN
        RAISE EXCEPTION 'legacy_quiet_period is "%", expected a time like 1 hour, or 0', quiet_period
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    unseen := tenancy.unseen_readers();
    IF unseen IS NOT NULL THEN
        RAISE WARNING 'the gate cannot see who reads the legacy side: %', unseen;
    END IF;

    -- What takes a pass over the customers is asked later (deploy/contract/switch.sql). Who is refused anyway is told everything.
    IF tenancy.contract_refusal(quiet_period, despite, '{}') IS NOT NULL THEN
        CALL tenancy.refuse_contract(tenancy.contract_refusal(quiet_period, despite));
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.check_contract(text, text, text) IS
'The gate''s first check, without locks or a pass over the customers. Fails (55000) unless contract is yes and all such '
'findings of tenancy.contract_findings() are overridden; then it names all findings. Warns if readers may be unseen. Passes '
'after the contract. Example: CALL tenancy.check_contract(''yes'', ''1 hour'', '''')';

CREATE OR REPLACE PROCEDURE tenancy.check_contract_again(quiet_period text, despite text, customer_ids integer[])
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named CONSTANT text[] NOT NULL := tenancy.despite_names(coalesce(despite, ''));
    refusal text;
BEGIN
    SELECT
        tenancy.refusal(
            array_agg(format('%s: %s (%s; remedy: %s)', f.name, f.finding, f.detail, f.remedy) ORDER BY f.priority, f.name)
            FILTER (WHERE NOT (f.may_be_overridden AND f.name = ANY (named))),
            array_agg(f.name ORDER BY f.priority, f.name) FILTER (WHERE f.may_be_overridden)
        )
    INTO refusal
    FROM tenancy.quick_findings(nullif(quiet_period, '')::interval, customer_ids) AS f;

    CALL tenancy.refuse_contract(refusal);
END;
$$;

COMMENT ON PROCEDURE tenancy.check_contract_again(text, text, integer[]) IS
'The gate''s last check, under the contract''s lock. Fails (55000) on what tenancy.quick_findings() finds for these customers. '
'Example: CALL tenancy.check_contract_again(''1 hour'', '''', ARRAY[42])';

COMMIT;
