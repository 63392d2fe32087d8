-- A legacy history of any size, made by rules: psql -v customers=N -f tests/legacy/sample.sql
--
-- For sizes and oddities that the recorded database cannot give. It needs a database that has the
-- legacy schema and no rows (it refuses any other), takes one transaction, and gives the same rows
-- on every run: each choice is a hash of the row's number (pg_temp.dice), no random(), no now().
-- Without -v customers=N it makes 1000 customers.
--
-- The rules:
--   * Five shops, shop 1 (the default shop) the biggest. Five services a shop, dearer from shop to
--     shop, so that money in the wrong shop shows. Five stylists a shop, above 50,000 customers one
--     for each 10,000, so that no calendar is longer than some three years.
--   * Three bookings a customer on average, with a long tail: a third booked once, 1% more than 20
--     times, the hottest up to some 700 times. 40% of the customers have bookings at several shops,
--     most of these at two, some at three. Customer ids have gaps.
--   * A quarter of the customers have no phone, a quarter no email, some no name. Every 200th shares
--     the phone of the one before (whose id is lower), and their bookings bear it. One booking in 20
--     of a customer who has both bears the email alone.
--   * What was booked is one event after the other, from 2026-01-01; the appointments lie in the
--     years from 2027-01-01 in no such order (as in the recording), so last_booking_at, the last one
--     written, goes backwards. A stylist has a slot each 90 minutes, each taken once.
--   * Of 1000 events 10 are lost (a CONFIRMED booking that the statistics missed, the stylist's
--     count not), 30 were cancelled (the booking is gone and still counted), 30 are public confirms
--     (CONFIRMED, no statistics and no counts), 7 are holds and 7 expired holds.
--   * 5% of the confirmed bookings are NO_SHOW. No application writes no_show_count: corrections
--     did for 2% of the customers, above and below what their bookings say.
--   * Statistics: a row for who has counted events; total spend by the service's list price, without
--     discount and secondary service (which some bookings have). Others have no row: they never
--     booked, or hold nothing but public confirms and holds.
--   * customer_stylist_preferences counts every event that the application confirmed;
--     preferred_stylist_id is the most booked one over all shops (ties: the lowest id), so now and
--     then of a shop that has no booking any more; average_spend_cents is the integer quotient.
--   * 8% of the events ask for a style; the last one a service is in customer_service_preferences.
--
-- Constraints and indexes are dropped first and made again afterwards by their own definitions,
-- from the catalog: much faster, and making them again checks each foreign key. Nothing is analyzed.

\set ON_ERROR_STOP on
\set QUIET on

\if :{?customers}
\else
    \set customers 1000
\endif

BEGIN;

SET LOCAL client_min_messages = warning;
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '10s';

SELECT set_config('sample.customers', :'customers', true)
\g /dev/null

DO $$
DECLARE
    v_table text;
    v_filled boolean;
BEGIN
    IF current_setting('sample.customers') !~ '^[1-9][0-9]{0,7}$' THEN
        RAISE EXCEPTION 'customers must be a number from 1 to 99999999, not "%"',
            current_setting('sample.customers')
            USING ERRCODE = '22023';
    END IF;
    FOREACH v_table IN ARRAY ARRAY[
        'shops', 'stylists', 'services', 'customers', 'bookings', 'customer_booking_stats',
        'customer_stylist_preferences', 'customer_service_preferences'
    ]
    LOOP
        IF to_regclass('public.' || v_table) IS NULL THEN
            RAISE EXCEPTION 'table public.% is missing: load tests/legacy/schema.sql first', v_table
                USING ERRCODE = '42P01';
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', v_table) INTO v_filled;
        IF v_filled THEN
            RAISE EXCEPTION 'table public.% has rows: the sample needs an empty database', v_table
                USING ERRCODE = '55000';
        END IF;
    END LOOP;
END
$$;

