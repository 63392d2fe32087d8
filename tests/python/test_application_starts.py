"""An application starts during a deploy: it alters its tables, in one transaction, and holds them.

Every script waits for such a table for a moment, gives up, and tries again: those that alter it as
well as those that only read it. What gives up says for whom it waited, and can be run again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from support.at_once import move_to
from support.commands import Completed, execute, psql, psql_file, start_sqitch
from support.plan import CHANGES, below
from support.soak import SOAK

TABLES = (
    *("bookings", "customer_booking_stats", "customer_service_preferences"),
    *("customer_shop_profiles", "customer_stylist_preferences", "customers", "services", "shops"),
    "stylists",
)
CONTRACT = ("-v", "contract=yes", "-v", "legacy_quiet_period=0")
READING = [
    ("profiles/bookings_of", "customers"),  # a function in SQL, whose body is looked at
    ("profiles/drift", "stylists"),  # a view
    ("profiles/backfill_profiles", "stylists"),  # what waited without a limit
    ("mirror/apply_delta", "customer_shop_profiles"),  # a variable with the row's type
    ("mirror/reconcile_profiles", "customers"),  # what waited without a limit
    ("isolation/policies", "customers"),  # what the policy of another table reads
    ("isolation/rights", "customers"),
    ("contract/switch", "services"),  # what is checked on one snapshot
]
EVERY = [
    (change, table)
    for change in CHANGES[CHANGES.index("support/lock_tables") + 1 :]
    for table in TABLES
]
STARTUP = """
    BEGIN;
    ALTER TABLE public.bookings ADD COLUMN IF NOT EXISTS internal_notes text;
    ALTER TABLE public.customers ALTER COLUMN email DROP NOT NULL;
    ALTER TABLE public.stylists ADD COLUMN IF NOT EXISTS pin_hash varchar(64);
    COMMIT
"""


@contextmanager
def starting(url: str, *tables: str) -> Iterator[psycopg.Connection]:
    """An application that holds these tables until the block ends."""
    with psycopg.connect(url, application_name="convo web") as application:
        for table in tables:
            there = application.execute("SELECT to_regclass(%s)", (f"public.{table}",)).fetchone()
            if there != (None,):
                application.execute(f"LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE".encode())
        yield application
        application.rollback()


def _refused(done: Completed, *tables: str) -> None:
    """One line that says for whom it waited, whatever ran before it."""
    [error] = [line for line in done.stderr.splitlines() if "ERROR:" in line]
    assert any(f"could not lock public.{table} within 1 attempts" in error for table in tables)
    assert "half done. Wait for these or end them, then run the same again: pid " in error
    assert "application convo web" in error


@pytest.mark.parametrize(("change", "table"), EVERY if SOAK else READING)
def test_a_script(small_at: Callable[[str | None], str], change: str, table: str) -> None:
    url = small_at(below(change))
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    script = f"deploy/{change}.sql"
    with starting(url, table):
        done = psql_file(url, script, *CONTRACT, check=False)
        if not SOAK or done.returncode != 0:  # in a soak also those that need no lock
            _refused(done, table)
    psql_file(url, script, *CONTRACT)


def test_the_way_back(small_at: Callable[[str | None], str]) -> None:
    url = small_at("contract/switch")
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    for table in ("stylists", "customer_shop_profiles"):
        with starting(url, table):
            _refused(psql_file(url, "revert/contract/switch.sql", check=False), table)
    psql_file(url, "revert/contract/switch.sql")


def test_it_goes_on(small_at: Callable[[str | None], str]) -> None:
    """As soon as the application has started."""
    url = small_at("mirror/mirrors")
    with starting(url, "bookings", "customers", "stylists") as application:
        deploy = start_sqitch(url, "deploy", "--to", "mirror/reconcile_profiles")
        assert deploy.stdout is not None
        for line in deploy.stdout:
            if "NOTICE:  waiting for public." in line and "application convo web" in line:
                break
        application.commit()
        said, _ = deploy.communicate(timeout=60)
    assert deploy.returncode == 0, said


@pytest.mark.parametrize(
    ("constraint", "table"),
    [
        ("customer_shop_profiles_customer_id_fkey", "customers"),
        ("customer_shop_profiles_preferred_stylist_shop_fkey", "stylists"),
        ("customer_shop_profiles_check", "customer_shop_profiles"),
    ],
)
def test_the_check_of_a_constraint(
    small_at: Callable[[str | None], str], constraint: str, table: str
) -> None:
    url = small_at("@phase2")
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    call = f"CALL tenancy.validate_constraint('public.customer_shop_profiles', '{constraint}')"
    with starting(url, table):
        _refused(psql(url, "-c", call, check=False), table)
    execute(url, call)


def test_a_reader_is_no_obstacle(small_at: Callable[[str | None], str]) -> None:
    """Who only reads is not named, and stops no script that reads."""
    url = small_at(below("profiles/bookings_of"))
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM public.customers FOR UPDATE")
        psql_file(url, "deploy/profiles/bookings_of.sql")


def test_it_starts_again_and_again(small_at: Callable[[str | None], str]) -> None:
    """Deploy and application pass each other, and neither is ended for the other's sake."""
    url = small_at("@phase1")
    is_over = threading.Event()
    failures: list[str] = []
    starts = 0

    def start() -> None:
        nonlocal starts
        with psycopg.connect(url, autocommit=True) as application:
            while not is_over.is_set():
                try:
                    application.execute(STARTUP)
                    starts += 1
                except psycopg.Error as error:
                    failures.append(str(error))
                    application.rollback()

    thread = threading.Thread(target=start)
    thread.start()
    try:
        move_to(url, "@phase2")
    finally:
        is_over.set()
        thread.join()
    assert failures == []
    assert starts > 0
