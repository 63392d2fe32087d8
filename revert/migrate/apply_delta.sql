-- Revert convo_tenancy:migrate/apply_delta from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.apply_delta(public.customer_shop_profiles, public.customer_shop_profiles);

COMMIT;
