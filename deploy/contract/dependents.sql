-- Deploy convo_tenancy:contract/dependents to pg

\set ON_ERROR_STOP on
\set change contract/dependents
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.name_of(classid oid, objid oid, objsubid integer)
RETURNS text
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    -- The names of pg_describe_object() depend on lc_messages.
    SELECT format(
        '%s %s',
        i.type,
        CASE name_of.classid WHEN 'pg_proc'::regclass THEN name_of.objid::regprocedure::text ELSE i.identity END
    )
    FROM pg_identify_object(name_of.classid, name_of.objid, name_of.objsubid) AS i;
$$;

COMMENT ON FUNCTION tenancy.name_of(oid, oid, integer) IS
'The gate''s name for an object, given as pg_depend does. Example: SELECT tenancy.name_of(''pg_class''::regclass, 42, 0)';

CREATE OR REPLACE FUNCTION tenancy.legacy_dependents()
RETURNS TABLE (name text, detail text, goes_along boolean)
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET jit = off
AS $$
DECLARE
    statistics CONSTANT oid := to_regclass('public.customer_booking_stats');
    customers CONSTANT oid := to_regclass('public.customers');
    leaving CONSTANT smallint[] NOT NULL := ARRAY(
        SELECT a.attnum
        FROM pg_attribute AS a
        WHERE a.attrelid = customers
            AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
    );
