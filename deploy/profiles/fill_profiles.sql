-- Deploy convo_tenancy:profiles/fill_profiles to pg

\set ON_ERROR_STOP on
\set change profiles/fill_profiles
\ir ../support/begin.sql
\if :is_done \quit \endif

CALL tenancy.lock_to_read();
SET LOCAL check_function_bodies = off; -- the contract takes away what one of them names, and this script may run again then

CREATE OR REPLACE FUNCTION tenancy.fill_profiles(
    customer_ids integer[],
    assumed tenancy.statistics DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    written bigint;
BEGIN
    -- What comes from the legacy side is not to be mirrored back to it (mirror/mirrors).
    guard := tenancy.raise_guard();
    INSERT INTO tenancy.splits_under_way (xid) VALUES (pg_current_xact_id());

    -- Who has no profile begins anew.
    IF EXISTS (SELECT FROM tenancy.profile_origins) THEN
        DELETE FROM tenancy.profile_origins AS o WHERE o.customer_id = ANY (customer_ids);
    END IF;

    INSERT INTO public.customer_shop_profiles (
        customer_id,
        shop_id,
        preferred_stylist_id,
        total_bookings,
        total_spend_cents,
        last_booking_at,
        no_show_count
    )
    SELECT
        s.customer_id,
        s.shop_id,
        s.preferred_stylist_id,
        s.total_bookings,
        s.total_spend_cents,
        s.last_booking_at,
        s.no_show_count
    FROM tenancy.split(customer_ids, assumed) AS s;
    GET DIAGNOSTICS written = ROW_COUNT;

    DELETE FROM tenancy.splits_under_way AS s WHERE s.xid = pg_current_xact_id();
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN written;
END;
$$;

COMMENT ON FUNCTION tenancy.fill_profiles(integer[], tenancy.statistics) IS
'Writes the profiles of customers who have none, by tenancy.split(), and returns how many profiles it wrote. Fails (23505) if a '
'customer has one. Example: SELECT tenancy.fill_profiles(ARRAY[42])';

CREATE OR REPLACE FUNCTION tenancy.split_beside(customer_ids integer[], literal_shop_id integer)
RETURNS TABLE (
    customer_id integer,
    shop_id integer,
    preferred_stylist_id integer,
    total_bookings integer,
    total_spend_cents integer,
    last_booking_at timestamptz,
    no_show_count integer
)
LANGUAGE sql
STABLE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
-- Its lists are joined with each other, whatever the caller forbids.
SET enable_hashjoin = on
SET enable_mergejoin = on
SET jit = off
AS $$
    WITH pair AS MATERIALIZED (
        SELECT
            coalesce(g.customer_id, c.customer_id) AS customer_id,
            coalesce(g.shop_id, c.shop_id) AS shop_id,
            g.preferred_stylist_id AS given_stylist_id,
            t.id AS counted_stylist_id, -- of that shop, or NULL
            g.total_bookings AS given_bookings,
            c.total_bookings AS counted_bookings,
            g.total_spend_cents AS given_spend_cents,
            c.total_spend_cents AS counted_spend_cents,
            g.no_show_count AS given_no_shows,
            c.no_show_count AS counted_no_shows,
            coalesce(g.last_booking_at, c.last_booking_at) AS last_booking_at
        FROM tenancy.split(split_beside.customer_ids) AS g
        FULL JOIN (
            SELECT p.*
            FROM public.customer_shop_profiles AS p
            WHERE p.customer_id = ANY (split_beside.customer_ids) -- noqa: CP03,LT01,LT06
                AND p.shop_id IS DISTINCT FROM split_beside.literal_shop_id
        ) AS c
            ON c.customer_id = g.customer_id
            AND c.shop_id = g.shop_id
        LEFT JOIN public.stylists AS t
            ON t.id = c.preferred_stylist_id
            AND t.shop_id = c.shop_id
    ),

    -- What the application counted, as far as the totals go
    counted AS (
        SELECT
            a.customer_id,
            a.shop_id,
            a.kind,
            a.given,
            a.counted - tenancy.residual_cut(
                a.counted,
                coalesce(sum(a.counted) OVER larger, 0)::bigint,
                (sum(a.counted) OVER every - sum(a.given) OVER every)::bigint
            ) AS kept
        FROM (
            SELECT
                p.customer_id,
                p.shop_id,
                v.kind,
                coalesce(v.given, 0)::bigint AS given,
                greatest(v.counted, 0)::bigint AS counted
            FROM pair AS p
            CROSS JOIN LATERAL (
                VALUES
                ('bookings', p.given_bookings, p.counted_bookings),
                ('spend', p.given_spend_cents, p.counted_spend_cents),
                ('no-shows', p.given_no_shows, p.counted_no_shows)
            ) AS v (kind, given, counted)
        ) AS a
        WINDOW
            every AS (PARTITION BY a.customer_id, a.kind),
            larger AS (
                PARTITION BY a.customer_id, a.kind ORDER BY a.counted DESC, a.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    ),

    -- A shop that lacks some of it gets it from those whom the split gives more than that, so that the totals stay.
    balanced AS (
        SELECT
            b.customer_id,
            b.shop_id,
            b.kind,
            b.kept + b.beyond - tenancy.residual_cut(
                b.beyond,
                coalesce(sum(b.beyond) OVER larger, 0)::bigint,
                (sum(b.kept + b.beyond) OVER every - sum(b.given) OVER every)::bigint
            ) AS amount
        FROM (
            SELECT
                c.*,
                greatest(c.given - c.kept, 0) AS beyond
            FROM counted AS c
        ) AS b
        WINDOW
            every AS (PARTITION BY b.customer_id, b.kind),
            larger AS (
                PARTITION BY b.customer_id, b.kind ORDER BY b.beyond DESC, b.shop_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    )

    SELECT
        p.customer_id,
        p.shop_id,
        CASE
            WHEN p.given_stylist_id = c.preferred_stylist_id THEN p.given_stylist_id
            ELSE coalesce(p.counted_stylist_id, p.given_stylist_id)
        END,
        b.bookings,
        b.spend_cents,
        p.last_booking_at,
        b.no_shows
    FROM pair AS p
    JOIN public.customers AS c ON c.id = p.customer_id
    JOIN (
        SELECT
            d.customer_id,
            d.shop_id,
            max(d.amount) FILTER (WHERE d.kind = 'bookings')::integer AS bookings,
            max(d.amount) FILTER (WHERE d.kind = 'spend')::integer AS spend_cents,
            max(d.amount) FILTER (WHERE d.kind = 'no-shows')::integer AS no_shows
        FROM balanced AS d
        GROUP BY
            d.customer_id,
            d.shop_id
    ) AS b
        ON b.customer_id = p.customer_id
        AND b.shop_id = p.shop_id;
$$;

COMMENT ON FUNCTION tenancy.split_beside(integer[], integer) IS
'The split for a table that was taken over: like tenancy.split(), but a shop gets at least what the application counted there, '
'up to the customer''s totals; other shops give it up, largest first. The profile in literal_shop_id counts for nothing: the '
'ADR''s statement put all totals there. Writes nothing. Example: SELECT * FROM tenancy.split_beside(ARRAY[42], 1)';

CREATE OR REPLACE FUNCTION tenancy.split_anew(customer_ids integer[], is_adoption boolean DEFAULT FALSE)
RETURNS bigint
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = on -- of its lists, whatever the caller forbids
SET enable_mergejoin = on
SET jit = off
AS $$
DECLARE
    guard_before CONSTANT text := coalesce(current_setting('tenancy.mirroring', TRUE), '');
    guard text;
    literal_shop_id integer;
BEGIN
    PERFORM
    FROM public.customer_shop_profiles AS p
    WHERE p.customer_id = ANY (customer_ids)
    ORDER BY
        p.customer_id,
        p.shop_id
    FOR NO KEY UPDATE;

    -- New statements, and so new snapshots: they see what those who had the locks committed.
    guard := tenancy.raise_guard();
    INSERT INTO tenancy.splits_under_way (xid) VALUES (pg_current_xact_id());

    IF is_adoption THEN
        literal_shop_id := (SELECT a.literal_shop_id FROM tenancy.adoption AS a);
        INSERT INTO tenancy.profile_origins (customer_id, shop_id, origin)
        SELECT
            p.customer_id,
            p.shop_id,
            'adoption'
        FROM public.customer_shop_profiles AS p
        WHERE p.customer_id = ANY (customer_ids)
            AND p.shop_id IS DISTINCT FROM literal_shop_id
            AND (
                (p.total_bookings, p.total_spend_cents, p.no_show_count) <> (0, 0, 0)
                OR p.preferred_stylist_id IS NOT NULL
            )
        ON CONFLICT ON CONSTRAINT profile_origins_pkey DO NOTHING;
    END IF;

    -- None is deleted: whoever waits for the row is to find one, and it may have columns that are not ours.
    WITH given AS MATERIALIZED (
        SELECT s.* FROM tenancy.split(customer_ids) AS s WHERE NOT is_adoption
        UNION ALL
        SELECT s.* FROM tenancy.split_beside(customer_ids, literal_shop_id) AS s WHERE is_adoption
    ),

    held AS (
        UPDATE public.customer_shop_profiles AS p
        SET
            preferred_stylist_id = g.preferred_stylist_id,
            total_bookings = coalesce(g.total_bookings, 0),
            total_spend_cents = coalesce(g.total_spend_cents, 0),
            last_booking_at = g.last_booking_at,
            no_show_count = coalesce(g.no_show_count, 0),
            created_at = now(),
            updated_at = now()
        FROM public.customer_shop_profiles AS o
        LEFT JOIN given AS g
            ON g.customer_id = o.customer_id
            AND g.shop_id = o.shop_id
        WHERE o.customer_id = ANY (customer_ids)
            AND p.id = o.id
        RETURNING
            p.customer_id,
            p.shop_id
    )

    INSERT INTO public.customer_shop_profiles (
        customer_id,
        shop_id,
        preferred_stylist_id,
        total_bookings,
        total_spend_cents,
        last_booking_at,
        no_show_count
    )
    SELECT
        g.customer_id,
        g.shop_id,
        g.preferred_stylist_id,
        g.total_bookings,
        g.total_spend_cents,
        g.last_booking_at,
        g.no_show_count
    FROM given AS g
    WHERE NOT EXISTS (
        SELECT
        FROM held AS h
        WHERE h.customer_id = g.customer_id
            AND h.shop_id = g.shop_id
    );

    DELETE FROM tenancy.splits_under_way AS s WHERE s.xid = pg_current_xact_id();
    guard := set_config('tenancy.mirroring', guard_before, TRUE);
    RETURN (SELECT count(*) FROM public.customer_shop_profiles AS p WHERE p.customer_id = ANY (customer_ids));
END;
$$;

COMMENT ON FUNCTION tenancy.split_anew(integer[], boolean) IS
'Sets customers'' profiles to what tenancy.split() gives, with a new created_at, and returns how many they have. With '
'is_adoption it uses tenancy.split_beside() and records in tenancy.profile_origins what the application counted. The caller has '
'checked that nothing else wrote them. Fails (23505) if another session inserts one meanwhile. Example: SELECT '
'tenancy.split_anew(ARRAY[42])';

CREATE OR REPLACE VIEW tenancy.written_customers (customer_id)
WITH (security_invoker = TRUE)
AS
SELECT o.customer_id
FROM tenancy.profile_origins AS o
UNION ALL
-- Updated by a mirror, or written while the trigger was off, or by one of somebody else's that sets the time of each row
SELECT p.customer_id
FROM public.customer_shop_profiles AS p
WHERE p.updated_at <> p.created_at;

COMMENT ON VIEW tenancy.written_customers IS
'Customers with a profile that something other than the split wrote or deleted. Their profiles are never split anew. A customer '
'may have several rows. Example: SELECT EXISTS (SELECT FROM tenancy.written_customers AS w WHERE w.customer_id = 42)';
COMMENT ON COLUMN tenancy.written_customers.customer_id IS 'The customer.';

COMMIT;
