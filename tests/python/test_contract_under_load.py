"""Phase 3 comes and goes while the API is called."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import psycopg
import pytest

from support.api_client import ApiClient
from support.commands import execute, sqitch, start_sqitch, value
from support.salon import SEED, Salon
from support.sessions import Session, waiting_for
from support.sides import drift
from support.soak import PAUSE, share
from support.waiting import wait_until

CALLS = (
    "SELECT tenancy.record_booking(10, 1, 1, 100, '2040-01-01 10:00+00')",
    "SELECT tenancy.record_no_show(10, 1)",
    "SELECT tenancy.set_preferred_stylist(10, 1, 1)",
    "SELECT tenancy.get_or_create_customer('new@example.test', NULL, 'New')",
    "UPDATE public.stylists SET shop_id = 2, name = 'Moved' WHERE id = 1",
)


@contextmanager
def back_office(url: str) -> Iterator[Counter[str]]:
    """Somebody who changes and makes customers by plain SQL: how often they did."""
    done: Counter[str] = Counter()
    closed = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not closed.wait(PAUSE):
                connection.execute(
                    """
                    UPDATE public.customers SET name = name, updated_at = now()
                    WHERE id = (SELECT id FROM public.customers ORDER BY random() LIMIT 1)
                    """
                )
                done["changed"] += 1
                connection.execute("INSERT INTO public.customers (name) VALUES ('Somebody')")
                done["made"] += 1

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        yield done
        closed.set()
        working.result()


def test_contract_and_revert_under_load(phase2_database: str) -> None:
    """No error before it, and none in callers of the API; all that was booked is counted."""
    print(f"seed {SEED}")
    url = phase2_database
    salon = Salon(url)
    no_table = "SELECT to_regclass('public.customer_booking_stats') IS NULL"

    with back_office(url) as done, salon.api_load() as api:
        with salon.legacy_load() as legacy:
            legacy.go_on(150)
        assert legacy.errors == []

        # Right after the last legacy write
        sqitch(url, "deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0")
        assert value(url, no_table) == "t"
        api.go_on(150)
        sqitch(url, "revert", "-y", "--to", "@phase2")
        assert drift(url) == []

        with salon.legacy_load() as legacy:
            legacy.go_on(50)
            api.go_on(50)
        assert legacy.errors == []
        print([client.retried for client in api.clients if isinstance(client, ApiClient)])
    print(done)
    assert api.errors == []
    assert drift(url) == []
    assert salon.wrong(lambda who, table: True) == {}


def patient(url: str) -> None:
    """A script that holds its locks waits longer for the next one: time for a test to look."""
    execute(
        url,
        "UPDATE tenancy.settings SET lock_timeout_ms = 1000",
        """
        DO $$
        BEGIN
            EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''10s''', current_database());
        END;
        $$
        """,
    )


def profile(url: str) -> tuple[int, int]:
    """Bookings and no-shows of the calls' customer in the calls' shop."""
    columns = "coalesce(sum(total_bookings), 0), coalesce(sum(no_show_count), 0)"
    where = "customer_id = 10 AND shop_id = 1"
    row = value(url, f"SELECT {columns} FROM public.customer_shop_profiles WHERE {where}")
    bookings, no_shows = row.split("|")
    return int(bookings), int(no_shows)


def hold(url: str) -> str:
    """A booking of theirs there, which may be confirmed."""
    return value(
        url,
        """
        INSERT INTO public.bookings (
            id, shop_id, service_id, stylist_id, customer_phone, customer_email, discount_cents,
            start_at_utc, end_at_utc, status
        )
        SELECT gen_random_uuid(), 1, 1, 1, phone, email, 0, '2040-01-02', '2040-01-03', 'HOLD'
        FROM public.customers
        WHERE id = 10
        RETURNING id
        """,
    ).splitlines()[0]


@pytest.mark.parametrize(
    ("command", "call"), share([*itertools.product(("deploy", "revert"), CALLS)], 2)
)
def test_a_call_that_waits(request: pytest.FixtureRequest, command: str, call: str) -> None:
    """It began before the switch, and waits for it: then it does what is right behind it."""
    start, *arguments = {
        "deploy": ("phase2_database", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
        "revert": ("phase3_database", "-y", "--to", "@phase2"),
    }[command]
    url: str = request.getfixturevalue(start)
    patient(url)
    bookings, no_shows = profile(url)
    calls = [call]
    if "record_booking" in call:
        calls.append(f"SELECT tenancy.confirm_booking('{hold(url)}', 1)")
    holder, callers = Session(url), [Session(url) for _ in calls]
    try:
        # What the transaction that switches writes last
        holder.execute("LOCK TABLE tenancy.contracted IN EXCLUSIVE MODE")
        switching = start_sqitch(url, command, *arguments)
        wait_until(lambda: waiting_for(url, holder.pid), "the script is at its end")
        calling = [caller.start(each) for caller, each in zip(callers, calls, strict=True)]
        script = waiting_for(url, holder.pid)[0]
        pids = {caller.pid for caller in callers}
        wait_until(lambda: pids <= {*waiting_for(url, script)}, "the calls wait for it")
        holder.rollback()
        for waiting in as_completed(calling):  # the first one holds the customer until it commits
            waiting.result()
            callers[calling.index(waiting)].commit()
        output = switching.communicate()[0]
        assert switching.returncode == 0, output
    finally:
        holder.close()
        for caller in callers:
            caller.close()

    if "record_booking" in call:
        assert profile(url) == (bookings + 2, no_shows)
    if "record_no_show" in call:
        assert profile(url) == (bookings, no_shows + 1)
    if command == "revert":
        assert drift(url) == []


@pytest.mark.parametrize("command", ["deploy", "revert"])
def test_what_is_written_before_the_lock(request: pytest.FixtureRequest, command: str) -> None:
    """Copied or restored already, a customer is written once more: under the lock it is made up."""
    start, *arguments = {
        "deploy": ("phase2_database", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
        "revert": ("phase3_database", "-y", "--to", "@phase2"),
    }[command]
    url: str = request.getfixturevalue(start)
    written_at = "SELECT updated_at FROM public.customers WHERE id = 10"
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.stylists LIMIT 1")  # what the script locks last
        switching = start_sqitch(url, command, *arguments)
        wait_until(lambda: waiting_for(url, reader.pid), "the script wants its locks")
        execute(url, CALLS[0], CALLS[1])
        before = value(url, written_at)
        reader.rollback()
        output = switching.communicate()[0]
        assert switching.returncode == 0, output
    finally:
        reader.close()

    sums = """
        SELECT sum(total_spend_cents) / sum(total_bookings), sum(no_show_count)
        FROM public.customer_shop_profiles WHERE customer_id = 10
    """
    columns = "SELECT average_spend_cents, no_show_count FROM"
    if command == "deploy":
        found = value(url, f"{columns} tenancy_archive.customers WHERE customer_id = 10")
    else:
        found = value(url, f"{columns} public.customers WHERE id = 10")
        assert value(url, written_at) == before  # by the restore, and not by a repair of drift
        assert drift(url) == []
    assert found == value(url, sums)
