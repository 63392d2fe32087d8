-- Verify convo_tenancy:contract/switch on pg

\set ON_ERROR_STOP on
\set change contract/switch
\ir ../support/begin.sql

SELECT 1 / (NOT tenancy.has_legacy_side() AND to_regclass('tenancy.drift') IS NULL)::integer;

SELECT 1 / (count(*) = 0)::integer
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'public.customers'::regclass
    AND a.attname IN ('preferred_stylist_id', 'average_spend_cents', 'no_show_count')
    AND NOT a.attisdropped;

SELECT 1 / (count(*) = 0)::integer
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE p.pronamespace = 'tenancy'::regnamespace
    AND t.tgname ~ '^(confirm|mirror|refuse)_'; -- what tenancy.attach_mirrors() makes

ROLLBACK;
