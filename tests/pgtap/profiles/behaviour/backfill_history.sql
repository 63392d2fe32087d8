-- The backfill on a history made by hand: for each kind of customer, every profile exactly.
--
-- What happened to a customer and the profiles that must come of it stand side by side; the assertions are at the end.
-- Shop 1 is the default shop. Amounts are in cents: a cut costs 3000 there, 4000 in shop 901, 5000 in 902, 6000 in 903.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(62);

SELECT is((SELECT s.default_shop_id FROM tenancy.settings AS s), 1, 'shop 1 is the default shop: what follows relies on it');
SELECT is_empty('SELECT id FROM public.customers', 'there is no other customer: what follows relies on it');

INSERT INTO public.shops (id, name)
VALUES
(901, 'North'),
(902, 'South'),
(903, 'West');

INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
SELECT
    s.id,
    s.shop_id,
    'Stylist ' || s.id,
    '09:00',
    '17:00',
    TRUE
FROM (
    VALUES
    (1001, 1),
    (1002, 1),
    (9011, 901),
    (9012, 901),
    (9021, 902),
    (9022, 902),
    (9031, 903)
) AS s (id, shop_id);

INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents)
VALUES
(10, 1, 'Cut', 30, 3000),
(9010, 901, 'Cut', 30, 4000),
(9019, 901, 'Colour', 90, 9000),
(9020, 902, 'Cut', 30, 5000),
(9028, 902, 'Trim', 15, 4000),
(9029, 902, 'Colour', 90, 10000),
(9030, 903, 'Cut', 30, 6000);

-- What a booking takes for granted unless told. number also keeps two of one stylist from having one time range, and orders
-- created_at; id is drawn from it, so that a higher number is a higher id.
CREATE TEMPORARY TABLE booked (
    number integer GENERATED ALWAYS AS IDENTITY,
    service_id integer,
    start_at timestamptz,
    phone text,
    email text,
    status public.bookingstatus DEFAULT 'CONFIRMED',
    appointment_status public.appointmentstatus DEFAULT 'COMPLETED',
    created_at timestamptz,
    secondary_service_id integer,
    discount_cents integer DEFAULT 0,
    stylist_id integer
) ON COMMIT DROP;

-- The profiles that must come of it
CREATE TEMPORARY TABLE expected (
    customer_id integer,
    shop_id integer,
    preferred_stylist_id integer,
    total_bookings integer,
    total_spend_cents integer,
    last_booking_at timestamptz,
    no_show_count integer
) ON COMMIT DROP;

CREATE TEMPORARY TABLE kind (
    customer_id integer,
    kind text
) ON COMMIT DROP;

-- All customers first: a booking can name any of them. Those with kinds of identity have their own phones and emails below;
-- the others have a phone that ends in their id.
INSERT INTO public.customers (id, phone, email, preferred_stylist_id, no_show_count, average_spend_cents)
SELECT
    c.id,
    c.phone,
    c.email,
    c.preferred_stylist_id,
    c.no_show_count,
    0
FROM (
    VALUES
    -- Where the bookings are
    (9001, '+15550009001', 'c9001@example.com', 1001, 2),
    (9002, '+15550009002', NULL, NULL, 0),
    (9003, '+15550009003', NULL, NULL, 0),
    (9004, '+15550009004', NULL, NULL, 0),
    (9005, '+15550009005', NULL, NULL, 0),
    (9006, '+15550009006', NULL, NULL, 0),
    (9007, '+15550009007', NULL, NULL, 0),
    (9008, '+15550009008', NULL, NULL, 0),
    (9009, '+15550009009', NULL, NULL, 0),
    (9010, '+15550009010', NULL, NULL, 0),
    (9011, '+15550009011', NULL, NULL, 0),
    (9012, '+15550009012', NULL, NULL, 0),
    -- Which booking was the last
    (9020, '+15550009020', NULL, NULL, 0),
    (9021, '+15550009021', NULL, NULL, 0),
    (9022, '+15550009022', NULL, NULL, 0),
    (9023, '+15550009023', NULL, NULL, 0),
    (9024, '+15550009024', NULL, NULL, 1),
    (9025, '+15550009025', NULL, NULL, 0),
    (9026, '+15550009026', NULL, NULL, 0),
    (9027, '+15550009027', NULL, NULL, 0),
    (9028, '+15550009028', NULL, NULL, 0),
    -- Whose a booking is
    (9030, '+15550009030', NULL, NULL, 0),
    (9031, NULL, 'c9031@example.com', NULL, 0),
    (9032, '+15550009032', 'c9032@example.com', NULL, 0),
    (9033, '+15550009032', 'c9033@example.com', NULL, 0),
    (9034, '+15550009034', 'c9034@example.com', NULL, 0),
    (9035, '+15550009035', 'c9035@example.com', NULL, 0),
    (9036, '+15550009036', 'c9036@example.com', NULL, 0),
    -- What counts
    (9040, '+15550009040', NULL, NULL, 0),
    (9041, '+15550009041', NULL, NULL, 0),
    (9042, '+15550009042', NULL, NULL, 0),
    (9043, '+15550009043', NULL, NULL, 0),
    (9044, '+15550009044', NULL, NULL, 0),
    (9045, '+15550009045', NULL, NULL, 3),
    (9046, '+15550009046', NULL, NULL, 1),
    (9047, '+15550009047', NULL, NULL, 1),
    (9048, '+15550009048', NULL, NULL, 1),
    -- What the stylists counted
    (9070, '+15550009070', NULL, NULL, 0),
    (9071, '+15550009071', NULL, NULL, 0),
    (9072, '+15550009072', NULL, NULL, 0),
    -- Whom the customer prefers
    (9050, '+15550009050', NULL, 9021, 0),
    (9051, '+15550009051', NULL, NULL, 0),
    (9052, '+15550009052', NULL, 9012, 0),
    (9053, '+15550009053', NULL, 1001, 0),
    -- Who has profiles already
    (9060, '+15550009060', NULL, NULL, 0)
) AS c (id, phone, email, preferred_stylist_id, no_show_count);

