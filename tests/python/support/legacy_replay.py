"""The legacy application's booking, statement by statement, by many connections on few customers.

The statements are in tests/legacy/statements. In contrast to legacy_application, whose clients keep
out of each other's way, here they meet, and what they read may be out of date when they write.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import psycopg

from .cluster import ROOT

CONNECTIONS = 24
RETRIED = ("40P01", "40001")  # deadlock, serialization failure
ATTEMPTS = 50
LENGTH = timedelta(minutes=30)

_FIRST_START = datetime(2040, 1, 1, tzinfo=UTC)  # after the recording's last

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]


@cache
def statement(name: str) -> bytes:
    """The text of tests/legacy/statements/NAME.sql; its first lines say what $1 and so on are."""
    return (ROOT / "tests/legacy/statements" / f"{name}.sql").read_bytes()


@dataclass(frozen=True)
class Customer:
    """By what a booking names its customer."""

    id: int
    email: str | None
    phone: str | None
    name: str | None


@dataclass(frozen=True)
class Slot:
    """What is booked: a service with a stylist at a time."""

    shop: int
    stylist: int
    service: int
    price: int
    start: datetime


@dataclass(frozen=True)
class Booking:
    id: uuid.UUID
    customer: Customer
    slot: Slot


@dataclass(frozen=True)
class Committed:
    """A booking that was committed, and the count that its client wrote."""

    customer: int
    slot: Slot
    total_bookings: int


@dataclass
class Outcome:
    """What the clients saw."""

    committed: list[Committed] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)  # SQLSTATEs
    failed: list[str] = field(default_factory=list)  # SQLSTATEs and messages; not booked

    def in_order(self) -> list[Committed]:
        """By the counts that were written: for each customer the order of the commits.

        That is so as long as no booking is lost. The order in which the clients learn of their
        commits is another one.
        """
        return sorted(self.committed, key=lambda one: one.total_bookings)


def new_customers(url: str, number: int) -> list[Customer]:
    """Customers who never booked: with email and phone, with one of them only."""
    customers = []
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        for n in range(number):
            email = None if n % 3 == 1 else f"new.{n}@example.test"
            phone = None if n % 3 == 2 else f"+1990555{n:04}"
            row = connection.execute(
                statement("insert_customer"), (email, phone, f"New {n}")
            ).fetchone()
            assert row is not None
            customers.append(Customer(row[0], email, phone, f"New {n}"))
    return customers


def customers_with_history(url: str, number: int, seed: int) -> list[Customer]:
    """Customers who booked before. They have a phone, and it is nobody else's."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT c.id, c.email, c.phone, c.name
            FROM public.customers AS c
            JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
            WHERE c.phone IN (SELECT phone FROM public.customers GROUP BY phone HAVING count(*) = 1)
            ORDER BY c.id
            """
        ).fetchall()
    return [Customer(*row) for row in random.Random(seed).sample(rows, number)]  # noqa: S311


def make_bookings(url: str, customers: Sequence[Customer], number: int, seed: int) -> list[Booking]:
    """Bookings of these customers in all shops; an even number of them.

    A customer's bookings in the second half start when those in the first half do, in another shop:
    the time of a booking does not tell its shop. They are far enough apart that the statistics'
    last booking changes with each booking.
    """
    dice = random.Random(seed)  # noqa: S311
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT s.shop_id, s.id, v.id, v.price_cents
            FROM public.stylists AS s
            JOIN public.services AS v USING (shop_id)
            ORDER BY s.id, v.id
            """
        ).fetchall()
    half = number // 2
    bookings: list[Booking] = []
    for n in range(number):
        start = _FIRST_START + LENGTH * (n % half)
        first = bookings[n - half] if n >= half else None
        customer = first.customer if first else dice.choice(customers)
        shop, stylist, service, price = dice.choice(
            [row for row in rows if first is None or row[0] != first.slot.shop]
        )
        slot = Slot(shop, stylist, service, price, start)
        bookings.append(Booking(_new_id(dice), customer, slot))
    return bookings


