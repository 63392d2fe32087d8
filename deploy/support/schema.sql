-- Deploy convo_tenancy:support/schema to pg

-- Schema tenancy: the settings, and the plan's changes in their order. From here on the database itself knows which of them stand.
-- Variable: default_shop_id, the shop of counts that no booking ties to a shop (1).

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SHOW_CONTEXT never
\set SINGLELINE off
\if :{?default_shop_id}
\else
    \set default_shop_id 1
\endif

BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told
SET LOCAL statement_timeout = '1min';
SET LOCAL lock_timeout = '5s';

-- What is ours belongs to the owner of the legacy tables, whoever deploys.
SELECT pg_get_userbyid(t.relowner) AS owner_name
FROM pg_class AS t
WHERE t.oid = 'public.customers'::regclass \gset

CREATE SCHEMA IF NOT EXISTS tenancy AUTHORIZATION :"owner_name";

DO $$
BEGIN
    -- Somebody may have made the schema since the preconditions looked: what stands in it would run with our rights.
    IF NOT EXISTS (
        SELECT
        FROM pg_namespace AS n
        JOIN pg_class AS t ON t.relowner = n.nspowner
        WHERE n.nspname = 'tenancy'
            AND t.oid = 'public.customers'::regclass
    ) THEN
        RAISE EXCEPTION 'schema tenancy and public.customers have different owners. If the tables have a new owner, '
            'give it everything of this project (docs/support.md#refused); else rename the schema'
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

SET LOCAL ROLE :"owner_name";

COMMENT ON SCHEMA tenancy IS
'The move from one set of statistics per customer to one profile per customer and shop: settings, functions, triggers, drift.';

CREATE TABLE IF NOT EXISTS tenancy.settings (
    singleton boolean NOT NULL DEFAULT TRUE,
    default_shop_id integer NOT NULL,
    lock_timeout_ms integer NOT NULL DEFAULT 100,
    lock_attempts integer NOT NULL DEFAULT 40,
    backfill_batch_size integer NOT NULL DEFAULT 5000,
    replica_lag_limit_bytes bigint NOT NULL DEFAULT 64 * 1024 * 1024,
    legacy_quiet_period interval NOT NULL DEFAULT '1 day',
    introductions_per_hour integer NOT NULL DEFAULT 100,
    registry name NOT NULL DEFAULT 'sqitch',
    CONSTRAINT settings_pkey PRIMARY KEY (singleton),
    CONSTRAINT settings_singleton_check CHECK (singleton),
    CONSTRAINT settings_lock_timeout_ms_check CHECK (lock_timeout_ms BETWEEN 1 AND 1000),
    CONSTRAINT settings_lock_attempts_check CHECK (lock_attempts BETWEEN 1 AND 1000),
    CONSTRAINT settings_backfill_batch_size_check CHECK (backfill_batch_size BETWEEN 1 AND 100000),
    CONSTRAINT settings_replica_lag_limit_bytes_check CHECK (replica_lag_limit_bytes > 0),
    CONSTRAINT settings_legacy_quiet_period_check CHECK (legacy_quiet_period >= '0'),
    CONSTRAINT settings_introductions_per_hour_check CHECK (introductions_per_hour BETWEEN 1 AND 1000000)
);

COMMENT ON TABLE tenancy.settings IS 'The settings of the migration: one row. UPDATE it at any time.';
COMMENT ON COLUMN tenancy.settings.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN tenancy.settings.default_shop_id IS
'The default shop: it gets every count that no booking ties to a shop. Set by sqitch deploy --set default_shop_id=N. It cannot '
'be deleted; UPDATE this first. Later counts then go to the new shop; profiles keep what they hold.';
COMMENT ON COLUMN tenancy.settings.lock_timeout_ms IS
'How long writers may queue behind one attempt at strong locks, in milliseconds: half to wait for the locks, half for the work. '
'Capped at half of deadlock_timeout, so that a deadlock never ends an application''s transaction.';
COMMENT ON COLUMN tenancy.settings.lock_attempts IS
'How often a script tries a strong lock, with growing pauses, before it refuses.';
COMMENT ON COLUMN tenancy.settings.backfill_batch_size IS 'How many customers one transaction of the backfill takes.';
COMMENT ON COLUMN tenancy.settings.replica_lag_limit_bytes IS
'The backfill pauses while a replica lags by more than this, in bytes of WAL.';
COMMENT ON COLUMN tenancy.settings.legacy_quiet_period IS
'How long the mirrors must have watched without a direct write to the legacy side before the contract (phase 3).';
COMMENT ON COLUMN tenancy.settings.introductions_per_hour IS
'How many customers unknown to its shop one member of convo_shop may look up or make there in an hour, by '
'tenancy.get_or_create_customer(). All members together may roll back ten times as many.';
COMMENT ON COLUMN tenancy.settings.registry IS 'The schema of Sqitch''s registry, as of its last run of a script.';

