-- The steps of the backfill: cursor and progress, pause, another run, profiles that a revert put aside, the estimate.
--
-- What takes several sessions (locks, a crash, replicas) is tested elsewhere.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(42);

SELECT is_empty('SELECT id FROM public.customers', 'there is no customer: what follows relies on it');

SELECT results_eq(
    'SELECT * FROM tenancy.backfill_estimate()',
    'VALUES (0::bigint, 0::bigint, 0::bigint, 0::bigint)',
    'estimate: nothing where there are no customers'
);

INSERT INTO public.shops (id, name)
VALUES (901, 'North');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES (9011, 901, 'Nora', '09:00', '17:00', TRUE);

-- Highest first: the cursor goes by id, not by the order of the table. The last two have a profile in shop 901, too.
INSERT INTO public.customers (id, phone, preferred_stylist_id, no_show_count, average_spend_cents)
VALUES
(9605, '+15550009605', 9011, 0, 0),
(9604, '+15550009604', 9011, 0, 0),
(9603, '+15550009603', NULL, 0, 0),
(9602, '+15550009602', NULL, 0, 0),
(9601, '+15550009601', NULL, 0, 0);

INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
VALUES
(9601, 1, 3000),
(9602, 2, 6000);

-- As at a first deployment
UPDATE tenancy.backfill_progress
SET
    sweeping = FALSE,
    customers_estimated = 0,
    customers_done = 0,
    profiles_written = 0,
    started_at = NULL,
    updated_at = NULL,
    finished_at = NULL;
DELETE FROM tenancy.backfill_ranges;

SAVEPOINT before_backfill;

-- The estimate

SELECT results_eq(
    'SELECT customers, profiles, disk_bytes > 0, wal_bytes > 0 FROM tenancy.backfill_estimate()',
    'VALUES (5::bigint, 7::bigint, TRUE, TRUE)',
    'estimate: the customers without a profile, and the profiles that they would get'
);
SELECT is_empty('SELECT * FROM public.customer_shop_profiles', 'estimate: writes none of them');

-- Step by step

SELECT tenancy.prepare_backfill() \g /dev/null
SELECT results_eq(
    $$
    SELECT
        customers_estimated,
        started_at IS NOT NULL,
        finished_at IS NULL,
        customers_done
    FROM tenancy.backfill_progress
    $$,
    'VALUES (5::bigint, TRUE, TRUE, 0::bigint)',
    'prepare: says how many customers there are, and that it began'
);
SELECT results_eq(
    'SELECT * FROM tenancy.backfill_step(2)',
    $$VALUES ('working'::text, NULL::text, 2, 2)$$,
    'step: two customers, two profiles, go on'
);
SELECT results_eq(
    'SELECT r.next_id, b.sweeping, b.customers_done, b.profiles_written '
    'FROM tenancy.backfill_progress AS b CROSS JOIN tenancy.backfill_ranges AS r',
    'VALUES (9603::bigint, FALSE, 2::bigint, 2::bigint)',
    'step: the cursor stands after the second lowest id'
);
SELECT results_eq(
    'SELECT customer_id, total_bookings, total_spend_cents FROM public.customer_shop_profiles ORDER BY customer_id',
    'VALUES (9601, 1, 3000), (9602, 2, 6000)',
    'step: the lowest ids have their profiles'
);

-- Paused between two steps

SELECT tenancy.pause_backfill() \g /dev/null
SELECT alike(tenancy.backfill_hold(), 'paused; %', 'pause: the reason to hold');
SELECT results_eq(
    'SELECT state, left(detail, 6), customers, profiles FROM tenancy.backfill_step(2)',
    $$VALUES ('waiting'::text, 'paused'::text, 0, 0)$$,
    'pause: a step waits, says why and does nothing'
);
SELECT results_eq(
    'SELECT r.next_id, b.paused, b.customers_done, b.profiles_written '
    'FROM tenancy.backfill_progress AS b CROSS JOIN tenancy.backfill_ranges AS r',
    'VALUES (9603::bigint, TRUE, 2::bigint, 2::bigint)',
    'pause: the cursor stays'
);
SELECT lives_ok('SELECT tenancy.pause_backfill()', 'pause: twice is as good as once');
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT alike(tenancy.backfill_hold(), 'paused; %', 'pause: who resumes an interrupted backfill finds it paused');
SELECT tenancy.resume_backfill() \g /dev/null
SELECT is(tenancy.backfill_hold(), NULL, 'resume: nothing to hold for');

