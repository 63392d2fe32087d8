-- Deploy convo_tenancy:api/get_or_create_customer to pg

\set ON_ERROR_STOP on
\set change api/get_or_create_customer
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Whoever tries phones one by one learns who is a customer of other shops. So a restricted caller has so many tries an hour with
-- people whom the shop does not know yet.
CREATE TABLE IF NOT EXISTS tenancy.introductions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    role_name text NOT NULL,
    shop_id integer NOT NULL,
    introduced_at timestamptz NOT NULL,
    CONSTRAINT introductions_pkey PRIMARY KEY (id)
);

CREATE INDEX IF NOT EXISTS introductions_introduced_at_idx ON tenancy.introductions (introduced_at);

COMMENT ON TABLE tenancy.introductions IS
'When a member of convo_shop introduced a customer to a shop, by tenancy.get_or_create_customer(). Append-only, so that no call '
'waits for another. DELETE rows of past hours at any time. tenancy.introducers adds them up.';
COMMENT ON COLUMN tenancy.introductions.id IS
'Counts all attempts of an hour, also those rolled back: each hour it starts at the hour''s time in microseconds.';
COMMENT ON COLUMN tenancy.introductions.role_name IS 'The login, whatever SET ROLE says.';
COMMENT ON COLUMN tenancy.introductions.shop_id IS 'The shop context.';
COMMENT ON COLUMN tenancy.introductions.introduced_at IS 'When the call introduced the customer.';

CREATE OR REPLACE VIEW tenancy.introducers (role_name, shop_id, hour, introductions)
WITH (security_invoker = TRUE)
AS
SELECT
    i.role_name,
    i.shop_id,
    date_trunc('hour', i.introduced_at, 'UTC'),
    count(*)
FROM tenancy.introductions AS i
GROUP BY
    i.role_name,
    i.shop_id,
    date_trunc('hour', i.introduced_at, 'UTC');

COMMENT ON VIEW tenancy.introducers IS
'How many customers a member of convo_shop introduced to a shop in an hour. Far more than a salon gets means that somebody '
'tries phone numbers. Example: SELECT * FROM tenancy.introducers ORDER BY introductions DESC';
COMMENT ON COLUMN tenancy.introducers.role_name IS 'The login.';
COMMENT ON COLUMN tenancy.introducers.shop_id IS 'The shop.';
COMMENT ON COLUMN tenancy.introducers.hour IS 'The beginning of the hour.';
COMMENT ON COLUMN tenancy.introducers.introductions IS 'How many customers it introduced.';

CREATE OR REPLACE FUNCTION tenancy.count_introduction(shop_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz NOT NULL := clock_timestamp();
    hour CONSTANT timestamptz NOT NULL := date_trunc('hour', moment, 'UTC'); -- whatever TimeZone says
    before_first CONSTANT bigint NOT NULL := extract(EPOCH FROM hour) * 1000000;
    attempt bigint NOT NULL := 0;
    counted record;
BEGIN
    INSERT INTO tenancy.introductions (role_name, shop_id, introduced_at)
    VALUES (session_user, count_introduction.shop_id, moment)
    RETURNING id INTO attempt;

    -- A rollback takes the row away, and not its number: they begin anew each hour, at its microsecond.
    IF attempt <= before_first THEN
        attempt := before_first + 1;
        PERFORM setval('tenancy.introductions_id_seq', attempt)
        FROM tenancy.introductions_id_seq AS s
        WHERE s.last_value < attempt;
    END IF;

    SELECT
        count(*) AS by_all,
        count(*) FILTER (WHERE i.role_name = session_user AND i.shop_id = count_introduction.shop_id) AS by_this,
        s.introductions_per_hour AS allowed
    INTO counted
    FROM tenancy.settings AS s
    JOIN tenancy.introductions AS i ON i.introduced_at >= hour
    GROUP BY s.introductions_per_hour;

    IF counted.by_this > counted.allowed OR attempt - before_first - counted.by_all >= 10 * counted.allowed THEN
        RAISE EXCEPTION 'too many new customers in this hour: see tenancy.introducers and tenancy.settings.introductions_per_hour'
            USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
END;
$$;

COMMENT ON FUNCTION tenancy.count_introduction(integer) IS
'Records that this login introduces a customer to a shop. Fails (53400) beyond tenancy.settings.introductions_per_hour, or if '
'all such logins together rolled back or have not committed ten times as many. Example: SELECT tenancy.count_introduction(3)';

CREATE OR REPLACE FUNCTION tenancy.get_or_create_customer(email text, phone text, name text)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    -- What is too long fails here, whoever is there.
    wanted_email CONSTANT public.customers.email%TYPE := tenancy.normalized_email(email);
    wanted_phone CONSTANT public.customers.phone%TYPE := tenancy.normalized_phone(phone);
    wanted_name CONSTANT public.customers.name%TYPE := nullif(btrim(name), '');
    is_restricted CONSTANT boolean NOT NULL := tenancy.is_restricted();
    shop CONSTANT integer := CASE WHEN is_restricted THEN tenancy.checked_shop_context() END;
    customer integer;
BEGIN
    IF is_restricted AND shop IS NULL THEN
        RAISE EXCEPTION 'no shop context: SET LOCAL app.current_shop_id = ''<id>'''
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF wanted_email IS NULL AND wanted_phone IS NULL THEN
        RETURN NULL; -- nobody could find such a customer again
    END IF;

    -- Else which write is refused would tell who is there, and count nothing.
    IF is_restricted AND current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'cannot introduce a customer in a read-only transaction'
            USING ERRCODE = 'read_only_sql_transaction';
    END IF;

    -- A phone that the shop does not know may be somebody's: so it is counted before anybody is looked for, though the shop may know
    -- the email.
    IF is_restricted THEN
        IF wanted_phone IS NOT NULL THEN
            SELECT k.customer_id INTO customer FROM tenancy.customer_by_phone(wanted_phone) AS k;
        ELSE
            SELECT k.customer_id INTO customer FROM tenancy.customer_by_email(wanted_email) AS k;
        END IF;
        IF FOUND THEN
            RETURN customer;
        END IF;
        PERFORM tenancy.count_introduction(shop);
    END IF;
    customer := tenancy.customer_of(wanted_phone, wanted_email);

    -- Nothing in the table keeps two calls from making two customers with one phone: they queue here, and the second looks again.
    IF customer IS NULL THEN
        PERFORM tenancy.queue_for_customer(wanted_email, wanted_phone);
        customer := tenancy.customer_of(wanted_phone, wanted_email);
    END IF;

    IF customer IS NULL THEN
        INSERT INTO public.customers AS c (email, phone, name)
        VALUES (wanted_email, wanted_phone, wanted_name)
        ON CONFLICT DO NOTHING
        RETURNING c.id INTO customer;

        -- The legacy application, which does not queue, was quicker.
        customer := coalesce(customer, tenancy.customer_of(NULL, wanted_email));
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
'The id of the customer with this phone, else with this email, else of a new customer. Normalises both as the legacy '
'application does, and never changes a customer. Concurrent calls give one customer (by phone alone only at READ COMMITTED or '
'SERIALIZABLE: no constraint keeps phones unique). Returns NULL if neither is valid: such a booking counts for nobody. A value '
'too long for its column: 22001. A member of convo_shop also gives the customer a profile in the shop context, so that the shop '
'knows them. Without a context: 42501. Too many unknown customers in an hour: 53400. Example: SELECT '
'tenancy.get_or_create_customer(''ann@example.com'', ''(555) 010-9999'', ''Ann'')';

COMMIT;