-- A number from 0 to sides - 1. The hash behind hash partitioning, which no release may change.
CREATE FUNCTION pg_temp.dice(p_key bigint, p_salt bigint, p_sides bigint)
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
AS $$ SELECT (pg_catalog.hashint8extended(p_key, p_salt) & 9223372036854775807) % p_sides $$;

-- What to drop and make again: foreign keys, other constraints, indexes.
CREATE TEMP TABLE sample_definition ON COMMIT DROP AS
WITH legacy AS (
    SELECT pg_class.oid
    FROM pg_catalog.pg_class
    WHERE pg_class.relnamespace = 'public'::regnamespace
        AND pg_class.relname IN (
            'shops', 'stylists', 'services', 'customers', 'bookings', 'customer_booking_stats',
            'customer_stylist_preferences', 'customer_service_preferences'
        )
)

SELECT
    CASE pg_constraint.contype WHEN 'f' THEN 3 ELSE 1 END AS step,
    pg_constraint.conname AS name,
    format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS remove,
    format(
        'ALTER TABLE %s ADD CONSTRAINT %I %s',
        conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid)
    ) AS make
FROM pg_catalog.pg_constraint
WHERE pg_constraint.contype IN ('p', 'u', 'f')
    AND (
        pg_constraint.conrelid IN (SELECT legacy.oid FROM legacy)
        OR pg_constraint.confrelid IN (SELECT legacy.oid FROM legacy)
    )
UNION ALL
SELECT
    2 AS step,
    pg_class.relname AS name,
    format('DROP INDEX %s', pg_index.indexrelid::regclass) AS remove,
    pg_get_indexdef(pg_index.indexrelid) AS make
FROM pg_catalog.pg_index
INNER JOIN pg_catalog.pg_class ON pg_index.indexrelid = pg_class.oid
WHERE pg_index.indrelid IN (SELECT legacy.oid FROM legacy)
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE pg_constraint.conindid = pg_index.indexrelid
            AND pg_constraint.contype IN ('p', 'u', 'x')
    );

SELECT sample_definition.remove
FROM sample_definition
ORDER BY sample_definition.step DESC, sample_definition.name
\gexec

INSERT INTO public.shops (id, name, created_at)
SELECT
    shop,
    'Salon ' || shop,
    '2026-01-01 00:00+00'
FROM generate_series(1, 5) AS shop;

INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents, created_at)
SELECT
    (shop - 1) * 5 + item.number,
    shop,
    item.name,
    item.duration_minutes,
    item.price_cents + (shop - 1) * 250,
    '2026-01-01 00:00+00'
FROM generate_series(1, 5) AS shop
CROSS JOIN (
    VALUES
    (1, 'Cut', 30, 3500),
    (2, 'Cut and style', 45, 5500),
    (3, 'Beard', 60, 2000),
    (4, 'Colour', 90, 12000),
    (5, 'Styling', 30, 4250)
) AS item (number, name, duration_minutes, price_cents)
ORDER BY 1;

SELECT greatest(5, (:customers + 9999) / 10000) AS staff
\gset

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active, created_at)
SELECT
    (shop - 1) * :staff + place,
    shop,
    'Stylist ' || place,
    '09:00',
    '17:00',
    place % 10 <> 9,
    '2026-01-01 00:00+00'
FROM generate_series(1, 5) AS shop
CROSS JOIN generate_series(1, :staff) AS place
ORDER BY 1;

-- Who they are, and how they book: a row a customer.
CREATE TEMP TABLE sample_person ON COMMIT DROP AS
WITH chosen AS (
    SELECT
        i,
        -- 0 has no phone, 1 no email, others both; who shares a phone has both.
        CASE
            WHEN i % 200 IN (99, 100) THEN 2
            ELSE pg_temp.dice(i, 1, 4)
        END AS reach,
        pg_temp.dice(i, 2, 1000) AS volume,
        pg_temp.dice(i, 3, 1000) AS heat,
        pg_temp.dice(i, 4, 1000) AS roaming,
        (ARRAY[1, 1, 1, 1, 2, 2, 3, 3, 4, 5])[1 + pg_temp.dice(i, 5, 10)] AS home,
        1 + pg_temp.dice(i, 6, 4) AS second_step,
        1 + pg_temp.dice(i, 7, 3) AS third_step
    FROM generate_series(1, :customers) AS i
),

