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
'Whether the legacy side is in public. The contract makes it false, its revert true, each in the transaction that switches. Ask '
'after the first lock: from then on the answer holds until the transaction ends, even for a call that waited for the switch. '
'Example: SELECT tenancy.has_legacy_side()';

GRANT EXECUTE ON FUNCTION tenancy.has_legacy_side() TO pg_read_all_data; -- which suffices for the health check

COMMIT;