-- Where the bookings are --------------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9001, 'all bookings in the default shop: the customer as the legacy side has it');
INSERT INTO public.customer_booking_stats VALUES (9001, 2, 6000, '2025-02-02 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-01 10:00+00', '+15550009001');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-02 10:00+00', '+15550009001');
INSERT INTO expected VALUES (9001, 1, 1001, 2, 6000, '2025-02-02 10:00+00', 2);

INSERT INTO kind VALUES (9002, 'all bookings in another shop: it has all, the default shop an empty profile');
INSERT INTO public.customer_booking_stats VALUES (9002, 2, 13000, '2025-02-04 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-03 10:00+00', '+15550009002');
INSERT INTO booked (service_id, start_at, phone) VALUES (9019, '2025-02-04 10:00+00', '+15550009002');
INSERT INTO expected VALUES (9002, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9002, 901, NULL, 2, 13000, '2025-02-04 10:00+00', 0);

INSERT INTO kind VALUES (9003, 'bookings in two shops, the last one elsewhere: the default shop has its own newest');
INSERT INTO public.customer_booking_stats VALUES (9003, 3, 10000, '2025-02-07 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-05 10:00+00', '+15550009003');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-06 10:00+00', '+15550009003');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-07 10:00+00', '+15550009003');
INSERT INTO expected VALUES (9003, 1, NULL, 2, 6000, '2025-02-06 10:00+00', 0);
INSERT INTO expected VALUES (9003, 901, NULL, 1, 4000, '2025-02-07 10:00+00', 0);

INSERT INTO kind VALUES (9004, 'bookings in four shops: each has its own, the shop of the last one the rest');
INSERT INTO public.customer_booking_stats VALUES (9004, 6, 30000, '2025-02-11 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-08 10:00+00', '+15550009004');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-09 10:00+00', '+15550009004');
INSERT INTO booked (service_id, start_at, phone) VALUES (9019, '2025-02-10 10:00+00', '+15550009004');
INSERT INTO booked (service_id, start_at, phone) VALUES (9020, '2025-02-11 10:00+00', '+15550009004');
INSERT INTO booked (service_id, start_at, phone) VALUES (9030, '2025-02-12 10:00+00', '+15550009004');
INSERT INTO expected VALUES (9004, 1, NULL, 1, 3000, '2025-02-08 10:00+00', 0);
INSERT INTO expected VALUES (9004, 901, NULL, 2, 13000, '2025-02-10 10:00+00', 0);
INSERT INTO expected VALUES (9004, 902, NULL, 2, 8000, '2025-02-11 10:00+00', 0);
INSERT INTO expected VALUES (9004, 903, NULL, 1, 6000, '2025-02-12 10:00+00', 0);

-- The last one, in 903, and the oldest one, in 901. What their prices leave of the spend goes with the last one.
INSERT INTO kind VALUES (9005, 'more bookings than the statistics know: the last one first, then the oldest');
INSERT INTO public.customer_booking_stats VALUES (9005, 2, 15000, '2025-02-18 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-13 10:00+00', '+15550009005');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-14 10:00+00', '+15550009005');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-15 10:00+00', '+15550009005');
INSERT INTO booked (service_id, start_at, phone) VALUES (9029, '2025-02-16 10:00+00', '+15550009005');
INSERT INTO booked (service_id, start_at, phone) VALUES (9029, '2025-02-17 10:00+00', '+15550009005');
INSERT INTO booked (service_id, start_at, phone) VALUES (9030, '2025-02-18 10:00+00', '+15550009005');
INSERT INTO expected VALUES (9005, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9005, 901, NULL, 1, 4000, '2025-02-15 10:00+00', 0);
INSERT INTO expected VALUES (9005, 902, NULL, 0, 0, '2025-02-17 10:00+00', 0);
INSERT INTO expected VALUES (9005, 903, NULL, 1, 11000, '2025-02-18 10:00+00', 0);

INSERT INTO kind VALUES (9006, 'more bookings than the statistics know: the last one goes before the oldest');
INSERT INTO public.customer_booking_stats VALUES (9006, 1, 4000, '2025-02-20 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9028, '2025-02-19 10:00+00', '+15550009006');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-20 10:00+00', '+15550009006');
INSERT INTO expected VALUES (9006, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9006, 901, NULL, 1, 4000, '2025-02-20 10:00+00', 0);
INSERT INTO expected VALUES (9006, 902, NULL, 0, 0, '2025-02-19 10:00+00', 0);

