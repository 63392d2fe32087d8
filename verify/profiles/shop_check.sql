-- Verify convo_tenancy:profiles/shop_check on pg

\set ON_ERROR_STOP on
\set change profiles/shop_check
\ir ../support/begin.sql

SELECT
    c.customer_id,
    c.shop_id,
    c.total_bookings,
    c.confirmed_bookings,
    c.counted_bookings,
    c.class
FROM tenancy.shop_check AS c
WHERE FALSE;

ROLLBACK;
