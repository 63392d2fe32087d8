"""What users may have made of the legacy side."""

from __future__ import annotations

from .commands import pg_dump_schema, value

USERS = """
    -- Their columns of customers
    ALTER TABLE public.customers
    DROP CONSTRAINT customers_preferred_stylist_id_fkey,
    ADD CONSTRAINT prefers_somebody FOREIGN KEY (preferred_stylist_id)
    REFERENCES public.stylists (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT "Not more" CHECK (no_show_count < 1000 AND id > 0),
    ADD CONSTRAINT not_looked_at CHECK (average_spend_cents < 100000000) NOT VALID,
    ALTER COLUMN average_spend_cents SET DEFAULT 7,
    ALTER COLUMN no_show_count SET STATISTICS 500,
    ALTER COLUMN preferred_stylist_id SET (n_distinct = -0.5);
    COMMENT ON CONSTRAINT "Not more" ON public.customers IS 'it''s "theirs"';
    CREATE INDEX prefers ON public.customers (preferred_stylist_id, id DESC)
    WHERE no_show_count > 0;
    CREATE UNIQUE INDEX "Unique" ON public.customers (abs(average_spend_cents), id);
    COMMENT ON INDEX public.prefers IS 'who prefers whom';
    CREATE STATISTICS public.of_customers ON average_spend_cents, no_show_count
    FROM public.customers;
    GRANT SELECT (no_show_count), UPDATE (no_show_count, name) ON public.customers TO {role};
    GRANT SELECT (preferred_stylist_id) ON public.customers TO {role} WITH GRANT OPTION;

    -- Their table
    ALTER TABLE public.customer_booking_stats
    SET (fillfactor = 70),
    ADD COLUMN note varchar(20) COLLATE "C" DEFAULT 'none',
    ADD COLUMN twice bigint GENERATED ALWAYS AS (total_bookings * 2) STORED,
    ADD CONSTRAINT not_less CHECK (total_bookings >= 0 OR total_spend_cents < 0);
    CREATE INDEX by_time ON public.customer_booking_stats USING brin (last_booking_at);
    CREATE STATISTICS public.of_stats ON total_bookings, total_spend_cents
    FROM public.customer_booking_stats;
    CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NEW; END;';
    CREATE TRIGGER look BEFORE UPDATE OF note ON public.customer_booking_stats
    FOR EACH ROW EXECUTE FUNCTION public.look();
    CREATE TRIGGER look_away AFTER INSERT ON public.customer_booking_stats
    FOR EACH ROW EXECUTE FUNCTION public.look();
    ALTER TABLE public.customer_booking_stats DISABLE TRIGGER look_away;
    COMMENT ON TRIGGER look ON public.customer_booking_stats IS 'looks';
    CREATE POLICY all_of_them ON public.customer_booking_stats TO {role} USING (TRUE);
    CREATE POLICY some_of_them ON public.customer_booking_stats AS RESTRICTIVE FOR UPDATE
    USING (total_bookings > 0) WITH CHECK (total_bookings < 1000);
    ALTER TABLE public.customer_booking_stats ENABLE ROW LEVEL SECURITY;
    GRANT SELECT, UPDATE ON public.customer_booking_stats TO {role} WITH GRANT OPTION;
    GRANT INSERT (customer_id, note) ON public.customer_booking_stats TO PUBLIC;
    COMMENT ON COLUMN public.customer_booking_stats.note IS 'a note';
"""


def schema(url: str) -> list[str]:
    """The dump, but for the order of grants."""
    lines = pg_dump_schema(url, "public", "tenancy*").splitlines()
    grants = [line for line in lines if line.startswith("GRANT ")]
    return [line for line in lines if line not in grants] + sorted(grants)


def despite(url: str) -> str:
    """The gate's findings of what is the users', by name."""
    return value(
        url,
        """
        SELECT string_agg(f.name, ', ')
        FROM tenancy.contract_findings('0') AS f
        WHERE f.may_be_overridden
        """,
    )