INSERT INTO kind VALUES (9007, 'no statistics row: bookings elsewhere make profiles, and count nothing');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-21 10:00+00', '+15550009007');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-22 10:00+00', '+15550009007');
INSERT INTO expected VALUES (9007, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9007, 901, NULL, 0, 0, '2025-02-22 10:00+00', 0);

INSERT INTO kind VALUES (9008, 'no statistics row and no bookings: an empty profile in the default shop');
INSERT INTO expected VALUES (9008, 1, NULL, 0, 0, NULL, 0);

INSERT INTO kind VALUES (9009, 'statistics and no bookings: all in the default shop');
INSERT INTO public.customer_booking_stats VALUES (9009, 4, 12345, '2024-06-01 10:00+00');
INSERT INTO expected VALUES (9009, 1, NULL, 4, 12345, '2024-06-01 10:00+00', 0);

INSERT INTO kind VALUES (9010, 'an all-zero statistics row: an empty profile in the default shop');
INSERT INTO public.customer_booking_stats VALUES (9010, 0, 0, NULL);
INSERT INTO expected VALUES (9010, 1, NULL, 0, 0, NULL, 0);

INSERT INTO kind VALUES (9011, 'a public confirm that the statistics do not know: the booking that they name goes before it');
INSERT INTO public.customer_booking_stats VALUES (9011, 1, 3000, '2025-02-23 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-23 10:00+00', '+15550009011');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-02-24 10:00+00', '+15550009011');
INSERT INTO expected VALUES (9011, 1, NULL, 1, 3000, '2025-02-23 10:00+00', 0);
INSERT INTO expected VALUES (9011, 901, NULL, 0, 0, '2025-02-24 10:00+00', 0);

INSERT INTO kind VALUES (9012, 'a booking lost from the statistics, in the default shop: the totals are the statistics''');
INSERT INTO public.customer_booking_stats VALUES (9012, 1, 3000, '2025-02-26 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-25 10:00+00', '+15550009012');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-02-26 10:00+00', '+15550009012');
INSERT INTO expected VALUES (9012, 1, NULL, 1, 3000, '2025-02-26 10:00+00', 0);

-- Which booking was the last ----------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9020, 'the last booking went back in time: the shop that was written last has it, not the latest start');
INSERT INTO public.customer_booking_stats VALUES (9020, 2, 7000, '2025-03-10 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-03-20 10:00+00', '+15550009020');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-03-10 10:00+00', '+15550009020');
INSERT INTO expected VALUES (9020, 1, NULL, 1, 3000, '2025-03-10 10:00+00', 0);
INSERT INTO expected VALUES (9020, 901, NULL, 1, 4000, '2025-03-20 10:00+00', 0);

INSERT INTO kind VALUES (9021, 'another shop''s newest booking is the one made last, not the one that starts last');
INSERT INTO public.customer_booking_stats VALUES (9021, 3, 11000, '2025-03-01 10:00+00');
INSERT INTO booked (service_id, start_at, phone, created_at)
VALUES
(9010, '2025-03-25 10:00+00', '+15550009021', '2025-02-01 10:00+00'),
(9010, '2025-03-24 10:00+00', '+15550009021', '2025-02-02 10:00+00'),
(10, '2025-03-01 10:00+00', '+15550009021', '2025-02-03 10:00+00');
INSERT INTO expected VALUES (9021, 1, NULL, 1, 3000, '2025-03-01 10:00+00', 0);
INSERT INTO expected VALUES (9021, 901, NULL, 2, 8000, '2025-03-24 10:00+00', 0);

INSERT INTO kind VALUES (9022, 'the last booking is gone: the default shop has its time, even with bookings of its own');
INSERT INTO public.customer_booking_stats VALUES (9022, 3, 10000, '2025-03-30 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-03-01 10:00+00', '+15550009022');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-03-02 10:00+00', '+15550009022');
INSERT INTO expected VALUES (9022, 1, NULL, 2, 6000, '2025-03-30 10:00+00', 0);
INSERT INTO expected VALUES (9022, 901, NULL, 1, 4000, '2025-03-01 10:00+00', 0);

-- The expired one is the newer.
INSERT INTO kind VALUES (9023, 'a confirmed and an expired booking at the last time, in two shops: the confirmed one''s');
INSERT INTO public.customer_booking_stats VALUES (9023, 1, 4000, '2025-03-03 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-03-03 10:00+00', '+15550009023');
INSERT INTO booked (service_id, start_at, phone, status) VALUES (9020, '2025-03-03 10:00+00', '+15550009023', 'EXPIRED');
INSERT INTO expected VALUES (9023, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9023, 901, NULL, 1, 4000, '2025-03-03 10:00+00', 0);

