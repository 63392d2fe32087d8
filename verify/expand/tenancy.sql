-- Verify convo_tenancy:expand/tenancy on pg

BEGIN;

SELECT 1 / count(*)
FROM tenancy.settings AS s
JOIN public.shops AS d ON d.id = s.default_shop_id;

SELECT
    'tenancy.begin_change(boolean)'::regprocedure,
    'tenancy.describe_sessions(integer[])'::regprocedure,
    'tenancy.lock_tables(text, text[])'::regprocedure;

ROLLBACK;
