-- The functions and procedures of phase 2, and all that callers rely on. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(138);

SELECT functions_are(
    'tenancy',
    ARRAY[
        -- Phase 1
        'backfill_estimate',
        'backfill_hold',
        'backfill_lock_key',
        'backfill_step',
        'begin_change',
        'bookings_of',
        'clear_stylist_preferences',
        'describe_sessions',
        'fill_profiles',
        'has_legacy_side',
        'lock_tables',
        'pause_backfill',
        'prepare_backfill',
        'residual',
        'residual_cut',
        'resume_backfill',
        'run_backfill',
        'set_stylist_preferences',
        'split',
        -- Phase 2: the rules
        'apply_delta',
        'apply_residual',
        'attributed_shop',
        'current_shop',
        'follow_counts',
        'more_booked',
        'move_preference',
        'prefer_stylist',
        'shop_of_last_booking',
        -- The mirrors
        'attach_mirrors',
        'confirm_booking',
        'detach_mirrors',
        'lock_customer_of_booking',
        'mirror_customers_to_profiles',
        'mirror_profiles_to_legacy',
        'mirror_statistics_to_profiles',
        'mirror_stylist_preferences_to_profiles',
        'note_legacy_write',
        'refuse_truncate',
        -- Reconcile and repair
        'both_sides',
        'catch_up_customer',
        'reconcile_step',
        'repair',
        'repair_from_legacy',
        'repair_from_profiles',
        'run_reconcile',
        'split_anew',
        -- The SQL API
        'check_access',
        'check_shop',
        'check_stylist',
        'customer_by_email',
        'customer_by_phone',
        'customer_context',
        'customers_by_preferred_stylist',
        'get_or_create_customer',
        'is_restricted',
        'lock_customer',
        'normalized_email',
        'normalized_phone',
        'record_booking',
        'record_no_show',
        'set_preferred_stylist',
        'shop_in_context',
        -- The gate of phase 3
        'check_contract',
        'contract_findings'
    ],
    'the functions and procedures of tenancy'
);

\ir ../../support/expected_functions.sql

-- The rules
INSERT INTO expected (name, arguments, parameters, result, language)
VALUES
(
    'apply_delta',
    '{customer_shop_profiles,customer_shop_profiles}',
    'before customer_shop_profiles, after customer_shop_profiles',
    'void',
    'plpgsql'
),
(
    'apply_residual',
    '{integer,integer,integer,integer,"timestamp with time zone",integer,tenancy.statistics}',
    'customer_id integer, shop_id integer, total_bookings integer DEFAULT NULL::integer, '
    'total_spend_cents integer DEFAULT NULL::integer, '
    'last_booking_at timestamp with time zone DEFAULT NULL::timestamp with time zone, '
    'no_show_count integer DEFAULT NULL::integer, earlier tenancy.statistics DEFAULT NULL::tenancy.statistics',
    'void',
    'plpgsql'
),
(
    'move_preference',
    '{integer,integer,integer,integer}',
    'customer_id integer, stylist_id integer, count_before integer, count_after integer',
    'void',
    'plpgsql'
),
(
    'prefer_stylist',
    '{integer,integer,integer}',
    'customer_id integer, shop_id integer, stylist_id integer',
    'void',
    'plpgsql'
);

INSERT INTO expected (name, arguments, parameters, result, language, volatility)
VALUES
('current_shop', '{}', '', 'integer', 'plpgsql', 'stable'),
(
    'attributed_shop',
    '{integer,"timestamp with time zone","timestamp with time zone"}',
    'customer_id integer, last_booking_at timestamp with time zone DEFAULT NULL::timestamp with time zone, '
    'last_booking_before timestamp with time zone DEFAULT NULL::timestamp with time zone',
    'integer',
    'plpgsql',
    'stable'
),
(
    'follow_counts',
    '{integer,integer,integer,integer,integer,integer}',
    'preferred_stylist_id integer, customer_id integer, shop_id integer, stylist_id integer, count_before integer, '
    'count_after integer',
    'integer',
    'plpgsql',
    'stable'
);

