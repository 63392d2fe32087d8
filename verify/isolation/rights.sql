-- Verify convo_tenancy:isolation/rights on pg

\set ON_ERROR_STOP on
\set change isolation/rights
\ir ../support/begin.sql

SELECT 1 / (
    has_schema_privilege('convo_shop', 'tenancy', 'USAGE')
    AND NOT has_any_column_privilege('convo_shop', 'public.customer_shop_profiles', 'INSERT, UPDATE')
    AND NOT has_any_column_privilege('convo_back_office', 'public.customer_shop_profiles', 'INSERT, UPDATE')
    AND has_function_privilege('convo_shop', 'tenancy.customer_context(integer, integer)', 'EXECUTE')
    AND has_table_privilege('convo_back_office', 'tenancy.customer_totals', 'SELECT')
    AND has_table_privilege('convo_health', 'tenancy.settings', 'SELECT')
)::integer;

SELECT tenancy.has_legacy_side() AS has_legacy_side \gset
\if :has_legacy_side
SELECT 1 / has_table_privilege('convo_health', 'tenancy.drift', 'SELECT')::integer;
\endif

ROLLBACK;
