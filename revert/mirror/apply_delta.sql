-- Revert convo_tenancy:mirror/apply_delta from pg

\set ON_ERROR_STOP on
\set change mirror/apply_delta
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.apply_delta(public.customer_shop_profiles, public.customer_shop_profiles);
DROP FUNCTION IF EXISTS tenancy.added(integer, integer);

COMMIT;