-- On to the end

SELECT results_eq(
    'SELECT * FROM tenancy.backfill_step(2)',
    $$VALUES ('working'::text, NULL::text, 2, 3)$$,
    'step: goes on after the cursor, and tells customers from profiles'
);
-- A customer with an id that the cursor has passed
INSERT INTO public.customers (id, phone, no_show_count, average_spend_cents)
VALUES (9600, '+15550009600', 0, 0);
SELECT results_eq(
    'SELECT * FROM tenancy.backfill_step(2)',
    $$VALUES ('working'::text, NULL::text, 1, 2)$$,
    'step: a batch that is not full is not the end'
);
SELECT results_eq(
    'SELECT r.next_id = r.first_id, b.sweeping, b.finished_at IS NULL '
    'FROM tenancy.backfill_progress AS b CROSS JOIN tenancy.backfill_ranges AS r',
    'VALUES (TRUE, TRUE, TRUE)',
    'step: the sweep begins at the first customer again'
);
SELECT results_eq(
    'SELECT * FROM tenancy.backfill_step(2)',
    $$VALUES ('finished'::text, NULL::text, 1, 1)$$,
    'step: the sweep finds whom the cursor had passed, and is the end'
);
SELECT results_eq(
    $$
    SELECT
        customers_done,
        profiles_written,
        finished_at IS NOT NULL,
        finished_at >= started_at
    FROM tenancy.backfill_progress
    $$,
    'VALUES (6::bigint, 8::bigint, TRUE, TRUE)',
    'step: the progress says what was done, and that it is finished'
);
SELECT results_eq(
    'SELECT customers, profiles FROM tenancy.backfill_estimate()',
    'VALUES (0::bigint, 0::bigint)',
    'estimate: nothing is left'
);

-- Another run

CREATE TEMPORARY TABLE started ON COMMIT DROP AS
SELECT b.started_at
FROM tenancy.backfill_progress AS b;
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT results_eq(
    'SELECT b.started_at = s.started_at, b.finished_at IS NULL FROM tenancy.backfill_progress AS b CROSS JOIN started AS s',
    'VALUES (TRUE, TRUE)',
    'another run: keeps when the first began, and is not finished'
);
-- Stale by now, but the backfill's business no longer
UPDATE public.customer_booking_stats SET total_bookings = 9 WHERE customer_id = 9601;
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT results_eq(
    'SELECT total_bookings FROM public.customer_shop_profiles WHERE customer_id = 9601',
    'VALUES (1)',
    'another run: makes no profile anew'
);
SELECT results_eq(
    'SELECT * FROM tenancy.backfill_step(2)',
    $$VALUES ('finished'::text, NULL::text, 0, 0)$$,
    'another run: one step that finds nobody is the end'
);

ROLLBACK TO SAVEPOINT before_backfill;

-- Ids of any sign

INSERT INTO public.customers (id, phone, no_show_count, average_spend_cents)
VALUES
(-2147483648, '+15550009690', 0, 0),
(0, '+15550009691', 0, 0),
(2147483647, '+15550009692', 0, 0);
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT results_eq(
    'SELECT state, customers FROM tenancy.backfill_step(1)',
    $$VALUES ('working'::text, 1)$$,
    'ids: a step from the beginning'
);
SELECT is(
    (SELECT r.next_id FROM tenancy.backfill_ranges AS r), -2147483647::bigint, 'ids: it begins with the smallest integer'
);
SELECT results_eq(
    'SELECT state, customers FROM tenancy.backfill_step(6)',
    $$VALUES ('working'::text, 6)$$,
    'ids: goes on over 0'
);
SELECT results_eq(
    'SELECT state, customers FROM tenancy.backfill_step(1)',
    $$VALUES ('working'::text, 1)$$,
    'ids: and on to the largest integer'
);
SELECT results_eq(
    'SELECT state, customers FROM tenancy.backfill_step(1)',
    $$VALUES ('finished'::text, 0)$$,
    'ids: beyond which there is nobody, so the first pass was over, and the sweep finds nobody'
);
SELECT is_empty(
    $$
    SELECT c.id
    FROM public.customers AS c
    WHERE NOT EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = c.id)
    $$,
    'ids: no customer is left out'
);
ROLLBACK TO SAVEPOINT before_backfill;

