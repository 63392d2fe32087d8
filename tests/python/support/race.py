"""Everything that may write at once, on few customers: legacy bookings, the SQL API, raw DML."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import psycopg

from convo_tenancy.retries import RETRYABLE, retrying

from . import bookings
from .legacy_replay import Booking, Connection, Customer, statement
from .waiting import wait_until

CLIENTS = 8

# A number of something of a customer, and, where it has one, of a shop or stylist.
Amounts = Counter[tuple[str | int, ...]]

LEGACY = ("legacy booking", "legacy booking not held")

CALLS: dict[str, tuple[str, ...]] = {
    "record_booking": (
        """
        SELECT FROM tenancy.record_booking(
            %(customer)s, %(shop)s, %(stylist)s, %(price)s, %(start)s
        )
        """,
    ),
    "confirm_booking": (),
    "record_no_show": ("SELECT FROM tenancy.record_no_show(%(customer)s, %(shop)s)",),
    "set_preferred_stylist": (
        "SELECT FROM tenancy.set_preferred_stylist(%(customer)s, %(shop)s, %(choice)s)",
    ),
}

_LOCK_CUSTOMER = "SELECT FROM public.customers WHERE id = %(customer)s FOR UPDATE"
_DELETE_STATISTICS = "DELETE FROM public.customer_booking_stats WHERE customer_id = %(customer)s"

# Legacy statements that take one row, and so meet nobody in a deadlock.
CORRECTIONS: dict[str, tuple[str, ...]] = {
    "no-shows corrected": (
        "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = %(customer)s",
    ),
    "preference corrected": (
        """
        UPDATE public.customers
        SET preferred_stylist_id = nullif(%(stylist)s, preferred_stylist_id)
        WHERE id = %(customer)s
        """,
    ),
    "stylist's bookings corrected": (
        """
        UPDATE public.customer_stylist_preferences SET booking_count = booking_count + 3
        WHERE customer_id = %(customer)s AND stylist_id = %(stylist)s
        """,
    ),
}

# Raw DML, statement by statement. What it writes has nothing to do with what was there.
RAW: dict[str, tuple[str, ...]] = {
    "profile inserted": (
        """
        INSERT INTO public.customer_shop_profiles (
            customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents,
            last_booking_at, no_show_count
        )
        VALUES (
            %(customer)s, %(shop)s, %(stylist)s, %(bookings)s, %(cents)s, %(start)s, %(no_shows)s
        )
        ON CONFLICT DO NOTHING
        """,
    ),
    "profile set": (
        """
        UPDATE public.customer_shop_profiles
        SET
            total_bookings = %(bookings)s,
            total_spend_cents = %(cents)s,
            last_booking_at = %(start)s,
            no_show_count = %(no_shows)s
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
        """,
    ),
    "profile counted up": (
        """
        UPDATE public.customer_shop_profiles
        SET
            total_bookings = total_bookings + 1,
            total_spend_cents = total_spend_cents + %(cents)s,
            last_booking_at = NULL,
            no_show_count = no_show_count + 1
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
        """,
    ),
    "profile's preference set": (
        """
        UPDATE public.customer_shop_profiles
        SET preferred_stylist_id = nullif(%(stylist)s, preferred_stylist_id)
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
        """,
    ),
    "profile deleted": (
        """
        DELETE FROM public.customer_shop_profiles
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
        """,
    ),
    # The lock keeps the place free that the profile goes to.
    "profile moved": (
        _LOCK_CUSTOMER,
        """
        UPDATE public.customer_shop_profiles AS p
        SET shop_id = %(other_shop)s, preferred_stylist_id = NULL
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
            AND NOT EXISTS (
                SELECT FROM public.customer_shop_profiles AS o
                WHERE o.customer_id = p.customer_id AND o.shop_id = %(other_shop)s
            )
        """,
    ),
    "profile given away": (
        """
        SELECT FROM public.customers
        WHERE id IN (%(customer)s, %(other_customer)s)
        FOR UPDATE
        """,
        """
        UPDATE public.customer_shop_profiles AS p
        SET customer_id = %(other_customer)s
        WHERE customer_id = %(customer)s AND shop_id = %(shop)s
            AND EXISTS (SELECT FROM public.customers WHERE id = %(other_customer)s)
            AND NOT EXISTS (
                SELECT FROM public.customer_shop_profiles AS o
                WHERE o.customer_id = %(other_customer)s AND o.shop_id = p.shop_id
            )
        """,
    ),
    "statistics corrected": (
        """
        UPDATE public.customer_booking_stats
        SET
            total_bookings = %(bookings)s,
            total_spend_cents = %(cents)s,
            last_booking_at = %(start)s
        WHERE customer_id = %(customer)s
        """,
    ),
    "statistics locked and corrected": (
        "SELECT FROM public.customer_booking_stats WHERE customer_id = %(customer)s FOR UPDATE",
        "UPDATE public.customers SET average_spend_cents = 0 WHERE id = %(customer)s",
        """
        UPDATE public.customer_booking_stats
        SET total_bookings = %(bookings)s, total_spend_cents = %(cents)s
        WHERE customer_id = %(customer)s
        """,
    ),
    # Without the lock, the legacy application would miss the row that it has just read.
    "statistics deleted": (_LOCK_CUSTOMER, _DELETE_STATISTICS),
    "no-shows set": (
        "UPDATE public.customers SET no_show_count = %(no_shows)s WHERE id = %(customer)s",
    ),
    "stylist's bookings set": (
        """
        UPDATE public.customer_stylist_preferences SET booking_count = %(bookings)s
        WHERE customer_id = %(customer)s AND stylist_id = %(stylist)s
        """,
    ),
    "stylist's bookings deleted": (
        _LOCK_CUSTOMER,
        """
        DELETE FROM public.customer_stylist_preferences
        WHERE customer_id = %(customer)s AND stylist_id = %(stylist)s
        """,
    ),
}

_DELETE_THE_REST = (
    "DELETE FROM public.customer_stylist_preferences WHERE customer_id = %(customer)s",
    "DELETE FROM public.customer_service_preferences WHERE customer_id = %(customer)s",
    "DELETE FROM public.customers WHERE id = %(customer)s",
)


def amounts(url: str, customers: Sequence[Customer]) -> Amounts:
    """What both sides count of these customers."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT 'statistics', ARRAY[customer_id], total_bookings, total_spend_cents, 0
            FROM public.customer_booking_stats
            UNION ALL
            SELECT 'customer', ARRAY[id], 0, 0, no_show_count
            FROM public.customers
            UNION ALL
            SELECT
                'profile', ARRAY[customer_id, shop_id],
                total_bookings, total_spend_cents, no_show_count
            FROM public.customer_shop_profiles
            UNION ALL
            SELECT 'stylist', ARRAY[customer_id, stylist_id], booking_count, 0, 0
            FROM public.customer_stylist_preferences
            """
        ).fetchall()
    ids = {customer.id for customer in customers}
    found: Amounts = Counter()
    for what, whose, number, cents, no_shows in rows:
        if whose[0] in ids:
            found["bookings", what, *whose] = number
            found["cents", what, *whose] = cents
            found["no-shows", what, *whose] = no_shows
    return found


def deadlocks(url: str) -> int:
    """How many there were in this database, also those that a function caught."""
    with psycopg.connect(url, autocommit=True) as connection:

        def alone() -> bool:
            others = connection.execute(
                """
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend'
                    AND pid <> pg_backend_pid()
                """
            )
            return others.rowcount == 0

        wait_until(alone, "the other sessions end, for then they hand in what they counted")
        row = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


@dataclass
class Result:
    """What one client saw, or all of them."""

    committed: Counter[str] = field(default_factory=Counter)  # transactions by kind
    amounts: Amounts = field(default_factory=Counter)  # what they counted
    errors: Counter[str] = field(default_factory=Counter)  # attempts by SQLSTATE
    given_up: Counter[str] = field(default_factory=Counter)  # transactions by SQLSTATE
    found_gone: Counter[int] = field(default_factory=Counter)  # transactions by customer
    deleted: set[int] = field(default_factory=set)

    def add(self, other: Result) -> None:
        """Add what another client saw."""
        self.committed.update(other.committed)
        self.amounts.update(other.amounts)
        self.errors.update(other.errors)
        self.given_up.update(other.given_up)
        self.found_gone.update(other.found_gone)
        self.deleted |= other.deleted

    def __str__(self) -> str:
        """For who reads the output of the test."""
        return "\n".join(
            [
                *(f"{number:7} {kind}" for kind, number in sorted(self.committed.items())),
                f"errors {dict(self.errors)}, given up after them {dict(self.given_up)},"
                f" customer gone {self.found_gone.total()}, customers deleted {len(self.deleted)}",
            ]
        )


@dataclass(frozen=True)
class _Work:
    """One transaction to be."""

    kind: str
    booking: Booking
    held: bool  # the booking is there, and the transaction confirms it
    values: dict[str, Any]  # for the statements

    def amounts(self, rows: int) -> Amounts:
        """What both sides count more afterwards, as far as that can be said.

        Args:
            rows: how many a correction found.
        """
        slot = self.booking.slot
        customer = "customer", self.booking.customer.id
        statistics = "statistics", self.booking.customer.id
        profile = "profile", self.booking.customer.id, slot.shop
        stylist = "stylist", self.booking.customer.id, slot.stylist
        if self.kind == "record_no_show":
            return Counter({("no-shows", *customer): 1, ("no-shows", *profile): 1})
        if self.kind == "no-shows corrected":  # of the default shop
            return Counter(
                {("no-shows", *customer): rows, ("no-shows", "profile", customer[1], 1): rows}
            )
        if self.kind == "stylist's bookings corrected":
            return Counter({("bookings", *stylist): 3 * rows})
        if self.kind not in {*LEGACY, "record_booking", "confirm_booking"}:
            return Counter()
        return Counter(
            {
                ("bookings", *statistics): 1,
                ("bookings", *profile): 1,
                ("bookings", *stylist): 1,
                ("cents", *statistics): slot.price,
                ("cents", *profile): slot.price,
            }
        )


class _Gone(Exception):
    """Whom the transaction was about is not there any more."""


class _Race:
    """What the clients share."""

    def __init__(
        self,
        customers: Sequence[Customer],
        shops: Sequence[int],
        wanted: Sequence[Booking],
        kinds: Mapping[str, int],
        seed: int,
    ) -> None:
        self._places = {customer.id: place for place, customer in enumerate(customers)}
        self._there = [*customers]
        self._shops = shops
        self._kinds = kinds
        self._seed = seed
        self._waiting = deque(enumerate(wanted))
        self._serial = count(1)

    def next(self) -> _Work | None:
        """What a client does next; None if nothing is left."""
        try:
            number, booking = self._waiting.popleft()
        except IndexError:
            return None
        dice = random.Random(f"{self._seed} {number}")  # noqa: S311
        [kind] = dice.choices([*self._kinds], [*self._kinds.values()])
        customer = self._there[self._places[booking.customer.id]]
        slot = booking.slot
        return _Work(
            kind,
            replace(booking, customer=customer),
            kind in {"legacy booking", "confirm_booking"}
            or (kind in CALLS and dice.random() < 0.7),
            {
                "customer": customer.id,
                "other_customer": dice.choice(self._there).id,
                "shop": slot.shop,
                "other_shop": dice.choice(self._shops),
                "stylist": slot.stylist,
                "choice": dice.choice([slot.stylist, None]),
                "price": slot.price,
                "start": slot.start,
                "bookings": dice.randrange(12),
                "cents": dice.randrange(60_000),
                "no_shows": dice.randrange(4),
            },
        )

    def new_customer(self) -> Customer:
        """Somebody who is not there yet."""
        number = next(self._serial)
        return Customer(0, f"newcomer.{number}@example.test", f"+1888555{number:05}", None)

    def take_place(self, old: Customer, new: Customer) -> None:
        """The bookings of the old customer are the new one's from now on."""
        self._there[self._there.index(old)] = new


