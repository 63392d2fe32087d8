-- Revert convo_tenancy:contract/switch from pg

-- The legacy side is brought up to date where nobody sees it, then comes back at one moment, with the mirrors: whoever finds it there,
-- finds it right.

\set ON_ERROR_STOP on
\set change contract/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

-- An old application may have made a table of its own meanwhile. To look into what somebody else made would run it.
DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    stray text := (
        SELECT format('%s of role %I', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'relation' END, pg_get_userbyid(t.relowner))
        FROM pg_class AS t
        WHERE t.oid = to_regclass('public.customer_booking_stats')
            AND (t.relkind <> 'r' OR pg_get_userbyid(t.relowner) <> current_user)
    );
BEGIN
    IF stray IS NOT NULL AND NOT tenancy.has_legacy_side() THEN
        RAISE EXCEPTION 'public.customer_booking_stats is a %, and the legacy table that comes back needs its name: rename or drop '
            'it',
            tenancy.printable(stray)
            USING ERRCODE = 'duplicate_object';
    END IF;
END;
$$;

CALL tenancy.keep_open(is_begun => TRUE);

COMMIT;

SELECT NOT tenancy.has_legacy_side() AS is_contracted \gset
\if :is_contracted
\ir ../support/begin.sql

CALL tenancy.create_archive_schema();
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

-- No default that would be written for who is there, then one for who comes.
CALL tenancy.restore_definitions('contract/switch', '{column,default}');

-- After a purge it is made again, else it is there as it was.
CALL tenancy.create_archive();
DELETE FROM tenancy.definitions AS d
WHERE d.change = 'contract/purge_archive'
    AND to_regclass('tenancy_archive.customer_booking_stats') IS NOT NULL
    AND EXISTS (SELECT FROM tenancy.definitions AS t WHERE t.change = d.change AND t.kind = 'table');
CALL tenancy.restore_definitions('contract/purge_archive', '{table,key,storage}');
CALL tenancy.follow_deletions('tenancy_archive.customer_booking_stats');

COMMIT;

\ir ../support/begin.sql

CALL tenancy.start_tracking();

COMMIT;

SELECT tenancy.tracking_state() AS tracking_state \gset
CALL tenancy.run_restore();
CALL tenancy.restore_tracked_customers();

\ir ../support/begin.sql

-- Not before: who changes a customer must not find values that are not there yet.
CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.customers');
SET LOCAL client_min_messages = warning; -- of what is there already, nobody need be told

-- Whom somebody held until now has no values yet, and is among the few who are noted. Here nobody holds anybody.
SELECT tenancy.restore_legacy_side(tenancy.take_tracked_customers(NULL)) \g /dev/null

ALTER TABLE public.customers
DROP CONSTRAINT IF EXISTS customers_restored_check,
ADD CONSTRAINT customers_restored_check CHECK (average_spend_cents IS NOT NULL AND no_show_count IS NOT NULL) NOT VALID;

COMMIT;

CALL tenancy.validate_constraint('public.customers', 'customers_restored_check');

\ir ../support/begin.sql

-- Indexes of the users, which the contract took: who writes customers waits while they are built.
CALL tenancy.restore_definitions('contract/switch', '{key,index}');
CALL tenancy.restore_definitions(
    'contract/purge_archive', '{index,statistics,rule,policy,grant,trigger,comment,table comment}'
);

COMMIT;

CALL tenancy.return_legacy_side(:'tracking_state');
\endif

-- What needs no moment of its own. Of what is there already, nobody need be told.
\ir ../support/begin.sql

SET LOCAL client_min_messages = warning;
DELETE FROM tenancy.tracked_customers;
SELECT tenancy.drop_archive_schema() \g /dev/null
CALL tenancy.restore_definitions('contract/switch', '{validation,storage,statistics,grant,comment}');

DO $$
-- convo-tenancy: nobody's read of the legacy side (mirror/legacy_readers)
DECLARE
    unfitting CONSTANT integer[] := tenancy.unfitting_customers();
BEGIN
    IF cardinality(unfitting) > 0 THEN
        RAISE WARNING 'the profiles of % customers add up to more than the legacy side can hold, so it has the greatest value that '
            'fits: %. docs/rollback.md says how to correct them', cardinality(unfitting), array_to_string(unfitting[1 : 12], ', ');
    END IF;
END;
$$;

COMMIT;

SET client_min_messages = warning;
RESET ROLE;
\ir ../../deploy/profiles/drift.sql
\ir ../../deploy/api/deprecated.sql
\ir ../../deploy/isolation/rights.sql
SET client_min_messages = notice;

\ir ../support/begin.sql

CALL tenancy.close_change('revert');

COMMIT;
