-- Deploy convo_tenancy:profiles/record_origins to pg

-- What the triggers of the profiles run (profiles/customer_shop_profiles makes them, and the table that they write). It comes first, so
-- that no profile is ever there without them.

\set ON_ERROR_STOP on
\set change profiles/record_origins
\ir ../support/begin.sql
\if :is_done \quit \endif

-- Not a setting: whoever writes a profile could set it, too.
CREATE TABLE IF NOT EXISTS tenancy.splits_under_way (
    xid xid8 NOT NULL,
    CONSTRAINT splits_under_way_pkey PRIMARY KEY (xid)
);

COMMENT ON TABLE tenancy.splits_under_way IS
'The transaction that writes profiles by the split right now. It deletes its row before it commits, so no other transaction and '
'no dump sees a row.';
COMMENT ON COLUMN tenancy.splits_under_way.xid IS 'The transaction.';

CREATE OR REPLACE FUNCTION tenancy.record_origin()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- As a rule it was written before, or a mirror writes: tenancy.written_customers sees by the two times that somebody did.
    -- Whoever leaves them the same, or makes them so again, is entered.
    IF NEW.updated_at <> NEW.created_at
        AND NEW.customer_id = OLD.customer_id
        AND NEW.shop_id = OLD.shop_id
        AND (OLD.updated_at <> OLD.created_at OR pg_trigger_depth() > 1)
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO tenancy.profile_origins (customer_id, shop_id, origin)
    SELECT
        w.customer_id,
        w.shop_id,
        CASE WHEN pg_trigger_depth() > 1 THEN 'mirror' ELSE 'statement' END
    FROM (VALUES (OLD.customer_id, OLD.shop_id, FALSE), (NEW.customer_id, NEW.shop_id, TRUE)) AS w (customer_id, shop_id, is_new)
    WHERE (w.is_new OR (w.customer_id, w.shop_id) <> (NEW.customer_id, NEW.shop_id))
        AND NOT EXISTS (SELECT FROM tenancy.splits_under_way AS s WHERE s.xid = pg_current_xact_id())
    ON CONFLICT ON CONSTRAINT profile_origins_pkey DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.record_origin() IS
'Trigger: records a profile in tenancy.profile_origins at its first update, unless the split makes it, or a mirror makes it and '
'updated_at and created_at differ.';

CREATE OR REPLACE FUNCTION tenancy.record_origins()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    origin CONSTANT text NOT NULL := CASE WHEN pg_trigger_depth() > 1 THEN 'mirror' ELSE 'statement' END;
BEGIN
    IF EXISTS (SELECT FROM tenancy.splits_under_way AS s WHERE s.xid = pg_current_xact_id()) THEN
        RETURN NULL;
    END IF;

    IF TG_OP = 'INSERT' THEN
        INSERT INTO tenancy.profile_origins AS o (customer_id, shop_id, origin)
        SELECT
            w.customer_id,
            w.shop_id,
            origin
        FROM written AS w
        ON CONFLICT ON CONSTRAINT profile_origins_pkey DO NOTHING;
        RETURN NULL;
    END IF;

    -- A customer whose last profile went has nothing left that the split would take away.
    DELETE FROM tenancy.profile_origins AS o
    USING written AS w
    WHERE o.customer_id = w.customer_id
        AND NOT EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = w.customer_id);

    DELETE FROM tenancy.remembered_profiles AS r
    USING written AS w
    WHERE r.customer_id = w.customer_id
        AND NOT EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = w.customer_id);

    DELETE FROM tenancy.inserted_statistics AS i
    USING written AS w
    WHERE i.customer_id = w.customer_id
        AND NOT EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = w.customer_id);

    INSERT INTO tenancy.profile_origins AS o (customer_id, shop_id, origin)
    SELECT
        w.customer_id,
        w.shop_id,
        origin
    FROM written AS w
    WHERE EXISTS (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = w.customer_id)
    ON CONFLICT ON CONSTRAINT profile_origins_pkey DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION tenancy.record_origins() IS
'Trigger: records inserted and deleted profiles in tenancy.profile_origins, unless the split wrote them. When a customer''s '
'last profile goes, it deletes their rows of tenancy.remembered_profiles and tenancy.inserted_statistics.';

COMMIT;
