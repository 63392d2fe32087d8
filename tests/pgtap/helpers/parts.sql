-- For tests of what the changes made: the record, and what is there, by the same names.

CREATE FUNCTION pg_temp.parts()
RETURNS SETOF tenancy.parts
LANGUAGE sql
SET search_path = pg_catalog
AS $$
    SELECT p.* FROM tenancy.parts AS p;
$$;

CREATE FUNCTION pg_temp.problems()
RETURNS TABLE (problem text)
LANGUAGE sql
SET search_path = pg_catalog
AS $$
    SELECT format('%s %s is %s (%s)', p.kind, p.name, p.problem, p.change)
    FROM tenancy.part_problems AS p
    ORDER BY 1;
$$;

\ir what_if.sql

-- What is wrong after a statement, which is then taken back
CREATE FUNCTION pg_temp.problems_after(statement text)
RETURNS text
LANGUAGE sql
RETURN pg_temp.what_if(statement, '(SELECT string_agg(p.problem, ''; '') FROM pg_temp.problems() AS p)');