counted AS (
    SELECT
        chosen.*,
        CASE
            WHEN volume < 60 THEN 0
            WHEN volume < 380 THEN 1
            WHEN volume < 640 THEN 2
            WHEN volume < 760 THEN 3
            WHEN volume < 850 THEN 4
            WHEN volume < 895 THEN 5
            WHEN volume < 930 THEN 6
            WHEN volume < 955 THEN 8
            WHEN volume < 970 THEN 10
            WHEN volume < 980 THEN 12
            WHEN volume < 990 THEN 17
            ELSE 21 + 5500 / (heat + 8)
        END AS events
    FROM chosen
)

SELECT
    i,
    i + (i - 1) / 50 AS id,
    home,
    1 + (home - 1 + second_step) % 5 AS second_shop,
    1 + (home + (second_step + third_step - 1) % 4) % 5 AS third_shop,
    CASE
        WHEN events < 2 OR roaming >= 700 THEN 1
        WHEN events < 3 OR roaming >= 240 THEN 2
        ELSE 3
    END AS shops,
    events,
    CASE WHEN reach <> 1 THEN 'c' || i || '@example.test' END AS email,
    CASE
        WHEN i % 200 = 100 THEN '+1' || (6020000000 + i - 1)
        WHEN reach <> 0 THEN '+1' || (6020000000 + i)
    END AS phone,
    CASE WHEN pg_temp.dice(i, 8, 33) > 0 THEN 'Customer ' || i END AS name,
    CASE WHEN pg_temp.dice(i, 9, 50) = 0 THEN 1 + pg_temp.dice(i, 10, 3) ELSE 0 END AS no_shows,
    -- Minutes from the beginning to the first event, and between two; all within 360 days.
    (i - 1)::bigint * 432000 / :customers AS joined,
    least(
        20160 + pg_temp.dice(i, 11, 80640),
        (518400 - (i - 1)::bigint * 432000 / :customers) / greatest(events, 1)
    ) AS pace
FROM counted;

-- What they did, in this order: a row for each time that somebody booked.
CREATE TEMP TABLE sample_event ON COMMIT DROP AS
WITH rolled AS (
    SELECT
        person.i,
        person.id,
        j,
        person.i::bigint * 10000 + j AS key,
        person.joined + (j - 1) * person.pace
        + pg_temp.dice(person.i::bigint * 10000 + j, 20, person.pace) AS moment,
        pg_temp.dice(person.i::bigint * 10000 + j, 21, 1000) AS fate,
        pg_temp.dice(person.i::bigint * 10000 + j, 22, 10) AS taste,
        -- Each of the customer's shops once, then most often the first.
        CASE
            WHEN person.shops = 1 THEN person.home
            ELSE
                (ARRAY[person.home, person.second_shop, person.third_shop])[
                    1 + CASE
                        WHEN j <= person.shops
                            THEN (j - 1 + pg_temp.dice(person.i, 23, person.shops)) % person.shops
                        WHEN pg_temp.dice(person.i::bigint * 10000 + j, 24, 10) < 6 THEN 0
                        ELSE pg_temp.dice(person.i::bigint * 10000 + j, 25, person.shops)
                    END
                ]
        END AS shop_id,
        person.name,
        person.email,
        CASE
            WHEN person.email IS NULL
                OR pg_temp.dice(person.i::bigint * 10000 + j, 26, 20) > 0
                THEN person.phone
        END AS phone
    FROM sample_person AS person
    CROSS JOIN LATERAL generate_series(1, person.events) AS j
),

