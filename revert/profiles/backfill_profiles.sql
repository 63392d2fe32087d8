-- Revert convo_tenancy:profiles/backfill_profiles from pg

-- The profiles stay: the revert of profiles/customer_shop_profiles puts aside what the legacy side cannot hold.

\set ON_ERROR_STOP on
\set change profiles/backfill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

COMMIT;
