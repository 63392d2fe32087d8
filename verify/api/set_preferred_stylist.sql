-- Verify convo_tenancy:api/set_preferred_stylist on pg

\set ON_ERROR_STOP on
\set change api/set_preferred_stylist
\ir ../support/begin.sql

ROLLBACK;
