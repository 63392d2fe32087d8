-- Revert convo_tenancy:mirror/attribution from pg

\set ON_ERROR_STOP on
\set change mirror/attribution
\ir ../support/begin.sql
\if :is_done \quit \endif

DROP FUNCTION IF EXISTS tenancy.attributed_shop(integer, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS tenancy.without_note(text, text);
DROP FUNCTION IF EXISTS tenancy.noted_shop(text, text);
DROP FUNCTION IF EXISTS tenancy.note_of_booking(integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.is_known_booking(integer, integer, timestamptz);
DROP FUNCTION IF EXISTS tenancy.shop_of_last_booking(integer, timestamptz, integer);

COMMIT;
