-- The functions and procedures of phase 3. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(30);

\ir ../../support/expected_functions.sql

INSERT INTO expected (name, arguments, parameters, kind, result, language, settings)
VALUES
(
    'create_archive', '{}', '', 'procedure', NULL, 'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'client_min_messages=warning']
),
-- They commit, so they carry no SET.
('run_archive', '{integer}', 'IN batch_size integer DEFAULT 5000', 'procedure', NULL, 'plpgsql', NULL),
('run_restore', '{integer}', 'IN batch_size integer DEFAULT 1000', 'procedure', NULL, 'plpgsql', NULL);

INSERT INTO expected (name, arguments, parameters, result, language, settings)
VALUES
(
    'archive_customers',
    '{integer[]}',
    'customer_ids integer[]',
    'bigint',
    'plpgsql',
    ARRAY[
        'search_path=pg_catalog, pg_temp', 'enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off', 'jit=off'
    ]
),
(
    'restore_legacy_side', '{integer[]}', 'customer_ids integer[]', 'bigint', 'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'jit=off']
),
(
    'restore_step', '{integer[]}', 'customer_ids integer[]', 'integer[]', 'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'jit=off']
),
(
    'purge_archive', '{text}', 'confirmation text', 'void', 'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'client_min_messages=warning', 'lock_timeout=500ms']
);

INSERT INTO expected (name, arguments, parameters, result, language, volatility, settings)
VALUES
(
    'customers_after', '{integer,integer}', 'last_id integer, batch_size integer', 'integer[]', 'sql', 'stable',
    ARRAY['search_path=pg_catalog, pg_temp']
),
(
    'customers_since', '{xid8}', 'horizon xid8', 'integer[]', 'plpgsql', 'stable',
    ARRAY['search_path=pg_catalog, pg_temp', 'jit=off']
);

\ir ../../support/check_functions.sql

SELECT is(
    pg_get_function_result('tenancy.legacy_side_of(integer[])'::regprocedure),
    'TABLE(customer_id integer, total_bookings integer, total_spend_cents integer, last_booking_at timestamp with time zone, '
    'preferred_stylist_id integer, average_spend_cents integer, no_show_count integer)',
    'legacy_side_of: its columns'
);

SELECT * FROM finish();

ROLLBACK;
