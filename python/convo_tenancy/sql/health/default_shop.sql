SELECT
    s.default_shop_id,
    h.id IS NOT NULL AS is_there
FROM tenancy.settings AS s
LEFT JOIN public.shops AS h ON h.id = s.default_shop_id;
