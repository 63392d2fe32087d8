-- Deploy convo_tenancy:api/customer_queue to pg

\set ON_ERROR_STOP on
\set change api/customer_queue
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Not advisory locks: everybody may hold these, and pg_locks shows their keys to everybody.
CREATE TABLE IF NOT EXISTS tenancy.customers_under_way (
    key bigint NOT NULL,
    CONSTRAINT customers_under_way_pkey PRIMARY KEY (key)
);

COMMENT ON TABLE tenancy.customers_under_way IS
'Emails and phones of customers whom a call is about to make. A call enters its keys and deletes them at once; another call '
'with the same key waits until the first transaction ends. No other transaction and no dump sees a row.';
COMMENT ON COLUMN tenancy.customers_under_way.key IS 'A hash of the normalised email or phone.';

CREATE OR REPLACE FUNCTION tenancy.queue_for_customer(email text, phone text)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
    keys CONSTANT bigint[] NOT NULL := ARRAY(
        SELECT hashtextextended(k.key, 0)
        FROM (VALUES ('email ' || email), ('phone ' || phone)) AS k (key)
        WHERE k.key IS NOT NULL
        ORDER BY 1 -- two that enter the same two queue for the same one
    );
BEGIN
    INSERT INTO tenancy.customers_under_way (key)
    SELECT k.key
    FROM unnest(keys) AS k (key);

    DELETE FROM tenancy.customers_under_way AS u WHERE u.key = ANY (keys);
EXCEPTION
    WHEN lock_not_available THEN
        RAISE EXCEPTION 'another transaction is making a customer with this email address or phone number: try again'
            USING ERRCODE = 'lock_not_available';
END;
$$;

COMMENT ON FUNCTION tenancy.queue_for_customer(text, text) IS
'Waits until no other transaction is about to make a customer with this normalised email or phone, and makes later ones wait '
'for this transaction. Fails (55P03) after three seconds. Example: SELECT tenancy.queue_for_customer(''ann@example.com'', '
'''+15550109999'')';

COMMIT;
