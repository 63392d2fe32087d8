"""Who writes both sides in one transaction is on record; nobody waits for that, nobody else is."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from support import bookings
from support.bookings import HERE, held, new_and_known
from support.cluster import ROOT
from support.commands import execute, value
from support.legacy_replay import Booking, Connection, statement
from support.sides import LEGACY, drift, sides

WRITERS = """
    SELECT coalesce(string_agg(concat_ws(' ', application_name, kind, customer_id), ', '
        ORDER BY kind), 'nobody')
    FROM tenancy.double_writers
"""

PROFILE = """
    INSERT INTO public.customer_shop_profiles AS p
        (customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at)
    VALUES ($1, $2, 1, $3, $4)
    ON CONFLICT (customer_id, shop_id) DO UPDATE
    SET total_bookings = p.total_bookings + 1,
        total_spend_cents = p.total_spend_cents + excluded.total_spend_cents,
        last_booking_at = excluded.last_booking_at
"""


def write_profile(connection: Connection, booking: Booking) -> None:
    """What ADR-0001 asks for beside the legacy code."""
    slot = booking.slot
    connection.execute(PROFILE, (booking.customer.id, slot.shop, slot.price, slot.start))


def legacy_then_profile(connection: Connection, booking: Booking) -> None:
    bookings.legacy(connection, booking)
    write_profile(connection, booking)


def profile_then_legacy(connection: Connection, booking: Booking) -> None:
    connection.execute(statement("confirm_booking"), (booking.id,))
    write_profile(connection, booking)
    bookings.legacy(connection, booking)


def legacy_then_call(connection: Connection, booking: Booking) -> None:
    bookings.legacy(connection, booking)
    bookings.call(connection, booking)


def call_then_count(connection: Connection, booking: Booking) -> None:
    """The statistics are moved, and the count of the stylist was forgotten."""
    bookings.confirm_and_call(connection, booking)
    connection.execute(
        "UPDATE public.customer_stylist_preferences SET booking_count = booking_count + 1"
        " WHERE customer_id = $1",
        (booking.customer.id,),
    )


@pytest.mark.parametrize(
    ("book", "kinds", "counted"),
    [
        (legacy_then_profile, ["bookings"], 2),
        (profile_then_legacy, ["bookings"], 2),
        (legacy_then_call, ["bookings", "stylist counts"], 2),
        (call_then_count, ["stylist counts"], 1),
        (bookings.legacy, [], 1),
        (bookings.confirm_and_call, [], 1),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_booking(
    phase2_database: str,
    book: Callable[[Connection, Booking], None],
    kinds: list[str],
    counted: int,
) -> None:
    """Both sides agree on what is counted twice: no drift tells."""
    url = phase2_database
    new, _known = new_and_known(url)
    booking = held(url, new, HERE)
    with psycopg.connect(
        url, application_name="web", cursor_factory=psycopg.RawCursor
    ) as connection:
        book(connection, booking)
    expected = ", ".join(f"web {kind} {new.id}" for kind in kinds) or "nobody"
    assert value(url, WRITERS) == expected
    assert drift(url) == []
    totals = (counted, counted * HERE.price)
    assert sides(url, new.id).bookings == {LEGACY: totals, HERE.shop: totals}


def test_two_transactions_of_one_connection(phase2_database: str) -> None:
    """As behind a pooler: each writes one side, and is forgotten when it ends."""
    url = phase2_database
    new, known = new_and_known(url)
    one, other = held(url, new, HERE), held(url, known, bookings.THERE)
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        bookings.legacy(connection, one)
        connection.commit()
        write_profile(connection, one)
        connection.commit()
        bookings.legacy(connection, other)
        connection.rollback()
        write_profile(connection, other)
        connection.commit()
    assert value(url, WRITERS) == "nobody"


@pytest.mark.parametrize(
    ("taken_back", "recorded"),
    [("legacy", False), ("profile", False), ("both", False), ("neither", True)],
)
def test_savepoints(phase2_database: str, taken_back: str, recorded: bool) -> None:
    """What is taken back was not written."""
    url = phase2_database
    new, _known = new_and_known(url)
    booking = held(url, new, HERE)
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        with connection.transaction(force_rollback=taken_back == "both"):
            with connection.transaction(force_rollback=taken_back == "legacy"):
                bookings.legacy(connection, booking)
            with connection.transaction(force_rollback=taken_back == "profile"):
                write_profile(connection, booking)
        connection.commit()
    assert (value(url, WRITERS) != "nobody") == recorded
    assert drift(url) == []


def test_nobody_waits_for_the_record(phase2_database: str) -> None:
    """Two write for the first time at one moment: a row each, in the transaction of each."""
    url = f"{phase2_database}&options=-c%20lock_timeout%3D1ms"
    new, known = new_and_known(phase2_database)
    of_new = held(phase2_database, new, HERE)
    of_known = held(phase2_database, known, bookings.THERE)
    with (
        psycopg.connect(url, cursor_factory=psycopg.RawCursor) as one,
        psycopg.connect(url, cursor_factory=psycopg.RawCursor) as other,
    ):
        legacy_then_profile(one, of_new)
        legacy_then_profile(other, of_known)
        one.rollback()
    writers = "SELECT string_agg(customer_id::text, ' ') FROM tenancy.double_writes"
    assert value(phase2_database, writers) == str(known.id)


def test_many_customers_in_one_transaction(phase2_database: str) -> None:
    """The notes are cut off; whoever writes thousands is on record all the same."""
    url = phase2_database
    execute(
        url,
        """
        BEGIN;
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1;
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1;
        COMMIT;
        """,
    )
    assert value(url, "SELECT count(*), min(kind) FROM tenancy.double_writers") == "1|bookings"


def test_the_double_counts_are_put_right(phase2_database: str) -> None:
    """As far as bookings and counts agree, by the statement of docs/phase-2.md."""
    url = phase2_database
    new, known = new_and_known(url)
    execute(url, f"UPDATE public.services SET price_cents = {HERE.price} WHERE id = 1")
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        legacy_then_profile(connection, held(url, new, HERE))
    assert sides(url, new.id).bookings == {LEGACY: (2, 8000), 1: (2, 8000)}
    before = sides(url, known.id)
    execute(url, correction(), "DELETE FROM tenancy.double_writes")
    assert sides(url, new.id).bookings == {LEGACY: (1, 4000), 1: (1, 4000)}
    assert sides(url, known.id) == before
    assert (value(url, WRITERS), drift(url)) == ("nobody", [])


def correction() -> str:
    """The statement that docs/phase-2.md gives."""
    page = (ROOT / "docs/phase-2.md").read_text()
    return page.split("<!-- step: correction -->")[1].split("<<'SQL'\n")[1].split("SQL\n")[0]
