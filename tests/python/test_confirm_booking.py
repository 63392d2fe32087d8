"""tenancy.confirm_booking: exactly once, whoever else wants the booking, and with one's rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest

from support import bookings
from support.attacks import IN_OWN, OTHER, OWN, Target, target
from support.bookings import HERE, THERE, held
from support.commands import execute, value
from support.isolation import as_role, roles
from support.legacy_replay import Booking, Customer
from support.sessions import Session
from support.sides import LEGACY, Place, drift, sides
from support.waiting import wait_until

SECONDS = 60  # for what should be there at once

CONFIRM = "SELECT * FROM tenancy.confirm_booking($1, $2)"
EXPIRE = """
    UPDATE public.bookings SET status = 'EXPIRED' WHERE id = $1 AND status = 'HOLD' RETURNING status
"""
DELETE = "DELETE FROM public.bookings WHERE id = $1"
MOVE = "UPDATE public.stylists SET shop_id = 2, name = 'Moved' WHERE id = 1"


# As the slots have them.
PRICES = f"""
    UPDATE public.services
    SET price_cents = CASE id WHEN {HERE.service} THEN {HERE.price} ELSE {THERE.price} END
    WHERE id IN ({HERE.service}, {THERE.service})
"""


@pytest.fixture
def url(phase2_database: str) -> str:
    execute(phase2_database, PRICES)
    return phase2_database


@pytest.fixture
def first(url: str) -> Iterator[Session]:
    """Who holds the booking."""
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
def new(url: str) -> Customer:
    """Who never booked."""
    return bookings.new_and_known(url)[0]


@pytest.fixture
def here(url: str, new: Customer) -> Booking:
    """A slot that is held for them."""
    return held(url, new, HERE)


ONCE: dict[Place, tuple[int, int]] = {LEGACY: (1, HERE.price), HERE.shop: (1, HERE.price)}


def _counted(url: str, customer: Customer) -> dict[Place, tuple[int, int]]:
    assert drift(url) == []
    assert value(url, "SELECT count(*) FROM tenancy.double_writes") == "0"
    return sides(url, customer.id).bookings


def _status(url: str, booking: Booking) -> str:
    return value(url, f"SELECT status FROM public.bookings WHERE id = '{booking.id}'")


# --- Who else wants the booking


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_calls_at_once(
    url: str, first: Session, second: Session, here: Booking, isolation: str, end: str
) -> None:
    """The second waits for the first, and counts what that one did not."""
    for session in (first, second):
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        session.execute("SELECT FROM public.shops")  # its snapshot
    assert bookings.confirm(first.connection, here)
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    first.commit() if end == "commit" else first.rollback()
    if end == "commit" and isolation != "READ COMMITTED":
        with pytest.raises(psycopg.errors.SerializationFailure):
            waiting.result(SECONDS)
        second.rollback()
        assert not bookings.confirm(second.connection, here)
    else:
        assert waiting.result(SECONDS) is (end == "rollback")
    second.commit()
    assert _counted(url, here.customer) == ONCE
    said = first.execute(CONFIRM, here.id, HERE.shop)
    assert said == [(False, here.customer.id, HERE.stylist, 1, HERE.price, HERE.start, 0)]


def test_after_the_legacy_application_confirmed(
    url: str, first: Session, second: Session, here: Booking
) -> None:
    bookings.legacy(first.connection, here)
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    first.commit()
    assert not waiting.result(SECONDS)
    second.commit()
    assert _counted(url, here.customer) == ONCE


@pytest.mark.parametrize("before", ["call", "legacy"])
def test_the_legacy_application_that_read_the_hold_before(
    url: str, first: Session, second: Session, here: Booking, before: str
) -> None:
    """It looks at the status without a lock: it counts what was confirmed meanwhile, as ever."""
    if before == "call":
        bookings.confirm(first.connection, here)
    else:
        bookings.legacy(first.connection, here)
    waiting = second.start_call(bookings.legacy, here)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert _counted(url, here.customer)[LEGACY] == (2, 2 * HERE.price)


@pytest.mark.parametrize("way", ["expired", "deleted", "moved to another shop"])
def test_after_the_hold_is_gone(
    url: str, first: Session, second: Session, here: Booking, way: str
) -> None:
    """The call waits for who takes it away, and then sees what became of it."""
    query, error, message = {
        "expired": (EXPIRE, psycopg.errors.ObjectNotInPrerequisiteState, "has expired"),
        "deleted": (DELETE, psycopg.errors.ForeignKeyViolation, "does not exist"),
        "moved to another shop": (
            "UPDATE public.bookings SET shop_id = 2 WHERE id = $1",
            psycopg.errors.ForeignKeyViolation,
            "is of shop 2, not of shop 1",
        ),
    }[way]
    first.execute(query, here.id)
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(error, match=message):
        waiting.result(SECONDS)
    second.rollback()
    assert _counted(url, here.customer) == {}


def test_before_the_hold_would_be_gone(
    url: str, first: Session, second: Session, here: Booking
) -> None:
    """The job that expires holds finds none; who cancels a booking leaves what was counted."""
    assert bookings.confirm(first.connection, here)
    waiting = second.start(EXPIRE, here.id)
    second.wait_until_blocked_by(first)
    first.commit()
    assert waiting.result(SECONDS) == []
    second.commit()
    assert _status(url, here) == "CONFIRMED"
    first.execute(DELETE, here.id)
    first.commit()
    assert _counted(url, here.customer) == ONCE


def test_a_hold_that_ends_while_the_call_waits(
    url: str, first: Session, second: Session, here: Booking
) -> None:
    """The clock counts, and not the beginning of the transaction."""
    first.execute(
        "UPDATE public.bookings SET hold_expires_at_utc = clock_timestamp() + interval '1 s'"
        " WHERE id = $1",
        here.id,
    )
    first.commit()
    first.execute("SELECT FROM public.bookings WHERE id = $1 FOR UPDATE", here.id)
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    is_over = f"""
        SELECT hold_expires_at_utc < clock_timestamp() FROM public.bookings WHERE id = '{here.id}'
    """
    wait_until(lambda: value(url, is_over) == "t", "the hold is over")
    first.commit()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="has expired"):
        waiting.result(SECONDS)
    second.rollback()
    assert _status(url, here) == "HOLD"


def test_a_stylist_who_moves(url: str, first: Session, second: Session, here: Booking) -> None:
    """A booking that cannot be counted is not confirmed."""
    first.execute(MOVE)
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="stylist 1 works in shop 2"):
        waiting.result(SECONDS)
    second.rollback()
    assert _status(url, here) == "HOLD"
    assert _counted(url, here.customer) == {}


def test_two_bookings_of_somebody_new(url: str, first: Session, second: Session) -> None:
    """Both calls want to make the customer: one does, and each counts its own booking."""
    nobody = Customer(0, None, "+19995550001", "Nobody yet")
    slots = [HERE, replace(HERE, start=datetime(2040, 1, 5, 10, tzinfo=UTC))]
    both = [held(url, nobody, slot) for slot in slots]
    assert bookings.confirm(first.connection, both[0])
    waiting = second.start_call(bookings.confirm, both[1])
    second.wait_until_blocked_by(first)
    first.commit()
    assert waiting.result(SECONDS)
    second.commit()
    made = value(url, "SELECT id FROM public.customers WHERE phone = '+19995550001'")
    counted = _counted(url, replace(nobody, id=int(made)))
    assert counted == {LEGACY: (2, 2 * HERE.price), HERE.shop: (2, 2 * HERE.price)}


@pytest.mark.parametrize("first_by", ["confirm_booking", "legacy"])
def test_two_bookings_of_a_customer(
    url: str, first: Session, second: Session, new: Customer, here: Booking, first_by: str
) -> None:
    """By a call and by the legacy application: none is lost."""
    there = held(url, new, THERE)
    by: list[Callable[[Any, Booking], object]] = [bookings.confirm, bookings.legacy]
    if first_by == "legacy":
        by.reverse()
    by[0](first.connection, here)
    waiting = second.start_call(by[1], there)
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    total = HERE.price + THERE.price
    assert _counted(url, new) == {
        LEGACY: (2, total),
        1: (1, HERE.price),
        2: (1, THERE.price),
    }


def test_phase_2_is_taken_back_meanwhile(
    url: str, first: Session, second: Session, here: Booking
) -> None:
    """Nothing is confirmed that is not counted."""
    first.execute("LOCK TABLE public.customers IN EXCLUSIVE MODE")
    waiting = second.start_call(bookings.confirm, here)
    second.wait_until_blocked_by(first)
    # What revert/api/lock_customer.sql does behind that lock.
    first.execute("DROP FUNCTION tenancy.lock_customer(integer, boolean)")
    first.commit()
    with pytest.raises(psycopg.errors.UndefinedFunction):
        waiting.result(SECONDS)
    second.rollback()
    assert _status(url, here) == "HOLD"


def test_in_a_read_only_transaction(url: str, second: Session, here: Booking) -> None:
    second.execute("SET TRANSACTION READ ONLY")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        bookings.confirm(second.connection, here)


def test_beside_legacy_statements_for_the_same_booking(
    url: str, second: Session, here: Booking
) -> None:
    """They count it once more, and are on record."""
    assert bookings.confirm(second.connection, here)
    second.execute(
        "UPDATE public.customer_booking_stats SET total_bookings = 2 WHERE customer_id = $1",
        here.customer.id,
    )
    second.commit()
    assert value(url, "SELECT kind FROM tenancy.double_writers") == "bookings"
    assert drift(url) == []


def test_in_phase_3(phase3_database: str) -> None:
    """The same, on profiles alone."""
    connection = psycopg.connect(phase3_database, cursor_factory=psycopg.RawCursor)
    with connection:
        execute(phase3_database, PRICES)
        customer = Customer(0, "new@example.test", None, "New")
        here = held(phase3_database, customer, HERE)
        assert bookings.confirm(connection, here)
        connection.commit()
        assert not bookings.confirm(connection, here)
        row = connection.execute(CONFIRM, (here.id, HERE.shop)).fetchone()
        assert row is not None
        assert row[0] is False
        assert row[2:] == (HERE.stylist, 1, HERE.price, HERE.start, 0)
        assert connection.execute(
            "SELECT total_bookings, total_spend_cents FROM public.customer_shop_profiles"
            " WHERE customer_id = $1",
            (row[1],),
        ).fetchall() == [(1, HERE.price)]


# --- Who is bound to a shop


BOOKING: LiteralString = """
    INSERT INTO public.bookings (
        id, shop_id, service_id, stylist_id, customer_phone, customer_email, start_at_utc,
        end_at_utc, status, discount_cents
    )
    VALUES (
        gen_random_uuid(), %s, %s, %s, %s, %s, '2041-01-01 10:00+00', '2041-01-01 11:00+00',
        %s::public.bookingstatus, 0
    )
    RETURNING id::text