placed AS (
    SELECT
        rolled.*,
        CASE
            WHEN fate < 10 THEN 'lost'
            WHEN fate < 40 THEN 'cancelled'
            WHEN fate < 70 THEN 'public'
            WHEN fate < 77 THEN 'hold'
            WHEN fate < 84 THEN 'expired'
            ELSE 'counted'
        END AS kind,
        (shop_id - 1) * 5 + 1 + pg_temp.dice(key, 27, 5) AS service_id,
        -- Six times in ten the customer's favourite of that shop.
        (shop_id - 1) * :staff + 1 + CASE
            WHEN taste < 6 THEN pg_temp.dice(i * 10::bigint + shop_id, 28, :staff)
            ELSE pg_temp.dice(key, 29, :staff)
        END AS stylist_id
    FROM rolled
)

SELECT
    placed.i,
    placed.id::integer AS customer_id,
    placed.j,
    placed.key,
    placed.moment,
    placed.kind,
    placed.shop_id,
    placed.service_id::integer AS service_id,
    placed.stylist_id::integer AS stylist_id,
    placed.name,
    placed.email,
    placed.phone,
    CASE WHEN pg_temp.dice(placed.key, 30, 100) < 8 THEN 'style ' || placed.key END AS style,
    row_number() OVER (
        PARTITION BY placed.stylist_id
        ORDER BY placed.moment, placed.key
    ) - 1 AS turn
FROM placed;

-- The n-th event of a stylist takes slot n * odd modulo a power of two: each slot once.
SELECT 1 << length(ltrim(coalesce(max(turn), 0)::bit(32)::text, '0')) AS slots
FROM sample_event
\gset

INSERT INTO public.bookings (
    id, shop_id, service_id, secondary_service_id, stylist_id, customer_name, customer_email,
    customer_phone, preferred_style_text, discount_cents, start_at_utc, end_at_utc, status,
    hold_expires_at_utc, appointment_status, appointment_status_updated_at_utc, created_at, updated_at
)
SELECT
    md5('booking ' || event.key)::uuid,
    event.shop_id,
    event.service_id,
    CASE
        WHEN pg_temp.dice(event.key, 31, 50) = 0
            THEN (event.shop_id - 1) * 5 + 1 + event.service_id % 5
    END,
    event.stylist_id,
    event.name,
    event.email,
    event.phone,
    event.style,
    CASE WHEN pg_temp.dice(event.key, 32, 30) = 0 THEN 500 ELSE 0 END,
    slot.start_at,
    slot.start_at + service.duration_minutes * interval '1 minute',
    CASE event.kind
        WHEN 'hold' THEN 'HOLD'
        WHEN 'expired' THEN 'EXPIRED'
        ELSE 'CONFIRMED'
    END::public.bookingstatus,
    slot.taken_at + interval '5 minutes',
    slot.appointment_status,
    CASE
        WHEN slot.appointment_status <> 'SCHEDULED'
            THEN slot.start_at + service.duration_minutes * interval '1 minute'
    END,
    slot.taken_at,
    slot.taken_at
FROM sample_event AS event
INNER JOIN public.services AS service ON event.service_id = service.id
CROSS JOIN LATERAL (
    SELECT
        '2027-01-01 00:00+00'::timestamptz
        + (event.turn * 2654435761 % :slots) * interval '90 minutes' AS start_at,
        '2026-01-01 00:00+00'::timestamptz + event.moment * interval '1 minute' AS taken_at,
        CASE
            WHEN event.kind IN ('hold', 'expired') THEN 'SCHEDULED'
            WHEN pg_temp.dice(event.key, 33, 100) < 5 THEN 'NO_SHOW'
            WHEN pg_temp.dice(event.key, 33, 100) < 47 THEN 'COMPLETED'
            ELSE 'SCHEDULED'
        END::public.appointmentstatus AS appointment_status
) AS slot
WHERE event.kind <> 'cancelled'
ORDER BY event.moment, event.key;

-- The statistics as the last counted event wrote them.
INSERT INTO public.customer_booking_stats (
    customer_id, total_bookings, total_spend_cents, last_booking_at, created_at, updated_at
)
SELECT
    event.customer_id,
    count(*),
    sum(service.price_cents),
    '2027-01-01 00:00+00'::timestamptz
    + ((array_agg(event.turn ORDER BY event.j DESC))[1] * 2654435761 % :slots)
    * interval '90 minutes',
    '2026-01-01 00:00+00'::timestamptz + min(event.moment) * interval '1 minute',
    '2026-01-01 00:00+00'::timestamptz + max(event.moment) * interval '1 minute'
