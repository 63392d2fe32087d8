-- The one command that helps, from what the database and Sqitch's registry say of a change; and what verify says of it.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(30);

-- Sqitch's registry has what is deployed

SELECT is(tenancy.is_registered(e.change), e.expected, format('is_registered: %s', e.change))
FROM (
    VALUES
    (1, 'support/preconditions', TRUE), (2, 'profiles/split', TRUE), (3, 'mirror/attribution', FALSE), (4, 'no/such_change', FALSE)
) AS e (position, change, expected)
ORDER BY e.position;

SELECT is(tenancy.command_for(e.change, e.direction), e.expected, format('command_for: %s of %s', e.direction, e.change))
FROM (
    VALUES
    (1, 'profiles/split', 'deploy', 'psql -X "$DATABASE_URL" -f deploy/profiles/split.sql'),
    (2, 'profiles/split', 'revert', 'sqitch revert --to profiles/evidence -y'),
    (3, 'support/schema', 'revert', 'sqitch revert --to support/preconditions -y'),
    (4, 'mirror/attribution', 'deploy', 'sqitch deploy --to mirror/attribution'),
    (5, 'mirror/attribution', 'revert', 'psql -X "$DATABASE_URL" -f revert/mirror/attribution.sql'),
    (6, 'contract/switch', 'deploy', 'sqitch deploy --to contract/switch --set contract=yes'),
    (7, 'contract/switch', 'revert', 'psql -X "$DATABASE_URL" -f revert/contract/switch.sql')
) AS e (position, change, direction, expected)
ORDER BY e.position;

-- Another registry

CREATE SCHEMA other_registry;
CREATE TABLE other_registry.changes (project text, change text);
INSERT INTO other_registry.changes (project, change)
VALUES
('convo_tenancy', 'contract/switch'),
('another_project', 'profiles/split');
SAVEPOINT untouched;

UPDATE tenancy.settings SET registry = 'other_registry';
SELECT is(tenancy.is_registered('contract/switch'), TRUE, 'another registry: is_registered');
SELECT is(tenancy.is_registered('profiles/split'), FALSE, 'another registry: what another project has is not ours');
SELECT is(
    tenancy.command_for('contract/switch', 'deploy'),
    'psql -X "$DATABASE_URL" -f deploy/contract/switch.sql -v contract=yes',
    'another registry: command_for, with psql''s variables'
);

-- None that can be read

UPDATE tenancy.settings SET registry = 'no "such" schema';
SELECT is(tenancy.is_registered('profiles/split'), NULL, 'no registry: nobody knows');
SELECT is(
    tenancy.command_for('profiles/split', 'deploy'), 'sqitch deploy --to profiles/split --registry "no ""such"" schema"',
    'no registry: Sqitch deploys'
);
SELECT is(
    tenancy.command_for('profiles/split', 'revert'), 'sqitch revert --to profiles/evidence -y --registry "no ""such"" schema"',
    'no registry: Sqitch reverts'
);

UPDATE tenancy.settings SET registry = 'other_registry';
CREATE ROLE command_for_reader;
GRANT USAGE ON SCHEMA tenancy TO command_for_reader;
GRANT SELECT ON tenancy.settings TO command_for_reader;
GRANT EXECUTE ON FUNCTION tenancy.is_registered(text) TO command_for_reader;
CREATE FUNCTION pg_temp.asked_by_reader()
RETURNS text
LANGUAGE plpgsql
SET role = command_for_reader
AS $$
BEGIN
    RETURN coalesce(tenancy.is_registered('contract/switch')::text, 'unknown');
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN SQLERRM;
END;
$$;
SELECT is(pg_temp.asked_by_reader(), 'unknown', 'a registry whose schema one may not use: nobody knows');
GRANT USAGE ON SCHEMA other_registry TO command_for_reader;
SELECT is(pg_temp.asked_by_reader(), 'unknown', 'nor when its table is closed');
GRANT SELECT ON other_registry.changes TO command_for_reader;
SELECT is(pg_temp.asked_by_reader(), 'true', 'with the rights, it is known');
ROLLBACK TO SAVEPOINT untouched;

-- Verify

CREATE FUNCTION pg_temp.verified(change text, preparation text DEFAULT 'SELECT')
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE preparation;
    PERFORM tenancy.verify_change(change);
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN NULL;
    WHEN object_not_in_prerequisite_state THEN
        RETURN SQLERRM;
END;
$$;

SELECT is(pg_temp.verified('profiles/customer_shop_profiles'), NULL, 'verify_change: stands, and all that it made is there');
SELECT is(
    pg_temp.verified('profiles/drift', 'SET LOCAL quote_all_identifiers = on'),
    NULL,
    'verify_change: under any quote_all_identifiers'
);
SELECT is(
    pg_temp.verified('mirror/attribution'),
    'mirror/attribution does not stand in this database: run sqitch deploy --to mirror/attribution',
    'verify_change: does not stand'
);
SELECT is(
    pg_temp.verified('no/such_change'),
    'no/such_change does not stand in this database: run sqitch deploy --to no/such_change',
    'verify_change: a change that is not known'
);
SELECT is(
    pg_temp.verified(
        'profiles/drift', $$UPDATE tenancy.changes SET state = 'reverting', standing_since = NULL WHERE change = 'profiles/drift'$$
    ),
    'profiles/drift does not stand in this database: run psql -X "$DATABASE_URL" -f deploy/profiles/drift.sql',
    'verify_change: stands half-way'
);
SELECT is(
    pg_temp.verified('profiles/drift', 'DROP VIEW tenancy.drift CASCADE'),
    'view tenancy.drift is missing',
    'verify_change: what it made is missing'
);
SELECT is(
    pg_temp.verified('profiles/split', 'DROP VIEW tenancy.drift CASCADE'),
    NULL,
    'verify_change: what other changes made is not looked at'
);
SELECT is(
    pg_temp.verified(
        'profiles/stylist_moves',
        'ALTER TABLE public.stylists DISABLE TRIGGER stylist_arrives; DROP TRIGGER stylist_leaves ON public.stylists'
    ),
    'trigger stylist_arrives on public.stylists is disabled; trigger stylist_leaves on public.stylists is missing',
    'verify_change: all that is wrong, in one line'
);
SAVEPOINT before_removal;
SET LOCAL client_min_messages = warning; -- of what CASCADE comes to
DROP TABLE tenancy.deployed_parts CASCADE;
SELECT lives_ok('SELECT tenancy.verify_change(''support/begin'')', 'verify_change: before there is a record, standing is enough');
ROLLBACK TO SAVEPOINT before_removal;
SELECT throws_ok(
    'SELECT tenancy.verify_change(''mirror/attribution'')', '55000', NULL, 'verify_change: fails as 55000'
);

SELECT * FROM finish();

ROLLBACK;
