-- For tests that look: a table or view as psql's \d shows it. No rows for what is not there.

CREATE FUNCTION pg_temp.columns_of(wanted text)
RETURNS TABLE (name text, type text, is_required boolean, fallback text)
LANGUAGE sql
AS $$
    SELECT
        a.attname::text COLLATE "default",
        format_type(a.atttypid, a.atttypmod),
        a.attnotnull,
        CASE
            WHEN a.attidentity = 'a' THEN 'identity'
            ELSE pg_get_expr(d.adbin, d.adrelid)
        END
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(wanted)
        AND a.attnum > 0
        AND NOT a.attisdropped
    ORDER BY a.attnum;
$$;

-- Those that are validated. Whether a name is shown with its schema depends on search_path.
CREATE FUNCTION pg_temp.constraints_of(wanted text)
RETURNS TABLE (name text, definition text)
LANGUAGE sql
AS $$
    SELECT
        c.conname::text COLLATE "default",
        replace(pg_get_constraintdef(c.oid), ' public.', ' ')
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conrelid = to_regclass(wanted)
        AND c.contype NOT IN ('n', 't')
        AND c.convalidated
    ORDER BY c.conname;
$$;
