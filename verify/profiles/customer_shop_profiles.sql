-- Verify convo_tenancy:profiles/customer_shop_profiles on pg

\set ON_ERROR_STOP on
\set change profiles/customer_shop_profiles
\ir ../support/begin.sql

SELECT
    p.id,
    p.customer_id,
    p.shop_id,
    p.preferred_stylist_id,
    p.total_bookings,
    p.total_spend_cents,
    p.last_booking_at,
    p.no_show_count,
    p.created_at,
    p.updated_at
FROM public.customer_shop_profiles AS p
WHERE FALSE;

-- Division by zero is how a query fails a verify script: both keys and both indexes, all valid.
SELECT 1 / (count(*) = 4)::integer
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = 'public.customer_shop_profiles'::regclass
    AND i.indisvalid
    AND i.indexrelid IN (
        'public.customer_shop_profiles_pkey'::regclass,
        'public.uq_customer_shop_profile'::regclass,
        'public.idx_customer_shop_profiles_shop'::regclass,
        'public.idx_customer_shop_profiles_customer'::regclass
    );

ROLLBACK;
