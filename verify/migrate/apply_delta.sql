-- Verify convo_tenancy:migrate/apply_delta on pg

BEGIN;

SELECT 'tenancy.apply_delta(public.customer_shop_profiles, public.customer_shop_profiles)'::regprocedure;

ROLLBACK;
