"""Each pair of writers that can race, one statement at a time: both sides agree, whoever waits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest

from support import bookings
from support.bookings import HERE, THERE, held
from support.cluster import ROOT
from support.commands import execute, psql
from support.legacy_replay import Booking, Customer, Slot, statement
from support.sessions import Session
from support.sides import LEGACY, Place, Sides, drift, sides

BOOKERS: dict[str, bookings.Book] = {
    "legacy": bookings.legacy,
    "call": bookings.call,
    "confirm and call": bookings.confirm_and_call,
}
SECONDS = 60  # for what should be there at once
NO_START = datetime(2041, 6, 1, tzinfo=UTC)  # no booking starts then

RECORD_NO_SHOW = "SELECT FROM tenancy.record_no_show($1, $2)"
PREFER = "UPDATE public.customers SET preferred_stylist_id = $2 WHERE id = $1"
COUNT_STYLISTS = """
    INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
    VALUES ($1, $2, $3)
    ON CONFLICT (customer_id, stylist_id) DO UPDATE SET booking_count = excluded.booking_count
"""
COUNT_STYLIST = """
    INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
    VALUES ($1, 1, 1)
"""
MOVE = "UPDATE public.stylists SET shop_id = 2, name = 'Moved' WHERE id = 1"
READ_STATISTICS = statement("select_statistics")
LOCK_STATISTICS = READ_STATISTICS.replace(b";", b" FOR UPDATE;")
LOCKED_BY_TRANSACTION_ITSELF = """
    SELECT s.xmax::text = pg_current_xact_id()::text
    FROM public.customer_booking_stats AS s
    WHERE s.customer_id = $1