INSERT INTO kind VALUES (9024, 'only an expired booking at the last time: its shop has the time, and what nothing else shows');
INSERT INTO public.customer_booking_stats VALUES (9024, 1, 3000, '2025-03-04 10:00+00');
INSERT INTO booked (service_id, start_at, phone, status, appointment_status)
VALUES (9020, '2025-03-04 10:00+00', '+15550009024', 'EXPIRED', 'NO_SHOW');
INSERT INTO expected VALUES (9024, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9024, 902, NULL, 1, 3000, '2025-03-04 10:00+00', 1);

INSERT INTO kind VALUES (9025, 'statistics without a last booking: none in the default shop, its own newest elsewhere');
INSERT INTO public.customer_booking_stats VALUES (9025, 2, 7000, NULL);
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-03-05 10:00+00', '+15550009025');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-03-06 10:00+00', '+15550009025');
INSERT INTO expected VALUES (9025, 1, NULL, 1, 3000, NULL, 0);
INSERT INTO expected VALUES (9025, 901, NULL, 1, 4000, '2025-03-06 10:00+00', 0);

INSERT INTO kind VALUES (9026, 'two confirmed bookings at the last time: the one made later says the shop');
INSERT INTO public.customer_booking_stats VALUES (9026, 3, 13000, '2025-03-07 10:00+00');
INSERT INTO booked (service_id, start_at, phone, created_at)
VALUES
(9020, '2025-03-07 10:00+00', '+15550009026', '2025-02-02 10:00+00'),
(9010, '2025-03-07 10:00+00', '+15550009026', '2025-02-01 10:00+00'),
(9010, '2025-03-08 10:00+00', '+15550009026', '2025-02-01 11:00+00');
INSERT INTO expected VALUES (9026, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9026, 901, NULL, 2, 8000, '2025-03-08 10:00+00', 0);
INSERT INTO expected VALUES (9026, 902, NULL, 1, 5000, '2025-03-07 10:00+00', 0);

INSERT INTO kind VALUES (9027, 'two confirmed bookings at the last time, made at once: the higher id says the shop');
INSERT INTO public.customer_booking_stats VALUES (9027, 3, 13000, '2025-03-09 10:00+00');
INSERT INTO booked (service_id, start_at, phone, created_at)
VALUES
(9010, '2025-03-09 10:00+00', '+15550009027', '2025-02-01 10:00+00'),
(9020, '2025-03-09 10:00+00', '+15550009027', '2025-02-01 10:00+00'),
(9010, '2025-03-11 10:00+00', '+15550009027', '2025-02-01 11:00+00');
INSERT INTO expected VALUES (9027, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9027, 901, NULL, 2, 8000, '2025-03-11 10:00+00', 0);
INSERT INTO expected VALUES (9027, 902, NULL, 1, 5000, '2025-03-09 10:00+00', 0);

INSERT INTO kind VALUES (9028, 'a hold made later in another shop is nobody''s newest booking');
INSERT INTO public.customer_booking_stats VALUES (9028, 2, 7000, '2025-03-12 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-03-12 10:00+00', '+15550009028');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-03-13 10:00+00', '+15550009028');
INSERT INTO booked (service_id, start_at, phone, status) VALUES (9010, '2025-03-14 10:00+00', '+15550009028', 'HOLD');
INSERT INTO expected VALUES (9028, 1, NULL, 1, 3000, '2025-03-12 10:00+00', 0);
INSERT INTO expected VALUES (9028, 901, NULL, 1, 4000, '2025-03-13 10:00+00', 0);

-- Whose a booking is ------------------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9030, 'a phone-only customer');
INSERT INTO public.customer_booking_stats VALUES (9030, 1, 4000, '2025-04-01 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-04-01 10:00+00', '+15550009030');
INSERT INTO expected VALUES (9030, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9030, 901, NULL, 1, 4000, '2025-04-01 10:00+00', 0);

INSERT INTO kind VALUES (9031, 'an email-only customer');
INSERT INTO public.customer_booking_stats VALUES (9031, 1, 5000, '2025-04-02 10:00+00');
INSERT INTO booked (service_id, start_at, email) VALUES (9020, '2025-04-02 10:00+00', 'c9031@example.com');
INSERT INTO expected VALUES (9031, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9031, 902, NULL, 1, 5000, '2025-04-02 10:00+00', 0);

INSERT INTO kind VALUES (9032, 'a phone that two customers share: the lowest id has the bookings, up to the totals');
INSERT INTO public.customer_booking_stats VALUES (9032, 1, 4000, '2025-04-03 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-04-03 10:00+00', '+15550009032');
INSERT INTO booked (service_id, start_at, phone, email)
VALUES (9010, '2025-04-04 10:00+00', '+15550009032', 'c9033@example.com');
INSERT INTO expected VALUES (9032, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9032, 901, NULL, 1, 4000, '2025-04-03 10:00+00', 0);

INSERT INTO kind VALUES (9033, 'a phone that two customers share: the other has all in the default shop');
INSERT INTO public.customer_booking_stats VALUES (9033, 1, 4000, '2025-04-04 10:00+00');
INSERT INTO expected VALUES (9033, 1, NULL, 1, 4000, '2025-04-04 10:00+00', 0);