"""
UNKNOWN_PHONE = "+19990001111"


@pytest.fixture
def isolated(isolated_database: str) -> Iterator[str]:
    with roles(isolated_database, "shop_clerk"):
        execute(isolated_database, "GRANT convo_shop TO shop_clerk")
        yield isolated_database


@pytest.fixture
def owner(isolated: str) -> Iterator[psycopg.Connection]:
    """The legacy application."""
    with psycopg.connect(isolated, autocommit=True) as connection:
        yield connection


@pytest.fixture
def clerk(isolated: str) -> Iterator[psycopg.Connection]:
    """In the context of a shop, in each transaction that `_bound` begins."""
    with psycopg.connect(as_role(isolated, "shop_clerk"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def at(owner: psycopg.Connection) -> Target:
    """A customer of the other shop."""
    return target(owner)


def _insert(
    connection: psycopg.Connection, at: Target, phone: str | None, email: str | None, status: str
) -> str:
    values = (OWN, at.own_service, at.own_stylist, phone, email, status)
    row = connection.execute(BOOKING, values).fetchone()
    assert row is not None
    return str(row[0])


def _bound(clerk: psycopg.Connection, work: Callable[[], Any]) -> Any:
    with clerk.transaction():
        clerk.execute(IN_OWN)
        return work()


def _confirm(clerk: psycopg.Connection, booking: str, shop: int = OWN) -> tuple[Any, ...]:
    """What it returns in the own shop."""
    call = "SELECT * FROM tenancy.confirm_booking(%s::uuid, %s)"
    row: tuple[Any, ...] | None = _bound(
        clerk, lambda: clerk.execute(call, (booking, shop)).fetchone()
    )
    assert row is not None
    return row


def _by_hand(clerk: psycopg.Connection, booking: str) -> None:
    """What the call does, in the statements that the role has anyway."""

    def work() -> None:
        row = clerk.execute(
            """
            UPDATE public.bookings SET status = 'CONFIRMED', updated_at = now()
            WHERE id = %s::uuid
            RETURNING customer_email, customer_phone, customer_name, stylist_id, start_at_utc, (
                SELECT v.price_cents FROM public.services AS v WHERE v.id = service_id
            )
            """,
            (booking,),
        ).fetchone()
        assert row is not None
        customer = clerk.execute(
            "SELECT tenancy.get_or_create_customer(%s, %s, %s)", row[:3]
        ).fetchone()
        assert customer is not None
        clerk.execute(
            "SELECT tenancy.record_booking(%s, %s, %s, %s, %s)",
            (customer[0], OWN, row[3], row[5], row[4]),
        )

    _bound(clerk, work)


def _traces(owner: psycopg.Connection, booking: str) -> list[tuple[Any, ...]]:
    """Whether it is no evidence yet, and how many customers the shop introduced."""
    return owner.execute(
        """
        SELECT
            EXISTS (SELECT FROM tenancy.unproven_bookings WHERE booking_id = %s::uuid),
            (SELECT count(*) FROM tenancy.introductions)
        """,
        (booking,),
    ).fetchall()


@pytest.mark.parametrize("by", ["legacy application", "shop"])
def test_it_gives_a_shop_what_two_calls_give(
    isolated: str, owner: psycopg.Connection, clerk: psycopg.Connection, at: Target, by: str
) -> None:
    """Whoever held the slot, for another shop's customer: it is marked, and an introduction."""
    traces = []
    for confirm in (_by_hand, _confirm):
        if by == "shop":
            held_here = _bound(clerk, lambda: _insert(clerk, at, at.phone, None, "HOLD"))
        else:
            held_here = _insert(owner, at, at.phone, None, "HOLD")
        confirm(clerk, held_here)
        traces.append(_traces(owner, held_here))
        row = clerk.execute("SELECT current_setting('tenancy.confirmed', TRUE)").fetchone()
        assert row in ((None,), ("",))
        assert drift(isolated) == []
        owner.execute("DELETE FROM public.bookings WHERE id = %s::uuid", (held_here,))
        owner.execute("DELETE FROM tenancy.introductions")
        owner.execute(
            "DELETE FROM public.customer_shop_profiles WHERE (customer_id, shop_id) = (%s, %s)",
            (at.customer, OWN),
        )
    assert traces == [[(True, 1)]] * 2


