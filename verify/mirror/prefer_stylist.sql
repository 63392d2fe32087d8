-- Verify convo_tenancy:mirror/prefer_stylist on pg

\set ON_ERROR_STOP on
\set change mirror/prefer_stylist
\ir ../support/begin.sql

ROLLBACK;
