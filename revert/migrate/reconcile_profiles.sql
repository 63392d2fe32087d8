-- Revert convo_tenancy:migrate/reconcile_profiles from pg

-- Nothing to take back: both sides agree, and stay as they are.
