-- Deploy convo_tenancy:mirror/prefer_stylist to pg

\set ON_ERROR_STOP on
\set change mirror/prefer_stylist
\ir ../support/begin.sql
\if :is_done \quit \endif

CREATE OR REPLACE FUNCTION tenancy.prefer_stylist(customer_id integer, shop_id integer, stylist_id integer)
RETURNS void
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
BEGIN
    guard := tenancy.raise_guard();

    FOR attempt IN 1 .. 2 LOOP
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = prefer_stylist.stylist_id,
            updated_at = now()
        WHERE p.customer_id = prefer_stylist.customer_id
            AND p.shop_id = prefer_stylist.shop_id;
        EXIT WHEN FOUND;
        PERFORM tenancy.ensure_profile(prefer_stylist.customer_id, prefer_stylist.shop_id);
    END LOOP;

    guard := set_config('tenancy.mirroring', guard_before, TRUE);
END;
$$;

COMMENT ON FUNCTION tenancy.prefer_stylist(integer, integer, integer) IS
'Writes a preferred stylist of the legacy side to one shop''s profile. Not mirrored. The caller has locked the stylist (FOR KEY '
'SHARE) before it read the shop. Example: SELECT tenancy.prefer_stylist(42, 3, 7)';

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
    profile integer; -- NULL if there is none in that shop
    preferred integer;
    preferred_count integer;
    moved_to integer;
BEGIN
    -- First without locks, since as a rule nothing moves; then again with them.
    FOR attempt IN 1 .. 2 LOOP
        SELECT
            s.shop_id,
            p.id,
            p.preferred_stylist_id,
            c.booking_count
        INTO
            shop,
            profile,
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
        IF profile IS NULL AND count_after IS NULL THEN
            RETURN; -- a count that goes makes no profile: who deletes the customer waits for it, and the new row for the customer
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
            PERFORM tenancy.ensure_profile(move_preference.customer_id, shop);

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
'Lets a profile''s preferred stylist follow the counts (tenancy.follow_counts) after one changed from count_before to '
'count_after (NULL: no row). Example: SELECT tenancy.move_preference(42, 7, NULL, 1)';

COMMIT;