-- Inlined where they are called, so without SET.
INSERT INTO expected (name, arguments, parameters, result, language, volatility, parallel, settings)
VALUES
(
    'shop_of_last_booking',
    '{integer,"timestamp with time zone"}',
    'customer_id integer, last_booking_at timestamp with time zone',
    'TABLE(shop_id integer)',
    'sql',
    'stable',
    'safe',
    NULL
),
(
    'more_booked',
    '{integer,integer,integer,integer}',
    'stylist_id integer, booking_count integer, other_stylist_id integer, other_booking_count integer',
    'integer',
    'sql',
    'immutable',
    'safe',
    NULL
),
('normalized_email', '{text}', 'email text', 'text', 'sql', 'immutable', 'safe', NULL),
('normalized_phone', '{text}', 'phone text', 'text', 'sql', 'immutable', 'safe', NULL);

-- The mirrors
INSERT INTO expected (name, arguments, result, language, is_definer)
VALUES
('catch_up_customer', '{}', 'trigger', 'plpgsql', TRUE),
('confirm_booking', '{}', 'trigger', 'plpgsql', TRUE),
('mirror_customers_to_profiles', '{}', 'trigger', 'plpgsql', TRUE),
('mirror_profiles_to_legacy', '{}', 'trigger', 'plpgsql', TRUE),
('mirror_statistics_to_profiles', '{}', 'trigger', 'plpgsql', TRUE),
('mirror_stylist_preferences_to_profiles', '{}', 'trigger', 'plpgsql', TRUE),
('refuse_truncate', '{}', 'trigger', 'plpgsql', TRUE);

INSERT INTO expected (name, arguments, parameters, result, language)
VALUES
(
    'lock_customer_of_booking',
    '{"character varying","character varying"}',
    'customer_phone character varying, customer_email character varying',
    'integer',
    'plpgsql'
),
('note_legacy_write', '{}', '', 'void', 'plpgsql');

-- Reconcile and repair
INSERT INTO expected (name, arguments, parameters, result, language, settings)
VALUES
(
    'repair',
    '{integer[],text,boolean}',
    'customer_ids integer[], source text DEFAULT ''legacy''::text, is_reconcile boolean DEFAULT false',
    'TABLE(customer_id integer, shop_id integer, field text, value_before text, value_after text)',
    'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'lock_timeout=500ms', 'jit=off']
);

INSERT INTO expected (name, arguments, parameters, result, language, volatility)
VALUES
(
    'both_sides',
    '{integer[]}',
    'customer_ids integer[]',
    'TABLE(customer_id integer, shop_id integer, field text, value text)',
    'sql',
    'stable'
);

INSERT INTO expected (name, arguments, parameters, result, language)
VALUES
('split_anew', '{integer}', 'customer_id integer', 'void', 'plpgsql'),
('repair_from_legacy', '{integer,text[]}', 'customer_id integer, kinds text[]', 'void', 'plpgsql'),
('repair_from_profiles', '{integer,text[]}', 'customer_id integer, kinds text[]', 'void', 'plpgsql'),
(
    'reconcile_step',
    '{integer[]}',
    'customer_ids integer[], OUT state text, OUT detail text, OUT repaired integer',
    'record',
    'plpgsql'
);

-- It commits, so it carries no SET.
INSERT INTO expected (name, arguments, parameters, kind, result, language, settings)
VALUES ('run_reconcile', '{integer}', 'IN batch_size integer DEFAULT 50', 'procedure', NULL, 'plpgsql', NULL);

-- The SQL API: with its owner's rights, for who has none on the tables
INSERT INTO expected (name, arguments, parameters, result, language, is_definer)
VALUES
('get_or_create_customer', '{text,text,text}', 'email text, phone text, name text', 'integer', 'plpgsql', TRUE),
(
    'record_booking',
    '{integer,integer,integer,integer,"timestamp with time zone"}',
    'customer_id integer, shop_id integer, stylist_id integer, spend_cents integer, booked_at timestamp with time zone',
    'customer_shop_profiles',
    'plpgsql',
    TRUE
),
(
    'record_no_show',
    '{integer,integer}',
    'customer_id integer, shop_id integer',
    'customer_shop_profiles',
    'plpgsql',
    TRUE
),
(
    'set_preferred_stylist',
    '{integer,integer,integer}',
    'customer_id integer, shop_id integer, stylist_id integer',
    'customer_shop_profiles',
    'plpgsql',
    TRUE
);

