-- Revert convo_tenancy:api/deprecated from pg

\set ON_ERROR_STOP on
\set change api/deprecated
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_tables('SHARE UPDATE EXCLUSIVE', 'public.customers', 'public.customer_booking_stats');

CALL tenancy.restore_definitions('api/deprecated', '{comment,table comment}');

COMMIT;