def test_what_the_application_confirms_of_a_shop_is_evidence(
    owner: psycopg.Connection, clerk: psycopg.Connection, at: Target
) -> None:
    planted = _bound(clerk, lambda: _insert(clerk, at, at.phone, None, "HOLD"))
    assert _traces(owner, planted) == [(True, 0)]
    owner.execute("SELECT tenancy.confirm_booking(%s::uuid, %s)", (planted, OWN))
    assert _traces(owner, planted) == [(False, 0)]


def test_another_shops_booking_is_nothing_and_is_not_waited_for(
    owner: psycopg.Connection, clerk: psycopg.Connection, at: Target
) -> None:
    """Nor does who may not have it keep anybody waiting."""
    unknown = "00000000-0000-4000-8000-000000000000"
    said = set()
    clerk.execute("SET lock_timeout = '10s'")
    with owner.transaction():
        owner.execute("SELECT FROM public.bookings WHERE id = %s::uuid FOR UPDATE", (at.booking,))
        owner.execute("SELECT FROM public.customers FOR UPDATE")
        for booking in (at.booking, unknown):
            for shop in (OWN, OTHER):
                with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
                    _confirm(clerk, booking, shop)
                said.add(str(refused.value.diag.message_primary).replace(booking, "X"))
    assert said == {"booking X does not exist"}
    with clerk.transaction():
        clerk.execute(IN_OWN)
        clerk.execute("SAVEPOINT refused")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            clerk.execute("SELECT tenancy.confirm_booking(%s::uuid, 3)", (at.booking,))
        clerk.execute("ROLLBACK TO refused")
        owner.execute(
            "SELECT FROM public.bookings WHERE id = %s::uuid FOR UPDATE NOWAIT", (at.booking,)
        )


