-- Verify convo_tenancy:expand/drift on pg

BEGIN;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
SELECT
    d.kind,
    d.customer_id,
    d.shop_id,
    d.legacy_value,
    d.profile_value
FROM tenancy.drift AS d
WHERE FALSE;
\endif

ROLLBACK;
