-- Revert convo_tenancy:migrate/follow_counts from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.follow_counts(integer, integer, integer, integer, integer, integer);
DROP FUNCTION IF EXISTS tenancy.more_booked(integer, integer, integer, integer);

COMMIT;
