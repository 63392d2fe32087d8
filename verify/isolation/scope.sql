-- Verify convo_tenancy:isolation/scope on pg

\set ON_ERROR_STOP on
\set change isolation/scope
\ir ../support/begin.sql

SELECT 1 / (count(*) = 1)::integer FROM tenancy.isolation;

ROLLBACK;