INSERT INTO kind VALUES (9034, 'a booking with this customer''s phone and another''s email is this customer''s');
INSERT INTO public.customer_booking_stats VALUES (9034, 1, 5000, '2025-04-05 10:00+00');
INSERT INTO booked (service_id, start_at, phone, email)
VALUES (9020, '2025-04-05 10:00+00', '+15550009034', 'c9035@example.com');
INSERT INTO expected VALUES (9034, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9034, 902, NULL, 1, 5000, '2025-04-05 10:00+00', 0);

INSERT INTO kind VALUES (9035, 'a booking with another''s phone and this customer''s email is not this customer''s');
INSERT INTO public.customer_booking_stats VALUES (9035, 1, 3000, '2025-04-05 10:00+00');
INSERT INTO expected VALUES (9035, 1, NULL, 1, 3000, '2025-04-05 10:00+00', 0);

INSERT INTO kind VALUES (9036, 'a booking with a phone of nobody and this customer''s email is this customer''s');
INSERT INTO public.customer_booking_stats VALUES (9036, 1, 6000, '2025-04-06 10:00+00');
INSERT INTO booked (service_id, start_at, phone, email)
VALUES (9030, '2025-04-06 10:00+00', '+15550000000', 'c9036@example.com');
INSERT INTO expected VALUES (9036, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9036, 903, NULL, 1, 6000, '2025-04-06 10:00+00', 0);

-- What counts -------------------------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9040, 'holds and expired bookings elsewhere do not count');
INSERT INTO public.customer_booking_stats VALUES (9040, 3, 9000, '2025-05-01 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-05-01 10:00+00', '+15550009040');
INSERT INTO booked (service_id, start_at, phone, status) VALUES (9010, '2025-05-02 10:00+00', '+15550009040', 'HOLD');
INSERT INTO booked (service_id, start_at, phone, status) VALUES (9020, '2025-05-03 10:00+00', '+15550009040', 'EXPIRED');
INSERT INTO expected VALUES (9040, 1, NULL, 3, 9000, '2025-05-01 10:00+00', 0);

-- Two of three bookings are gone, 901's among them.
INSERT INTO kind VALUES (9041, 'cancelled bookings stay counted, and the default shop has them');
INSERT INTO public.customer_booking_stats VALUES (9041, 3, 11000, '2025-05-06 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-05-04 10:00+00', '+15550009041');
INSERT INTO expected VALUES (9041, 1, NULL, 2, 7000, '2025-05-06 10:00+00', 0);
INSERT INTO expected VALUES (9041, 901, NULL, 1, 4000, '2025-05-04 10:00+00', 0);

INSERT INTO kind VALUES (9042, 'spend is the list price, without the discount; what is left of it goes with what no booking shows');
INSERT INTO public.customer_booking_stats VALUES (9042, 2, 10000, '2025-05-07 10:00+00');
INSERT INTO booked (service_id, start_at, phone, discount_cents) VALUES (9010, '2025-05-07 10:00+00', '+15550009042', 1500);
INSERT INTO expected VALUES (9042, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9042, 901, NULL, 2, 10000, '2025-05-07 10:00+00', 0);

INSERT INTO kind VALUES (9043, 'spend is the primary service''s, without the secondary one');
INSERT INTO public.customer_booking_stats VALUES (9043, 2, 20000, NULL);
INSERT INTO booked (service_id, start_at, phone, secondary_service_id)
VALUES (9010, '2025-05-08 10:00+00', '+15550009043', 9019);
INSERT INTO expected VALUES (9043, 1, NULL, 1, 16000, NULL, 0);
INSERT INTO expected VALUES (9043, 901, NULL, 1, 4000, '2025-05-08 10:00+00', 0);

INSERT INTO kind VALUES (9044, 'more no-shows marked elsewhere than the customer''s number: up to that');
INSERT INTO public.customer_booking_stats VALUES (9044, 1, 4000, '2025-05-09 10:00+00');
INSERT INTO booked (service_id, start_at, phone, appointment_status)
VALUES (9010, '2025-05-09 10:00+00', '+15550009044', 'NO_SHOW');
INSERT INTO expected VALUES (9044, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9044, 901, NULL, 1, 4000, '2025-05-09 10:00+00', 0);

INSERT INTO kind VALUES (9045, 'fewer no-shows marked than the customer has: the shop of the last booking has the rest');
INSERT INTO public.customer_booking_stats VALUES (9045, 2, 7000, '2025-05-11 10:00+00');
INSERT INTO booked (service_id, start_at, phone, appointment_status)
VALUES
(9010, '2025-05-10 10:00+00', '+15550009045', 'NO_SHOW'),
(10, '2025-05-11 10:00+00', '+15550009045', 'NO_SHOW');
INSERT INTO expected VALUES (9045, 1, NULL, 1, 3000, '2025-05-11 10:00+00', 2);
INSERT INTO expected VALUES (9045, 901, NULL, 1, 4000, '2025-05-10 10:00+00', 1);

