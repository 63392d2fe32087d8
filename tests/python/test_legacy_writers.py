"""The record of who writes to the legacy side makes nobody wait, and nobody is missing from it."""

from __future__ import annotations

import psycopg

from support.commands import value

WRITE = "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = %s"
WRITERS = "SELECT string_agg(application_name, ',' ORDER BY id) FROM tenancy.legacy_writes"


def test_two_that_write_for_the_first_time(phase2_database: str) -> None:
    """Neither sees the other's row yet; neither waits for it."""
    url = f"{phase2_database}&options=-c%20lock_timeout%3D1ms"
    with (
        psycopg.connect(url, application_name="web") as one,
        psycopg.connect(url, application_name="web") as other,
    ):
        one.execute(WRITE, (10,))
        other.execute(WRITE, (20,))
        one.execute(WRITE, (11,))
        other.rollback()
        one.commit()
        other.execute(WRITE, (20,))
        other.commit()
    assert value(phase2_database, WRITERS) == "web"


def test_a_first_write_that_was_taken_back(phase2_database: str) -> None:
    """The next one is the first, on the same connection."""
    with psycopg.connect(phase2_database, application_name="web") as connection:
        connection.execute(WRITE, (10,))
        connection.rollback()
        connection.execute(WRITE, (10,))
    assert value(phase2_database, WRITERS) == "web"


def test_an_old_snapshot(phase2_database: str) -> None:
    """A transaction that does not see the row of another one makes one of its own."""
    with (
        psycopg.connect(phase2_database, application_name="web") as old,
        psycopg.connect(phase2_database, application_name="web") as new,
    ):
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("SELECT FROM public.shops")
        new.execute(WRITE, (10,))
        new.commit()
        old.execute(WRITE, (20,))
    assert value(phase2_database, WRITERS) == "web,web"
