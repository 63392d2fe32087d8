-- Revert convo_tenancy:migrate/roles from pg

-- The roles stay: another database of the cluster may use them. In this one they have no rights any more.

BEGIN;

COMMIT;
