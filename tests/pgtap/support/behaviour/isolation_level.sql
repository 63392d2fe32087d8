-- A transaction that keeps one snapshot would not see what others did before a lock: nothing of ours works in one.

BEGIN;

SET LOCAL transaction_isolation = 'repeatable read'; -- before any query

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(4);

SELECT throws_ok(
    'CALL tenancy.begin_batch()',
    '55000',
    'a batch needs a new snapshot for each statement: SET default_transaction_isolation = ''read committed'', then run the same '
    'again',
    'begin_batch is refused'
);
SELECT throws_ok('CALL tenancy.run_backfill()', '55000', NULL, 'and so is a procedure that commits');
SELECT throws_ok(
    'SELECT tenancy.begin_change(''deploy'', ''profiles/split'')',
    '25001',
    'the script runs inside another transaction, at repeatable read: run it outside one',
    'begin_change is refused'
);
SELECT isnt(current_setting('search_path'), 'pg_catalog, pg_temp', 'search_path stays');

SELECT * FROM finish();

ROLLBACK;
