-- Verify convo_tenancy:migrate/record on pg

BEGIN;

SELECT
    'tenancy.check_shop(integer)'::regprocedure,
    'tenancy.check_stylist(integer, integer)'::regprocedure,
    'tenancy.record_booking(integer, integer, integer, integer, timestamptz)'::regprocedure,
    'tenancy.record_no_show(integer, integer)'::regprocedure,
    'tenancy.set_preferred_stylist(integer, integer, integer)'::regprocedure;

ROLLBACK;
