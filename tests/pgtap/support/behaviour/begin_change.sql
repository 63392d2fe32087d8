-- How a script begins: in the order of the plan, as what stands in the database allows, else refused with the one command that
-- helps. It is all in one transaction, so the states that other scripts leave are written by hand. What takes two sessions is in
-- tests/python/.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(65);

-- The last changes of @phase1, and the first of @phase2
SELECT
    max(c.change) FILTER (WHERE c.position = t.position - 1) AS below,
    max(c.change) FILTER (WHERE c.position = t.position) AS last,
    max(c.change) FILTER (WHERE c.position = t.position + 1) AS next,
    max(c.change) FILTER (WHERE c.position = t.position + 2) AS after_next
FROM tenancy.changes AS c
CROSS JOIN (SELECT o.position FROM tenancy.changes AS o WHERE o.tag = '@phase1') AS t \gset

CREATE FUNCTION pg_temp.set_state(change text, state text)
RETURNS void
LANGUAGE sql
AS $$
    UPDATE tenancy.changes AS c
    SET
        state = set_state.state,
        standing_since = CASE WHEN set_state.state = 'standing' THEN now() END
    WHERE c.change = set_state.change;
$$;

CREATE FUNCTION pg_temp.state_of(change text)
RETURNS text
LANGUAGE sql
RETURN (SELECT c.state FROM tenancy.changes AS c WHERE c.change = state_of.change);

