-- $1 is a routine, with the types of its arguments.
SELECT
    current_database()::text AS database_name,
    to_regclass('public.customers') IS NOT NULL AS is_legacy,
    to_regprocedure($1) IS NOT NULL AS is_deployed;