INSERT INTO kind VALUES (9046, 'more no-shows marked than the customer has: the newest marks');
INSERT INTO public.customer_booking_stats VALUES (9046, 5, 28000, '2025-05-16 10:00+00');
INSERT INTO booked (service_id, start_at, phone, appointment_status)
VALUES
(9010, '2025-05-12 10:00+00', '+15550009046', 'NO_SHOW'),
(9010, '2025-05-13 10:00+00', '+15550009046', 'NO_SHOW'),
(9030, '2025-05-14 10:00+00', '+15550009046', 'NO_SHOW'),
(9030, '2025-05-15 10:00+00', '+15550009046', 'COMPLETED'),
(9030, '2025-05-16 10:00+00', '+15550009046', 'COMPLETED');
INSERT INTO expected VALUES (9046, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9046, 901, NULL, 2, 8000, '2025-05-13 10:00+00', 0);
INSERT INTO expected VALUES (9046, 903, NULL, 3, 20000, '2025-05-16 10:00+00', 1);

INSERT INTO kind VALUES (9047, 'a mark is as old as its booking');
INSERT INTO public.customer_booking_stats VALUES (9047, 2, 9000, '2025-05-18 10:00+00');
INSERT INTO booked (service_id, start_at, phone, appointment_status)
VALUES
(9020, '2025-05-17 10:00+00', '+15550009047', 'NO_SHOW'),
(9010, '2025-05-18 10:00+00', '+15550009047', 'NO_SHOW');
INSERT INTO expected VALUES (9047, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9047, 901, NULL, 1, 4000, '2025-05-18 10:00+00', 1);
INSERT INTO expected VALUES (9047, 902, NULL, 1, 5000, '2025-05-17 10:00+00', 0);

INSERT INTO kind VALUES (9048, 'a no-show of a booking that was not confirmed does not count');
INSERT INTO public.customer_booking_stats VALUES (9048, 1, 4000, '2025-05-19 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-05-19 10:00+00', '+15550009048');
INSERT INTO booked (service_id, start_at, phone, status, appointment_status)
VALUES (9010, '2025-05-20 10:00+00', '+15550009048', 'EXPIRED', 'NO_SHOW');
INSERT INTO expected VALUES (9048, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9048, 901, NULL, 1, 4000, '2025-05-19 10:00+00', 1);

-- What the stylists counted -----------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9070, 'a cancelled booking that a stylist counted: its shop, with the spend that is left');
INSERT INTO public.customer_booking_stats VALUES (9070, 2, 7500, '2025-07-01 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-07-01 10:00+00', '+15550009070');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9070, 1001, 1),
(9070, 9011, 1);
INSERT INTO expected VALUES (9070, 1, 1001, 1, 3000, '2025-07-01 10:00+00', 0);
INSERT INTO expected VALUES (9070, 901, 9011, 1, 4500, NULL, 0);

INSERT INTO kind VALUES (9071, 'a public confirm beside it: what is counted goes before');
INSERT INTO public.customer_booking_stats VALUES (9071, 3, 12000, '2025-07-03 10:00+00');
INSERT INTO booked (service_id, start_at, phone)
VALUES
(9020, '2025-07-02 10:00+00', '+15550009071'),
(10, '2025-07-03 10:00+00', '+15550009071');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9071, 1001, 1),
(9071, 9011, 1),
(9071, 9031, 1);
INSERT INTO expected VALUES (9071, 1, 1001, 1, 3000, '2025-07-03 10:00+00', 0);
INSERT INTO expected VALUES (9071, 901, 9011, 1, 4500, NULL, 0);
INSERT INTO expected VALUES (9071, 902, NULL, 0, 0, '2025-07-02 10:00+00', 0);
INSERT INTO expected VALUES (9071, 903, 9031, 1, 4500, NULL, 0);

-- 9022 worked in 901 before, and has bookings there.
INSERT INTO kind VALUES (9072, 'a stylist who moved took the counts along: they say nothing');
INSERT INTO public.customer_booking_stats VALUES (9072, 1, 4000, '2025-07-09 10:00+00');
INSERT INTO booked (service_id, start_at, phone, stylist_id) VALUES (9010, '2025-07-04 10:00+00', '+15550009072', 9022);
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count) VALUES (9072, 9022, 1);
INSERT INTO expected VALUES (9072, 1, NULL, 0, 0, '2025-07-09 10:00+00', 0);
INSERT INTO expected VALUES (9072, 901, NULL, 1, 4000, '2025-07-04 10:00+00', 0);
INSERT INTO expected VALUES (9072, 902, 9022, 0, 0, NULL, 0);

-- Whom the customer prefers -----------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9050, 'a preferred stylist of a shop without bookings makes its profile');
INSERT INTO public.customer_booking_stats VALUES (9050, 1, 3000, '2025-06-01 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-06-01 10:00+00', '+15550009050');
INSERT INTO expected VALUES (9050, 1, NULL, 1, 3000, '2025-06-01 10:00+00', 0);
INSERT INTO expected VALUES (9050, 902, 9021, 0, 0, NULL, 0);

INSERT INTO kind VALUES (9051, 'each shop''s most booked stylist, the lowest id of two that are equal, with bookings there or not');
INSERT INTO public.customer_booking_stats VALUES (9051, 1, 4000, '2025-06-02 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-06-02 10:00+00', '+15550009051');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9051, 9012, 2),
(9051, 9011, 2),
(9051, 9021, 1),
(9051, 9022, 3),
(9051, 1002, 1);
INSERT INTO expected VALUES (9051, 1, 1002, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9051, 901, 9011, 1, 4000, '2025-06-02 10:00+00', 0);
INSERT INTO expected VALUES (9051, 902, 9022, 0, 0, NULL, 0);

