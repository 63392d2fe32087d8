SELECT s.registry::text
FROM tenancy.settings AS s;
