-- Verify convo_tenancy:migrate/follow_counts on pg

BEGIN;

SELECT
    'tenancy.more_booked(integer, integer, integer, integer)'::regprocedure,
    'tenancy.follow_counts(integer, integer, integer, integer, integer, integer)'::regprocedure;

ROLLBACK;
