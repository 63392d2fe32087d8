SELECT k.contracted_at
FROM tenancy.contracted AS k;
