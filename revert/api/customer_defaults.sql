-- Revert convo_tenancy:api/customer_defaults from pg

\set ON_ERROR_STOP on
\set change api/customer_defaults
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');

CALL tenancy.restore_definitions('api/customer_defaults', '{default}');

COMMIT;
