-- Deploy convo_tenancy:api/get_or_create_customer to pg

\set ON_ERROR_STOP on
\set change api/get_or_create_customer
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.get_or_create_customer(email text, phone text, name text)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    wanted_email CONSTANT text := tenancy.normalized_email(email);
    wanted_phone CONSTANT text := tenancy.normalized_phone(phone);
    is_restricted CONSTANT boolean NOT NULL := tenancy.is_restricted();
    shop CONSTANT integer := CASE WHEN is_restricted THEN tenancy.checked_shop_context() END;
    customer integer;
BEGIN
    IF wanted_email IS NULL AND wanted_phone IS NULL THEN
        RAISE EXCEPTION 'a customer needs an email address or a phone number'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF is_restricted AND shop IS NULL THEN
        RAISE EXCEPTION 'no shop context: SET LOCAL app.current_shop_id = ''<id>'''
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    FOR attempt IN 1 .. 2 LOOP
        customer := coalesce(
            (SELECT c.customer_id FROM tenancy.customer_by_phone(wanted_phone) AS c),
            (SELECT c.customer_id FROM tenancy.customer_by_email(wanted_email) AS c)
        );
        EXIT WHEN customer IS NOT NULL;

        -- Nothing in the table keeps two calls from making two customers with one phone: they queue here, and
        -- the second looks again.
        IF attempt = 1 THEN
            PERFORM tenancy.queue_for_customer(wanted_email, wanted_phone);
        END IF;
    END LOOP;

    IF customer IS NULL THEN
        INSERT INTO public.customers AS c (email, phone, name)
        VALUES (wanted_email, wanted_phone, nullif(btrim(get_or_create_customer.name), ''))
        ON CONFLICT DO NOTHING
        RETURNING c.id INTO customer;

        -- The legacy application, which does not queue, was quicker.
        customer := coalesce(customer, (SELECT c.customer_id FROM tenancy.customer_by_email(wanted_email) AS c));
        IF customer IS NULL THEN
            RAISE EXCEPTION 'a customer with this email was made by another transaction: try again' -- no address in a log
                USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    -- Who gave their phone or email to a shop is known to it from now on.
    IF is_restricted THEN
        PERFORM tenancy.ensure_profile(customer, shop);
    END IF;
    RETURN customer;
END;
$$;

COMMENT ON FUNCTION tenancy.get_or_create_customer(text, text, text) IS
'The id of the customer with this phone number, else with this email address, else of a new one. Normalises both as the legacy '
'application does; changes nothing of a customer who is there. Several calls at a time give one customer (by phone alone at '
'READ COMMITTED or SERIALIZABLE only: nothing in the table keeps phones apart). Neither email nor phone: 22023. '
'For a member of convo_shop the customer gets a profile in the shop context, and so is known to that shop; without one: 42501. '
'Example: SELECT tenancy.get_or_create_customer(''ann@example.com'', ''(555) 010-9999'', ''Ann'')';

COMMIT;
