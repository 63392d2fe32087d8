-- What messages show of the statements of others.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(17);

SELECT is(tenancy.without_literals(s.given), s.shown, s.what)
FROM (
    VALUES
    (
        'strings and numbers',
        $$SELECT no_show_count FROM customers WHERE email = 'a@b.c' AND id IN (1, -2, 3.5e7, .5)$$,
        'SELECT no_show_count FROM customers WHERE email = ? AND id IN (?, -?, ?, ?)'
    ),
    ('a quote within', $$SELECT 'O''Brien', '', 'x'$$, 'SELECT ?, ?, ?'),
    (
        'parameters and names stay',
        $$SELECT $1, "Who's who", int4(a1), x::text[] FROM "c""d"$$,
        $$SELECT $1, "Who's who", int4(a1), x::text[] FROM "c""d"$$
    ),
    ('comments go', E'/* a@b.c ** / */ SELECT 1 -- d@e.f\nFROM x', '  SELECT ?   FROM x'),
    ('a comment within one', 'SELECT a /* b /* c */ secret */ FROM x', 'SELECT a '),
    ('a quote in a comment', $$SELECT 'a' /* it's */, 'secret'$$, 'SELECT ?  , ?'),
    ('a comment in a string', $$SELECT '/*', 'secret', '*/'$$, 'SELECT ?, ?, ?'),
    ('dashes in a string', $$SELECT '--', 'secret'$$, 'SELECT ?, ?'),
    ('a string in dollars', $x$DO $$BEGIN PERFORM 'secret'; END$$; SELECT 'more'$x$, 'DO '),
    ('with a tag', 'DO $body$secret$body$', 'DO '),
    ('an escape', $$SELECT a, E'it\'secret' FROM x$$, 'SELECT a, E'),
    ('a string that ends with a backslash', $$SELECT 'C:\', 'secret'$$, 'SELECT '),
    ('what does not end', $$SELECT 'secret$$, 'SELECT ?'),
    (
        'other kinds of strings',
        $$SELECT U&'secret', B'101', X'1F', N'secret', DATE '2000-01-01'$$,
        'SELECT U&?, B?, X?, N?, DATE ?'
    ),
    ('one line', E'SELECT\n\t a\r\n  FROM b', 'SELECT a FROM b')
) AS s (what, given, shown);

SELECT is(tenancy.without_literals(''), NULL, 'nothing');
SELECT is(
    length(tenancy.without_literals(repeat('SELECT ''x'', ', 100000))),
    length(tenancy.without_literals(repeat('SELECT ''x'', ', 1000))),
    'a statement of a megabyte costs no more than its beginning'
);

SELECT * FROM finish();

ROLLBACK;