def _new_id(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def replay(
    url: str, bookings: Sequence[Booking], *, seed: int, held: bool = True, savepoints: bool = False
) -> Outcome:
    """Book all of them at once, each in a transaction of its own.

    Args:
        held: the slot is held by an earlier transaction, and the booking confirms it. If not, it is
            inserted as CONFIRMED.
        savepoints: the parts of a transaction are in savepoints. Some are rolled back and done once
            more, and now and then the customer first books another slot and gives it up.
    """
    outcome = Outcome()
    if held:
        _hold(url, bookings)
    # Another slot for each, which nobody else ever takes: between two starts.
    others = [replace(other.slot, start=other.slot.start + LENGTH / 2) for other in bookings]
    waiting = deque(zip(bookings, [*others[1:], *others[:1]], strict=True))
    with ExitStack() as stack, ThreadPoolExecutor(CONNECTIONS) as threads:
        clients = [
            Client(
                stack.enter_context(
                    psycopg.connect(
                        url,
                        application_name="legacy replay",
                        cursor_factory=psycopg.RawCursor,
                    )
                ),
                random.Random(seed * 1000 + number),  # noqa: S311
                held=held,
                savepoints=savepoints,
            )
            for number in range(CONNECTIONS)
        ]
        for future in [threads.submit(client.work, waiting, outcome) for client in clients]:
            future.result()
    return outcome


def _hold(url: str, bookings: Sequence[Booking]) -> None:
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        for booking in bookings:
            insert_booking(connection, booking, "HOLD")


def insert_booking(connection: Connection, booking: Booking, status: str) -> None:
    """A booking of this status."""
    customer, slot = booking.customer, booking.slot
    connection.execute(
        statement("insert_booking"),
        (
            booking.id,
            slot.shop,
            slot.service,
            slot.stylist,
            customer.name,
            customer.email,
            customer.phone,
            slot.start,
            slot.start + LENGTH,
            status,
            datetime.now(UTC) + timedelta(minutes=5) if status == "HOLD" else None,
        ),
    )


class Client:
    """One connection of the application; each step by itself, or all of them for many bookings."""

    def __init__(
        self,
        connection: Connection,
        dice: random.Random,
        *,
        held: bool = True,
        savepoints: bool = False,
    ) -> None:
        self._connection = connection
        self._dice = dice
        self._held = held
        self._savepoints = savepoints

    def work(self, waiting: deque[tuple[Booking, Slot]], outcome: Outcome) -> None:
        """Take bookings until none is left."""
        while True:
            try:
                booking, other = waiting.popleft()
            except IndexError:
                return
            self._try(booking, other, outcome)

    def _try(self, booking: Booking, other: Slot, outcome: Outcome) -> None:
        for _ in range(ATTEMPTS):
            try:
                total = self.transaction(booking, other)
            except psycopg.Error as error:
                state = error.sqlstate or "none"
                if state not in RETRIED:
                    outcome.failed.append(f"{state}: {error.diag.message_primary or error}")
                    return
                outcome.retried.append(state)
            else:
                committed = Committed(booking.customer.id, booking.slot, total)
                outcome.committed.append(committed)
                return
        raise AssertionError(f"{ATTEMPTS} attempts in vain: {booking}")

    def transaction(self, booking: Booking, other: Slot) -> int:
        """All steps; the count that was written."""
        with self._connection.transaction():
            customer, preferred, average = self.find_customer(booking.customer)
            if self._savepoints and self._now_and_then():
                with self._connection.transaction(force_rollback=True):
                    given_up = Booking(_new_id(self._dice), booking.customer, other)
                    insert_booking(self._connection, given_up, "CONFIRMED")
                    self.count(customer, other, average)
            self._part(lambda: self.confirm(booking))
            total = self._part(lambda: self.count(customer, booking.slot, average))
            top = self._part(lambda: self.count_stylist(customer, booking.slot.stylist))
            if top != preferred:
                self._update("update_preferred_stylist", customer, top)
        return total

    def _part(self, part: Callable[[], T]) -> T:
        if not self._savepoints:
            return part()
        if self._now_and_then():
            with self._connection.transaction(force_rollback=True):
                part()
        with self._connection.transaction():
            return part()

    def _now_and_then(self) -> bool:
        return self._dice.random() < 0.2

    def find_customer(self, customer: Customer) -> tuple[int, int | None, int]:
        """Step 1: id, preferred stylist and average spend."""
        row = customer.phone and self._row("select_customer_by_phone", customer.phone)
        row = row or self._row("select_customer_by_email", customer.email)
        assert row is not None
        return row[0], row[4], row[5]

    def confirm(self, booking: Booking) -> None:
        """Step 2."""
        if self._held:
            self._update("confirm_booking", booking.id)
        else:
            insert_booking(self._connection, booking, "CONFIRMED")

    def count(self, customer: int, slot: Slot, average: int) -> int:
        """Steps 3 to 5: the count that was written."""
        row = self._row("select_statistics", customer)
        bookings, spend = (row[1] + 1, row[2] + slot.price) if row else (1, slot.price)
        if spend // bookings != average:
            self._update("update_average_spend", customer, spend // bookings)
        self._update(
            "update_statistics" if row else "insert_statistics",
            customer,
            bookings,
            spend,
            slot.start,
        )
        return bookings

    def count_stylist(self, customer: int, stylist: int) -> int:
        """Steps 6 and 7: whom the customer booked most."""
        row = self._row("select_stylist_preference", customer, stylist)
        if row:
            self._update("update_stylist_preference", row[0], row[3] + 1)
        else:
            self._update("insert_stylist_preference", customer, stylist, 1)
        top = self._row("select_top_stylist", customer)
        assert top is not None
        return int(top[0])

    def _row(self, name: str, *values: object) -> tuple[Any, ...] | None:
        return self._connection.execute(statement(name), values).fetchone()

    def _update(self, name: str, *values: object) -> None:
        # SQLAlchemy counts the rows, too, and takes another number for an error.
        assert self._connection.execute(statement(name), values).rowcount == 1, name
