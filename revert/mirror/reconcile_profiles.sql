-- Revert convo_tenancy:mirror/reconcile_profiles from pg

-- Nothing to take back: both sides agree, and stay as they are.

\set ON_ERROR_STOP on
\set change mirror/reconcile_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

COMMIT;
