-- Deploy convo_tenancy:api/customer_identity to pg

\set ON_ERROR_STOP on
\set change api/customer_identity
\ir ../support/begin.sql
\if :is_done \quit \endif

-- ICU's root locale says what is a space and what a lower case, as Python does: in a Turkish database lower('INFO@') is another address,
-- and with LOCALE C no accent has a lower case. Where ICU does not know the encoding (support/preconditions warns), A to Z have one.
SELECT CASE WHEN to_regcollation('"und-x-icu"') IS NULL THEN 'C' ELSE 'und-x-icu' END AS letters \gset

-- No SET clause, so that both are inlined.
CREATE OR REPLACE FUNCTION tenancy.normalized_email(email text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN email LIKE '%@%' THEN lower(substring(email COLLATE pg_catalog.:"letters" FROM '\S(?:.*\S)?')) END;

COMMENT ON FUNCTION tenancy.normalized_email(text) IS
'An email address as the legacy application stores it: trimmed, in lower case, the same in every locale. NULL for a text '
'without @. Example: tenancy.normalized_email('' Ann@Example.com '') = ''ann@example.com''';

CREATE OR REPLACE FUNCTION tenancy.normalized_phone(phone text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN regexp_replace(phone, '[^0-9]', '', 'g') = '' THEN NULL
    WHEN phone LIKE '%+%' OR length(regexp_replace(phone, '[^0-9]', '', 'g')) > 10
        THEN '+' || regexp_replace(phone, '[^0-9]', '', 'g')
    WHEN length(regexp_replace(phone, '[^0-9]', '', 'g')) = 10 THEN '+1' || regexp_replace(phone, '[^0-9]', '', 'g')
END;

COMMENT ON FUNCTION tenancy.normalized_phone(text) IS
'A phone number as the legacy application stores it: + and digits. Ten digits without + get +1; fewer without + give NULL. '
'Example: tenancy.normalized_phone(''(555) 010-9999'') = ''+15550109999''';

-- The identity rule, for tenancy.get_or_create_customer(), which sees to it who may know.
CREATE OR REPLACE FUNCTION tenancy.customer_of(normalized_phone text, normalized_email text)
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer integer;
BEGIN
    SELECT c.id
    INTO customer
    FROM public.customers AS c
    WHERE c.phone = customer_of.normalized_phone
    ORDER BY c.id
    LIMIT 1;

    IF NOT FOUND THEN
        SELECT c.id
        INTO customer
        FROM public.customers AS c
        WHERE c.email = customer_of.normalized_email;
    END IF;
    RETURN customer;
END;
$$;

COMMENT ON FUNCTION tenancy.customer_of(text, text) IS
'The customer with this phone (the lowest id of several), else with this email, both normalised; NULL if none. It finds '
'customers of all shops. Example: SELECT tenancy.customer_of(''+15550109999'', ''ann@example.com'')';

CREATE OR REPLACE FUNCTION tenancy.shop_knows(shop_id integer, customer_id integer)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = shop_knows.customer_id
        AND p.shop_id = shop_knows.shop_id;
    RETURN FOUND;
END;
$$;

COMMENT ON FUNCTION tenancy.shop_knows(integer, integer) IS
'Whether the customer has a profile in the shop. Bookings do not count, because a shop can write any phone into them. Example: '
'SELECT tenancy.shop_knows(3, 42)';

CREATE OR REPLACE FUNCTION tenancy.customer_by_phone(wanted_phone text)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    wanted CONSTANT text := tenancy.normalized_phone(wanted_phone);
    is_restricted CONSTANT boolean NOT NULL := tenancy.is_restricted();
BEGIN
    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.phone = wanted
        AND (NOT is_restricted OR tenancy.shop_knows(tenancy.shop_context(), c.id))
    ORDER BY c.id
    LIMIT 1;
END;
$$;

COMMENT ON FUNCTION tenancy.customer_by_phone(text) IS
'The customer with this phone (the lowest id of several), or no row. A member of convo_shop finds only customers with a profile '
'in the shop context. Example: SELECT * FROM tenancy.customer_by_phone(''+15550109999'')';

CREATE OR REPLACE FUNCTION tenancy.customer_by_email(wanted_email text)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    wanted CONSTANT text := tenancy.normalized_email(wanted_email);
    is_restricted CONSTANT boolean NOT NULL := tenancy.is_restricted();
BEGIN
    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.email = wanted
        AND (NOT is_restricted OR tenancy.shop_knows(tenancy.shop_context(), c.id));
END;
$$;

COMMENT ON FUNCTION tenancy.customer_by_email(text) IS
'The customer with this email address, or no row. A member of convo_shop finds only customers with a profile in the shop '
'context. Example: SELECT * FROM tenancy.customer_by_email(''ann@example.com'')';

COMMIT;
