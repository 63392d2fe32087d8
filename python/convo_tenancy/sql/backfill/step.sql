SELECT
    s.state,
    s.detail,
    s.customers,
    s.profiles
FROM tenancy.backfill_step($1) AS s;
