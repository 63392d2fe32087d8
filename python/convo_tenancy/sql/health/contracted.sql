SELECT
    k.contracted_at,
    k.purged_at
FROM tenancy.contracted AS k;
