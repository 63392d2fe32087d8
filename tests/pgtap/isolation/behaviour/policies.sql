-- How a table is bound to the shop context and opened again, and that the record tells a policy that is not as it was made.

BEGIN;

CREATE EXTENSION IF NOT EXISTS pgtap;

SELECT plan(15);

\ir ../../helpers/salons.sql
\ir ../../helpers/parts.sql

CREATE TABLE public.visits (shop_id integer, note text);
INSERT INTO public.visits (shop_id, note)
VALUES
(901, 'North'),
(902, 'South');
GRANT SELECT, INSERT, UPDATE ON public.visits TO convo_shop, convo_back_office;
ALTER TABLE public.visits ENABLE ROW LEVEL SECURITY;

-- What a member of a role sees and may write, in a shop context
CREATE FUNCTION pg_temp.as_role(role_name text, context text, statement text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('app.current_shop_id', context, TRUE);
    EXECUTE format('SET LOCAL ROLE %I', role_name);
    EXECUTE statement INTO answer;
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN coalesce(answer, 'nothing');
    WHEN insufficient_privilege THEN
        RETURN 'refused';
END;
$$;

CREATE FUNCTION pg_temp.sees(role_name text, context text)
RETURNS text
LANGUAGE sql
RETURN pg_temp.as_role(role_name, context, 'SELECT string_agg(v.note, '', '' ORDER BY v.note) FROM public.visits AS v');

CALL tenancy.isolate_table(
    'public.visits', 'shop_id = tenancy.shop_context()', 'shop_id = tenancy.shop_context() AND note <> '''''
);
SELECT is(pg_temp.sees('convo_shop', '901'), 'North', 'isolate_table: convo_shop sees its shop');
SELECT is(pg_temp.sees('convo_shop', ''), 'nothing', 'isolate_table: and nothing without a shop context');
SELECT is(pg_temp.sees('convo_back_office', '901'), 'North, South', 'isolate_table: everybody else sees what they saw');
SELECT is(
    pg_temp.as_role('convo_shop', '901', 'INSERT INTO public.visits (shop_id, note) VALUES (902, ''x'') RETURNING note'),
    'refused',
    'isolate_table: convo_shop writes nothing of another shop'
);
SELECT is(
    pg_temp.as_role('convo_shop', '901', 'INSERT INTO public.visits (shop_id, note) VALUES (901, '''') RETURNING shop_id'),
    'refused',
    'isolate_table: the check is that of a write'
);
SELECT is(
    pg_temp.as_role('convo_shop', '901', 'INSERT INTO public.visits (shop_id, note) VALUES (901, ''x'') RETURNING note'),
    'x',
    'isolate_table: and writes what is its own'
);
CALL tenancy.isolate_table('public.visits', 'FALSE');
SELECT is(pg_temp.sees('convo_shop', '901'), 'nothing', 'isolate_table again: other expressions take the place of the first');
SELECT policies_are('public', 'visits', ARRAY['as_before', 'of_the_shop'], 'isolate_table again: with the same two policies');


-- As after a restore without the roles
SAVEPOINT restored;
DROP POLICY of_the_shop ON public.visits;
SELECT is(pg_temp.sees('convo_shop', '901'), 'nothing', 'as_before alone: closed to convo_shop');
SELECT is(pg_temp.sees('convo_back_office', '901'), 'North, South', 'as_before alone: and to nobody else');
ROLLBACK TO SAVEPOINT restored;

CALL tenancy.open_table('public.visits');
SELECT is(pg_temp.sees('convo_shop', '901'), 'North, South', 'open_table: as before');
SELECT policies_are('public', 'visits', '{}'::name[], 'open_table: no policy is left');

-- What somebody did to a policy

SELECT is(pg_temp.problems_after('SELECT'), NULL, 'the record: nothing is wrong');
SELECT is(pg_temp.problems_after(e.statement), e.expected, 'the record: ' || e.statement)
FROM (
    VALUES
    (
        1,
        'DROP POLICY of_the_shop ON public.bookings',
        'policy of_the_shop on public.bookings is missing (isolation/policies)'
    ),
    (
        2,
        'ALTER POLICY of_the_shop ON public.bookings USING (TRUE)',
        'policy of_the_shop on public.bookings is altered (isolation/policies)'
    )
) AS e (position, statement, expected)
ORDER BY e.position;

SELECT * FROM finish();

ROLLBACK;