BEGIN
    RETURN QUERY
    WITH depending AS (
        -- What depends on a column automatically goes along with it; what depends normally alone makes DROP COLUMN fail.
        SELECT
            d.classid,
            d.objid,
            a.attname::text AS what,
            d.deptype = 'a' AS is_automatic
        FROM pg_depend AS d
        JOIN pg_attribute AS a
            ON a.attrelid = d.refobjid
            AND a.attnum = d.refobjsubid
        WHERE d.refclassid = 'pg_class'::regclass
            AND d.refobjid = customers
            AND d.refobjsubid = ANY (leaving)
            AND d.deptype IN ('n', 'a')
        UNION ALL
        -- The table moves with all that is its own. What is not, and what never fires again, stays behind.
        SELECT
            d.classid,
            d.objid,
            'customer_booking_stats',
            NULL
        FROM pg_depend AS d
        WHERE (
            (
                d.refclassid = 'pg_class'::regclass
                AND d.refobjid = statistics
                AND (d.deptype = 'n' OR d.classid IN ('pg_trigger'::regclass, 'pg_policy'::regclass))
            )
            OR (
                d.refclassid = 'pg_type'::regclass
                AND d.refobjid = (SELECT c.reltype FROM pg_class AS c WHERE c.oid = statistics)
                AND d.deptype = 'n'
            )
        )
    ),

    others AS (
        SELECT
            o.classid,
            o.objid,
            o.objsubid,
            d.what,
            d.is_automatic
        FROM depending AS d
        LEFT JOIN pg_rewrite AS w
            ON d.classid = 'pg_rewrite'::regclass
            AND w.oid = d.objid
            AND w.rulename = '_RETURN'
        LEFT JOIN pg_attrdef AS e
            ON d.classid = 'pg_attrdef'::regclass
            AND e.oid = d.objid
        CROSS JOIN LATERAL (
            SELECT
                CASE WHEN w.oid IS NULL AND e.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS classid,
                coalesce(w.ev_class, e.adrelid, d.objid) AS objid,
                coalesce(e.adnum, 0) AS objsubid
        ) AS o
        WHERE d.classid <> 'pg_publication_rel'::regclass
            -- The legacy side's own: defaults, NOT NULL and foreign keys, and the constraints that move with the table
            AND NOT (o.objid = customers AND o.objsubid = ANY (leaving))
            AND NOT EXISTS (
                SELECT
                FROM pg_constraint AS c
                WHERE d.classid = 'pg_constraint'::regclass
                    AND c.oid = d.objid
                    AND (
                        c.conrelid = statistics
                        OR (c.conrelid = customers AND c.contype = 'f' AND c.confrelid = to_regclass('public.stylists'))
                        OR (c.conrelid = customers AND c.contype = 'n') -- a NOT NULL, which has a row from PostgreSQL 18 on
                    )
            )
            -- Ours
            AND o.objid IS DISTINCT FROM to_regclass('tenancy.drift')
            AND NOT EXISTS (
                SELECT
                FROM pg_trigger AS t
                JOIN pg_proc AS p ON p.oid = t.tgfoid
                WHERE d.classid = 'pg_trigger'::regclass
                    AND t.oid = d.objid
                    AND (t.tgisinternal OR p.pronamespace = 'tenancy'::regnamespace)
            )
    )

    SELECT
        n.name,
        'depends on ' || string_agg(DISTINCT o.what, ', '),
        coalesce(bool_or(o.is_automatic), TRUE)
    FROM others AS o
    CROSS JOIN LATERAL tenancy.name_of(o.classid, o.objid, o.objsubid) AS n (name)
    GROUP BY n.name
    UNION ALL
    SELECT
        'default of public.customers.' || quote_ident(a.attname),
        'is ' || pg_get_expr(d.adbin, d.adrelid),
        TRUE
    FROM pg_attrdef AS d
    JOIN pg_attribute AS a
        ON a.attrelid = d.adrelid
        AND a.attnum = d.adnum
    WHERE d.adrelid = customers
        AND d.adnum = ANY (leaving)
        AND (a.attname = 'preferred_stylist_id' OR pg_get_expr(d.adbin, d.adrelid) <> '0')
    UNION ALL
    SELECT
        'rights on public.customers.' || quote_ident(a.attname),
        'are granted to ' || string_agg(DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC'), ', '),
        TRUE
    FROM pg_attribute AS a
    CROSS JOIN LATERAL aclexplode(a.attacl) AS x
    LEFT JOIN pg_roles AS r ON r.oid = x.grantee
    WHERE a.attrelid = customers
        AND a.attnum = ANY (leaving)
        AND coalesce(r.rolname NOT IN ('convo_back_office', 'convo_health'), TRUE) -- those of isolation/rights
    GROUP BY a.attname
    UNION ALL
    SELECT
        'publication ' || quote_ident(p.pubname),
        'publishes ' || string_agg(DISTINCT t.relname, ' and '),
        -- A list of columns or a condition that names one makes DROP COLUMN fail.
        NOT EXISTS (
            SELECT
            FROM pg_publication_rel AS r
            JOIN pg_depend AS d
                ON d.classid = 'pg_publication_rel'::regclass
                AND d.objid = r.oid
            WHERE r.prpubid = p.oid
                AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = customers
                AND d.refobjsubid = ANY (leaving)
        )
    FROM pg_publication AS p
    JOIN pg_class AS t ON t.oid IN (customers, statistics)
    LEFT JOIN pg_publication_rel AS r
        ON r.prpubid = p.oid
        AND r.prrelid = t.oid
    WHERE p.puballtables
        OR EXISTS (
            SELECT
            FROM pg_publication_namespace AS n
            WHERE n.pnpubid = p.oid
                AND n.pnnspid = t.relnamespace
        )
        OR (
            r.oid IS NOT NULL
            AND (
                t.oid = statistics
                OR r.prattrs IS NULL
                OR r.prattrs::smallint[] && leaving
                OR EXISTS (
                    SELECT
                    FROM pg_depend AS d
                    WHERE d.classid = 'pg_publication_rel'::regclass
                        AND d.objid = r.oid
                        AND d.refobjid = customers
                        AND d.refobjsubid = ANY (leaving)
                )
            )
        )
    GROUP BY
        p.oid,
        p.pubname
    UNION ALL
    SELECT
        'subscription ' || quote_ident(s.subname),
        'writes ' || string_agg(t.relname, ' and '),
        TRUE
    FROM pg_subscription AS s
    JOIN pg_subscription_rel AS r ON r.srsubid = s.oid
    JOIN pg_class AS t ON t.oid = r.srrelid
    WHERE t.oid IN (customers, statistics)
    GROUP BY s.subname
    UNION ALL
    SELECT
        'table ' || h.inhrelid::regclass,
        'inherits from ' || h.inhparent::regclass,
        TRUE
    FROM pg_inherits AS h
    WHERE h.inhparent = customers
    UNION ALL
    SELECT
        'table ' || h.inhparent::regclass,
        h.inhrelid::regclass || ' inherits from it',
        h.inhrelid = statistics
    FROM pg_inherits AS h
    WHERE h.inhrelid = statistics
        OR (
            h.inhrelid = customers
            AND EXISTS (
                SELECT
                FROM pg_attribute AS a
                WHERE a.attrelid = customers
                    AND a.attnum = ANY (leaving)
                    AND a.attinhcount > 0
            )
        );
END;
$$;

COMMENT ON FUNCTION tenancy.legacy_dependents() IS
'Other people''s objects that the catalogs show to depend on customer_booking_stats or the three columns of customers. '
'goes_along: the contract would not fail, but silently drop the object or leave it behind. Example: SELECT * FROM '
'tenancy.legacy_dependents()';

CREATE OR REPLACE FUNCTION tenancy.legacy_mentions()
RETURNS TABLE (name text)
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT tenancy.name_of('pg_proc'::regclass, p.oid, 0)
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('tenancy', 'information_schema')
        AND n.nspname !~ '^pg_'
        AND NOT EXISTS (
            SELECT
            FROM pg_depend AS d
            WHERE d.classid = 'pg_proc'::regclass
                AND d.objid = p.oid
                AND d.deptype = 'e'
        )
        AND tenancy.names_legacy_side(
            -- NEW and OLD of a trigger, and an argument, are rows of customers, which the body need not name.
            concat_ws(
                ' ',
                p.prosrc,
                pg_get_function_arguments(p.oid),
                (
                    SELECT max('customers')
                    FROM pg_trigger AS t
                    WHERE t.tgfoid = p.oid
                        AND t.tgrelid = to_regclass('public.customers')
                )
            )
        );
$$;

COMMENT ON FUNCTION tenancy.legacy_mentions() IS
'Other people''s functions whose text names the legacy side (tenancy.names_legacy_side). No catalog shows that, so it may err. '
'Example: SELECT * FROM tenancy.legacy_mentions()';

COMMIT;
