-- The functions and procedures of phase 1, and all that callers rely on. It only looks.
--
-- Later phases add functions to tenancy, so what is listed here must be there; what else there is, is not asked.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(62);

\ir ../../support/expected_functions.sql

INSERT INTO expected (name, arguments, parameters, kind, result, language)
VALUES
('begin_change', '{boolean}', 'IN in_transaction boolean DEFAULT true', 'procedure', NULL, 'plpgsql'),
('lock_tables', '{text,text[]}', 'IN mode text, VARIADIC tables text[]', 'procedure', NULL, 'plpgsql');

-- It commits, so it carries no SET.
INSERT INTO expected (name, arguments, parameters, kind, result, language, settings)
VALUES ('run_backfill', '{integer}', 'IN batch_size integer DEFAULT NULL::integer', 'procedure', NULL, 'plpgsql', NULL);

INSERT INTO expected (name, arguments, parameters, result, language, volatility)
VALUES
('describe_sessions', '{integer[]}', 'pids integer[]', 'text', 'plpgsql', 'stable'),
('backfill_hold', '{}', '', 'text', 'plpgsql', 'stable');

-- Inlined where they are called, so without SET.
INSERT INTO expected (name, arguments, parameters, result, language, volatility, parallel, settings)
VALUES
(
    'bookings_of',
    '{integer}',
    'customer_id integer',
    'TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status bookingstatus, '
    'appointment_status appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)',
    'sql',
    'stable',
    'safe',
    NULL
),
(
    'bookings_of',
    '{integer,character varying,character varying}',
    'customer_id integer, phone character varying, email character varying',
    'TABLE(id uuid, shop_id integer, service_id integer, stylist_id integer, status bookingstatus, '
    'appointment_status appointmentstatus, start_at_utc timestamp with time zone, created_at timestamp with time zone)',
    'sql',
    'stable',
    'safe',
    NULL
),
('residual', '{bigint,bigint}', 'total bigint, others bigint', 'bigint', 'sql', 'immutable', 'safe', NULL),
(
    'residual_cut',
    '{bigint,bigint,bigint}',
    'own bigint, larger bigint, excess bigint',
    'bigint',
    'sql',
    'immutable',
    'safe',
    NULL
),
('backfill_lock_key', '{}', '', 'bigint', 'sql', 'immutable', 'safe', NULL),
('has_legacy_side', '{}', '', 'boolean', 'sql', 'stable', 'safe', NULL);

INSERT INTO expected (name, arguments, parameters, result, language, volatility, settings)
VALUES
(
    'split',
    '{integer[],tenancy.statistics}',
    'customer_ids integer[], instead tenancy.statistics DEFAULT NULL::tenancy.statistics',
    'TABLE(customer_id integer, shop_id integer, preferred_stylist_id integer, total_bookings integer, '
    'total_spend_cents integer, last_booking_at timestamp with time zone, no_show_count integer)',
    'sql',
    'stable',
    ARRAY['search_path=pg_catalog, pg_temp', 'enable_seqscan=off', 'jit=off']
);

INSERT INTO expected (name, arguments, parameters, result, language)
VALUES
(
    'fill_profiles',
    '{integer[],tenancy.statistics}',
    'customer_ids integer[], instead tenancy.statistics DEFAULT NULL::tenancy.statistics',
    'bigint',
    'plpgsql'
),
('pause_backfill', '{}', '', 'void', 'sql'),
('resume_backfill', '{}', '', 'void', 'sql'),
('prepare_backfill', '{}', '', 'void', 'plpgsql'),
(
    'backfill_estimate',
    '{}',
    'OUT customers bigint, OUT profiles bigint, OUT disk_bytes bigint, OUT wal_bytes bigint',
    'record',
    'plpgsql'
);

INSERT INTO expected (name, arguments, parameters, result, language, settings)
VALUES
(
    'backfill_step',
    '{integer}',
    'batch_size integer, OUT state text, OUT detail text, OUT customers integer, OUT profiles integer',
    'record',
    'plpgsql',
    ARRAY[
        'search_path=pg_catalog, pg_temp',
        'lock_timeout=100ms',
        'enable_seqscan=off',
        'enable_hashjoin=off',
        'enable_mergejoin=off',
        'jit=off'
    ]
);

INSERT INTO expected (name, arguments, result, language, is_definer, settings)
VALUES
(
    'clear_stylist_preferences',
    '{}',
    'trigger',
    'plpgsql',
    TRUE,
    ARRAY['search_path=pg_catalog, pg_temp', 'lock_timeout=500ms']
),
(
    'set_stylist_preferences',
    '{}',
    'trigger',
    'plpgsql',
    TRUE,
    ARRAY['search_path=pg_catalog, pg_temp', 'lock_timeout=500ms']
);

\ir ../../support/check_functions.sql

SELECT * FROM finish();

ROLLBACK;