"""
DELETE_STATISTICS = "DELETE FROM public.customer_booking_stats WHERE customer_id = $1"
DELETE_STYLISTS = "DELETE FROM public.customer_stylist_preferences WHERE customer_id = $1"
DELETE_CUSTOMER = "DELETE FROM public.customers WHERE id = $1"


@pytest.fixture
def url(phase2_database: str) -> str:
    return phase2_database


@pytest.fixture
def first(url: str) -> Iterator[Session]:
    """Who holds something."""
    session = Session(url)
    yield session
    session.close()


@pytest.fixture
def second(url: str) -> Iterator[Session]:
    """Who comes to want it."""
    session = Session(url)
    yield session
    session.close()


@pytest.fixture
def customers(url: str) -> tuple[Customer, Customer]:
    return bookings.new_and_known(url)


@pytest.fixture
def new(customers: tuple[Customer, Customer]) -> Customer:
    return customers[0]


@pytest.fixture
def known(customers: tuple[Customer, Customer]) -> Customer:
    return customers[1]


@pytest.fixture(params=["new", "known"])
def customer(request: pytest.FixtureRequest, customers: tuple[Customer, Customer]) -> Customer:
    """The one, then the other."""
    return customers[["new", "known"].index(request.param)]


def _booked(url: str, customer: Customer) -> dict[Place, tuple[int, int]]:
    return sides(url, customer.id).bookings


def _plus(before: dict[Place, tuple[int, int]], *slots: Slot) -> dict[Place, tuple[int, int]]:
    """What is there after one more booking of each."""
    after = dict(before)
    for slot in slots:
        for place in (LEGACY, slot.shop):
            number, cents = after.get(place, (0, 0))
            after[place] = number + 1, cents + slot.price
    return after


def _unmirrored(url: str, query: str) -> None:
    """Write to one side only."""
    execute(url, f"BEGIN; SET LOCAL tenancy.mirroring = 'on'; {query}; COMMIT")
    assert drift(url) != []


def _be_patient(url: str, *functions: str) -> None:
    """What gives way after half a second waits as long as it takes, for a test that shows how."""
    for function in functions:
        execute(url, f"ALTER FUNCTION tenancy.{function} SET lock_timeout = '60s'")


# --- Two bookings


@pytest.mark.parametrize("second_by", BOOKERS)
@pytest.mark.parametrize("first_by", BOOKERS)
def test_two_bookings(
    url: str,
    first: Session,
    second: Session,
    customer: Customer,
    first_by: str,
    second_by: str,
) -> None:
    """In two shops; of a new customer they are the first ones."""
    here, there = held(url, customer, HERE), held(url, customer, THERE)
    before = _booked(url, customer)

    BOOKERS[first_by](first.connection, here)
    waiting = second.start_call(BOOKERS[second_by], there)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()

    after = sides(url, customer.id)
    assert after.bookings == _plus(before, HERE, THERE)
    assert after.last == {LEGACY: THERE.start, 1: HERE.start, 2: THERE.start}
    assert after.stylists == {HERE.stylist: 1, THERE.stylist: 1}
    assert drift(url) == []


@pytest.mark.parametrize("second_by", ["legacy", "call"])
@pytest.mark.parametrize("first_by", ["legacy", "call"])
def test_the_first_of_two_bookings_is_taken_back(
    url: str, first: Session, second: Session, new: Customer, first_by: str, second_by: str
) -> None:
    here, there = held(url, new, HERE), held(url, new, THERE)
    BOOKERS[first_by](first.connection, here)
    waiting = second.start_call(BOOKERS[second_by], there)
    second.wait_until_blocked_by(first)
    first.rollback()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, new) == _plus({}, THERE)
    assert drift(url) == []


@pytest.mark.parametrize("second_by", ["legacy", "call"])
@pytest.mark.parametrize("first_by", ["legacy", "call"])
def test_a_booking_on_an_old_snapshot(
    url: str,
    first: Session,
    second: Session,
    customer: Customer,
    first_by: str,
    second_by: str,
) -> None:
    """It fails rather than count from what was true before, and succeeds the next time."""
    here, there = held(url, customer, HERE), held(url, customer, THERE)
    before = _booked(url, customer)

    second.execute("SET default_transaction_isolation = 'repeatable read'")
    second.commit()
    second.execute(READ_STATISTICS, customer.id)
    BOOKERS[first_by](first.connection, here)
    first.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        BOOKERS[second_by](second.connection, there)
    second.rollback()
    assert _booked(url, customer) == _plus(before, HERE)

    BOOKERS[second_by](second.connection, there)
    second.commit()
    assert _booked(url, customer) == _plus(before, HERE, THERE)
    assert drift(url) == []


def test_statistics_that_nobody_confirmed_a_booking_for(
    url: str, first: Session, second: Session, new: Customer
) -> None:
    """Somebody inserts them without the customer's lock; the call backs off, and holds nothing."""
    there = held(url, new, THERE)
    first.execute(statement("insert_statistics"), new.id, 1, HERE.price, HERE.start)
    waiting = second.start_call(bookings.call, there)
    second.wait_until_sleeping()
    first.execute(PREFER, new.id, HERE.stylist)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, new) == _plus({}, HERE, THERE)
    assert drift(url) == []


def test_statistics_that_a_call_is_about_to_make(
    url: str, first: Session, second: Session, new: Customer
) -> None:
    """Whoever inserts them, too, fails as it would have without us."""
    bookings.call(first.connection, held(url, new, HERE))
    waiting = second.start(statement("insert_statistics"), new.id, 1, THERE.price, THERE.start)
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.UniqueViolation):
        waiting.result(SECONDS)
    second.rollback()
    assert _booked(url, new) == _plus({}, HERE)
    assert drift(url) == []


# --- Corrections


@pytest.mark.parametrize("reads_first", [True, False])
def test_a_correction_then_a_call(
    url: str, first: Session, second: Session, known: Customer, reads_first: bool
) -> None:
    """Holding the statistics, the correction comes to want the customer: no deadlock."""
    there = held(url, known, THERE)
    if reads_first:
        first.execute(LOCK_STATISTICS, known.id)
    else:
        first.execute(statement("update_statistics"), known.id, 4, 14000, NO_START)
    waiting = second.start_call(bookings.call, there)
    second.wait_until_sleeping()
    first.execute(statement("update_average_spend"), known.id, 1)
    first.execute(statement("update_statistics"), known.id, 7, 14500, NO_START)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    # No booking starts then, and so the correction is of the default shop.
    assert _booked(url, known) == _plus({LEGACY: (7, 14500), 1: (6, 9000), 2: (1, 5500)}, THERE)
    assert drift(url) == []


def test_a_call_then_a_correction(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    bookings.call(first.connection, held(url, known, HERE))
    waiting = second.start(statement("update_statistics"), known.id, 7, 20000, THERE.start)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, known)[LEGACY] == (7, 20000)
    assert drift(url) == []


