-- What CREATE FUNCTION does not look at: the statements inside. Not with the schema tests, since a clone of
-- production need not have the extension.

BEGIN;

SELECT count(*) = 0 AS is_missing FROM pg_catalog.pg_available_extensions WHERE name = 'plpgsql_check' \gset
\if :is_missing
\echo '1..0 # SKIP the server has no plpgsql_check'
\quit
\endif

CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS plpgsql_check;

SELECT plan(2);

SET LOCAL tenancy.change = ''; -- which a script sets as it begins, and functions read

SELECT cmp_ok(
    (
        SELECT count(*)
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = 'tenancy'::regnamespace
            AND l.lanname = 'plpgsql'
    ),
    '>',
    0::bigint,
    'there are functions to check'
);

SELECT is_empty(
    $$
    SELECT
        p.oid::regprocedure,
        c.lineno,
        c.level,
        c.message
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = p.oid
    -- Triggers that come and go
    LEFT JOIN (
        VALUES
        ('catch_up_customer', 'public.bookings'::regclass),
        ('track_customer', 'public.customers'),
        ('track_customer_of', 'public.customer_shop_profiles'),
        ('track_customers_of_stylist', 'public.stylists')
    ) AS e (function_name, table_name) ON e.function_name = p.proname
    CROSS JOIN LATERAL plpgsql_check_function_tb(
        p.oid,
        CASE
            WHEN p.prorettype <> 'trigger'::regtype THEN 0
            ELSE coalesce(t.tgrelid, e.table_name, 'public.bookings'::regclass)
        END,
        oldtable => t.tgoldtable,
        newtable => t.tgnewtable
    ) AS c
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND l.lanname = 'plpgsql'
        -- They stand for PERFORM, at a fraction of the cost.
        AND c.message NOT IN (
            'never read variable "guard"', 'never read variable "is_recorded"', 'never read variable "is_applied"'
        )
        -- What EXECUTE returns is not known before it runs.
        AND NOT (p.proname = 'legacy_readers' AND c.message ~ '^OUT variable')
        -- They are there during an adoption alone, and where a table was adopted.
        AND c.message NOT IN (
            'relation "tenancy.customer_shop_profiles" does not exist',
            'relation "tenancy_archive.adopted_profiles" does not exist'
        )
        -- What waits for the contract or its revert, or asks has_legacy_side() first
        AND NOT CASE
            WHEN tenancy.has_legacy_side() THEN c.message ~ '^(relation|schema) "tenancy_archive'
            ELSE (p.prorettype = 'trigger'::regtype AND coalesce(t.tgrelid, e.table_name) IS NULL)
                OR c.message ~ 'tenancy\.drift|customer_booking_stats|preferred_stylist_id|average_spend_cents|no_show_count'
        END
    $$,
    'plpgsql_check finds nothing in the functions of tenancy'
);

SELECT * FROM finish();

ROLLBACK;
