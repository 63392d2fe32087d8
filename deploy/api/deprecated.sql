-- Deploy convo_tenancy:api/deprecated to pg

\set ON_ERROR_STOP on
\set change api/deprecated
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE UPDATE EXCLUSIVE', 'public.customers', 'public.customer_booking_stats');

CREATE TABLE IF NOT EXISTS tenancy.earlier_comments (
    object_name text NOT NULL,
    comment text,
    CONSTRAINT earlier_comments_pkey PRIMARY KEY (object_name)
);

COMMENT ON TABLE tenancy.earlier_comments IS 'The comments that "deprecated" took the place of; a revert gives them back.';
COMMENT ON COLUMN tenancy.earlier_comments.object_name IS 'The table, or table and column.';
COMMENT ON COLUMN tenancy.earlier_comments.comment IS 'Its comment before; NULL when there was none.';

INSERT INTO tenancy.earlier_comments (object_name, comment)
SELECT
    'TABLE public.customer_booking_stats',
    obj_description('public.customer_booking_stats'::regclass, 'pg_class')
UNION ALL
SELECT
    format('COLUMN public.customers.%I', a.attname),
    col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'public.customers'::regclass
    AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
ON CONFLICT ON CONSTRAINT earlier_comments_pkey DO NOTHING;

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