def test_a_correction_then_a_confirmation_and_a_call(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """The correction holds the statistics and wants no more: the call is patient."""
    there = held(url, known, THERE)
    before = _booked(url, known)
    first.execute(LOCK_STATISTICS, known.id)
    waiting = second.start_call(bookings.confirm_and_call, there)
    second.wait_until_sleeping()
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, known) == _plus(before, THERE)
    assert drift(url) == []


@pytest.mark.parametrize("confirmed", ["confirmed", "taken back", "not confirmed"])
def test_a_call_locks_the_statistics(
    url: str, first: Session, second: Session, known: Customer, confirmed: str
) -> None:
    """Who holds the customer already does so without a subtransaction."""
    here = held(url, known, HERE)
    first.execute("SAVEPOINT confirmation")
    if confirmed != "not confirmed":
        first.execute(statement("confirm_booking"), here.id)
    if confirmed == "taken back":
        first.execute("ROLLBACK TO confirmation")
    first.execute("RELEASE confirmation")
    first.execute("SELECT tenancy.lock_customer($1, changes_totals => true)", known.id)
    waiting = second.start(statement("update_statistics"), known.id, 7, 20000, THERE.start)
    second.wait_until_blocked_by(first)
    rows = first.execute(LOCKED_BY_TRANSACTION_ITSELF, known.id)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert rows == [(confirmed == "confirmed",)]
    assert _booked(url, known)[LEGACY] == (7, 20000)
    assert drift(url) == []


@pytest.mark.parametrize("call_first", [True, False])
def test_no_shows_from_both_sides(
    url: str, first: Session, second: Session, customer: Customer, call_first: bool
) -> None:
    legacy = """
        UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = $1 AND $2 > 0
    """
    both = [RECORD_NO_SHOW, legacy] if call_first else [legacy, RECORD_NO_SHOW]
    first.execute(both[0], customer.id, 2)
    waiting = second.start(both[1], customer.id, 2)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, customer.id).no_shows == {LEGACY: 2, 1: 1, 2: 1}
    assert drift(url) == []


def test_two_profiles_of_a_customer(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """Raw DML in two shops: each writes its own row, and the statistics count both."""
    _be_patient(url, "mirror_profiles_to_legacy()")
    write = """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings + 1, last_booking_at = NULL
        WHERE customer_id = $1 AND shop_id = $2
    """
    first.execute(write, known.id, 1)
    waiting = second.start(write, known.id, 2)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, known) == {LEGACY: (5, 13500), 1: (3, 8000), 2: (2, 5500)}
    assert drift(url) == []


# --- Who a customer is


IDENTITIES = {
    "phone": (None, "+15550001111"),
    "email": ("ann@example.test", None),
    "both": ("ann@example.test", "+15550001111"),
}
GET_OR_CREATE = "SELECT tenancy.get_or_create_customer($1, $2, 'Ann')"
INSERT_CUSTOMER = statement("insert_customer")


