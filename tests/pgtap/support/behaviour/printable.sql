-- What messages show of the names that others gave.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(6);

SELECT is(tenancy.printable('Salon Zürich (東京) "ok"'), 'Salon Zürich (東京) "ok"', 'what can be read stays, in any script');
SELECT is(tenancy.printable(E'a\tb\nc\rd\033[2Je\177f'), 'a?b?c?d?[2Je?f', 'C0: tabs, newlines, escapes');
SELECT is(tenancy.printable(E'a\u0085b\u009bc'), 'a?b?c', 'C1: a newline and an escape of eight bits');
SELECT is(tenancy.printable(E'a\u202eb\u2066c\u200fd\u061ce'), 'a?b?c?d?e', 'what turns the text around');
SELECT is(tenancy.printable(E'a\u2028b\u2029c\u200bd\ufeffe\U000e0041f'), 'a?b?c?d?e?f', 'what ends a line, and what nobody sees');
SELECT is(tenancy.printable(NULL), NULL, 'NULL stays');

SELECT * FROM finish();

ROLLBACK;