-- What beginning a script comes to, with one change in another state than it is; taken back afterwards
CREATE FUNCTION pg_temp.begin_with(direction text, change text, other text DEFAULT NULL, state text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SET client_min_messages = warning -- of what there is nothing to do, nobody need be told
AS $$
DECLARE
    answer text;
BEGIN
    IF other IS NOT NULL THEN
        PERFORM pg_temp.set_state(other, state);
    END IF;
    answer := CASE
        WHEN tenancy.begin_change(direction, change) THEN 'nothing to do, '
        ELSE 'begun, '
    END || coalesce(pg_temp.state_of(change), 'unknown');
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN answer;
    WHEN object_not_in_prerequisite_state THEN
        RETURN SQLERRM;
END;
$$;

SAVEPOINT untouched;

-- By change, and by another one that is in this state: what it comes to. %1$s, %2$s, %3$s: below, last, next

SELECT
    is(
        pg_temp.begin_with(e.direction, e.change, e.other, e.state),
        format(e.expected, :'below', :'last', :'next'),
        format('%s: %s', e.direction, e.description)
    )
FROM (
    VALUES
    -- Deploy: what comes before stands
    (1, 'deploy', :'next', NULL, NULL, 'the next one', 'begun, standing'),
    (
        2, 'deploy', :'after_next', NULL, NULL, 'one that is left out comes first',
        '%3$s does not stand in this database. Run sqitch deploy --to %3$s, then the same again'
    ),
    (
        3, 'deploy', :'next', :'last', 'absent', 'one that only Sqitch knows of is taken out of its registry first',
        '%2$s does not stand in this database, though Sqitch''s registry has it. '
        'Run sqitch revert --to %1$s -y, then the same again'
    ),
    (
        4, 'deploy', :'next', :'last', 'deploying', 'one that is half deployed, and in the registry, is completed first',
        '%2$s does not stand in this database (it was interrupted while deploying). '
        'Run psql -X "$DATABASE_URL" -f deploy/%2$s.sql, then the same again'
    ),
    (
        5, 'deploy', :'after_next', :'next', 'deploying', 'one that is half deployed, and not in the registry',
        '%3$s does not stand in this database (it was interrupted while deploying). '
        'Run sqitch deploy --to %3$s, then the same again'
    ),
    (
        6, 'deploy', :'next', :'last', 'reverting', 'one that is half reverted, and in the registry, is taken away first',
        '%2$s does not stand in this database (it was interrupted while reverting). '
        'Run sqitch revert --to %1$s -y, then the same again'
    ),
    (
        7, 'deploy', :'after_next', :'next', 'reverting', 'one that is half reverted, and not in the registry',
        '%3$s does not stand in this database (it was interrupted while reverting). '
        'Run psql -X "$DATABASE_URL" -f revert/%3$s.sql, then the same again'
    ),
    (
        8, 'deploy', :'after_next', 'profiles/drift', 'absent', 'of several, the first one',
        'profiles/drift does not stand in this database, though Sqitch''s registry has it. '
        'Run sqitch revert --to profiles/close_shop -y, then the same again'
    ),
    -- Deploy: itself
    (9, 'deploy', :'next', :'next', 'deploying', 'what is half deployed', 'begun, standing'),
    (
        10, 'deploy', :'next', :'next', 'reverting', 'what is half reverted is refused',
        '%3$s was interrupted while it was taken back. '
        'Run psql -X "$DATABASE_URL" -f revert/%3$s.sql, then the same again'
    ),
    (11, 'deploy', 'profiles/customer_shop_profiles', NULL, NULL, 'what stands, with others on it', 'nothing to do, standing'),
    (
        12, 'deploy', 'profiles/customer_shop_profiles', :'last', 'deploying', 'what stands, with a half one on it',
        'nothing to do, standing'
    ),
    (13, 'deploy', 'profiles/split', NULL, NULL, 'what is repeatable runs again all the same', 'begun, standing'),
    (14, 'deploy', :'last', NULL, NULL, 'what stands, and nothing on it, runs again', 'begun, standing'),
    -- Revert: nothing stands that comes after
    (15, 'revert', :'last', NULL, NULL, 'the last one', 'begun, absent'),
    (
        16, 'revert', 'profiles/split', NULL, NULL, 'what stands on it goes first, beginning with the last one',
        '%2$s stands in this database. Run sqitch revert --to %1$s -y, then the same again'
    ),
    (
        17, 'revert', :'last', :'next', 'standing', 'what only the database knows of is registered first',
        '%3$s stands in this database, though Sqitch''s registry does not have it. '
        'Run sqitch deploy --to %3$s, then the same again'
    ),
    (
        18, 'revert', :'last', :'next', 'reverting', 'what is half reverted is completed first',
        '%3$s stands in this database half-way (it was interrupted while reverting). '
        'Run psql -X "$DATABASE_URL" -f revert/%3$s.sql, then the same again'
    ),
    (
        19, 'revert', :'last', :'next', 'deploying', 'what is half deployed can go either way first',
        '%3$s stands in this database half-way (it was interrupted while deploying). Run sqitch deploy --to %3$s to complete it, '
        'or psql -X "$DATABASE_URL" -f revert/%3$s.sql to take it back, then the same again'
    ),
    -- Revert: itself
    (20, 'revert', :'last', :'last', 'deploying', 'what is half deployed', 'begun, absent'),
    (21, 'revert', :'last', :'last', 'reverting', 'what is half reverted', 'begun, absent'),
    (22, 'revert', :'next', NULL, NULL, 'what does not stand', 'nothing to do, absent')
) AS e (position, direction, change, other, state, description, expected)
ORDER BY e.position;
UPDATE tenancy.changes SET is_repeatable = FALSE WHERE change = :'last';
SELECT is(pg_temp.begin_with('deploy', :'last'), 'begun, standing', 'deploy: nothing on it: whether it is repeatable or not');
ROLLBACK TO SAVEPOINT untouched;

-- The SQLSTATE, of either direction

SELECT throws_ok(
    format('SELECT tenancy.begin_change(%L, %L)', 'deploy', :'after_next'), '55000', NULL, 'deploy: refused as 55000'
);
SELECT throws_ok('SELECT tenancy.begin_change(''revert'', ''profiles/split'')', '55000', NULL, 'revert: refused as 55000');
SELECT is(pg_temp.state_of('profiles/split'), 'standing', 'which changes nothing');

-- A change of a later release than the one that was deployed first

SELECT is(
    pg_temp.begin_with('deploy', 'later/change'),
    format('%1$s does not stand in this database. Run sqitch deploy --to %1$s, then the same again', :'next'),
    'a change that is not known comes after all that are'
);
SELECT is_empty(
    $$SELECT c.change FROM tenancy.changes AS c WHERE c.change = 'later/change'$$, 'and is not entered when it is refused'
);
SELECT pg_temp.set_state(c.change, 'standing')
FROM tenancy.changes AS c
WHERE c.position <= (SELECT t.position FROM tenancy.changes AS t WHERE t.tag = '@phase2')
    AND c.state = 'absent';
SELECT is(tenancy.is_later('isolation/switch'), FALSE, 'a change of a phase is not later');
SAVEPOINT before_contract;
SELECT is(tenancy.begin_change('deploy', 'later/change'), FALSE, 'before the contract it begins');
SELECT is(tenancy.is_later('later/change'), TRUE, 'and is later');
ROLLBACK TO SAVEPOINT before_contract;
SELECT pg_temp.set_state('contract/switch', 'deploying');
SELECT matches(
    pg_temp.begin_with('deploy', 'later/change'),
    '^contract/switch does not stand .*interrupted while deploying',
    'not half-way through it'
);
ROLLBACK TO SAVEPOINT before_contract;
SELECT pg_temp.set_state(c.change, 'standing') FROM tenancy.changes AS c WHERE c.state = 'absent';
SELECT is(tenancy.begin_change('deploy', 'later/change'), FALSE, 'once all stand, it begins');
SELECT results_eq(
    'SELECT c.change, c.state, c.tag, c.is_repeatable FROM tenancy.changes AS c ORDER BY c.position DESC LIMIT 1',
    $$VALUES ('later/change', 'standing', NULL::text, TRUE)$$,
    'and is the last one'
);
ROLLBACK TO SAVEPOINT untouched;

-- When it began to stand

UPDATE tenancy.changes SET standing_since = '2026-01-01 00:00+00' WHERE change = 'profiles/split';
SELECT tenancy.begin_change('deploy', 'profiles/split');
SELECT is(
    (SELECT c.standing_since FROM tenancy.changes AS c WHERE c.change = 'profiles/split'),
    '2026-01-01 00:00+00'::timestamptz,
    'a script that runs again leaves the time when its change began to stand'
);
ROLLBACK TO SAVEPOINT untouched;

-- One script at a time, as the owner of the tables. The role that is then in force may not use what pgTAP keeps, so that what it
-- sees is noted and looked at afterwards.

CREATE ROLE begin_change_owner;
ALTER TABLE public.customers OWNER TO begin_change_owner;
SET LOCAL lock_timeout = '7s';
SAVEPOINT before_change;
SELECT tenancy.begin_change('deploy', :'next') AS is_done \gset
SELECT
    current_user AS role_name,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('tenancy.change') AS change
\gset
RESET ROLE;
SELECT is(:'role_name'::text, 'begin_change_owner', 'it acts as the owner of public.customers');
SELECT is(:'lock_timeout'::text, '2s', 'with the settings pinned');
SELECT is(:'change'::text, :'next', 'and says which change the transaction belongs to');
SELECT isnt_empty(
    $$
    SELECT l.mode
    FROM pg_catalog.pg_locks AS l
    WHERE l.relation = 'tenancy.changes'::regclass
        AND l.pid = pg_backend_pid()
        AND l.mode = 'ShareRowExclusiveLock'
    $$,
    'others wait until it has committed'
);
ROLLBACK TO SAVEPOINT before_change;
SELECT is(current_setting('lock_timeout'), '7s', 'the settings end with the transaction');
ROLLBACK TO SAVEPOINT untouched;

-- The name of Sqitch's registry

SELECT tenancy.begin_change('deploy', :'last', 'elsewhere');
SELECT is((SELECT s.registry FROM tenancy.settings AS s), 'elsewhere', 'the registry is the one that Sqitch names');
SELECT tenancy.begin_change('deploy', :'last', '');
SELECT is((SELECT s.registry FROM tenancy.settings AS s), 'elsewhere', 'psql names none, and changes nothing');
ROLLBACK TO SAVEPOINT untouched;

-- Several transactions: open from keep_open() to close_change()

SELECT tenancy.begin_change('deploy', :'next');
CALL tenancy.keep_open(is_begun => FALSE);
SELECT
    current_setting('search_path') AS search_path,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('statement_timeout') AS statement_timeout
\gset
SET LOCAL search_path = public;
SELECT is(:'search_path'::text, 'pg_catalog, pg_temp', 'open: names are looked up in pg_catalog for the session');
SELECT is(:'lock_timeout'::text, '0', 'open: a lock has all the time that it needs');
SELECT is(:'statement_timeout'::text, '0', 'open: and so has a statement');
SELECT is(pg_temp.state_of(:'next'), 'absent', 'open, and nothing begun: as before');
SELECT results_eq(
    'SELECT o.change, o.pid, o.is_own FROM tenancy.open_changes() AS o',
    format('VALUES (%L, pg_backend_pid(), TRUE)', :'next'),
    'open: in this session'
);
SELECT is(tenancy.begin_change('deploy', 'profiles/drift'), FALSE, 'the next transaction, or a script that it includes, goes on');
SELECT is(current_setting('tenancy.change'), :'next', 'for the change that is open');
CALL tenancy.mark_begun();
SELECT is(pg_temp.state_of(:'next'), 'deploying', 'begun: half-way');
CALL tenancy.close_change('deploy');
SELECT is(pg_temp.state_of(:'next'), 'standing', 'closed: it stands');
SELECT is_empty('SELECT o.change FROM tenancy.open_changes() AS o', 'and nothing is open');
SELECT is_empty(
    'SELECT c.change FROM tenancy.changes AS c WHERE c.open_pid IS NOT NULL OR c.open_key IS NOT NULL',
    'nor says that it is'
);
SELECT is_empty(
    'SELECT h.key FROM tenancy.held_keys AS h WHERE h.pid = pg_backend_pid()',
    'nor holds its key'
);

SELECT tenancy.begin_change('revert', :'next');
CALL tenancy.keep_open(is_begun => TRUE);
SET LOCAL search_path = public;
SELECT is(pg_temp.state_of(:'next'), 'reverting', 'a revert that has begun: half-way');
CALL tenancy.close_change('revert');
SELECT is(pg_temp.state_of(:'next'), 'absent', 'closed: it is gone');

-- The state while it is open: a killed script must leave it right
CREATE FUNCTION pg_temp.open_with(direction text, state text, is_begun boolean)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    change CONSTANT text := (
        SELECT c.change
        FROM tenancy.changes AS c
        WHERE c.position = (SELECT max(o.position) FROM tenancy.changes AS o WHERE o.state = 'standing')
    );
    answer text;
BEGIN
    PERFORM pg_temp.set_state(change, state);
    PERFORM tenancy.begin_change(direction, change);
    CALL tenancy.keep_open(is_begun);
    answer := pg_temp.state_of(change);
    CALL tenancy.mark_begun();
    answer := format('%s, then %s', answer, pg_temp.state_of(change));
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN answer;
END;
$$;

SELECT
    is(
        pg_temp.open_with(e.direction, e.state, e.is_begun),
        e.expected,
        format('open: %s of what was %s, %s', e.direction, e.state, CASE WHEN e.is_begun THEN 'begun' ELSE 'not begun' END)
    )
FROM (
    VALUES
    (1, 'deploy', 'absent', TRUE, 'deploying, then deploying'),
    (2, 'deploy', 'absent', FALSE, 'absent, then deploying'),
    (3, 'deploy', 'deploying', TRUE, 'deploying, then deploying'),
    (4, 'deploy', 'deploying', FALSE, 'deploying, then deploying'),
    (5, 'deploy', 'standing', TRUE, 'standing, then standing'),
    (6, 'deploy', 'standing', FALSE, 'standing, then standing'),
    (7, 'revert', 'standing', TRUE, 'reverting, then reverting'),
    (8, 'revert', 'deploying', TRUE, 'reverting, then reverting'),
    (9, 'revert', 'reverting', TRUE, 'reverting, then reverting')
) AS e (position, direction, state, is_begun, expected)
ORDER BY e.position;

SELECT * FROM finish();

ROLLBACK;