INSERT INTO tenancy.settings (default_shop_id)
VALUES (:'default_shop_id')
ON CONFLICT (singleton) DO NOTHING;

CREATE TABLE IF NOT EXISTS tenancy.changes (
    position integer NOT NULL,
    change text NOT NULL,
    tag text,
    is_repeatable boolean NOT NULL DEFAULT FALSE,
    state text NOT NULL DEFAULT 'absent',
    standing_since timestamptz,
    open_pid integer,
    open_key bigint,
    CONSTRAINT changes_pkey PRIMARY KEY (position),
    CONSTRAINT changes_change_key UNIQUE (change),
    CONSTRAINT changes_state_check CHECK (state IN ('absent', 'deploying', 'standing', 'reverting')),
    CONSTRAINT changes_standing_since_check CHECK ((state = 'standing') = (standing_since IS NOT NULL))
);

COMMENT ON TABLE tenancy.changes IS
'The changes of the plan in their order, and which of them stand: their script has committed here, whatever Sqitch''s registry '
'says. Each script writes its row in its own transaction. Example: SELECT * FROM tenancy.changes ORDER BY position';
COMMENT ON COLUMN tenancy.changes.position IS 'The place in the plan. The changes that stand always come first.';
COMMENT ON COLUMN tenancy.changes.change IS 'The name, which is also the path of its scripts.';
COMMENT ON COLUMN tenancy.changes.tag IS 'The tag of the phase that this change completes; else NULL.';
COMMENT ON COLUMN tenancy.changes.is_repeatable IS
'Whether the deploy script, run again while later changes stand, makes its parts again; if false, that run does nothing.';
COMMENT ON COLUMN tenancy.changes.state IS
'absent or standing; deploying or reverting while a script of several transactions runs or after it was interrupted.';
COMMENT ON COLUMN tenancy.changes.standing_since IS 'When its deploy script committed.';
COMMENT ON COLUMN tenancy.changes.open_pid IS 'The session that runs the change''s script of several transactions, or ran it last.';
COMMENT ON COLUMN tenancy.changes.open_key IS 'A random key. While session open_pid holds an advisory lock on it, the script runs.';

