-- What the changes made, as it is recorded, and what somebody took away, disabled or altered since.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(32);

\ir ../../helpers/parts.sql

-- By hand: exactly that problem

SELECT is(pg_temp.problems_after('SELECT'), NULL, 'nothing is wrong');
SELECT is(pg_temp.problems_after(e.statement), e.expected, e.statement)
FROM (
    VALUES
    (
        1, 'DROP FUNCTION tenancy.pause_backfill()',
        'function tenancy.pause_backfill() is missing (profiles/backfill_progress)'
    ),
    (
        2, 'CREATE OR REPLACE FUNCTION tenancy.pause_backfill() RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp '
        'AS ''''',
        'function tenancy.pause_backfill() is altered (profiles/backfill_progress)'
    ),
    (
        3, 'ALTER FUNCTION tenancy.pause_backfill() RESET search_path',
        'function tenancy.pause_backfill() is altered (profiles/backfill_progress)'
    ),
    (
        4, 'ALTER FUNCTION tenancy.pause_backfill() SECURITY DEFINER',
        'function tenancy.pause_backfill() is altered (profiles/backfill_progress)'
    ),
    (
        5, 'ALTER FUNCTION tenancy.residual(bigint, bigint) VOLATILE',
        'function tenancy.residual(bigint,bigint) is altered (profiles/residual)'
    ),
    (
        6, 'CREATE OR REPLACE FUNCTION tenancy.has_legacy_side() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE RETURN FALSE',
        'function tenancy.has_legacy_side() is altered (support/has_legacy_side)'
    ),
    (7, 'DROP VIEW tenancy.drift', 'view tenancy.drift is missing (profiles/drift)'),
    (
        8, 'CREATE OR REPLACE VIEW tenancy.drift AS SELECT ''''::text AS kind, 0 AS customer_id, 0 AS shop_id, '
        '''''::text AS legacy_value, ''''::text AS profile_value',
        'view tenancy.drift is altered (profiles/drift)'
    ),
    (
        9, 'ALTER TABLE tenancy.settings ALTER COLUMN lock_attempts SET DEFAULT 1',
        'table tenancy.settings is altered (support/schema)'
    ),
    (
        10, 'ALTER TABLE public.customer_shop_profiles ADD COLUMN note text',
        'table public.customer_shop_profiles is altered (profiles/customer_shop_profiles)'
    ),
    (
        11, 'DROP INDEX public.idx_customer_shop_profiles_shop',
        'index public.idx_customer_shop_profiles_shop is missing (profiles/customer_shop_profiles)'
    ),
    (
        12, 'UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = ''public.idx_customer_shop_profiles_shop''::regclass',
        'index public.idx_customer_shop_profiles_shop is invalid (profiles/customer_shop_profiles)'
    ),
    (
        13, 'ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_shop_id_fkey',
        'constraint customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles is missing (profiles/foreign_keys)'
    ),
    (
        14, 'ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_shop_id_fkey, '
        'ADD CONSTRAINT customer_shop_profiles_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops ON DELETE CASCADE '
        'NOT VALID',
        'constraint customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles is not validated (profiles/foreign_keys)'
    ),
    (
        15, 'ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_shop_id_fkey, '
        'ADD CONSTRAINT customer_shop_profiles_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES public.shops',
        'constraint customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles is altered (profiles/foreign_keys)'
    ),
    (
        16, 'ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves',
        'trigger stylist_leaves on public.stylists is disabled (profiles/stylist_moves)'
    ),
    (
        17, 'ALTER TABLE public.stylists ENABLE REPLICA TRIGGER stylist_leaves',
        'trigger stylist_leaves on public.stylists is disabled (profiles/stylist_moves)'
    ),
    (
        18, 'DROP TRIGGER stylist_leaves ON public.stylists',
        'trigger stylist_leaves on public.stylists is missing (profiles/stylist_moves)'
    ),
    (
        19, 'CREATE OR REPLACE TRIGGER stylist_leaves AFTER DELETE ON public.stylists FOR EACH ROW '
        'EXECUTE FUNCTION tenancy.clear_stylist_preferences()',
        'trigger stylist_leaves on public.stylists is altered (profiles/stylist_moves)'
    ),
    (20, 'CREATE INDEX by_name ON public.stylists (name); CREATE TABLE tenancy.notes (note text)', NULL)
) AS e (position, statement, expected)
ORDER BY e.position;

-- Meant so

ALTER FUNCTION tenancy.pause_backfill() STABLE;
DROP FUNCTION tenancy.resume_backfill();
SELECT tenancy.accept_parts();
SELECT results_eq(
    'SELECT * FROM pg_temp.problems()',
    ARRAY['function tenancy.resume_backfill() is missing (profiles/backfill_progress)'],
    'accept_parts: what was altered is accepted, what is missing is not'
);
SAVEPOINT altered;

-- By a script. What it made is entered as it commits, which SET CONSTRAINTS does here.

