-- Deploy convo_tenancy:api/deprecated to pg

\set ON_ERROR_STOP on
\set change api/deprecated
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE UPDATE EXCLUSIVE', 'public.customers', 'public.customer_booking_stats');

CALL tenancy.record_definitions('api/deprecated', 'public.customer_booking_stats', NULL, '{table comment}');
CALL tenancy.record_definitions(
    'api/deprecated', 'public.customers', '{preferred_stylist_id,average_spend_cents,no_show_count}', '{comment}'
);

COMMENT ON TABLE public.customer_booking_stats IS
'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_booking(), read customer_shop_profiles, or '
'tenancy.customer_totals for all shops. Mirrored until then.';
COMMENT ON COLUMN public.customers.preferred_stylist_id IS
'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.set_preferred_stylist(), read '
'customer_shop_profiles.preferred_stylist_id.';
COMMENT ON COLUMN public.customers.average_spend_cents IS
'DEPRECATED (ADR-0001), goes in phase 3. Instead: read tenancy.customer_context(), or tenancy.customer_totals for all shops.';
COMMENT ON COLUMN public.customers.no_show_count IS
'DEPRECATED (ADR-0001), goes in phase 3. Instead: write with tenancy.record_no_show(), read '
'customer_shop_profiles.no_show_count.';

COMMIT;