def _found(session: Session, identity: tuple[str | None, str | None]) -> list[int]:
    rows = session.execute(
        "SELECT id FROM public.customers WHERE email = $1 OR phone = $2 ORDER BY id", *identity
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_get_or_create_customer_twice(
    first: Session, second: Session, identity: tuple[str | None, str | None], outcome: str
) -> None:
    [[one]] = first.execute(GET_OR_CREATE, *identity)
    waiting = second.start(GET_OR_CREATE, *identity)
    second.wait_until_blocked_by(first)
    getattr(first, outcome)()
    [[other]] = waiting.result(SECONDS)
    second.commit()
    assert (one == other) == (outcome == "commit")
    assert _found(first, identity) == [other]


@pytest.mark.parametrize(
    ("identity", "isolation"),
    [
        (identity, isolation)
        for identity in IDENTITIES.values()
        for isolation in ("REPEATABLE READ", "SERIALIZABLE")
        if identity[0] or isolation == "SERIALIZABLE"  # the limit that the function's comment tells
    ],
)
def test_get_or_create_customer_on_an_old_snapshot(
    first: Session, second: Session, identity: tuple[str | None, str | None], isolation: str
) -> None:
    for session in (first, second):
        session.execute(f"SET default_transaction_isolation = '{isolation}'")
        session.commit()
    second.execute("SELECT count(*) FROM public.customers")
    [[one]] = first.execute(GET_OR_CREATE, *identity)
    first.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        second.execute(GET_OR_CREATE, *identity)
    second.rollback()
    assert second.execute(GET_OR_CREATE, *identity) == [(one,)]
    second.commit()
    assert _found(first, identity) == [one]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
@pytest.mark.parametrize("identity", ["email", "both"])
def test_the_legacy_application_inserts_the_customer_first(
    first: Session, second: Session, identity: str, outcome: str
) -> None:
    """Only the email is unique there."""
    email, phone = IDENTITIES[identity]
    [[one, *_]] = first.execute(INSERT_CUSTOMER, email, None, "Ann")
    waiting = second.start(GET_OR_CREATE, email, phone)
    second.wait_until_blocked_by(first)
    getattr(first, outcome)()
    [[other]] = waiting.result(SECONDS)
    second.commit()
    assert (one == other) == (outcome == "commit")
    assert _found(first, (email, phone)) == [other]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_get_or_create_customer_first(first: Session, second: Session, outcome: str) -> None:
    email, phone = IDENTITIES["both"]
    first.execute(GET_OR_CREATE, email, phone)
    waiting = second.start(INSERT_CUSTOMER, email, phone, "Ann")
    second.wait_until_blocked_by(first)
    getattr(first, outcome)()
    if outcome == "commit":
        with pytest.raises(psycopg.errors.UniqueViolation):
            waiting.result(SECONDS)
        second.rollback()
    else:
        waiting.result(SECONDS)
        second.commit()
    assert len(_found(first, (email, phone))) == 1


# --- Repair and reconcile

STATISTICS_AHEAD = (
    "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 5"
    " WHERE customer_id = {}"
)
REPAIR = "SELECT field FROM tenancy.repair(ARRAY[$1::integer], $2)"
SOURCES = {"legacy": 5, "profiles": 0}  # what is left of the five


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("by", ["legacy", "call"])
def test_a_repair_then_a_booking(
    url: str, first: Session, second: Session, known: Customer, by: str, source: str
) -> None:
    here = held(url, known, HERE)
    _unmirrored(url, STATISTICS_AHEAD.format(known.id))
    assert first.execute(REPAIR, known.id, source) != []
    waiting = second.start_call(BOOKERS[by], here)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, known)[LEGACY] == (3 + SOURCES[source] + 1, 13500 + HERE.price)
    assert drift(url) == []


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("by", ["legacy", "call"])
def test_a_booking_then_a_repair(
    url: str, first: Session, second: Session, known: Customer, by: str, source: str
) -> None:
    """What the booking heals or keeps, the repair sees."""
    _be_patient(url, "repair")
    here = held(url, known, HERE)
    _unmirrored(url, STATISTICS_AHEAD.format(known.id))
    _unmirrored(url, f"UPDATE public.customers SET no_show_count = 1 WHERE id = {known.id}")
    BOOKERS[by](first.connection, here)
    waiting = second.start(REPAIR, known.id, source)
    second.wait_until_blocked_by(first)
    first.commit()
    assert waiting.result(SECONDS) != []
    second.commit()
    # A write of the statistics puts the profiles right, and leaves nothing of that to the repair.
    extra = 5 if by == "legacy" else SOURCES[source]
    after = sides(url, known.id)
    assert after.bookings[LEGACY] == (3 + extra + 1, 13500 + HERE.price)
    assert after.no_shows.get(LEGACY) == (1 if source == "legacy" else None)
    assert drift(url) == []


