-- Verify convo_tenancy:expand/split on pg

BEGIN;

SELECT 'tenancy.split(integer[], public.customer_booking_stats)'::regprocedure;

ROLLBACK;