INSERT INTO kind VALUES (9052, 'the customer''s choice before the most booked in its shop, and only there');
INSERT INTO public.customer_booking_stats VALUES (9052, 1, 4000, '2025-06-03 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-06-03 10:00+00', '+15550009052');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9052, 9011, 9),
(9052, 9012, 1),
(9052, 9021, 2);
INSERT INTO expected VALUES (9052, 1, NULL, 0, 0, NULL, 0);
INSERT INTO expected VALUES (9052, 901, 9012, 1, 4000, '2025-06-03 10:00+00', 0);
INSERT INTO expected VALUES (9052, 902, 9021, 0, 0, NULL, 0);

INSERT INTO kind VALUES (9053, 'the customer''s choice in the default shop before the most booked there');
INSERT INTO public.customer_booking_stats VALUES (9053, 1, 3000, '2025-06-04 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (10, '2025-06-04 10:00+00', '+15550009053');
INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
VALUES
(9053, 1001, 1),
(9053, 1002, 5);
INSERT INTO expected VALUES (9053, 1, 1001, 1, 3000, '2025-06-04 10:00+00', 0);

-- Who has profiles already ------------------------------------------------------------------------------------------------------

INSERT INTO kind VALUES (9060, 'a customer with a profile is passed over, whatever the bookings say');
INSERT INTO public.customer_booking_stats VALUES (9060, 7, 700, '2025-06-06 10:00+00');
INSERT INTO booked (service_id, start_at, phone) VALUES (9010, '2025-06-05 10:00+00', '+15550009060');
INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at)
VALUES (9060, 902, 7, 700, '2025-06-06 10:00+00');
INSERT INTO expected VALUES (9060, 902, NULL, 7, 700, '2025-06-06 10:00+00', 0);

----------------------------------------------------------------------------------------------------------------------------------

INSERT INTO public.bookings (
    id,
    shop_id,
    service_id,
    secondary_service_id,
    stylist_id,
    customer_phone,
    customer_email,
    discount_cents,
    start_at_utc,
    end_at_utc,
    status,
    appointment_status,
    created_at
)
SELECT
    lpad(b.number::text, 32, '0')::uuid,
    v.shop_id,
    v.id,
    b.secondary_service_id,
    coalesce(b.stylist_id, (SELECT min(s.id) FROM public.stylists AS s WHERE s.shop_id = v.shop_id)),
    b.phone,
    b.email,
    b.discount_cents,
    b.start_at,
    b.start_at + b.number * interval '1 minute',
    b.status,
    b.appointment_status,
    coalesce(b.created_at, '2025-01-01 00:00+00'::timestamptz + b.number * interval '1 minute')
FROM booked AS b
JOIN public.services AS v ON v.id = b.service_id
ORDER BY b.number;

SELECT is(
    (SELECT count(*) FROM kind AS k JOIN public.customers AS c ON c.id = k.customer_id),
    (SELECT count(*) FROM public.customers),
    'every customer here is of a kind'
);

-- In batches of seven, so that there are several and the last one is not full.
CREATE FUNCTION pg_temp.backfill(OUT steps integer, OUT customers integer, OUT profiles integer)
LANGUAGE plpgsql
AS $$
DECLARE
    step record;
BEGIN
    steps := 0;
    customers := 0;
    profiles := 0;
    PERFORM tenancy.prepare_backfill();
    LOOP
        SELECT s.* INTO STRICT step FROM tenancy.backfill_step(7) AS s;
        steps := steps + 1;
        customers := customers + step.customers;
        profiles := profiles + step.profiles;
        IF step.state NOT IN ('working', 'finished') OR steps > 100 THEN
            RAISE EXCEPTION 'the backfill does not get on: step % is %, %', steps, step.state, step.detail;
        END IF;
        EXIT WHEN step.state = 'finished';
    END LOOP;
END;
$$;

-- As at a first deployment
UPDATE tenancy.backfill_progress
SET
    sweeping = FALSE,
    customers_done = 0,
    profiles_written = 0,
    finished_at = NULL;
DELETE FROM tenancy.backfill_ranges;

CREATE TEMPORARY TABLE first_run ON COMMIT DROP AS
SELECT * FROM pg_temp.backfill();

SELECT results_eq(
    'SELECT steps, customers, profiles FROM first_run',
    $$
    VALUES (
        8, -- 44 customers in six batches of seven and one of two, and a sweep that finds nobody
        (SELECT count(*)::integer FROM public.customers) - 1,
        (SELECT count(*)::integer FROM expected) - 1
    )
    $$,
    'the steps say what they did, all but the customer who had a profile'
);
SELECT results_eq(
    $$
    SELECT
        sweeping,
        customers_done,
        profiles_written,
        finished_at IS NOT NULL
    FROM tenancy.backfill_progress
    $$,
    'SELECT TRUE, customers::bigint, profiles::bigint, TRUE FROM first_run',
    'and so does the progress'
);