INSERT INTO tenancy.changes (position, change, tag, is_repeatable)
VALUES
(1, 'support/schema', NULL, TRUE),
(2, 'support/begin', NULL, TRUE),
(3, 'support/parts', NULL, TRUE),
(4, 'support/lock_tables', NULL, TRUE),
(5, 'support/definitions', NULL, TRUE),
(6, 'support/archive_schema', NULL, TRUE),
(7, 'support/has_legacy_side', NULL, FALSE),
(8, 'support/guard', NULL, TRUE),
(9, 'profiles/bookings_of', NULL, TRUE),
(10, 'profiles/residual', NULL, TRUE),
(11, 'profiles/evidence', NULL, TRUE),
(12, 'profiles/split', NULL, TRUE),
(13, 'profiles/remember_profiles', NULL, TRUE),
(14, 'profiles/record_origins', NULL, TRUE),
(15, 'profiles/adoption', NULL, TRUE),
(16, 'profiles/customer_shop_profiles', NULL, FALSE),
(17, 'profiles/stylist_moves', NULL, TRUE),
(18, 'profiles/close_shop', NULL, TRUE),
(19, 'profiles/drift', NULL, TRUE),
(20, 'profiles/shop_check', NULL, TRUE),
(21, 'profiles/fill_profiles', NULL, TRUE),
(22, 'profiles/backfill_progress', NULL, TRUE),
(23, 'profiles/prepare_backfill', NULL, TRUE),
(24, 'profiles/backfill_step', NULL, TRUE),
(25, 'profiles/backfill_estimate', NULL, TRUE),
(26, 'profiles/run_backfill', NULL, TRUE),
(27, 'profiles/backfill_profiles', NULL, FALSE),
(28, 'profiles/stylists_id_shop_id_key', NULL, TRUE),
(29, 'profiles/foreign_keys', '@phase1', TRUE),
(30, 'mirror/shop_context', NULL, TRUE),
(31, 'mirror/attribution', NULL, TRUE),
(32, 'mirror/ensure_profile', NULL, TRUE),
(33, 'mirror/is_restricted', NULL, TRUE),
(34, 'mirror/double_writers', NULL, TRUE),
(35, 'mirror/give_missed', NULL, TRUE),
(36, 'mirror/apply_residual', NULL, TRUE),
(37, 'mirror/apply_delta', NULL, TRUE),
(38, 'mirror/follow_counts', NULL, TRUE),
(39, 'mirror/prefer_stylist', NULL, TRUE),
(40, 'mirror/legacy_writers', NULL, TRUE),
(41, 'mirror/watch', NULL, TRUE),
(42, 'mirror/legacy_readers', NULL, TRUE),
(43, 'mirror/repair_from_legacy', NULL, TRUE),
(44, 'mirror/repair_from_profiles', NULL, TRUE),
(45, 'mirror/repair_shops', NULL, TRUE),
(46, 'mirror/repair', NULL, TRUE),
(47, 'mirror/confirm_booking', NULL, TRUE),
(48, 'mirror/reconcile', NULL, TRUE),
(49, 'mirror/mirror_statistics_to_profiles', NULL, TRUE),
(50, 'mirror/mirror_customers_to_profiles', NULL, TRUE),
(51, 'mirror/mirror_stylist_preferences_to_profiles', NULL, TRUE),
(52, 'mirror/mirror_profiles_to_legacy', NULL, TRUE),
(53, 'mirror/attach_mirrors', NULL, TRUE),
(54, 'mirror/mirrors', NULL, FALSE),
(55, 'mirror/reconcile_profiles', NULL, FALSE),
(56, 'mirror/profile_bounds', NULL, TRUE),
(57, 'api/customer_defaults', NULL, FALSE),
(58, 'api/customer_identity', NULL, TRUE),
(59, 'api/customer_queue', NULL, TRUE),
(60, 'api/get_or_create_customer', NULL, TRUE),
(61, 'api/checks', NULL, TRUE),
(62, 'api/record_booking', NULL, TRUE),
(63, 'api/record_no_show', NULL, TRUE),
(64, 'api/set_preferred_stylist', NULL, TRUE),
(65, 'api/set_service_preference', NULL, TRUE),
(66, 'api/customer_context', NULL, TRUE),
(67, 'api/customers_by_preferred_stylist', NULL, TRUE),
(68, 'api/customer_totals', NULL, TRUE),
(69, 'api/confirm_booking', NULL, TRUE),
(70, 'api/lock_customer', NULL, TRUE),
(71, 'api/deprecated', NULL, FALSE),
(72, 'isolation/roles', NULL, TRUE),
(73, 'isolation/unproven_bookings', NULL, TRUE),
(74, 'isolation/policies', NULL, TRUE),
(75, 'isolation/scope', NULL, TRUE),
(76, 'isolation/listed_rights', NULL, TRUE),
(77, 'isolation/findings', NULL, TRUE),
(78, 'isolation/rights', NULL, TRUE),
(79, 'contract/dependents', NULL, TRUE),
(80, 'contract/gate', NULL, TRUE),
(81, 'contract/run_archive', NULL, TRUE),
(82, 'contract/tracking', NULL, TRUE),
(83, 'contract/legacy_side_of', NULL, TRUE),
(84, 'contract/restore', NULL, TRUE),
(85, 'contract/remove_legacy_side', NULL, TRUE),
(86, 'contract/return_legacy_side', NULL, TRUE),
(87, 'isolation/switch', '@phase2', TRUE),
(88, 'contract/switch', NULL, FALSE),
(89, 'contract/purge_archive', '@phase3', TRUE)
ON CONFLICT DO NOTHING;

UPDATE tenancy.changes
SET
    state = 'standing',
    standing_since = clock_timestamp()
WHERE change = 'support/schema'
    AND state = 'absent';

COMMIT;
