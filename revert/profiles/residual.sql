-- Revert convo_tenancy:profiles/residual from pg

\set ON_ERROR_STOP on
\set change profiles/residual
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.share(bigint, bigint, bigint, bigint);
DROP FUNCTION IF EXISTS tenancy.residual_cut(bigint, bigint, bigint);
DROP FUNCTION IF EXISTS tenancy.residual(bigint, bigint);

COMMIT;
