-- Deploy convo_tenancy:contract/switch to pg

-- The contract. All is checked first, on one snapshot and without a lock; under the lock, which is short, what was written since.
-- Variables: contract=yes, without which nothing is deployed; legacy_quiet_period, in place of the one in tenancy.settings;
-- contract_despite, the findings of the gate that do not matter.

\if :{?contract}
\else
    \set contract no
\endif
\if :{?legacy_quiet_period}
\else
    \set legacy_quiet_period ''
\endif
\if :{?contract_despite}
\else
    \set contract_despite ''
\endif
\set ON_ERROR_STOP on
\set change contract/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.keep_open(is_begun => FALSE);

COMMIT;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
CALL tenancy.create_archive();
CALL tenancy.run_archive(); -- what changes meanwhile is copied again
ANALYZE tenancy_archive.customers;

-- The check on one snapshot decides nothing but whether to go on: it is repeated behind the lock.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

CALL tenancy.check_contract(:'contract', :'legacy_quiet_period', :'contract_despite');

SELECT
    pg_snapshot_xmin(pg_current_snapshot()) AS horizon,
    (SELECT count(*) FROM public.customers) AS customers,
    (SELECT count(*) FROM public.customer_shop_profiles) AS profiles \gset

COMMIT;

CALL tenancy.run_archive(); -- again, and quickly: what changed since the first time

\ir ../support/begin.sql

CALL tenancy.lock_tables(
    'ACCESS EXCLUSIVE',
    'public.bookings',
    'public.customers',
    'public.customer_booking_stats',
    'public.customer_shop_profiles',
    'public.customer_stylist_preferences',
    'public.stylists'
);
SET LOCAL statement_timeout = '10s'; -- everybody waits

CALL tenancy.mark_begun();

SELECT
    set_config('tenancy.quiet_period', :'legacy_quiet_period', TRUE),
    set_config('tenancy.despite', :'contract_despite', TRUE),
    set_config('tenancy.horizon', :'horizon', TRUE),
    set_config('tenancy.customers', :'customers', TRUE),
    set_config('tenancy.profiles', :'profiles', TRUE) \g /dev/null

DO $$
DECLARE
    written CONSTANT integer[] := tenancy.customers_since(current_setting('tenancy.horizon')::xid8);
    legacy record;
    profiles record;
BEGIN
    CALL tenancy.check_contract_again(current_setting('tenancy.quiet_period'), current_setting('tenancy.despite'), written);

    -- Rows that went leave no trace for the check above. Who deletes with the mirrors on leaves both sides with the same sums;
    -- profiles go with their customers, or one by one with their numbers.
    SELECT
        (SELECT (sum(s.total_bookings), sum(s.total_spend_cents)) FROM public.customer_booking_stats AS s) AS totals,
        sum(c.no_show_count) AS no_shows,
        count(*) AS customers
    INTO legacy
    FROM public.customers AS c;

    SELECT
        (sum(p.total_bookings), sum(p.total_spend_cents)) AS totals,
        sum(p.no_show_count) AS no_shows,
        count(*) AS profiles
    INTO profiles
    FROM public.customer_shop_profiles AS p;

    IF legacy.totals IS DISTINCT FROM profiles.totals
        OR legacy.no_shows IS DISTINCT FROM profiles.no_shows
        OR (
            profiles.profiles < current_setting('tenancy.profiles')::bigint
            AND legacy.customers >= current_setting('tenancy.customers')::bigint
        )
    THEN
        RAISE EXCEPTION 'the contract is refused and changed nothing. Rows went since the check, and the sides may differ: % '
            'customers with % no-shows, % in their statistics; % profiles with %, %. Look with convo-tenancy health, then run the same '
            'again',
            legacy.customers, legacy.no_shows, legacy.totals, profiles.profiles, profiles.no_shows, profiles.totals
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    PERFORM tenancy.archive_customers(written);
END;
$$;

CALL tenancy.detach_mirrors();

CREATE OR REPLACE FUNCTION tenancy.has_legacy_side()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN FALSE;

-- squawk-ignore ban-drop-view
DROP VIEW IF EXISTS tenancy.drift;

-- Deleting a customer must not fail for what is put aside, but delete it.
ALTER TABLE public.customer_booking_stats
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT IF EXISTS customer_booking_stats_customer_id_fkey,
ADD CONSTRAINT customer_booking_stats_customer_id_fkey
FOREIGN KEY (customer_id) REFERENCES public.customers (id) ON DELETE CASCADE NOT VALID;

ALTER TABLE tenancy_archive.customers
ADD CONSTRAINT customers_customer_id_fkey
FOREIGN KEY (customer_id) REFERENCES public.customers (id) ON DELETE CASCADE NOT VALID;

-- squawk-ignore ban-set-schema
ALTER TABLE public.customer_booking_stats SET SCHEMA tenancy_archive;

ALTER TABLE public.customers
-- squawk-ignore ban-drop-column
DROP COLUMN preferred_stylist_id,
-- squawk-ignore ban-drop-column
DROP COLUMN average_spend_cents,
-- squawk-ignore ban-drop-column
DROP COLUMN no_show_count;

INSERT INTO tenancy.contracted (xid, contracted_at)
VALUES (pg_current_xact_id(), clock_timestamp());

COMMIT;
\endif

\ir ../support/begin.sql

-- Who was deleted between copy and lock goes from the archive, too. Nobody waits for this.
DELETE FROM tenancy_archive.customers AS a
WHERE NOT EXISTS (SELECT FROM public.customers AS c WHERE c.id = a.customer_id);

ALTER TABLE tenancy_archive.customers VALIDATE CONSTRAINT customers_customer_id_fkey;
ALTER TABLE tenancy_archive.customer_booking_stats VALIDATE CONSTRAINT customer_booking_stats_customer_id_fkey;

CALL tenancy.close_change('deploy');

COMMIT;