ALTER FUNCTION tenancy.residual(bigint, bigint) VOLATILE; -- by hand, before it
ALTER FUNCTION tenancy.backfill_hold() VOLATILE; -- by hand, and put back by it
SELECT tenancy.begin_change('deploy', 'mirror/shop_context');
CREATE FUNCTION tenancy.of_the_script()
RETURNS integer
LANGUAGE sql
RETURN 1;
ALTER FUNCTION tenancy.backfill_hold() STABLE;
ALTER FUNCTION tenancy.backfill_estimate() STABLE;
DROP FUNCTION tenancy.residual_cut(bigint, bigint, bigint) CASCADE;
CREATE VIEW tenancy.one WITH (security_invoker = TRUE) AS SELECT 1 AS one;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT results_eq(
    'SELECT * FROM pg_temp.problems()',
    ARRAY[
        'function tenancy.residual(bigint,bigint) is altered (profiles/residual)',
        'function tenancy.resume_backfill() is missing (profiles/backfill_progress)'
    ],
    'a script: what it makes, alters or drops is entered; what somebody altered before stays told'
);
SELECT results_eq(
    $$
    SELECT
        d.kind,
        d.name,
        d.change,
        d.definition IS NOT NULL,
        d.is_there
    FROM tenancy.deployed_parts AS d
    WHERE d.name ~ 'of_the_script|\.one$|residual_cut|backfill_estimate'
    ORDER BY d.name
    $$,
    $$
    VALUES
        ('function', 'tenancy.backfill_estimate()', 'profiles/backfill_estimate', FALSE, TRUE),
        ('function', 'tenancy.of_the_script()', 'mirror/shop_context', FALSE, TRUE),
        ('view', 'tenancy.one', 'mirror/shop_context', TRUE, TRUE),
        ('function', 'tenancy.residual_cut(bigint,bigint,bigint)', 'profiles/residual', FALSE, FALSE)
    $$,
    'a script: of whose change a part is stays, and what went is remembered'
);
SELECT is_empty(
    $$
    SELECT a.grantee
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.oid = 'tenancy.of_the_script()'::regprocedure
        AND a.grantee = 0
    $$,
    'a script: PUBLIC may not call its functions'
);

-- Its revert
SET CONSTRAINTS ALL DEFERRED;
SELECT tenancy.begin_change('revert', 'mirror/shop_context');
DROP FUNCTION tenancy.of_the_script();
DROP VIEW tenancy.one;
CREATE FUNCTION tenancy.residual_cut(own bigint, larger bigint, excess bigint)
RETURNS bigint
LANGUAGE sql
RETURN 1;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT results_eq(
    $$
    SELECT
        d.name,
        d.is_there
    FROM tenancy.deployed_parts AS d
    WHERE d.name ~ 'of_the_script|\.one$|residual_cut'
    $$,
    $$VALUES ('tenancy.residual_cut(bigint,bigint,bigint)', TRUE)$$,
    'its revert: what it drops is forgotten, what comes back is there'
);
ROLLBACK TO SAVEPOINT altered;

-- A revert of several transactions: what it drops is remembered until it has ended
SELECT tenancy.begin_change('revert', c.change)
FROM tenancy.changes AS c
WHERE c.tag = '@phase1';
CALL tenancy.keep_open(is_begun => TRUE);
SET LOCAL search_path = public;
ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_shop_id_fkey;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT results_eq(
    $$SELECT d.is_there FROM tenancy.deployed_parts AS d WHERE d.name ~ 'profiles_shop_id_fkey'$$,
    ARRAY[FALSE],
    'a revert that is half-way: what it dropped is remembered'
);
SET CONSTRAINTS ALL DEFERRED;
SELECT tenancy.begin_change('revert', c.change)
FROM tenancy.changes AS c
WHERE c.tag = '@phase1';
CALL tenancy.close_change('revert');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty(
    $$SELECT d.is_there FROM tenancy.deployed_parts AS d WHERE d.name ~ 'profiles_shop_id_fkey'$$, 'once it has ended, forgotten'
);
ROLLBACK TO SAVEPOINT altered;

-- The script of what was dropped runs again
SELECT tenancy.begin_change('deploy', 'profiles/backfill_progress');
CREATE FUNCTION tenancy.resume_backfill()
RETURNS void
LANGUAGE sql
AS '';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty('SELECT * FROM pg_temp.problems()', 'a script that makes it again: it is missing no more');
ROLLBACK TO SAVEPOINT altered;

-- What is done by hand is entered by no script that comes after
CREATE FUNCTION tenancy.by_hand()
RETURNS integer
LANGUAGE sql
RETURN 1;
SELECT tenancy.begin_change('deploy', 'mirror/shop_context');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty(
    $$SELECT d.name FROM tenancy.deployed_parts AS d WHERE d.name ~ 'by_hand'$$, 'what somebody made by hand is nobody''s part'
);
UPDATE tenancy.changes SET standing_since = now() WHERE change = 'mirror/shop_context';
SELECT is_empty(
    $$SELECT d.name FROM tenancy.deployed_parts AS d WHERE d.name ~ 'by_hand'$$, 'also when somebody writes a change by hand'
);
SET CONSTRAINTS ALL DEFERRED;
ROLLBACK TO SAVEPOINT altered;

-- Names and settings of a role or database make no difference
SET LOCAL quote_all_identifiers = on;
SELECT tenancy.accept_parts();
SET LOCAL quote_all_identifiers = off;
SELECT results_eq(
    'SELECT * FROM pg_temp.problems()',
    ARRAY['function tenancy.resume_backfill() is missing (profiles/backfill_progress)'],
    'accept_parts: under any quote_all_identifiers'
);

SELECT * FROM finish();

ROLLBACK;
