-- Verify convo_tenancy:mirror/mirror_customers_to_profiles on pg

\set ON_ERROR_STOP on
\set change mirror/mirror_customers_to_profiles
\ir ../support/begin.sql

ROLLBACK;
