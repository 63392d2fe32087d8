-- What the scripts made, with what is wrong with it. Of a change that is half-way, the phase tells; an index that
-- went with its constraint comes back with it. Then what else is there and in the way.
SELECT
    d.kind,
    d.name,
    d.change,
    d.definition,
    p.problem
FROM tenancy.deployed_parts AS d
JOIN tenancy.changes AS c ON c.change = d.change
LEFT JOIN tenancy.part_problems AS p
    ON p.kind = d.kind
    AND p.name = d.name
WHERE d.is_there
    AND c.state = 'standing'
    AND (
        d.kind <> 'index'
        OR p.problem IS DISTINCT FROM 'missing'
        OR NOT EXISTS (
            SELECT
            FROM tenancy.deployed_parts AS k
            WHERE k.kind = 'constraint'
                AND k.is_there
                AND k.name LIKE split_part(d.name, '.', 2) || ' on %'
        )
    )
UNION ALL
SELECT
    p.kind,
    p.name,
    NULL,
    tenancy.part_definition(p.kind, p.oid),
    CASE p.kind
        WHEN 'trigger' THEN 'left over'
        WHEN 'constraint' THEN 'not validated'
        ELSE 'invalid'
    END
FROM tenancy.parts AS p
WHERE (
    p.kind = 'trigger'
    OR (
        p.kind IN ('constraint', 'index')
        AND NOT p.is_valid
        AND p.name || tenancy.part_definition(p.kind, p.oid) LIKE '% public.customer_shop_profiles%'
    )
)
AND NOT EXISTS (
    SELECT
    FROM tenancy.deployed_parts AS d
    WHERE d.kind = p.kind
        AND d.name = p.name
        AND d.is_there
)
ORDER BY
    1,
    2;
