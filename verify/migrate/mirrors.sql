-- Verify convo_tenancy:migrate/mirrors on pg

BEGIN;

SELECT
    'tenancy.attach_mirrors()'::regprocedure,
    'tenancy.detach_mirrors()'::regprocedure;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
SELECT 1 / (count(*) = 11)::integer
FROM (
    VALUES
    ('bookings', 'confirm_booking'),
    ('bookings', 'confirm_new_booking'),
    ('customers', 'mirror_customer_to_profiles'),
    ('customers', 'mirror_new_customer_to_profiles'),
    ('customers', 'refuse_truncate'),
    ('customer_booking_stats', 'mirror_statistics_to_profiles'),
    ('customer_booking_stats', 'refuse_truncate'),
    ('customer_shop_profiles', 'mirror_profile_to_legacy'),
    ('customer_shop_profiles', 'refuse_truncate'),
    ('customer_stylist_preferences', 'mirror_stylist_preference_to_profile'),
    ('customer_stylist_preferences', 'refuse_truncate')
) AS wanted (table_name, trigger_name)
JOIN pg_catalog.pg_trigger AS t
    ON t.tgrelid = to_regclass('public.' || wanted.table_name)
    AND t.tgname = wanted.trigger_name
WHERE t.tgenabled IN ('O', 'A');
\endif

ROLLBACK;
