-- Deploy convo_tenancy:profiles/close_shop to pg

\set ON_ERROR_STOP on
\set change profiles/close_shop
\ir ../support/begin.sql
\if :is_done \quit \endif

-- A function with a row of profiles in it reads what these are.
CALL tenancy.lock_tables(
    'SHARE ROW EXCLUSIVE', 'public.customer_shop_profiles IN ACCESS SHARE MODE', 'public.shops', 'tenancy.settings'
);

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_constraint AS c
        WHERE c.conrelid = 'tenancy.settings'::regclass
            AND c.conname = 'settings_default_shop_id_fkey'
    ) THEN
        ALTER TABLE tenancy.settings
        ADD CONSTRAINT settings_default_shop_id_fkey FOREIGN KEY (default_shop_id) REFERENCES public.shops (id);
    END IF;
END;
$$;

CREATE OR REPLACE FUNCTION tenancy.move_history(customer_ids integer[], shop_id integer, into_shop_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    has_legacy_side CONSTANT boolean NOT NULL := tenancy.has_legacy_side();
    closing public.customer_shop_profiles;
    counted_last timestamptz; -- what the statistics say: some profile has to hold it
BEGIN
    PERFORM
    FROM public.customers AS c
    WHERE c.id = ANY (customer_ids)
    ORDER BY c.id
    FOR NO KEY UPDATE;

    PERFORM
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = ANY (customer_ids)
        AND p.shop_id IN (move_history.shop_id, into_shop_id)
    ORDER BY
        p.customer_id,
        p.shop_id
    FOR NO KEY UPDATE;

    guard := tenancy.raise_guard(); -- the totals stay

    FOR closing IN
        SELECT p.*
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = ANY (customer_ids)
            AND p.shop_id = move_history.shop_id
            AND (
                (p.total_bookings, p.total_spend_cents, p.no_show_count) <> (0, 0, 0)
                OR p.last_booking_at IS NOT NULL
            )
        ORDER BY p.customer_id
    LOOP
        IF has_legacy_side THEN
            SELECT s.last_booking_at
            INTO counted_last
            FROM public.customer_booking_stats AS s
            WHERE s.customer_id = closing.customer_id;
        END IF;

        FOR attempt IN 1 .. 2 LOOP
            UPDATE public.customer_shop_profiles AS p
            SET
                total_bookings = p.total_bookings + closing.total_bookings,
                total_spend_cents = p.total_spend_cents + closing.total_spend_cents,
                last_booking_at = CASE
                    WHEN counted_last IN (p.last_booking_at, closing.last_booking_at) THEN counted_last
                    ELSE greatest(p.last_booking_at, closing.last_booking_at)
                END,
                no_show_count = p.no_show_count + closing.no_show_count,
                updated_at = now()
            WHERE p.customer_id = closing.customer_id
                AND p.shop_id = into_shop_id;
            EXIT WHEN FOUND;

            INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
            VALUES (closing.customer_id, into_shop_id)
            ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;
        END LOOP;

        -- The preferred stylist stays: customers may name them.
        UPDATE public.customer_shop_profiles AS p
        SET
            total_bookings = 0,
            total_spend_cents = 0,
            last_booking_at = NULL,
            no_show_count = 0,
            updated_at = now()
        WHERE p.id = closing.id;
    END LOOP;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;

COMMENT ON FUNCTION tenancy.move_history(integer[], integer, integer) IS
'Moves what these customers'' profiles in one shop count to their profiles in another: bookings, spend, no-shows, last booking. '
'Totals stay the same, so mirrors do not run. Locks the customers, then the profiles. Example: SELECT '
'tenancy.move_history(ARRAY[42, 43], 3, 1)';

CREATE OR REPLACE FUNCTION tenancy.close_step(customer_ids integer[], shop_id integer, into_shop_id integer)
RETURNS boolean
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms' -- below deadlock_timeout: it gives way to a booking
AS $$
BEGIN
    PERFORM tenancy.move_history(customer_ids, shop_id, into_shop_id);
    RETURN TRUE;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN FALSE;
END;
$$;

COMMENT ON FUNCTION tenancy.close_step(integer[], integer, integer) IS
'Runs one batch of tenancy.close_shop(). Returns false if another session locks one of these customers: call it again later. '
'Example: SELECT tenancy.close_step(ARRAY[42, 43], 3, 1)';

-- It commits, so it carries no SET and qualifies every name.
CREATE OR REPLACE PROCEDURE tenancy.close_shop(
    shop_id integer,
    into_shop_id integer DEFAULT NULL,
    batch_size integer DEFAULT 500
)
LANGUAGE plpgsql
SECURITY INVOKER
AS $$
DECLARE
    last_id integer;
    customer_ids integer[];
    moved bigint NOT NULL := 0;
BEGIN
    CALL tenancy.begin_batch();
    CALL tenancy.lock_to_read();
    into_shop_id := coalesce(into_shop_id, (SELECT s.default_shop_id FROM tenancy.settings AS s));
    IF (
        SELECT pg_catalog.count(*) < 2
        FROM public.shops AS h
        WHERE h.id IN (close_shop.shop_id, close_shop.into_shop_id)
    ) THEN
        RAISE EXCEPTION 'shop % cannot be closed into shop %: name two shops, CALL tenancy.close_shop(<shop>, <into shop>)',
            coalesce(shop_id::text, 'NULL'), into_shop_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- Round by round, until nothing is left: bookings may still come, and who is held is passed over.
    LOOP
        last_id := 0;
        LOOP
            customer_ids := ARRAY(
                SELECT p.customer_id
                FROM public.customer_shop_profiles AS p
                WHERE p.shop_id = close_shop.shop_id
                    AND p.customer_id > last_id
                    AND (
                        (p.total_bookings, p.total_spend_cents, p.no_show_count) <> (0, 0, 0)
                        OR p.last_booking_at IS NOT NULL
                    )
                ORDER BY p.customer_id
                LIMIT batch_size
            );
            EXIT WHEN pg_catalog.cardinality(customer_ids) = 0;

            IF tenancy.close_step(customer_ids, shop_id, into_shop_id) THEN
                moved := moved + pg_catalog.cardinality(customer_ids);
            END IF;
            last_id := customer_ids[pg_catalog.cardinality(customer_ids)];
            COMMIT;
            CALL tenancy.begin_batch();
            CALL tenancy.lock_to_read();
        END LOOP;
        EXIT WHEN last_id = 0;
        batch_size := greatest(batch_size / 2, 1); -- whom somebody holds, more closely
    END LOOP;
    RAISE NOTICE 'shop %: the history of % profiles is in shop % now', shop_id, moved, into_shop_id;
END;
$$;

COMMENT ON PROCEDURE tenancy.close_shop(integer, integer, integer) IS
'Moves the history of a closing shop to another shop (the default shop unless you name one), in batches that it commits. If it '
'is interrupted, run it again. Then delete the shop; the DELETE moves the rest. Call it outside a transaction. Example: CALL '
'tenancy.close_shop(3, 1)';

CREATE OR REPLACE FUNCTION tenancy.keep_shop_history()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET lock_timeout = '500ms' -- below deadlock_timeout: it gives way to a booking
AS $$
DECLARE
    default_shop CONSTANT integer := (SELECT s.default_shop_id FROM tenancy.settings AS s);
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'TRUNCATE would delete shop %, the default shop: DELETE the other shops instead', default_shop
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.id = default_shop THEN
        RAISE EXCEPTION 'shop % is the default shop, which gets every count that no booking ties to a shop: '
            'first UPDATE tenancy.settings SET default_shop_id = <another shop>', default_shop
            USING ERRCODE = 'restrict_violation';
    END IF;

    IF TG_OP = 'DELETE' THEN
        -- All of them: an empty one might come to count a booking until the foreign key deletes it.
        PERFORM tenancy.move_history(
            ARRAY(SELECT p.customer_id FROM public.customer_shop_profiles AS p WHERE p.shop_id = OLD.id), OLD.id, default_shop
        );
        RETURN OLD;
    END IF;
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION tenancy.keep_shop_history() IS
'Trigger: moves what a deleted shop''s profiles count to the default shop, as the split does without the shop''s bookings. '
'Refuses (23001) to delete the default shop or change its id.';

CREATE OR REPLACE TRIGGER shop_closes
BEFORE DELETE ON public.shops
FOR EACH ROW
EXECUTE FUNCTION tenancy.keep_shop_history();

CREATE OR REPLACE TRIGGER shop_changes_id
BEFORE UPDATE OF id ON public.shops
FOR EACH ROW
WHEN (NEW.id <> OLD.id)
EXECUTE FUNCTION tenancy.keep_shop_history();

CREATE OR REPLACE TRIGGER shops_truncated
BEFORE TRUNCATE ON public.shops
FOR EACH STATEMENT
EXECUTE FUNCTION tenancy.keep_shop_history();

COMMENT ON TRIGGER shop_closes ON public.shops IS
'Moves what the shop''s profiles count to the default shop; refuses to delete that one.';
COMMENT ON TRIGGER shop_changes_id ON public.shops IS 'Refuses to change the id of the default shop.';
COMMENT ON TRIGGER shops_truncated ON public.shops IS 'Refuses TRUNCATE, which would remove the default shop.';

COMMIT;
