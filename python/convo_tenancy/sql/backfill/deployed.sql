SELECT
    current_database()::text AS database_name,
    to_regclass('public.customers') IS NOT NULL AS is_legacy,
    to_regprocedure('tenancy.backfill_step(integer)') IS NOT NULL AS is_deployed;
