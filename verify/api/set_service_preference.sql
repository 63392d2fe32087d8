-- Verify convo_tenancy:api/set_service_preference on pg

\set ON_ERROR_STOP on
\set change api/set_service_preference
\ir ../support/begin.sql

ROLLBACK;
