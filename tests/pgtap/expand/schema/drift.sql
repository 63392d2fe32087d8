-- The view that says where the legacy side and the profiles disagree. It only looks.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(8);

SELECT has_view('tenancy', 'drift', 'tenancy.drift exists');
SELECT columns_are(
    'tenancy',
    'drift',
    ARRAY['kind', 'customer_id', 'shop_id', 'legacy_value', 'profile_value'],
    'it has these columns and no other'
);
SELECT col_type_is('tenancy', 'drift', 'kind', 'text', 'kind is text');
SELECT col_type_is('tenancy', 'drift', 'customer_id', 'integer', 'customer_id is integer');
SELECT col_type_is('tenancy', 'drift', 'shop_id', 'integer', 'shop_id is integer');
SELECT col_type_is('tenancy', 'drift', 'legacy_value', 'text', 'legacy_value is text');
SELECT col_type_is('tenancy', 'drift', 'profile_value', 'text', 'profile_value is text');
SELECT is(
    (SELECT c.reloptions FROM pg_catalog.pg_class AS c WHERE c.oid = 'tenancy.drift'::regclass),
    ARRAY['security_invoker=true'],
    'it runs with the rights of who reads it'
);

SELECT * FROM finish();

ROLLBACK;
