-- Verify convo_tenancy:profiles/drift on pg

\set ON_ERROR_STOP on
\set change profiles/drift
\ir ../support/begin.sql

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