def test_a_repair_gives_way(url: str, first: Session, second: Session, known: Customer) -> None:
    _unmirrored(url, STATISTICS_AHEAD.format(known.id))
    first.execute(LOCK_STATISTICS, known.id)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        second.start(REPAIR, known.id, "legacy").result(SECONDS)
    second.rollback()
    first.rollback()
    assert second.execute(REPAIR, known.id, "legacy") != []
    second.commit()
    assert drift(url) == []


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(
            f"""
            UPDATE public.customer_booking_stats
            SET total_bookings = 4, total_spend_cents = 17500, last_booking_at = '{HERE.start}'
            WHERE customer_id = $1
            """,
            id="statistics",
        ),
        pytest.param(
            "UPDATE public.customers SET no_show_count = 1 WHERE id = $1",
            id="no-shows",
        ),
        pytest.param(
            "UPDATE public.customers SET preferred_stylist_id = 1 WHERE id = $1",
            id="preference",
        ),
        pytest.param(
            """
            UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
            WHERE customer_id = $1 AND shop_id = 1
            """,
            id="profile",
        ),
    ],
)
def test_a_repair_of_what_an_old_snapshot_shows(
    url: str, first: Session, second: Session, known: Customer, write: str, source: str
) -> None:
    """A writer that read before the repair fails, whichever row the repair changed."""
    _unmirrored(url, STATISTICS_AHEAD.format(known.id))
    second.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    second.execute(READ_STATISTICS, known.id)
    assert first.execute(REPAIR, known.id, source) != []
    first.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        second.execute(write, known.id)
    second.rollback()
    assert drift(url) == []


def _not_reconciled(url: str, customer: Customer) -> None:
    """As when the mirrors have just come: a booking in shop 1 was counted without them."""
    script = (ROOT / "deploy/mirror/mirrors.sql").read_text()
    psql(url, stdin=script[script.index("CREATE OR REPLACE TRIGGER catch_up_booking") :])
    missed = Slot(1, 2, 2, 1000, datetime(2039, 3, 1, tzinfo=UTC))
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute("SET LOCAL tenancy.mirroring = 'on'")
        booking = Booking(uuid.UUID(int=1), customer, missed)
        bookings.legacy(connection, booking, held=False)
    assert drift(url) != []


RECONCILE = "SELECT state, repaired FROM tenancy.reconcile_step(ARRAY[$1::integer])"
RECONCILED: dict[Place, tuple[int, int]] = {LEGACY: (4, 14500), 1: (3, 9000), 2: (1, 5500)}


