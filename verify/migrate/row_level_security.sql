-- Verify convo_tenancy:migrate/row_level_security on pg

BEGIN;

SELECT 1 / (count(*) = 14)::integer
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
WHERE c.relnamespace = 'public'::regnamespace
    AND c.relname IN (
        'stylists',
        'services',
        'bookings',
        'customers',
        'customer_shop_profiles',
        'customer_stylist_preferences',
        'customer_service_preferences'
    )
    AND c.relrowsecurity
    AND NOT c.relforcerowsecurity
    AND (p.polname, p.polpermissive) IN (('as_before', TRUE), ('of_the_shop', FALSE));

ROLLBACK;
