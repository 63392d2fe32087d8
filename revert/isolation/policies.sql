-- Revert convo_tenancy:isolation/policies from pg

-- A transaction for each table, as in the deploy: the rights are gone already.

\set ON_ERROR_STOP on
\set change isolation/policies
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.keep_open(is_begun => TRUE);

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.stylists');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.services');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.bookings');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.customer_shop_profiles');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.customers');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.customer_stylist_preferences');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.open_table('public.customer_service_preferences');

COMMIT;

\ir ../support/begin.sql

DROP PROCEDURE IF EXISTS tenancy.open_table(regclass);
DROP PROCEDURE IF EXISTS tenancy.isolate_table(regclass, text, text);

CALL tenancy.close_change('revert');

COMMIT;