class _Client:
    """One connection, and what it saw."""

    def __init__(self, connection: Connection, race: _Race) -> None:
        self.result = Result()
        self._connection = connection
        self._race = race

    def work(self) -> None:
        """Until nothing is left to do."""
        while work := self._race.next():
            self._try(work)

    def _try(self, work: _Work) -> None:
        customer = work.booking.customer
        if work.held:
            with self._connection.transaction():
                bookings.hold(self._connection, work.booking)
        try:
            rows = retrying(self._connection, lambda: self._attempt(work))
        except RETRYABLE as error:
            self.result.given_up[str(error.sqlstate)] += 1
        except _Gone:
            self.result.found_gone[customer.id] += 1
        else:
            self.result.committed[work.kind] += 1
            self.result.amounts.update(work.amounts(rows))
            if work.kind == "customer deleted":
                self.result.deleted.add(customer.id)
                self._race.take_place(customer, self._insert_customer())

    def _attempt(self, work: _Work) -> int:
        try:
            return self._transaction(work)
        except RETRYABLE as error:
            self.result.errors[str(error.sqlstate)] += 1
            raise
        except AssertionError as error:  # the legacy application finds no row where it had one
            raise _Gone from error
        except psycopg.errors.ForeignKeyViolation as error:
            called_for = error.diag.message_primary == (
                f"customer {work.booking.customer.id} does not exist"
            )
            if called_for or str(error.diag.constraint_name).endswith("_customer_id_fkey"):
                raise _Gone from error
            raise

    def _transaction(self, work: _Work) -> int:
        """The number of rows that the last statement wrote, where anybody asks."""
        rows = 0
        with self._connection.transaction():
            if work.kind in LEGACY:
                bookings.legacy(self._connection, work.booking, held=work.held)
                return rows
            if work.kind == "customer deleted":
                self._delete_customer(work)
                return rows
            if work.kind == "confirm_booking":
                assert bookings.confirm(self._connection, work.booking)
                return rows
            if work.held:
                self._connection.execute(statement("confirm_booking"), (work.booking.id,))
            for each in (CALLS | CORRECTIONS | RAW)[work.kind]:
                rows = self._execute(each, work.values)
        return rows

    def _execute(self, query: str, values: dict[str, Any]) -> int:
        return psycopg.Cursor(self._connection).execute(query, values).rowcount

    def _delete_customer(self, work: _Work) -> None:
        # Without statistics nothing keeps a booking away that would get some.
        if not self._execute(_DELETE_STATISTICS, work.values):
            self._execute(_LOCK_CUSTOMER, work.values)
            self._execute(_DELETE_STATISTICS, work.values)
        for each in _DELETE_THE_REST:
            deleted = self._execute(each, work.values)
        if not deleted:
            raise _Gone

    def _insert_customer(self) -> Customer:
        new = self._race.new_customer()
        with self._connection.transaction():
            row = self._connection.execute(
                statement("insert_customer"), (new.email, new.phone, new.name)
            ).fetchone()
        assert row is not None
        return replace(new, id=row[0])


def race(
    url: str,
    customers: Sequence[Customer],
    wanted: Sequence[Booking],
    kinds: Mapping[str, int],
    *,
    seed: int,
) -> Result:
    """As many transactions as bookings are wanted, by all clients at once.

    The seed decides what each transaction is; which of them meet, the machine does.

    Args:
        customers: whose the bookings are. In the place of one who is deleted comes somebody new.
        kinds: what is drawn, and how often.
    """
    with psycopg.connect(url) as connection:
        shops = [row[0] for row in connection.execute("SELECT id FROM public.shops ORDER BY id")]
    shared = _Race(customers, shops, wanted, kinds, seed)
    result = Result()
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as threads:
        connections = [
            stack.enter_context(
                psycopg.connect(url, application_name="race", cursor_factory=psycopg.RawCursor)
            )
            for _ in range(CLIENTS)
        ]
        clients = [_Client(connection, shared) for connection in connections]
        for future in [threads.submit(client.work) for client in clients]:
            future.result()
    for client in clients:
        result.add(client.result)
    return result
