"""After the contract: who calls, who comes back by mistake, two at once, the end of the archive."""

from __future__ import annotations

import psycopg
import pytest

from support.at_once import move_to, verify
from support.cluster import Cluster
from support.commands import execute, pg_dump_schema, psql, psql_file, sqitch, start_sqitch, value
from support.history import legacy_history
from support.plan import CONTRACT
from support.sides import drift

CALLS = """
    BEGIN;
    SET LOCAL ROLE convo_shop;
    SET LOCAL app.current_shop_id = '1';
    SELECT tenancy.get_or_create_customer('ann@example.test', NULL, 'Ann') AS id \\gset
    SELECT FROM tenancy.customer_by_email('ann@example.test');
    SELECT FROM tenancy.record_booking(:id, 1, 1, 4500, '2040-01-01 10:00+00');
    SELECT FROM tenancy.record_no_show(:id, 1);
    SELECT FROM tenancy.set_preferred_stylist(:id, 1, 2);
    SELECT FROM tenancy.customers_by_preferred_stylist(2);
    SELECT total_bookings, no_show_count, preferred_stylist_id
    FROM tenancy.customer_context(:id, 1);
    COMMIT;
"""


def test_a_shop_goes_on(phase3_database: str) -> None:
    """The role that is bound to a shop needs no other right than before."""
    assert psql(phase3_database, "-At", stdin=CALLS).stdout.strip() == "1|1|2"
    with psycopg.connect(phase3_database) as connection:
        connection.execute("SET ROLE convo_shop")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM tenancy_archive.customers")


def test_two_operators(phase2_database: str) -> None:
    """Each ends well, and the state is that of one."""
    url = phase2_database
    for command, arguments, phase in (
        ("deploy", CONTRACT, "f"),
        ("revert", ("-y", "--to", "@phase2"), "t"),
        ("deploy", CONTRACT, "f"),
    ):
        both = [start_sqitch(url, command, *arguments) for _ in range(2)]
        outputs = [process.communicate()[0] for process in both]
        assert 0 in [process.returncode for process in both], outputs
        if command == "deploy":
            assert [process.returncode for process in both] == [0, 0], outputs
        assert value(url, "SELECT tenancy.has_legacy_side()") == phase
    verify(url)
    once = pg_dump_schema(url, "public", "tenancy*")
    move_to(url, "@phase2")
    assert drift(url) == []
    move_to(url, "@phase3")
    assert pg_dump_schema(url, "public", "tenancy*") == once


def test_who_is_deleted_between_two_attempts(phase2_database: str) -> None:
    """An attempt that was given up has copied them; the next one does not fail for it."""
    url = phase2_database
    execute(
        url,
        "CALL tenancy.create_archive_schema()",
        "CALL tenancy.create_archive()",
        "CALL tenancy.run_archive()",
    )
    customer = value(url, "SELECT max(customer_id) FROM tenancy_archive.customers")
    for table in ("customer_stylist_preferences", "customer_booking_stats"):
        execute(url, f"DELETE FROM public.{table} WHERE customer_id = {customer}")
    execute(url, f"DELETE FROM public.customers WHERE id = {customer}")
    move_to(url, "@phase3")
    archived = f"SELECT count(*) FROM tenancy_archive.customers WHERE customer_id = {customer}"
    assert value(url, archived) == "0"


def test_back_without_the_archive(phase3_database: str, phase2_database: str) -> None:
    """Totals are the sums over the profiles; the schema is the same."""
    url = phase3_database
    name = value(url, "SELECT current_database()")
    execute(url, f"SELECT tenancy.purge_archive('{name}')")
    assert value(url, "SELECT to_regnamespace('tenancy_archive') IS NULL") == "t"
    verify(url)

    move_to(url, "@phase2")
    verify(url)
    assert drift(url) == []
    schemas = ("public", "tenancy*")
    assert pg_dump_schema(url, *schemas) == pg_dump_schema(phase2_database, *schemas)
    times = ("created_at", "updated_at")
    but = (*times, "last_booking_at", "preferred_stylist_id", "average_spend_cents")
    expected, found = legacy_history(phase2_database, *but), legacy_history(url, *but)
    # A row of zeros says as much as none.
    table = "customer_booking_stats"
    expected[table] = [row for row in expected[table] if row["total_bookings"]]
    assert found == expected


def test_the_contract_again_after_a_purge(phase3_database: str) -> None:
    url = phase3_database
    name = value(url, "SELECT current_database()")
    execute(url, f"SELECT tenancy.purge_archive('{name}')")
    move_to(url, "@phase2")
    history = legacy_history(url)
    move_to(url, "@phase3")
    move_to(url, "@phase2")
    assert legacy_history(url) == history


@pytest.mark.parametrize("rows", [0, 2])
def test_a_stray_table(cluster: Cluster, phase3_database: str, rows: int) -> None:
    """An old application made one, and maybe wrote: a revert takes what was archived, not this."""
    url = phase3_database
    archived = value(url, "SELECT count(*) FROM tenancy_archive.customer_booking_stats")
    psql(
        url,
        stdin=f"""
        CREATE TABLE public.customer_booking_stats (
            customer_id integer PRIMARY KEY REFERENCES public.customers (id),
            total_bookings integer NOT NULL
        );
        INSERT INTO public.customer_booking_stats
        SELECT id, 1 FROM public.customers ORDER BY id LIMIT {rows};
        """,
    )
    # It is nothing to the API.
    psql(url, "-At", stdin=CALLS)
    assert value(url, "SELECT count(*) FROM public.customer_booking_stats") == str(rows)

    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    assert ("WARNING:  an old application wrote" in done.stdout + done.stderr) == bool(rows)
    stray = "SELECT relname FROM pg_class WHERE relname LIKE 'stray_booking_stats_%'"
    assert bool(value(url, stray)) == bool(rows)
    if rows:
        put_aside = f"SELECT count(*) FROM tenancy_archive.{value(url, stray)}"
        assert value(url, put_aside) == str(rows)
    with_ann = str(int(archived) + 1)
    assert value(url, "SELECT count(*) FROM public.customer_booking_stats") == with_ann
    assert drift(url) == []


def test_hand_made_statements_of_the_page_are_refused(phase3_database: str) -> None:
    """Scripts of phases 1 and 2 that are run by hand after the contract do no harm."""
    url = phase3_database
    before = pg_dump_schema(url, "public", "tenancy*")
    for statement in ("CALL tenancy.run_backfill()", "CALL tenancy.run_reconcile()"):
        assert psql(url, "-c", statement, check=False).returncode != 0
    assert "nothing to do" in psql_file(url, "deploy/mirror/mirrors.sql").stderr
    assert pg_dump_schema(url, "public", "tenancy*") == before
