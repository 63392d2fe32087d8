-- Verify convo_tenancy:profiles/residual on pg

\set ON_ERROR_STOP on
\set change profiles/residual
\ir ../support/begin.sql

SELECT 1 / (tenancy.residual(10, 7) = 3 AND tenancy.residual_cut(3, 5, 6) = 1 AND tenancy.share(100, 2, 3, 3) = 67)::integer;

ROLLBACK;
