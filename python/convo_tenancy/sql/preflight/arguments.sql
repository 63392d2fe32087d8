-- What deploy/support/preconditions.sql is told by settings: for the transaction.
SELECT
    set_config('tenancy.default_shop_id', $1, TRUE) AS default_shop_id,
    set_config('tenancy.target_phase', $2, TRUE) AS target_phase;
