-- Verify convo_tenancy:support/begin on pg

-- How a verify script begins: it sets "change" and includes this file. What the change made is there, as it was made.

\set ON_ERROR_STOP on
\set SHOW_CONTEXT never
\if :{?change}
\else
    \set change support/begin
\endif

BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;

SELECT tenancy.verify_change(:'change');
