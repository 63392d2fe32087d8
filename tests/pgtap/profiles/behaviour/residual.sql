-- The residual rule: what a shop gets of a total, and what the others give back when they hold too much.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(38);

-- tenancy.residual(total, others)
SELECT
    is(
        tenancy.residual(e.total, e.others),
        e.expected,
        format('residual(%L, %s) = %L: %s', e.total, e.others, e.expected, e.why)
    )
FROM (
    VALUES
    (1, 0::bigint, 0::bigint, 0::bigint, 'nothing of nothing'),
    (2, 10, 0, 10, 'no other shop'),
    (3, 10, 7, 3, 'the rest'),
    (4, 10, 10, 0, 'the others hold all'),
    (5, 10, 11, 0, 'the others hold too much'),
    (6, 0, 5, 0, 'the others hold something of nothing'),
    (7, -3, 0, 0, 'a negative total'),
    (8, -3, 5, 0, 'a negative total that others add to'),
    (9, -3, -5, 2, 'both negative: still the difference'),
    (10, 10, -2, 12, 'negative others: the sum stays the total'),
    (11, 2147483648, 1, 2147483647, 'beyond integer'),
    (12, 9223372036854775807, 0, 9223372036854775807, 'the largest bigint'),
    (13, 9223372036854775807, 9223372036854775807, 0, 'the largest bigint, all elsewhere'),
    (14, 0, 9223372036854775807, 0, 'the largest bigint too much'),
    (15, -9223372036854775808, 0, 0, 'the smallest bigint'),
    (16, -9223372036854775808, 1, 0, 'the smallest bigint, and more elsewhere'),
    (17, NULL, 5, NULL, 'a total that is not told')
) AS e (position, total, others, expected, why)
ORDER BY e.position;

SELECT throws_ok(
    'SELECT tenancy.residual(9223372036854775807, -1)', '22003', NULL, 'a difference beyond bigint is an error, not a wrong number'
);

-- tenancy.residual_cut(own, larger, excess)
SELECT
    is(
        tenancy.residual_cut(e.own, e.larger, e.excess),
        e.expected,
        format('residual_cut(%s, %s, %s) = %s: %s', e.own, e.larger, e.excess, e.expected, e.why)
    )
FROM (
    VALUES
    (1, 5::bigint, 0::bigint, 0::bigint, 0::bigint, 'no excess'),
    (2, 5, 0, -4, 0, 'less than the total: nothing is cut'),
    (3, 5, 0, 3, 3, 'the largest gives all of it'),
    (4, 5, 0, 5, 5, 'the largest is used up'),
    (5, 5, 0, 6, 5, 'the largest gives no more than it has'),
    (6, 3, 5, 6, 1, 'the second gives what the largest could not'),
    (7, 3, 5, 5, 0, 'the second gives nothing when the largest sufficed'),
    (8, 3, 5, 4, 0, 'the second gives nothing when the largest has some left'),
    (9, 2, 8, 6, 0, 'the third is spared'),
    (10, 2, 8, 10, 2, 'all are used up'),
    (11, 0, 0, 4, 0, 'what holds nothing gives nothing'),
    (12, 5, 0, 8, 5, 'the excess over a negative total takes no more than there is'),
    (13, 2147483648, 0, 2147483647, 2147483647, 'beyond integer'),
    (14, 9223372036854775807, 0, 9223372036854775807, 9223372036854775807, 'the largest bigint'),
    (15, 1, 9223372036854775807, 9223372036854775807, 0, 'the largest bigint was cut before'),
    (16, 5, 0, -9223372036854775808, 0, 'the smallest bigint')
) AS e (position, own, larger, excess, expected, why)
ORDER BY e.position;

-- Both together, over all splits of three other shops (largest first, then lowest shop) and all totals up to 12.
CREATE TEMPORARY TABLE outcome ON COMMIT DROP AS
SELECT
    given.total,
    given.a,
    given.b,
    given.c,
    tenancy.residual(given.total, given.a + given.b + given.c) AS rest,
    given.a - tenancy.residual_cut(given.a, 0, given.a + given.b + given.c - given.total) AS a_left,
    given.b - tenancy.residual_cut(given.b, given.a, given.a + given.b + given.c - given.total) AS b_left,
    given.c - tenancy.residual_cut(given.c, given.a + given.b, given.a + given.b + given.c - given.total) AS c_left
FROM (
    SELECT
        t.total,
        x.a,
        y.b,
        z.c
    FROM generate_series(0, 12) AS t (total)
    CROSS JOIN generate_series(0, 4) AS x (a)
    CROSS JOIN generate_series(0, 4) AS y (b)
    CROSS JOIN generate_series(0, 4) AS z (c)
    WHERE x.a >= y.b
        AND y.b >= z.c
) AS given;

SELECT is_empty(
    'SELECT * FROM outcome WHERE rest + a_left + b_left + c_left <> total',
    'the sum is always the total'
);
SELECT is_empty(
    'SELECT * FROM outcome WHERE least(rest, a_left, b_left, c_left) < 0',
    'nothing falls below zero'
);
SELECT is_empty(
    'SELECT * FROM outcome WHERE (b_left < b AND a_left > 0) OR (c_left < c AND a_left + b_left > 0)',
    'a smaller profile gives only when the larger ones have nothing left'
);
SELECT is_empty(
    'SELECT * FROM outcome WHERE rest > 0 AND (a_left, b_left, c_left) <> (a, b, c)',
    'nothing is cut while there is a rest'
);

SELECT * FROM finish();

ROLLBACK;
