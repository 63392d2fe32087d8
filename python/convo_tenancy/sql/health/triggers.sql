-- Every trigger, but those of constraints, on the tables that have triggers of ours.
SELECT
    t.tgrelid::regclass::text AS table_name,
    quote_ident(t.tgname) AS name,
    p.oid::regproc::text AS function_name,
    p.pronamespace = to_regnamespace('tenancy') AS is_ours,
    -- A mirror's write fires it, or it may write before confirm_booking does its work.
    CASE t.tgrelid
        WHEN to_regclass('public.stylists') THEN FALSE
        WHEN to_regclass('public.bookings') THEN t.tgtype & 2 <> 0
        ELSE TRUE
    END AS is_beside_mirrors,
    t.tgenabled::text AS enabled,
    pg_get_triggerdef(t.oid) AS definition
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal
    AND t.tgrelid IN (
        to_regclass('public.bookings'),
        to_regclass('public.customers'),
        to_regclass('public.customer_booking_stats'),
        to_regclass('public.customer_shop_profiles'),
        to_regclass('public.customer_stylist_preferences'),
        to_regclass('public.stylists')
    )
ORDER BY
    1,
    2;
