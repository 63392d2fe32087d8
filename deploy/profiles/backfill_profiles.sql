-- Deploy convo_tenancy:profiles/backfill_profiles to pg

-- Several transactions: the backfill commits each batch. Interrupted, it goes on where it was.

\set ON_ERROR_STOP on
\set change profiles/backfill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.keep_open(is_begun => FALSE);

COMMIT;

CALL tenancy.run_backfill();

\ir ../support/begin.sql

CALL tenancy.close_change('deploy');

COMMIT;
