-- Deploy convo_tenancy:api/customer_identity to pg

\set ON_ERROR_STOP on
\set change api/customer_identity
\ir ../support/begin.sql
\if :is_done \quit \endif

-- No SET clause, so that both are inlined.
CREATE OR REPLACE FUNCTION tenancy.normalized_email(email text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN email LIKE '%@%' THEN lower(btrim(email, E' \t\n\r')) END;

COMMENT ON FUNCTION tenancy.normalized_email(text) IS
'An email address as the legacy application stores it: trimmed, in lower case; NULL for what is none. '
'Example: tenancy.normalized_email('' Ann@Example.com '') = ''ann@example.com''';

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
'A phone number as the legacy application stores it: + and digits; ten digits without a + get +1; NULL for what is no number '
'(fewer digits without a +). Example: tenancy.normalized_phone(''(555) 010-9999'') = ''+15550109999''';

CREATE OR REPLACE FUNCTION tenancy.customer_by_phone(wanted_phone text)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    normalized CONSTANT text := tenancy.normalized_phone(wanted_phone);
BEGIN
    IF tenancy.is_restricted() AND tenancy.shop_context() IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.phone = normalized
    ORDER BY c.id
    LIMIT 1;
END;
$$;

COMMENT ON FUNCTION tenancy.customer_by_phone(text) IS
'The customer with this phone number, the lowest id of several; no row if there is none. '
'Example: SELECT * FROM tenancy.customer_by_phone(''+15550109999'')';

CREATE OR REPLACE FUNCTION tenancy.customer_by_email(wanted_email text)
RETURNS TABLE (customer_id integer, email varchar, phone varchar, name varchar)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    normalized CONSTANT text := tenancy.normalized_email(wanted_email);
BEGIN
    IF tenancy.is_restricted() AND tenancy.shop_context() IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT
        c.id,
        c.email,
        c.phone,
        c.name
    FROM public.customers AS c
    WHERE c.email = normalized;
END;
$$;

COMMENT ON FUNCTION tenancy.customer_by_email(text) IS
'The customer with this email address; no row if there is none. '
'Example: SELECT * FROM tenancy.customer_by_email(''ann@example.com'')';

COMMIT;
