-- Revert convo_tenancy:api/customer_identity from pg

\set ON_ERROR_STOP on
\set change api/customer_identity
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.customer_by_email(text);
DROP FUNCTION IF EXISTS tenancy.customer_by_phone(text);
DROP FUNCTION IF EXISTS tenancy.shop_knows(integer, integer);
DROP FUNCTION IF EXISTS tenancy.customer_of(text, text);
DROP FUNCTION IF EXISTS tenancy.normalized_phone(text);
DROP FUNCTION IF EXISTS tenancy.normalized_email(text);

COMMIT;
