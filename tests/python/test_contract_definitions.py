"""What users made of the legacy side comes back as it was: constraints, indexes, rights."""

from __future__ import annotations

import difflib

import psycopg
import pytest

from support.cluster import Cluster
from support.commands import pg_dump_schema, psql, sqitch, value
from support.sides import drift

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


@pytest.fixture
def role(cluster: Cluster, phase2_database: str) -> str:
    """Theirs, in the cluster."""
    name = f"Users of {phase2_database.partition('@/')[2].partition('?')[0]}"
    psql(phase2_database, "-c", f'CREATE ROLE "{name}"')
    return f'"{name}"'


@pytest.mark.parametrize("purge", [False, True])
def test_definitions_come_back(phase2_database: str, role: str, purge: bool) -> None:
    url = phase2_database
    psql(url, stdin=USERS.format(role=role))
    before = schema(url)
    for _ in range(2):
        sqitch(
            url,
            *("deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
            *("--set", f"contract_despite={despite(url)}"),
        )
        if purge:
            psql(url, "-c", "SELECT tenancy.purge_archive(current_database())")
        done = sqitch(url, "revert", "-y", "--to", "@phase2")
        assert "WARNING" not in done.stdout + done.stderr
        changed = "\n".join(difflib.unified_diff(before, schema(url), lineterm="", n=0))
        assert changed == ""
        assert drift(url) == []


def test_what_cannot_come_back_is_told(phase2_database: str, role: str) -> None:
    """It stops nothing else, and its statement is kept."""
    url = phase2_database
    psql(url, stdin=USERS.format(role=role))
    sqitch(
        url,
        *("deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
        *("--set", f"contract_despite={despite(url)}"),
    )
    psql(
        url,
        stdin=f"""
        DROP OWNED BY {role};
        DROP ROLE {role};
        UPDATE public.customer_shop_profiles SET no_show_count = 2000
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles);
        """,
    )
    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    output = done.stdout + done.stderr
    assert 'CONSTRAINT "Not more" ON public.customers is not as it was: check constraint' in output
    assert "VALIDATE CONSTRAINT" in output
    assert drift(url) == []
    kept = value(url, "SELECT count(*) FROM tenancy.definitions WHERE change = 'contract/switch'")
    assert int(kept) == output.count("is not as it was")
    # The constraint is there, for whoever writes.
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE public.customers SET no_show_count = 3000 WHERE id = 1")


def test_defaults_of_before_phase_2(phase1_database: str) -> None:
    """Phase 2 sets its own; its revert gives back theirs."""
    url = phase1_database
    psql(url, "-c", "ALTER TABLE public.customers ALTER COLUMN no_show_count SET DEFAULT 3")
    before = schema(url)
    for _ in range(2):
        sqitch(url, "deploy", "--to", "@phase2")
        sqitch(url, "revert", "-y", "--to", "@phase1")
        assert schema(url) == before
