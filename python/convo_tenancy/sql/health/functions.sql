-- What each function of ours does, as one hash: its body, whose rights it has, and its settings.
SELECT
    p.oid::regprocedure::text AS name,
    encode(
        sha256(convert_to(
            concat_ws(
                E'\n',
                coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
                p.prosecdef,
                p.provolatile,
                p.proconfig
            ),
            'UTF8'
        )),
        'hex'
    ) AS fingerprint
FROM pg_proc AS p
WHERE p.pronamespace = to_regnamespace('tenancy')
ORDER BY 1;
