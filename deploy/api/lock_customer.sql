-- Deploy convo_tenancy:api/lock_customer to pg

-- The last of the SQL API, and so the first that a revert takes away: no call writes without it.

\set ON_ERROR_STOP on
\set change api/lock_customer
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.lock_customer(customer_id integer, changes_totals boolean DEFAULT FALSE)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempts CONSTANT integer := 200; -- about three seconds
    caller_lock_timeout text;
    has_customer boolean;
BEGIN
    IF current_setting('app.current_shop_id', TRUE) <> '' THEN
        PERFORM tenancy.checked_shop_context(); -- a context that is no shop is an error in every call
    END IF;

    -- Whoever confirmed a booking of theirs holds the customer anyway, and cannot give it back: no subtransaction, then,
    -- whose lock costs a multixact once the row is updated. A note that is made up gets these locks, or none.
    IF tenancy.has_legacy_side() AND strpos(current_setting('tenancy.confirmed', TRUE), ' ' || customer_id || ':') > 0 THEN
        PERFORM
        FROM public.customers AS c
        JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
        WHERE c.id = lock_customer.customer_id
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    -- A legacy transaction that confirms nothing may hold the statistics and come to want the customer: so
    -- nobody may wait for the statistics while holding the customer. The subtransaction gives the customer back.
    FOR attempt IN 1 .. attempts LOOP
        has_customer := FALSE;
        BEGIN
            PERFORM
            FROM public.customers AS c
            WHERE c.id = lock_customer.customer_id
            FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'customer % does not exist', coalesce(lock_customer.customer_id::text, 'NULL')
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            has_customer := TRUE;

            -- The wait may have been for a revert, which takes the mirrors away next; or for the contract.
            IF to_regprocedure('tenancy.lock_customer(integer, boolean)') IS NULL THEN
                RAISE EXCEPTION 'the SQL API was removed while this call waited: try again'
                    USING ERRCODE = 'serialization_failure';
            END IF;
            IF NOT tenancy.has_legacy_side() THEN
                RETURN;
            END IF;

            FOR statistics IN 1 .. 2 LOOP
                PERFORM
                FROM public.customer_booking_stats AS s
                WHERE s.customer_id = lock_customer.customer_id
                FOR NO KEY UPDATE NOWAIT;
                IF FOUND OR NOT changes_totals THEN
                    RETURN;
                END IF;

                caller_lock_timeout := current_setting('lock_timeout');
                PERFORM set_config('lock_timeout', '5ms', TRUE); -- somebody may be inserting it, too
                INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
                VALUES (lock_customer.customer_id, 0, 0)
                ON CONFLICT DO NOTHING;
                PERFORM set_config('lock_timeout', caller_lock_timeout, TRUE);
            END LOOP;
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                IF NOT has_customer THEN
                    RAISE; -- the caller's own lock_timeout
                END IF;
        END;
        PERFORM pg_sleep(0.005 + 0.02 * random());
    END LOOP;

    RAISE EXCEPTION 'could not lock customer %: the statistics are held by another transaction, try again', customer_id
        USING ERRCODE = 'lock_not_available';
END;
$$;

COMMENT ON FUNCTION tenancy.lock_customer(integer, boolean) IS
'Locks a customer and then their statistics. Never waits for the statistics while it holds the customer. With changes_totals it '
'makes the row of statistics if there is none. Unknown customer: 23503. Locked by another session for seconds: 55P03. Phase 2 '
'reverted meanwhile: 40001. Example: SELECT tenancy.lock_customer(42)';

COMMIT;