def test_a_confirmed_booking_tells_nobodys_phone(
    owner: psycopg.Connection, clerk: psycopg.Connection, at: Target
) -> None:
    """A confirmed booking introduces nobody; with an email that the shop knows, it is that one."""
    row = owner.execute(
        "SELECT email FROM public.customers WHERE id = %s", (at.own_customer,)
    ).fetchone()
    assert row is not None
    for email, customer in ((None, None), (row[0], at.own_customer)):
        for phone in (at.phone, UNKNOWN_PHONE):
            planted = _bound(clerk, partial(_insert, clerk, at, phone, email, "CONFIRMED"))
            is_counted, found, *_ = _confirm(clerk, planted)
            assert (is_counted, found) == (False, customer)
            assert _traces(owner, planted) == [(True, 0)]
            owner.execute("DELETE FROM public.bookings WHERE id = %s::uuid", (planted,))


def test_beyond_the_limit_of_introductions(
    owner: psycopg.Connection, clerk: psycopg.Connection, at: Target
) -> None:
    """Whoever the phone is: nothing is confirmed. Known customers go on being counted."""
    owner.execute("UPDATE tenancy.settings SET introductions_per_hour = 1")
    one = _bound(clerk, lambda: _insert(clerk, at, "+19990002222", None, "HOLD"))
    assert _confirm(clerk, one)[0]
    owner.execute("DELETE FROM public.bookings WHERE id = %s::uuid", (one,))  # its slot
    for phone in (at.phone, UNKNOWN_PHONE):
        planted = _bound(clerk, partial(_insert, clerk, at, phone, None, "HOLD"))
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            _confirm(clerk, planted)
        assert owner.execute(
            "DELETE FROM public.bookings WHERE id = %s::uuid RETURNING status::text", (planted,)
        ).fetchall() == [("HOLD",)]
    row = owner.execute(
        "SELECT phone, email FROM public.customers WHERE id = %s", (at.own_customer,)
    ).fetchone()
    assert row is not None
    known = _bound(clerk, partial(_insert, clerk, at, row[0], row[1], "HOLD"))
    assert _confirm(clerk, known)[:2] == (True, at.own_customer)
    assert _confirm(clerk, known)[:2] == (False, at.own_customer)


def test_who_may_not_write_bookings(url: str, here: Booking) -> None:
    """It has the rights of who calls it, and no more."""
    with roles(url, "app_without"), psycopg.connect(as_role(url, "app_without")) as app:
        execute(
            url,
            "GRANT USAGE ON SCHEMA tenancy TO app_without; GRANT EXECUTE ON FUNCTION"
            " tenancy.confirm_booking, tenancy.get_or_create_customer, tenancy.record_booking,"
            " tenancy.customer_context TO app_without",
        )
        call = "SELECT is_counted FROM tenancy.confirm_booking(%s, %s)"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="table bookings"):
            app.execute(call, (here.id, HERE.shop))
        app.rollback()
        execute(
            url,
            "GRANT SELECT, UPDATE ON public.bookings TO app_without;"
            " GRANT SELECT ON public.services TO app_without",
        )
        assert app.execute(call, (here.id, HERE.shop)).fetchone() == (True,)
        app.commit()
    assert _counted(url, here.customer) == ONCE
