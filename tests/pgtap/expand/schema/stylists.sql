-- What phase 1 adds to public.stylists: a key together with the shop, and two triggers. It only looks.
--
-- Other triggers and indexes of a production database are not our business, so those are not listed exhaustively.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(8);

SELECT has_index(
    'public', 'stylists', 'stylists_id_shop_id_key', ARRAY['id', 'shop_id'], 'the key of a stylist together with the shop exists'
);
SELECT is(
    pg_get_indexdef(to_regclass('public.stylists_id_shop_id_key')),
    'CREATE UNIQUE INDEX stylists_id_shop_id_key ON public.stylists USING btree (id, shop_id)',
    'it is unique and plain'
);
SELECT ok(
    (
        SELECT i.indisvalid AND i.indisready
        FROM pg_catalog.pg_index AS i
        WHERE i.indexrelid = to_regclass('public.stylists_id_shop_id_key')
    ),
    'it is valid'
);
SELECT isnt(
    obj_description(to_regclass('public.stylists_id_shop_id_key'), 'pg_class'), NULL, 'it has a comment that says what it is for'
);

SELECT trigger_is('public', 'stylists', 'stylist_leaves', 'tenancy', 'clear_stylist_preferences', 'stylist_leaves clears');
SELECT trigger_is('public', 'stylists', 'stylist_arrives', 'tenancy', 'set_stylist_preferences', 'stylist_arrives sets');

SELECT results_eq(
    $$
    SELECT
        t.tgname::text COLLATE "default",
        pg_get_triggerdef(t.oid)
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = 'public.stylists'::regclass
        AND p.pronamespace = 'tenancy'::regnamespace
        AND NOT t.tgisinternal
        AND t.tgenabled = 'O'
    ORDER BY t.tgname
    $$,
    $$
    VALUES
        (
            'stylist_arrives',
            'CREATE TRIGGER stylist_arrives AFTER UPDATE OF shop_id ON public.stylists FOR EACH ROW '
            'WHEN ((old.shop_id IS DISTINCT FROM new.shop_id)) EXECUTE FUNCTION tenancy.set_stylist_preferences()'
        ),
        (
            'stylist_leaves',
            'CREATE TRIGGER stylist_leaves BEFORE DELETE OR UPDATE OF shop_id ON public.stylists FOR EACH ROW '
            'EXECUTE FUNCTION tenancy.clear_stylist_preferences()'
        )
    $$,
    'the triggers of tenancy on stylists, all enabled'
);

SELECT is_empty(
    $$
    SELECT
        t.tgrelid::regclass,
        t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid <> 'public.stylists'::regclass
        AND p.pronamespace = 'tenancy'::regnamespace
        AND NOT t.tgisinternal
    $$,
    'no other table has a trigger of tenancy yet'
);

SELECT * FROM finish();

ROLLBACK;