INSERT INTO expected (name, arguments, parameters, result, language, volatility, is_definer)
VALUES
(
    'customer_by_phone',
    '{text}',
    'wanted_phone text',
    'TABLE(customer_id integer, email character varying, phone character varying, name character varying)',
    'plpgsql',
    'stable',
    TRUE
),
(
    'customer_by_email',
    '{text}',
    'wanted_email text',
    'TABLE(customer_id integer, email character varying, phone character varying, name character varying)',
    'plpgsql',
    'stable',
    TRUE
),
(
    'customer_context',
    '{integer,integer}',
    'wanted_customer_id integer, wanted_shop_id integer',
    'TABLE(customer_id integer, shop_id integer, email character varying, phone character varying, name character varying, '
    'preferred_stylist_id integer, preferred_stylist_name character varying, average_spend_cents integer, '
    'total_bookings integer, total_spend_cents integer, no_show_count integer, last_booking_at timestamp with time zone, '
    'last_service_id integer, last_service_name character varying, last_stylist_id integer, '
    'last_stylist_name character varying)',
    'plpgsql',
    'stable',
    TRUE
),
(
    'customers_by_preferred_stylist',
    '{integer}',
    'wanted_stylist_id integer',
    'TABLE(customer_id integer, email character varying, phone character varying, name character varying)',
    'plpgsql',
    'stable',
    TRUE
);

-- Its parts
INSERT INTO expected (name, arguments, parameters, result, language, volatility)
VALUES
(
    'lock_customer',
    '{integer,boolean}',
    'customer_id integer, changes_totals boolean DEFAULT false',
    'void',
    'plpgsql',
    'volatile'
),
('check_stylist', '{integer,integer}', 'stylist_id integer, shop_id integer', 'void', 'plpgsql', 'volatile'),
('check_shop', '{integer}', 'shop_id integer', 'void', 'plpgsql', 'stable'),
('check_access', '{integer,integer}', 'customer_id integer, shop_id integer', 'void', 'plpgsql', 'stable');

INSERT INTO expected (name, arguments, parameters, result, language, volatility, parallel, settings)
VALUES
('shop_in_context', '{}', '', 'integer', 'sql', 'stable', 'safe', NULL),
('is_restricted', '{}', '', 'boolean', 'sql', 'stable', 'unsafe', NULL);

-- The gate of phase 3
INSERT INTO expected (name, arguments, parameters, result, language, volatility, settings)
VALUES
(
    'contract_findings',
    '{interval,integer[]}',
    'quiet_period interval DEFAULT NULL::interval, customer_ids integer[] DEFAULT NULL::integer[]',
    'TABLE(finding text, occurrences bigint, example text, remedy text)',
    'plpgsql',
    'stable',
    ARRAY['search_path=pg_catalog, pg_temp', 'jit=off']
);

INSERT INTO expected (name, arguments, parameters, kind, result, language)
VALUES
(
    'check_contract',
    '{text,text,integer[]}',
    'IN contract text, IN quiet_period text, IN customer_ids integer[] DEFAULT NULL::integer[]',
    'procedure',
    NULL,
    'plpgsql'
),
('attach_mirrors', '{}', '', 'procedure', NULL, 'plpgsql');

INSERT INTO expected (name, arguments, parameters, kind, result, language, settings)
VALUES
(
    'detach_mirrors',
    '{}',
    '',
    'procedure',
    NULL,
    'plpgsql',
    ARRAY['search_path=pg_catalog, pg_temp', 'client_min_messages=warning']
);

\ir ../../support/check_functions.sql

SELECT * FROM finish();

ROLLBACK;
