-- Verify convo_tenancy:migrate/customer_identity on pg

BEGIN;

SELECT
    'tenancy.normalized_email(text)'::regprocedure,
    'tenancy.normalized_phone(text)'::regprocedure,
    'tenancy.customer_by_phone(text)'::regprocedure,
    'tenancy.customer_by_email(text)'::regprocedure,
    'tenancy.get_or_create_customer(text, text, text)'::regprocedure;

ROLLBACK;
