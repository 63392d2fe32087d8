-- Revert convo_tenancy:support/preconditions from pg

-- Nothing to take back: the preconditions only look.
