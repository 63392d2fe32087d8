"""Whoever changes while the contract or its revert works is noted, however they write."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from support.at_once import move_to
from support.commands import execute, psql, psql_file, sqitch, start_sqitch, value
from support.plan import CONTRACT
from support.sessions import Session, waiting_for
from support.sides import drift
from support.soak import share
from support.statements import start_psql, statements
from support.waiting import wait_until

# Of customer 10, each in a transaction of its own
WRITES = {
    "a replication's write": """
        SET LOCAL session_replication_role = replica;
        UPDATE public.customers SET no_show_count = no_show_count + 3 WHERE id = 10;
        UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 3
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE customer_id = 10);
    """,
    "an id that changes": """
        UPDATE public.customers SET email = 'copy' || email WHERE id = 10;
        INSERT INTO public.customers (id, email, name) VALUES (1000010, 'ten@example.test', 'Ten');
        UPDATE public.customers SET id = 1000011 WHERE id = 1000010;
    """,
    "many in one transaction": """
        UPDATE public.customers SET no_show_count = no_show_count + 1;
    """,
    "a customer who goes": """
        DELETE FROM public.customer_stylist_preferences WHERE customer_id = 10;
        DELETE FROM public.customer_service_preferences WHERE customer_id = 10;
        DELETE FROM public.customer_booking_stats WHERE customer_id = 10;
        DELETE FROM public.customers WHERE id = 10;
    """,
    "a shop that closes": """
        DELETE FROM public.customer_shop_profiles WHERE shop_id = 3;
    """,
}


def hold_and_write(url: str, write: str, *command: str) -> str:
    """It is written when everybody has been copied and the script wants its locks."""
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.stylists LIMIT 1")  # what the script locks last
        running = start_sqitch(url, *command)
        wait_until(lambda: waiting_for(url, reader.pid), "the script wants its locks")
        with psycopg.connect(url) as connection:
            connection.execute(write)
        reader.rollback()
        output = running.communicate()[0]
        assert running.returncode == 0, output
    finally:
        reader.close()
    return output


@pytest.mark.parametrize("write", share([*WRITES], 2))
def test_written_before_the_lock(phase2_database: str, write: str) -> None:
    """The archive has what was there in the last moment, and what comes back is that."""
    url = phase2_database
    hold_and_write(url, WRITES[write], "deploy", *CONTRACT)
    archived = """
        SELECT count(*), sum(a.no_show_count), sum(p.no_shows)
        FROM tenancy_archive.customers AS a
        LEFT JOIN (
            SELECT customer_id, sum(no_show_count) AS no_shows
            FROM public.customer_shop_profiles GROUP BY customer_id
        ) AS p ON p.customer_id = a.customer_id
    """
    customers, legacy, profiles = value(url, archived).split("|")
    assert customers == value(url, "SELECT count(*) FROM public.customers")
    assert legacy == profiles
    assert value(url, "SELECT count(*) FROM tenancy.tracking") == "0"
    assert value(url, "SELECT count(*) FROM tenancy.tracked_customers") == "0"

    move_to(url, "@phase2")
    assert drift(url) == []


PROFILES_ALONE = {
    "a replication's write": """
        SET LOCAL session_replication_role = replica;
        UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 3
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE customer_id = 10);
    """,
    "an id that changes": """
        INSERT INTO public.customers (id, email, name) VALUES (1000010, 'ten@example.test', 'Ten');
        UPDATE public.customers SET id = 1000011 WHERE id = 1000010;
    """,
    "many in one transaction": """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1;
    """,
    "a profile that goes": """
        DELETE FROM public.customer_shop_profiles WHERE customer_id = 10;
    """,
    "a stylist who goes": """
        DELETE FROM public.customer_stylist_preferences WHERE stylist_id = 2;
        DELETE FROM public.bookings WHERE stylist_id = 2;
        DELETE FROM public.stylists WHERE id = 2;
    """,
}


@pytest.mark.parametrize("write", PROFILES_ALONE)
def test_written_before_the_lock_of_the_revert(phase3_database: str, write: str) -> None:
    url = phase3_database
    hold_and_write(url, PROFILES_ALONE[write], "revert", "-y", "--to", "@phase2")
    assert drift(url) == []
    assert value(url, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'track%'") == "0"


def test_held_while_the_columns_are_filled(small_at: Callable[[str], str]) -> None:
    """Whom the batches of the revert pass over gets values before all must have some."""
    url = small_at("contract/switch")
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    script = "revert/contract/switch.sql"
    chunks = statements(script)
    before = next(at for at, chunk in enumerate(chunks) if "run_restore()" in chunk)
    behind = [chunk for chunk in chunks[before:] if chunk.strip() != "\\endif"]
    holder = Session(url)
    try:
        running = start_psql(url, script, chunks[:before])
        holder.execute("SELECT FROM public.customers ORDER BY id LIMIT 1 FOR UPDATE")
        assert running.stdin is not None
        running.stdin.write("".join(behind))
        running.stdin.flush()
        wait_until(lambda: waiting_for(url, holder.pid), "the script wants its lock")
        holder.rollback()
        output = running.communicate()[0]
        assert running.returncode == 0, output
    finally:
        holder.close()
    assert drift(url) == []


PAST_TRIGGERS = {
    "a trigger that was off for a moment": """
        ALTER TABLE public.customers DISABLE TRIGGER track_customer;
        ALTER TABLE public.customers ENABLE ALWAYS TRIGGER track_customer;
    """,
    "a trigger that is off": "ALTER TABLE public.customers DISABLE TRIGGER track_customer",
    "a trigger that is gone": "DROP TRIGGER track_profile ON public.customer_shop_profiles",
    "a function that does nothing": """
        CREATE OR REPLACE FUNCTION tenancy.track_customer_of() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS 'BEGIN RETURN NULL; END;'
    """,
    "a column of another type": """
        ALTER TABLE public.customers ALTER COLUMN name TYPE varchar(300) USING upper(name)
    """,
}


@pytest.mark.parametrize("damage", share([*PAST_TRIGGERS, "a table that is emptied"], 2))
def test_past_the_triggers(phase2_database: str, damage: str) -> None:
    """What no trigger sees is refused under the lock, and the same command again looks anew."""
    url = phase2_database
    statement = PAST_TRIGGERS.get(
        damage,
        """
        ALTER TABLE public.customer_shop_profiles DISABLE TRIGGER refuse_truncate;
        TRUNCATE public.customer_shop_profiles;
        ALTER TABLE public.customer_shop_profiles ENABLE TRIGGER refuse_truncate;
        """,
    )
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.services LIMIT 1")
        reader.execute("LOCK TABLE public.stylists IN ACCESS SHARE MODE")
        running = start_sqitch(url, "deploy", *CONTRACT)
        wait_until(lambda: waiting_for(url, reader.pid), "the script wants its locks")
        execute(url, statement)
        reader.rollback()
        output = running.communicate()[0]
    finally:
        reader.close()
    assert running.returncode != 0
    assert "the contract is refused and changed nothing" in output
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"

    psql_file(url, "deploy/contract/tracking.sql")  # which health advises
    done = sqitch(url, "deploy", *CONTRACT, check=False)
    if "emptied" in damage:
        assert "customers drift" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_what_a_refusal_leaves(phase2_database: str) -> None:
    """One command takes it away; it costs each write something until then."""
    url = phase2_database
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    with psycopg.connect(url) as holder:
        holder.execute("SELECT FROM public.bookings")  # in the way of the last lock alone
        done = sqitch(url, "deploy", *CONTRACT, check=False)
        assert "could not lock public.bookings within 1 attempts" in done.stderr
    noted = "SELECT count(*) > 0 FROM tenancy.tracking"
    assert value(url, noted) == "t"
    execute(url, "UPDATE public.customers SET name = name WHERE id = 10")
    assert value(url, "SELECT customer_id FROM tenancy.tracked_customers") == "10"

    archived = "SELECT to_regclass('tenancy_archive.customers') IS NOT NULL"
    assert value(url, archived) == "t"

    execute(url, "CALL tenancy.give_up_contract()")
    assert value(url, noted) == "f"
    assert value(url, archived) == "f"
    execute(url, "UPDATE public.customers SET name = name WHERE id = 10")
    assert value(url, "SELECT count(*) FROM tenancy.tracked_customers") == "0"
    assert value(url, "SET search_path = pg_catalog; TABLE tenancy.part_problems") == ""


def test_what_the_check_refuses_leaves_nothing(phase2_database: str) -> None:
    """It is asked before the copy, and takes away what it began."""
    url = phase2_database
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE public.customer_booking_stats SET total_bookings = 99 WHERE customer_id = 10"
        )
    done = sqitch(url, "deploy", *CONTRACT, check=False)
    assert "drift: customers drift (1 times; customer 10, totals" in done.stderr
    assert value(url, "SELECT count(*) FROM tenancy.tracking") == "0"
    assert value(url, "SELECT to_regclass('tenancy_archive.customers') IS NULL") == "t"
    assert value(url, "SET search_path = pg_catalog; TABLE tenancy.part_problems") == ""


def test_the_copy_of_a_script_that_runs_is_not_given_up(phase2_database: str) -> None:
    url = phase2_database
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.stylists LIMIT 1")
        running = start_sqitch(url, "deploy", *CONTRACT)
        wait_until(lambda: waiting_for(url, reader.pid), "the script wants its locks")
        refused = psql(url, "-c", "CALL tenancy.give_up_contract()", check=False)
        assert "a script of convo_tenancy runs in the session with pid" in refused.stderr
        reader.rollback()
        output = running.communicate()[0]
    finally:
        reader.close()
    assert running.returncode == 0, output


@pytest.mark.parametrize("table", ["customers", "customer_booking_stats"])
def test_somebody_vacuums_the_archive(phase3_database: str, table: str) -> None:
    """The revert waits for it as for everybody else."""
    url = phase3_database
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    vacuum = Session(url)
    try:
        vacuum.execute(f"LOCK TABLE tenancy_archive.{table} IN SHARE UPDATE EXCLUSIVE MODE")
        running = start_sqitch(url, "revert", "-y", "--to", "@phase2")
        wait_until(lambda: waiting_for(url, vacuum.pid), "the script wants the archive")
        vacuum.rollback()
        output = running.communicate()[0]
    finally:
        vacuum.close()
    assert running.returncode == 0, output
    assert drift(url) == []


def test_who_does_not_fit_is_named(phase3_database: str) -> None:
    """Nobody else is stopped, and the page's commands put them right."""
    url = phase3_database
    execute(
        url,
        """
        UPDATE public.customer_shop_profiles SET total_spend_cents = 2000000000
        WHERE customer_id = (
            SELECT customer_id FROM public.customer_shop_profiles
            GROUP BY customer_id HAVING count(*) > 1 ORDER BY customer_id LIMIT 1
        )
        """,
    )
    customer = value(url, "SELECT array_to_string(tenancy.unfitting_customers(), ' ')")
    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    assert "the profiles of 1 customers add up to more than the legacy side can hold" in (
        done.stdout + done.stderr
    )
    assert f"value that fits: {customer}." in done.stdout + done.stderr
    assert [row[:2] for row in drift(url)] == [("totals", int(customer))]

    # As docs/rollback.md has it
    psql(
        url,
        stdin=f"""
        BEGIN;
        SET LOCAL tenancy.mirroring = 'on';
        UPDATE public.customer_shop_profiles SET total_spend_cents = 100
        WHERE customer_id = {customer};
        COMMIT;
        SELECT * FROM tenancy.repair(ARRAY[{customer}], 'profiles');
        """,
    )
    assert drift(url) == []


def test_a_publication_of_all_tables(small_at: Callable[[str | None], str]) -> None:
    """It would refuse to delete from a table whose rows have no identity."""
    url = small_at("@phase2")
    execute(url, "CREATE PUBLICATION everything FOR ALL TABLES")
    despite = ("--set", "contract_despite=publication everything")
    sqitch(url, "deploy", "--to", "@phase3", *CONTRACT, *despite)
    sqitch(url, "revert", "--to", "@phase2", "-y")
