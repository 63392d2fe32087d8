-- Deploy convo_tenancy:migrate/mirror_stylist_preferences_to_profiles to pg

BEGIN;

CALL tenancy.begin_change();

CREATE OR REPLACE FUNCTION tenancy.move_preference(
    customer_id integer,
    stylist_id integer,
    count_before integer,
    count_after integer
)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shop integer;
    preferred integer;
    preferred_count integer;
    moved_to integer;
BEGIN
    -- First without locks, since as a rule nothing moves; then again with them.
    FOR attempt IN 1 .. 2 LOOP
        SELECT
            s.shop_id,
            p.preferred_stylist_id,
            c.booking_count
        INTO
            shop,
            preferred,
            preferred_count
        FROM public.stylists AS s
        LEFT JOIN public.customer_shop_profiles AS p
            ON p.customer_id = move_preference.customer_id
            AND p.shop_id = s.shop_id
        LEFT JOIN public.customer_stylist_preferences AS c
            ON c.customer_id = move_preference.customer_id
            AND c.stylist_id = p.preferred_stylist_id
        WHERE s.id = move_preference.stylist_id;

        IF preferred <> stylist_id AND preferred_count > count_after THEN
            RETURN; -- chosen or booked most, the preferred one is not overtaken
        END IF;

        moved_to := tenancy.follow_counts(preferred, customer_id, shop, stylist_id, count_before, count_after);

        -- Where customers.preferred_stylist_id names somebody of this shop, that is who is preferred: the two sides
        -- would disagree else. The application moves it next, if it moves.
        IF moved_to IS NOT DISTINCT FROM preferred OR EXISTS (
            SELECT
            FROM public.customers AS c
            JOIN public.stylists AS s ON s.id = c.preferred_stylist_id
            WHERE c.id = move_preference.customer_id
                AND s.shop_id = shop
        ) THEN
            RETURN;
        END IF;

        IF attempt = 1 THEN
            PERFORM
            FROM public.stylists AS s
            WHERE s.id IN (move_preference.stylist_id, moved_to)
            ORDER BY s.id
            FOR KEY SHARE;

            -- So that there is a row to lock.
            INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
            VALUES (move_preference.customer_id, shop)
            ON CONFLICT ON CONSTRAINT uq_customer_shop_profile DO NOTHING;

            PERFORM
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = move_preference.customer_id
                AND p.shop_id = shop
            FOR NO KEY UPDATE;
        END IF;
    END LOOP;

    PERFORM tenancy.prefer_stylist(customer_id, shop, moved_to);
END;
$$;

COMMENT ON FUNCTION tenancy.move_preference(integer, integer, integer, integer) IS
'Lets the preferred stylist of a profile follow the counts (tenancy.follow_counts) after one of them changed (NULL: no row). '
'Example: SELECT tenancy.move_preference(42, 7, NULL, 1)';

CREATE OR REPLACE FUNCTION tenancy.mirror_stylist_preferences_to_profiles()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.customer_id = OLD.customer_id AND NEW.stylist_id = OLD.stylist_id THEN
        -- As a rule it is one more booking with the stylist who is preferred anyway.
        IF NEW.booking_count < OLD.booking_count OR NOT EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = NEW.customer_id
                AND p.preferred_stylist_id = NEW.stylist_id
        ) THEN
            PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, OLD.booking_count, NEW.booking_count);
        END IF;
        RETURN NULL;
    END IF;

    IF TG_OP <> 'INSERT' THEN
        PERFORM tenancy.move_preference(OLD.customer_id, OLD.stylist_id, OLD.booking_count, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM tenancy.move_preference(NEW.customer_id, NEW.stylist_id, NULL, NEW.booking_count);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.mirror_stylist_preferences_to_profiles() IS
'Trigger: the preferred stylist of a profile follows customer_stylist_preferences, while nobody chose another.';

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenancy FROM PUBLIC;

COMMIT;