-- A kind a line
SELECT
    results_eq(
        format(
            'SELECT shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count '
            'FROM public.customer_shop_profiles WHERE customer_id = %s ORDER BY shop_id',
            k.customer_id
        ),
        format(
            'SELECT shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count '
            'FROM expected WHERE customer_id = %s ORDER BY shop_id',
            k.customer_id
        ),
        k.kind
    )
FROM kind AS k
ORDER BY k.customer_id;

SELECT set_eq(
    $$
    SELECT customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at, no_show_count
    FROM public.customer_shop_profiles
    $$,
    'SELECT * FROM expected',
    'there is no other profile'
);

SELECT results_eq(
    $$
    SELECT
        p.customer_id,
        sum(p.total_bookings),
        sum(p.total_spend_cents),
        sum(p.no_show_count)
    FROM public.customer_shop_profiles AS p
    GROUP BY p.customer_id
    ORDER BY p.customer_id
    $$,
    $$
    SELECT
        c.id,
        coalesce(s.total_bookings, 0)::bigint,
        coalesce(s.total_spend_cents, 0)::bigint,
        c.no_show_count::bigint
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    ORDER BY c.id
    $$,
    'for every customer the sum over the profiles is what the legacy side has'
);

SELECT is_empty('SELECT * FROM tenancy.drift', 'the two sides agree');

SELECT is_empty(
    $$
    SELECT p.customer_id
    FROM public.customer_shop_profiles AS p
    WHERE p.updated_at <> p.created_at
    $$,
    'a profile as the backfill left it is known by updated_at = created_at'
);

-- The statement of ADR-0001, for those whom nothing leads to another shop.
SELECT results_eq(
    $$
    SELECT
        p.customer_id,
        p.shop_id,
        p.preferred_stylist_id,
        p.total_bookings,
        p.total_spend_cents,
        p.last_booking_at,
        p.no_show_count
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id IN (9001, 9008, 9009, 9010, 9012, 9033, 9035, 9040, 9053)
    ORDER BY p.customer_id, p.shop_id
    $$,
    $$
    SELECT
        c.id,
        1 AS shop_id,
        c.preferred_stylist_id,
        COALESCE(s.total_bookings, 0),
        COALESCE(s.total_spend_cents, 0),
        s.last_booking_at,
        c.no_show_count
    FROM customers c
    LEFT JOIN customer_booking_stats s ON s.customer_id = c.id
    WHERE c.id IN (9001, 9008, 9009, 9010, 9012, 9033, 9035, 9040, 9053)
    ORDER BY c.id
    $$,
    'where all bookings are in the default shop, or there are none, it is the statement of ADR-0001'
);

-- Again: nothing to do, and nothing done
CREATE TEMPORARY TABLE first_profiles ON COMMIT DROP AS
SELECT
    p.ctid AS place,
    p.*
FROM public.customer_shop_profiles AS p;

SELECT results_eq(
    'SELECT steps, customers, profiles FROM pg_temp.backfill()',
    'VALUES (1, 0, 0)',
    'a second run finds nobody in one step'
);
SELECT set_eq(
    'SELECT p.ctid AS place, p.* FROM public.customer_shop_profiles AS p',
    'SELECT * FROM first_profiles',
    'and writes no row'
);

-- Customers who came since, before and after those there were
INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
VALUES
(8999, '+15550008999', 0, 0),
(9099, '+15550009099', 0, 0);

SELECT results_eq(
    'SELECT customers, profiles FROM pg_temp.backfill()',
    'VALUES (2, 2)',
    'another run finds customers who came since'
);
SELECT results_eq(
    $$
    SELECT customer_id, shop_id, total_bookings
    FROM public.customer_shop_profiles
    WHERE customer_id IN (8999, 9099)
    ORDER BY customer_id
    $$,
    'VALUES (8999, 1, 0), (9099, 1, 0)',
    'and gives them profiles'
);

-- The default shop is a setting
UPDATE tenancy.settings SET default_shop_id = 902;
SELECT results_eq(
    'SELECT * FROM tenancy.split(ARRAY[9004]) ORDER BY shop_id',
    $$
    VALUES
        (9004, 1, NULL::integer, 1, 3000, '2025-02-08 10:00+00'::timestamptz, 0),
        (9004, 901, NULL, 2, 13000, '2025-02-10 10:00+00', 0),
        (9004, 902, NULL, 2, 8000, '2025-02-11 10:00+00', 0),
        (9004, 903, NULL, 1, 6000, '2025-02-12 10:00+00', 0)
    $$,
    'with another default shop, shop 1 has what its bookings show'
);
SELECT results_eq(
    'SELECT * FROM tenancy.split(ARRAY[9006]) ORDER BY shop_id',
    $$
    VALUES
        (9006, 901, NULL::integer, 1, 4000, '2025-02-20 10:00+00'::timestamptz, 0),
        (9006, 902, NULL, 0, 0, '2025-02-19 10:00+00', 0)
    $$,
    'and goes before nobody else'
);
SELECT is_empty('SELECT * FROM tenancy.split(ARRAY[-1])', 'an unknown customer has no profiles');

SELECT * FROM finish();

ROLLBACK;
