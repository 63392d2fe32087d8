-- Deploy convo_tenancy:mirror/attribution to pg

\set ON_ERROR_STOP on
\set change mirror/attribution
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();

-- No SET clause, so that it is inlined. The last rules of the attribution.
CREATE OR REPLACE FUNCTION tenancy.shop_of_last_booking(
    customer_id integer,
    last_booking_at timestamptz,
    otherwise integer DEFAULT NULL
)
RETURNS TABLE (shop_id integer)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (
            SELECT b.shop_id
            FROM tenancy.bookings_of(shop_of_last_booking.customer_id) AS b
            WHERE b.start_at_utc = shop_of_last_booking.last_booking_at
                AND NOT b.is_unproven
            ORDER BY b.status = 'CONFIRMED' DESC, b.created_at DESC, b.id DESC
            LIMIT 1
        ),
        (
            SELECT p.shop_id
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = shop_of_last_booking.customer_id
                AND p.last_booking_at = shop_of_last_booking.last_booking_at
            ORDER BY p.shop_id
            LIMIT 1
        ),
        shop_of_last_booking.otherwise,
        (SELECT d.default_shop_id FROM tenancy.settings AS d)
    );
END;

COMMENT ON FUNCTION tenancy.shop_of_last_booking(integer, timestamptz, integer) IS
'The shop that a last_booking_at points to: that of the customer''s booking that starts then (CONFIRMED first, then the '
'newest), else of the profile with that time, else otherwise, else the default shop. Example: SELECT * FROM '
'tenancy.shop_of_last_booking(42, ''2026-03-01 10:00+00'')';

CREATE OR REPLACE FUNCTION tenancy.is_known_booking(customer_id integer, shop_id integer, last_booking_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(current_setting('app.current_shop_id', TRUE), '') <> ''
        OR EXISTS (
            SELECT
            FROM tenancy.bookings_of(is_known_booking.customer_id) AS b
            WHERE b.shop_id = is_known_booking.shop_id
                AND b.start_at_utc = is_known_booking.last_booking_at
                AND NOT b.is_unproven
        )
        OR EXISTS (
            SELECT
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = is_known_booking.customer_id
                AND p.shop_id = is_known_booking.shop_id
                AND p.last_booking_at = is_known_booking.last_booking_at
        );
END;
$$;

COMMENT ON FUNCTION tenancy.is_known_booking(integer, integer, timestamptz) IS
'Whether a write with this last_booking_at surely concerns this shop: a shop context is set, the customer has a booking there '
'that starts then, or the profile has that time. Otherwise the shop was a guess. Example: SELECT tenancy.is_known_booking(42, '
'3, ''2026-03-01 10:00+00'')';

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.note_of_booking(customer_id integer, start_at_utc timestamptz)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN ' ' || customer_id || ':' || extract(EPOCH FROM start_at_utc) || '=';

COMMENT ON FUNCTION tenancy.note_of_booking(integer, timestamptz) IS
'The note of a confirmed booking in the setting tenancy.confirmed, up to the shop: customer and start. The note is there while '
'this transaction has confirmed the booking and not counted it. Example: tenancy.note_of_booking(42, ''1970-01-01 00:00+00'') = '
''' 42:0.000000=''';

-- No SET clause, so that it is inlined.
CREATE OR REPLACE FUNCTION tenancy.noted_shop(notes text, note text)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN strpos(notes, note) > 0 THEN split_part(split_part(notes, note, 2), ' ', 1)::integer END;

COMMENT ON FUNCTION tenancy.noted_shop(text, text) IS
'The shop that follows a note of tenancy.note_of_booking() in these notes; NULL if they lack it. Example: tenancy.noted_shop('' '
'42:0.000000=3'', '' 42:0.000000='') = 3';

-- No SET clause, so that it is inlined. The space tells shop 3 from shop 31.
CREATE OR REPLACE FUNCTION tenancy.without_note(notes text, note text)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE strpos(notes || ' ', note || ' ')
    WHEN 0 THEN notes
    ELSE left(notes, strpos(notes || ' ', note || ' ') - 1) || substr(notes, strpos(notes || ' ', note || ' ') + length(note))
END;

COMMENT ON FUNCTION tenancy.without_note(text, text) IS
'These notes without one of them, its shop included: for a booking that is counted now. Example: tenancy.without_note('' '
'42:0.000000=3 43:0.000000=3'', '' 42:0.000000=3'') = '' 43:0.000000=3''';

CREATE OR REPLACE FUNCTION tenancy.attributed_shop(
    customer_id integer,
    last_booking_at timestamptz DEFAULT NULL,
    last_booking_before timestamptz DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    notes CONSTANT text NOT NULL := coalesce(current_setting('tenancy.confirmed', TRUE), '');
    shop integer;
    begins_then boolean; -- a booking, maybe the customer's
    newest integer; -- of the notes: the shop
BEGIN
    IF current_setting('app.current_shop_id', TRUE) <> '' THEN
        RETURN tenancy.checked_shop_context();
    END IF;

    IF strpos(notes, ' ' || customer_id || ':') > 0 THEN
        shop := tenancy.noted_shop(notes, tenancy.note_of_booking(customer_id, last_booking_at));
        IF shop IS NOT NULL THEN
            RETURN shop;
        END IF;
        newest := substring(notes FROM '.* ' || customer_id || ':[^ ]*=([0-9]+)')::integer;
    END IF;

    -- Without a time there is no booking to look for. Nor is there need to look for it with a correction, which leaves the time as
    -- it is, or where nobody's booking begins then.
    IF last_booking_at IS NOT NULL THEN
        SELECT
            last_booking_at IS DISTINCT FROM last_booking_before AND EXISTS (
                SELECT
                FROM public.bookings AS b
                WHERE b.start_at_utc = attributed_shop.last_booking_at
            ),
            (
                SELECT min(p.shop_id)
                FROM public.customer_shop_profiles AS p
                WHERE p.customer_id = attributed_shop.customer_id
                    AND p.last_booking_at = attributed_shop.last_booking_at
            )
        INTO
            begins_then,
            shop;
    END IF;

    IF begins_then OR (shop IS NULL AND last_booking_at = last_booking_before) THEN
        SELECT s.shop_id
        INTO shop
        FROM tenancy.shop_of_last_booking(
            attributed_shop.customer_id, attributed_shop.last_booking_at, newest
        ) AS s;
    END IF;

    RETURN coalesce(shop, newest, (SELECT d.default_shop_id FROM tenancy.settings AS d));
END;
$$;

COMMENT ON FUNCTION tenancy.attributed_shop(integer, timestamptz, timestamptz) IS
'The shop of a legacy write to this customer. The first that is there decides: the shop context; the note of an uncounted '
'booking that this transaction confirmed and that starts at last_booking_at; if the write keeps last_booking_at, the profile '
'that holds it; tenancy.shop_of_last_booking(), which takes the newest note before the default shop. Example: SELECT '
'tenancy.attributed_shop(42, ''2026-03-01 10:00+00'')';

COMMIT;
