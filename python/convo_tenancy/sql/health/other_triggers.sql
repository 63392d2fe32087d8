-- Triggers of others on mirrored tables that fire on a mirror's write, or before confirm_booking has done its work.
SELECT
    t.tgrelid::regclass::text AS table_name,
    quote_ident(t.tgname) AS name,
    t.tgfoid::regproc::text AS function_name
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal
    AND t.tgenabled <> 'D'
    AND p.pronamespace <> to_regnamespace('tenancy')
    AND (
        t.tgrelid IN (
            to_regclass('public.customers'),
            to_regclass('public.customer_booking_stats'),
            to_regclass('public.customer_shop_profiles'),
            to_regclass('public.customer_stylist_preferences')
        )
        OR (t.tgrelid = to_regclass('public.bookings') AND t.tgtype & 2 <> 0)
    )
ORDER BY
    1,
    2;