def test_a_booking_then_the_reconcile(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """What was missed goes to its own shop, and not to that of the booking."""
    there = held(url, known, THERE)
    _not_reconciled(url, known)
    bookings.legacy(first.connection, there)
    assert second.start(RECONCILE, known.id).result(SECONDS) == [("waiting", 0)]
    second.commit()
    first.commit()
    assert _booked(url, known) == _plus(RECONCILED, THERE)
    assert drift(url) == []
    assert second.execute(RECONCILE, known.id) == [("done", 0)]


def test_the_reconcile_then_a_booking(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    there = held(url, known, THERE)
    _not_reconciled(url, known)
    assert first.execute(RECONCILE, known.id) == [("done", 1)]
    waiting = second.start_call(bookings.legacy, there)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _booked(url, known) == _plus(RECONCILED, THERE)
    assert drift(url) == []


# --- A customer who is deleted


def _delete(session: Session, customer: Customer) -> None:
    for query in (DELETE_STATISTICS, DELETE_STYLISTS, DELETE_CUSTOMER):
        session.execute(query, customer.id)


CALLS = {
    "record_booking": ("SELECT FROM tenancy.record_booking($1, 1, 1, 4000, '2040-01-01')"),
    "record_no_show": "SELECT FROM tenancy.record_no_show($1, 1)",
    "set_preferred_stylist": "SELECT FROM tenancy.set_preferred_stylist($1, 1, 1)",
}


@pytest.mark.parametrize("query", CALLS.values(), ids=CALLS)
def test_a_deletion_from_the_statistics_on_then_a_call(
    url: str, first: Session, second: Session, known: Customer, query: str
) -> None:
    """The call does not keep the customer from whom it waits for."""
    first.execute(DELETE_STATISTICS, known.id)
    waiting = second.start(query, known.id)
    second.wait_until_sleeping()
    _delete(first, known)
    first.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        waiting.result(SECONDS)
    assert caught.value.diag.message_primary == f"customer {known.id} does not exist"
    second.rollback()
    assert sides(url, known.id) == Sides()
    assert drift(url) == []


@pytest.mark.parametrize("query", CALLS.values(), ids=CALLS)
def test_a_deletion_from_the_customer_on_then_a_call(
    url: str, first: Session, second: Session, customer: Customer, query: str
) -> None:
    first.execute("SELECT FROM public.customers WHERE id = $1 FOR UPDATE", customer.id)
    waiting = second.start(query, customer.id)
    second.wait_until_blocked_by(first)
    _delete(first, customer)
    first.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        waiting.result(SECONDS)
    assert caught.value.diag.message_primary == f"customer {customer.id} does not exist"
    second.rollback()
    assert sides(url, customer.id) == Sides()
    assert drift(url) == []


@pytest.mark.parametrize("query", CALLS.values(), ids=CALLS)
def test_a_call_then_a_deletion(
    url: str, first: Session, second: Session, known: Customer, query: str
) -> None:
    first.execute(query, known.id)
    waiting = second.start(DELETE_STATISTICS, known.id)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    _delete(second, known)
    second.commit()
    assert sides(url, known.id) == Sides()
    assert drift(url) == []


def test_a_legacy_booking_then_a_deletion(
    url: str, first: Session, second: Session, customer: Customer
) -> None:
    bookings.legacy(first.connection, held(url, customer, HERE))
    waiting = second.start("SELECT FROM public.customers WHERE id = $1 FOR UPDATE", customer.id)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    _delete(second, customer)
    second.commit()
    assert sides(url, customer.id) == Sides()
    assert drift(url) == []


def test_a_deletion_then_a_legacy_booking(
    url: str, first: Session, second: Session, customer: Customer
) -> None:
    """The booking finds out when it has nobody to count for, as without us."""
    here = held(url, customer, HERE)
    first.execute("SELECT FROM public.customers WHERE id = $1 FOR UPDATE", customer.id)
    waiting = second.start_call(bookings.legacy, here)
    second.wait_until_blocked_by(first)
    _delete(first, customer)
    first.commit()
    with pytest.raises((AssertionError, psycopg.errors.ForeignKeyViolation)):
        waiting.result(SECONDS)
    second.rollback()
    assert sides(url, customer.id) == Sides()
    assert drift(url) == []


@pytest.mark.parametrize("survivor", ["booking", "deletion"])
def test_a_deletion_in_the_middle_of_a_legacy_booking(
    url: str, first: Session, second: Session, known: Customer, survivor: str
) -> None:
    """Each holds what the other wants. One of them is told to try again; nothing is left half."""
    here = held(url, known, HERE)
    booking, deletion = first, second
    patient, victim = (booking, deletion) if survivor == "booking" else (deletion, booking)
    patient.execute("SET deadlock_timeout = '1h'")
    victim.execute("SET deadlock_timeout = '10ms'")
    booking.commit()
    deletion.commit()

    booking.execute(statement("confirm_booking"), here.id)
    deletion.execute(DELETE_STATISTICS, known.id)
    write = statement("update_statistics"), known.id, 4, 17500, HERE.start
    if survivor == "booking":
        waiting = booking.start(*write)
        booking.wait_until_blocked_by(deletion)
        with pytest.raises(psycopg.errors.DeadlockDetected):
            deletion.execute(DELETE_CUSTOMER, known.id)
        deletion.rollback()
        waiting.result(SECONDS)
        booking.commit()
        assert _booked(url, known) == {LEGACY: (4, 17500), 1: (3, 12000), 2: (1, 5500)}
    else:
        waiting = deletion.start(DELETE_CUSTOMER, known.id)
        deletion.wait_until_blocked_by(booking)
        with pytest.raises(psycopg.errors.DeadlockDetected):
            booking.execute(*write)
        booking.rollback()
        waiting.result(SECONDS)
        deletion.commit()
        assert sides(url, known.id) == Sides()
    assert drift(url) == []


def test_a_call_then_a_deletion_in_one_statement(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """The profiles go with the customer, and take nothing from statistics that went before."""
    bookings.call(first.connection, held(url, known, HERE))
    waiting = second.start(
        """
        WITH s AS (DELETE FROM public.customer_booking_stats WHERE customer_id = $1),
        p AS (DELETE FROM public.customer_stylist_preferences WHERE customer_id = $1)
        DELETE FROM public.customers WHERE id = $1
        """,
        known.id,
    )
    second.wait_until_blocked_by(first)
    first.rollback()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, known.id) == Sides()
    assert drift(url) == []


def test_a_profile_of_a_customer_who_is_going(
    url: str, first: Session, second: Session, customer: Customer
) -> None:
    """Raw DML on the profiles never brings statistics back."""
    _delete(first, customer)
    waiting = second.start(
        """
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        VALUES ($1, 3, 1)
        """,
        customer.id,
    )
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        waiting.result(SECONDS)
    second.rollback()
    assert sides(url, customer.id) == Sides()
    assert drift(url) == []


# --- Statistics that somebody keeps


def test_a_call_does_not_wait_for_ever(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    here = held(url, known, HERE)
    before = sides(url, known.id)
    first.execute(LOCK_STATISTICS, known.id)
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        second.start_call(bookings.confirm_and_call, here).result(SECONDS)
    assert caught.value.diag.message_primary == (
        f"could not lock customer {known.id}: the statistics are held by another transaction,"
        " try again"
    )
    second.commit()  # which is a rollback
    first.rollback()
    assert sides(url, known.id) == before
    assert drift(url) == []

    bookings.confirm_and_call(second.connection, here)
    second.commit()
    assert _booked(url, known) == _plus(before.bookings, HERE)


# --- A stylist who moves


@dataclass(frozen=True)
class Preference:
    """A write that prefers stylist 1 of shop 1, and what comes of it when the stylist moves."""

    query: str
    moved_before: dict[Place, int] | None  # to shop 2; None: refused
    moved_after: dict[Place, int]


PREFERENCES = {
    "customers": Preference(
        "UPDATE public.customers SET preferred_stylist_id = 1 WHERE id = $1",
        {LEGACY: 1, 2: 1},
        {LEGACY: 1, 2: 1},
    ),
    "set_preferred_stylist": Preference(
        "SELECT FROM tenancy.set_preferred_stylist($1, 1, 1)", None, {LEGACY: 1, 2: 1}
    ),
    "record_booking": Preference(
        "SELECT FROM tenancy.record_booking($1, 1, 1, 4000, '2040-01-01')",
        None,
        {LEGACY: 1, 2: 1},
    ),
    # It prefers nobody in customers, and so nobody follows the stylist.
    "stylist's bookings": Preference(COUNT_STYLIST, {2: 1}, {}),
}


@pytest.mark.parametrize("preference", PREFERENCES.values(), ids=PREFERENCES)
def test_a_move_then_a_preference(
    url: str, first: Session, second: Session, customer: Customer, preference: Preference
) -> None:
    before = sides(url, customer.id)
    first.execute(MOVE)
    waiting = second.start(preference.query, customer.id)
    second.wait_until_blocked_by(first)
    first.commit()
    if preference.moved_before is None:
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
            waiting.result(SECONDS)
        assert caught.value.diag.message_primary == "stylist 1 works in shop 2, not in shop 1"
        second.rollback()
        assert sides(url, customer.id) == before
    else:
        waiting.result(SECONDS)
        second.commit()
        assert sides(url, customer.id).preferred == preference.moved_before
    assert drift(url) == []


@pytest.mark.parametrize("preference", PREFERENCES.values(), ids=PREFERENCES)
def test_a_preference_then_a_move(
    url: str, first: Session, second: Session, customer: Customer, preference: Preference
) -> None:
    first.execute(preference.query, customer.id)
    waiting = second.start(MOVE)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, customer.id).preferred == preference.moved_after
    assert drift(url) == []


def test_a_move_then_one_more_booking_of_the_stylist(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """No foreign key looks here: the mirror itself waits, and then reads where the stylist is."""
    second.execute(COUNT_STYLISTS, known.id, 1, 1)
    second.execute(COUNT_STYLISTS, known.id, 2, 2)
    second.commit()
    assert sides(url, known.id).preferred == {1: 2}

    first.execute(MOVE)
    waiting = second.start(COUNT_STYLISTS, known.id, 1, 3)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, known.id).preferred == {1: 2, 2: 1}
    assert drift(url) == []


@pytest.mark.parametrize("move_first", [True, False])
def test_a_move_and_another_choice_of_who_prefers_the_stylist(
    url: str, first: Session, second: Session, known: Customer, move_first: bool
) -> None:
    _be_patient(url, "clear_stylist_preferences()")
    second.execute(PREFER, known.id, 1)
    second.commit()
    both = [MOVE, f"SELECT FROM tenancy.set_preferred_stylist({known.id}, 1, 2)"]
    if not move_first:
        both.reverse()

    first.execute(both[0])
    waiting = second.start(both[1])
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    expected = {LEGACY: 1, 1: 2, 2: 1} if move_first else {LEGACY: 2, 1: 2}
    assert sides(url, known.id).preferred == expected
    assert drift(url) == []


def test_a_move_gives_way_to_a_booking_that_wants_the_stylist(
    url: str, first: Session, second: Session, known: Customer
) -> None:
    """Each holds what the other wants: it is the move that gives up."""
    here = held(url, known, HERE)
    for session in (first, second):
        session.execute("SET deadlock_timeout = '1h'")
        session.commit()
    second.execute(PREFER, known.id, 1)
    second.commit()

    second.execute(statement("confirm_booking"), here.id)
    move = first.start(MOVE)
    first.wait_until_blocked_by(second)
    booking = second.start_call(bookings.call, here)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        move.result(SECONDS)
    first.rollback()
    booking.result(SECONDS)
    second.commit()
    assert sides(url, known.id).preferred == {LEGACY: 1, 1: 1}
    assert drift(url) == []


# --- Two preferences


CHOICES = {
    "customers": "UPDATE public.customers SET preferred_stylist_id = 2 WHERE id = $1",
    "set_preferred_stylist": "SELECT FROM tenancy.set_preferred_stylist($1, 1, 2)",
}


@pytest.mark.parametrize("choice_first", [True, False])
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_a_choice_and_a_count(
    url: str, first: Session, second: Session, customer: Customer, choice: str, choice_first: bool
) -> None:
    """Counts never override a choice, whoever comes first."""
    both = [choice, COUNT_STYLIST] if choice_first else [COUNT_STYLIST, choice]
    first.execute(both[0], customer.id)
    waiting = second.start(both[1], customer.id)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, customer.id).preferred == {LEGACY: 2, 1: 2}
    assert drift(url) == []


@pytest.mark.parametrize("choice_first", [True, False])
def test_a_choice_that_customers_does_not_show_and_a_count(
    url: str, first: Session, second: Session, known: Customer, choice_first: bool
) -> None:
    """The same, where customers names somebody of another shop."""
    second.execute(PREFER, known.id, 6)
    second.commit()
    both = [CHOICES["set_preferred_stylist"], COUNT_STYLIST]
    if not choice_first:
        both.reverse()

    first.execute(both[0], known.id)
    waiting = second.start(both[1], known.id)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, known.id).preferred == {LEGACY: 6, 1: 2, 2: 6}
    assert drift(url) == []


