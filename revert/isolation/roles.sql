-- Revert convo_tenancy:isolation/roles from pg

-- The roles stay: another database of the cluster may use them. In this one they have no rights any more.

\set ON_ERROR_STOP on
\set change isolation/roles
\ir ../support/begin.sql
\if :is_done \quit \endif

COMMIT;
