-- Revert convo_tenancy:migrate/customer_identity from pg

BEGIN;

CALL tenancy.begin_change();

DROP FUNCTION IF EXISTS tenancy.get_or_create_customer(text, text, text);
DROP FUNCTION IF EXISTS tenancy.customer_by_email(text);
DROP FUNCTION IF EXISTS tenancy.customer_by_phone(text);
DROP FUNCTION IF EXISTS tenancy.normalized_phone(text);
DROP FUNCTION IF EXISTS tenancy.normalized_email(text);

COMMIT;
