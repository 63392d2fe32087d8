-- Verify convo_tenancy:expand/drift on pg

BEGIN;

SELECT
    d.kind,
    d.customer_id,
    d.shop_id,
    d.legacy_value,
    d.profile_value
FROM tenancy.drift AS d
WHERE FALSE;

ROLLBACK;
