-- Deploy convo_tenancy:contract/gate to pg

\set ON_ERROR_STOP on
\set change contract/gate
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.contract_findings(quiet_period interval DEFAULT NULL, customer_ids integer[] DEFAULT NULL)
RETURNS TABLE (finding text, occurrences bigint, example text, remedy text)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH quiet AS (
        SELECT coalesce(contract_findings.quiet_period, s.legacy_quiet_period) AS period
        FROM tenancy.settings AS s
    )

    SELECT
        f.finding,
        f.occurrences,
        f.example,
        f.remedy
    FROM (
        SELECT
            1 AS position,
            'customers drift' AS finding,
            count(*) AS occurrences,
            min(
                format(
                    'customer %s, %s: legacy %s, profile %s', d.customer_id, d.kind,
                    coalesce(d.legacy_value, 'none'), coalesce(d.profile_value, 'none')
                )
            ) AS example,
            'convo-tenancy repair' AS remedy
        FROM tenancy.drift AS d
        WHERE contract_findings.customer_ids IS NULL
            OR d.customer_id = ANY (contract_findings.customer_ids)
        UNION ALL
        SELECT
            2,
            'parts of the dual write are missing, disabled or altered',
            count(*),
            min(format('%s %s is %s', p.kind, p.name, p.problem)),
            'convo-tenancy health names the command for each; if they are meant, SELECT tenancy.accept_parts()'
        FROM tenancy.part_problems AS p
        WHERE p.kind IN ('function', 'trigger')
        UNION ALL
        SELECT
            3,
            'foreign keys of customer_shop_profiles are missing or not validated',
            count(*),
            min(format('%s is %s', p.name, p.problem)),
            'psql -f deploy/profiles/foreign_keys.sql'
        FROM tenancy.part_problems AS p
        WHERE p.kind = 'constraint'
            AND p.change = 'profiles/foreign_keys'
        UNION ALL
        SELECT
            4,
            format('applications wrote to the legacy side within %s', quiet.period),
            count(*),
            min(format('"%s" as %s, last at %s', w.application_name, w.role_name, w.last_at)),
            'move or stop them and wait, or shorten the time: sqitch deploy --set contract=yes --set legacy_quiet_period=''1 hour'''
        FROM tenancy.legacy_writers AS w
        CROSS JOIN quiet
        WHERE w.last_at > now() - quiet.period
            AND quiet.period <> '0' -- also of who wrote after this transaction began
        GROUP BY quiet.period
        UNION ALL
        SELECT
            5,
            'other objects depend on what goes',
            count(*),
            min(dependent.name),
            'move them to the profiles or drop them'
        FROM (
            SELECT DISTINCT pg_describe_object(coalesce(r.classid, d.classid), coalesce(r.objid, d.objid), 0) AS name
            FROM pg_depend AS d
            -- A view depends by its rule.
            LEFT JOIN (
                SELECT
                    w.oid,
                    'pg_class'::regclass AS classid,
                    w.ev_class AS objid
                FROM pg_rewrite AS w
            ) AS r
                ON d.classid = 'pg_rewrite'::regclass
                AND r.oid = d.objid
            LEFT JOIN pg_attribute AS a
                ON a.attrelid = d.refobjid
                AND a.attnum = d.refobjsubid
            WHERE d.refclassid = 'pg_class'::regclass
                AND (d.deptype = 'n' OR d.classid = 'pg_class'::regclass) -- an index would go with its column
                AND (
                    (d.refobjid = 'public.customer_booking_stats'::regclass AND d.deptype = 'n')
                    OR (
                        d.refobjid = 'public.customers'::regclass
                        AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
                    )
                )
                AND r.objid IS DISTINCT FROM to_regclass('tenancy.drift')
                -- Ours: triggers
                AND NOT EXISTS (
                    SELECT
                    FROM pg_trigger AS t
                    JOIN pg_proc AS p ON p.oid = t.tgfoid
                    WHERE d.classid = 'pg_trigger'::regclass
                        AND t.oid = d.objid
                        AND p.pronamespace = 'tenancy'::regnamespace
                )
                -- The foreign keys of the legacy side itself
                AND NOT EXISTS (
                    SELECT
                    FROM pg_constraint AS c
                    WHERE d.classid = 'pg_constraint'::regclass
                        AND c.oid = d.objid
                        AND c.conrelid IN ('public.customers'::regclass, 'public.customer_booking_stats'::regclass)
                )
        ) AS dependent
    ) AS f
    WHERE f.occurrences > 0 AND f.position <> 5
    ORDER BY f.position;
END;
$$;

COMMENT ON FUNCTION tenancy.contract_findings(interval, integer[]) IS
'What keeps the contract (phase 3) from being safe, a row a kind: what, how often, an example, what to do. No row: the gate is '
'open. quiet_period is how long nobody must have written to the legacy side; by default that of tenancy.settings, and 0 for no '
'matter. With customer_ids, only their drift is looked at. Example: SELECT * FROM tenancy.contract_findings()';

CREATE OR REPLACE PROCEDURE tenancy.check_contract(contract text, quiet_period text, despite text, customer_ids integer[] DEFAULT NULL)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    findings text;
BEGIN
    IF NOT tenancy.has_legacy_side() THEN
        RETURN; -- the script runs again
    END IF;

    IF contract IS DISTINCT FROM 'yes' THEN
        RAISE EXCEPTION 'the contract takes customer_booking_stats and columns of customers away, so it is not deployed unasked: '
            'read docs/phase-3.md, see what "convo-tenancy gate" says, then run sqitch deploy --set contract=yes'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF nullif(quiet_period, '')::interval < interval '0' THEN
        RAISE EXCEPTION 'legacy_quiet_period is "%", expected a time like 1 hour, or 0', quiet_period
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    SELECT string_agg(format('%s: %s (%s; remedy: %s)', f.occurrences, f.finding, f.example, f.remedy), '. ')
    INTO findings
    FROM tenancy.contract_findings(nullif(quiet_period, '')::interval, customer_ids) AS f;

    IF findings IS NOT NULL THEN
        RAISE EXCEPTION 'the contract is refused and changed nothing. %', findings
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

COMMENT ON PROCEDURE tenancy.check_contract(text, text, text, integer[]) IS
'The gate: fails (55000) unless contract is yes and tenancy.contract_findings() finds nothing. After the contract it '
'passes. Example: CALL tenancy.check_contract(''yes'', ''1 hour'')';

CREATE OR REPLACE PROCEDURE tenancy.check_contract_again(quiet_period text, despite text, customer_ids integer[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    CALL tenancy.check_contract('yes', quiet_period, despite, customer_ids);
END;
$$;

COMMENT ON PROCEDURE tenancy.check_contract_again(text, text, integer[]) IS 'stub';

COMMIT;
