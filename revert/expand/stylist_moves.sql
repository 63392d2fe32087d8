-- Revert convo_tenancy:expand/stylist_moves from pg

BEGIN;

CALL tenancy.begin_change();

CALL tenancy.lock_tables('ACCESS EXCLUSIVE', 'public.stylists');

DROP TRIGGER IF EXISTS stylist_arrives ON public.stylists;
DROP TRIGGER IF EXISTS stylist_leaves ON public.stylists;
DROP FUNCTION IF EXISTS tenancy.set_stylist_preferences();
DROP FUNCTION IF EXISTS tenancy.clear_stylist_preferences();

COMMIT;
