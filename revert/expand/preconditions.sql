-- Revert convo_tenancy:expand/preconditions from pg

-- Nothing to take back: the preconditions only look.