FROM sample_event AS event
INNER JOIN public.services AS service ON event.service_id = service.id
WHERE event.kind IN ('counted', 'cancelled')
GROUP BY event.customer_id
ORDER BY event.customer_id;

INSERT INTO public.customer_stylist_preferences (
    id, customer_id, stylist_id, booking_count, created_at, updated_at
)
SELECT
    row_number() OVER (ORDER BY min(event.moment), event.customer_id, event.stylist_id),
    event.customer_id,
    event.stylist_id,
    count(*),
    '2026-01-01 00:00+00'::timestamptz + min(event.moment) * interval '1 minute',
    '2026-01-01 00:00+00'::timestamptz + max(event.moment) * interval '1 minute'
FROM sample_event AS event
WHERE event.kind IN ('counted', 'cancelled', 'lost')
GROUP BY event.customer_id, event.stylist_id
ORDER BY 1;

INSERT INTO public.customer_service_preferences (
    id, customer_id, service_id, preferred_style_text, updated_at_utc
)
SELECT
    row_number() OVER (ORDER BY asked.moment, asked.key),
    asked.customer_id,
    asked.service_id,
    asked.style,
    '2026-01-01 00:00+00'::timestamptz + asked.moment * interval '1 minute'
FROM (
    SELECT DISTINCT ON (event.customer_id, event.service_id) event.*
    FROM sample_event AS event
    WHERE event.style IS NOT NULL
        AND event.kind IN ('counted', 'cancelled', 'lost')
    ORDER BY event.customer_id, event.service_id, event.j DESC
) AS asked
ORDER BY 1;

INSERT INTO public.customers (
    id, email, phone, name, preferred_stylist_id, average_spend_cents, no_show_count, created_at,
    updated_at
)
SELECT
    person.id,
    person.email,
    person.phone,
    person.name,
    favourite.stylist_id,
    coalesce(stats.total_spend_cents / nullif(stats.total_bookings, 0), 0),
    person.no_shows,
    '2026-01-01 00:00+00'::timestamptz + person.joined * interval '1 minute',
    coalesce(
        stats.updated_at,
        '2026-01-01 00:00+00'::timestamptz + person.joined * interval '1 minute'
    )
FROM sample_person AS person
LEFT JOIN public.customer_booking_stats AS stats ON person.id = stats.customer_id
LEFT JOIN (
    SELECT DISTINCT ON (preference.customer_id)
        preference.customer_id,
        preference.stylist_id
    FROM public.customer_stylist_preferences AS preference
    ORDER BY preference.customer_id, preference.booking_count DESC, preference.stylist_id
) AS favourite ON person.id = favourite.customer_id
ORDER BY person.id;

SELECT sample_definition.make
FROM sample_definition
ORDER BY sample_definition.step, sample_definition.name
\gexec

SELECT
    setval('public.shops_id_seq', (SELECT max(id) FROM public.shops)),
    setval('public.stylists_id_seq', (SELECT max(id) FROM public.stylists)),
    setval('public.services_id_seq', (SELECT max(id) FROM public.services)),
    setval('public.customers_id_seq', (SELECT max(id) FROM public.customers)),
    setval(
        'public.customer_stylist_preferences_id_seq',
        greatest(1, (SELECT max(id) FROM public.customer_stylist_preferences)),
        EXISTS (SELECT FROM public.customer_stylist_preferences)
    ),
    setval(
        'public.customer_service_preferences_id_seq',
        greatest(1, (SELECT max(id) FROM public.customer_service_preferences)),
        EXISTS (SELECT FROM public.customer_service_preferences)
    )
\g /dev/null

DROP FUNCTION pg_temp.dice(bigint, bigint, bigint);

COMMIT;
