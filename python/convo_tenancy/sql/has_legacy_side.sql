-- tenancy.has_legacy_side(), from the catalogs alone: whoever may not call it may ask, too. While there is no such
-- function, nobody took the legacy side away.
SELECT
    NOT EXISTS (
        SELECT
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname = 'tenancy'
            AND p.proname = 'has_legacy_side'
            AND pg_get_function_sqlbody(p.oid) = 'RETURN false'
    ) AS has_legacy_side;
