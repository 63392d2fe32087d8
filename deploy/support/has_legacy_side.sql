-- Deploy convo_tenancy:support/has_legacy_side to pg

\set ON_ERROR_STOP on
\set change support/has_legacy_side
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.has_legacy_side()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN TRUE;

COMMENT ON FUNCTION tenancy.has_legacy_side() IS
'Whether customer_booking_stats and the columns of customers that move are there, mirrored: the contract (phase 3) makes it false, '
'its revert true, in the transaction that switches. Asked after the first lock, it is right until the transaction ends, so a call '
'that waited for the switch goes on as it is meant to. Example: SELECT tenancy.has_legacy_side()';

GRANT EXECUTE ON FUNCTION tenancy.has_legacy_side() TO pg_read_all_data; -- which suffices for the health check

COMMIT;
