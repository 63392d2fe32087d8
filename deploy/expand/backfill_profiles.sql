-- Deploy convo_tenancy:expand/backfill_profiles to pg

-- Without a transaction: the backfill commits each batch. Interrupted, it goes on where it was.

CALL tenancy.begin_change(in_transaction => FALSE);

CALL tenancy.run_backfill();