-- Profiles that a revert put aside and a deployment took back: 9601 went stale meanwhile; 9602 did, too, but somebody else than the
-- split wrote one of them; 9603 is right.

INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings, total_spend_cents, created_at, updated_at)
VALUES
(9601, 1, 5, 15000, '2025-01-01 00:00+00', '2025-01-01 00:00+00'),
(9601, 901, 1, 4000, '2025-01-01 00:00+00', '2025-01-01 00:00+00'),
(9602, 1, 5, 15000, '2025-01-01 00:00+00', '2025-01-01 00:00+00'),
(9602, 901, 1, 4000, '2025-01-01 00:00+00', '2025-01-01 00:00+00'),
(9603, 901, 0, 0, '2025-01-01 00:00+00', '2025-01-01 00:00+00');
DELETE FROM tenancy.profile_origins AS o WHERE (o.customer_id, o.shop_id) <> (9602, 901);
SAVEPOINT taken_back;

SELECT tenancy.prepare_backfill() \g /dev/null
SELECT results_eq(
    'SELECT customer_id, shop_id, total_bookings FROM public.customer_shop_profiles ORDER BY customer_id, shop_id',
    'VALUES (9601, 1, 1), (9601, 901, 0), (9602, 1, 5), (9602, 901, 1), (9603, 901, 0)',
    'taken back: only what went stale and nobody but the split wrote is made anew, all profiles of a customer or none'
);
SELECT results_eq(
    'SELECT state, customers, profiles FROM tenancy.backfill_step(10)',
    $$VALUES ('working'::text, 2, 4)$$,
    'taken back: the steps make the others'
);
SELECT results_eq(
    'SELECT customer_id, shop_id, total_bookings FROM public.customer_shop_profiles ORDER BY customer_id, shop_id',
    'VALUES (9601, 1, 1), (9601, 901, 0), (9602, 1, 5), (9602, 901, 1), (9603, 901, 0), '
    '(9604, 1, 0), (9604, 901, 0), (9605, 1, 0), (9605, 901, 0)',
    'taken back: as the legacy side is now'
);
ROLLBACK TO SAVEPOINT taken_back;

UPDATE tenancy.backfill_progress SET started_at = now();
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT is(
    (SELECT count(*) FROM public.customer_shop_profiles),
    5::bigint,
    'taken back: once begun, a backfill that is resumed deletes nothing'
);
ROLLBACK TO SAVEPOINT before_backfill;

-- Misuse

SELECT throws_ok(
    'SELECT * FROM tenancy.backfill_step(1)', '55000', 'the backfill is not prepared: SELECT tenancy.prepare_backfill()',
    'step: before it is prepared, an error'
);
SELECT tenancy.prepare_backfill() \g /dev/null
SELECT throws_ok('SELECT * FROM tenancy.backfill_step(0)', NULL, NULL, 'step: a batch of 0 is an error');
SELECT throws_ok('SELECT * FROM tenancy.backfill_step(-1)', NULL, NULL, 'step: a batch below 0 is an error');
SELECT throws_ok('SELECT * FROM tenancy.backfill_step(NULL)', NULL, NULL, 'step: a batch of unknown size is an error');
SELECT is_empty('SELECT * FROM public.customer_shop_profiles', 'step: and writes nothing');
SELECT throws_ok('CALL tenancy.run_backfill()', '2D000', NULL, 'run_backfill: refuses to run inside a transaction');

SELECT tenancy.join_backfill() \g /dev/null
SELECT tenancy.join_backfill() \g /dev/null
SELECT results_eq(
    'SELECT s.pid FROM tenancy.backfill_sessions AS s', 'SELECT pg_backend_pid()', 'join: who works on it may join again'
);
SELECT tenancy.leave_backfill() \g /dev/null
SELECT is_empty('SELECT * FROM tenancy.backfill_workers', 'leave: nothing is left of them');
SELECT throws_ok(
    'INSERT INTO tenancy.backfill_progress DEFAULT VALUES', '23505', NULL, 'progress: there is one row'
);

SELECT * FROM finish();

ROLLBACK;
