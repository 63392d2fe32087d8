SELECT
    s.state,
    s.detail
FROM tenancy.backfill_step($1) AS s;