@pytest.mark.parametrize("choice_first", [True, False])
def test_a_choice_and_a_count_that_overtakes_it(
    url: str, first: Session, second: Session, known: Customer, choice_first: bool
) -> None:
    """The profile stays with whom customers names, until customers names another."""
    second.execute(COUNT_STYLISTS, known.id, 2, 2)
    second.commit()
    count = COUNT_STYLISTS.replace("$2", "1").replace("$3", "3")
    both = [CHOICES["customers"], count] if choice_first else [count, CHOICES["customers"]]

    first.execute(both[0], known.id)
    waiting = second.start(both[1], known.id)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, known.id).preferred == {LEGACY: 2, 1: 2}
    assert drift(url) == []


def test_two_counts(url: str, first: Session, second: Session, customer: Customer) -> None:
    """Two stylists of one shop, and neither sees the other's booking: the lower id has it."""
    first.execute(COUNT_STYLISTS, customer.id, 2, 1)
    waiting = second.start(COUNT_STYLISTS, customer.id, 1, 1)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert sides(url, customer.id).preferred == {1: 1}
    assert drift(url) == []


# --- TRUNCATE


@pytest.mark.parametrize(
    "table",
    [
        "customers",
        "customer_booking_stats",
        "customer_shop_profiles",
        "customer_stylist_preferences",
        "stylists",  # which would take the profiles with it
    ],
)
def test_truncate(url: str, first: Session, second: Session, known: Customer, table: str) -> None:
    bookings.legacy(first.connection, held(url, known, HERE))
    waiting = second.start(f"TRUNCATE public.{table} CASCADE")
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot be mirrored"):
        waiting.result(SECONDS)
    second.rollback()
    assert _booked(url, known) == {LEGACY: (4, 17500), 1: (3, 12000), 2: (1, 5500)}
    assert drift(url) == []
