-- The shop of the transaction.
SELECT set_config('app.current_shop_id', $1, TRUE);
