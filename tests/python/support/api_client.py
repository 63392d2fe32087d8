"""Clients that book until they are told to stop; those here call the SQL API."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import psycopg

from convo_tenancy.retries import RETRYABLE, retrying

from .legacy_replay import Booking, Connection, insert_booking, statement
from .race import Amounts
from .soak import PAUSE
from .waiting import wait_until

_MARK_NO_SHOW = "UPDATE public.bookings SET appointment_status = 'NO_SHOW' WHERE id = $1"


class Waiting:
    """Bookings that wait for a client. They do not end: whoever booked comes again."""

    def __init__(self, bookings: Iterable[Booking], period: timedelta) -> None:
        """The bookings come again after this time: it is more than lies between any two of them."""
        self.taken: list[Booking] = []
        self._waiting = deque(bookings)
        self._period = period

    def take(self) -> Booking:
        """The next one, for any thread."""
        booking = self._waiting.popleft()
        later = replace(booking.slot, start=booking.slot.start + self._period)
        self._waiting.append(replace(booking, id=uuid.uuid5(booking.id, "later"), slot=later))
        self.taken.append(booking)
        return booking


class BookingClient:
    """One connection; it takes bookings from those that wait, holds each, and books it."""

    def __init__(self, url: str, name: str, waiting: Waiting) -> None:
        self.name = name
        self.booked: list[Booking] = []  # the reply to the COMMIT came
        self.in_flight: Booking | None = None
        self.error: Exception | None = None  # what ended it
        self._url = url
        self._waiting = waiting
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Let it book."""
        self._thread.start()

    def stop(self) -> None:
        """Let it end after the booking at hand."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), f"{self.name} does not end"

    def _run(self) -> None:
        try:
            with psycopg.connect(
                self._url, application_name=self.name, cursor_factory=psycopg.RawCursor
            ) as connection:
                while not self._stopping.wait(PAUSE):
                    self.in_flight = booking = self._waiting.take()
                    with connection.transaction():
                        insert_booking(connection, booking, "HOLD")
                    self._book(connection, booking)
                    self.booked.append(booking)
                    self.in_flight = None
        except Exception as error:
            self.error = error

    def _book(self, connection: Connection, booking: Booking) -> None:
        raise NotImplementedError


class ApiClient(BookingClient):
    """Calls the SQL API, and repeats what lost a race.

    Now and then it says that the customer did not come, chooses a stylist, and reads the profile.
    """

    def __init__(self, url: str, name: str, waiting: Waiting, seed: int) -> None:
        super().__init__(url, name, waiting)
        self.retried: Counter[str] = Counter()  # SQLSTATEs
        self._dice = random.Random(f"{seed} {name}")  # noqa: S311

    def _book(self, connection: Connection, booking: Booking) -> None:
        customer, slot = booking.customer, booking.slot
        if self._dice.random() < 0.5:
            confirm = "SELECT FROM tenancy.confirm_booking($1, $2)"
            self._transaction(connection, (confirm, booking.id, slot.shop))
        else:
            self._transaction(
                connection,
                (statement("confirm_booking"), booking.id),
                (
                    "SELECT FROM tenancy.record_booking($1, $2, $3, $4, $5)",
                    customer.id,
                    slot.shop,
                    slot.stylist,
                    slot.price,
                    slot.start,
                ),
            )
        if self._now_and_then():
            self._transaction(
                connection,
                (_MARK_NO_SHOW, booking.id),
                ("SELECT FROM tenancy.record_no_show($1, $2)", customer.id, slot.shop),
            )
        if self._now_and_then():
            choice = self._dice.choice([slot.stylist, None])
            call = "SELECT FROM tenancy.set_preferred_stylist($1, $2, $3)"
            self._transaction(connection, (call, customer.id, slot.shop, choice))
        if self._now_and_then():
            call = "SELECT FROM tenancy.customer_context($1, $2)"
            self._transaction(connection, (call, customer.id, slot.shop))

    def _now_and_then(self) -> bool:
        return self._dice.random() < 0.2

    def _transaction(
        self, connection: Connection, *calls: tuple[str | bytes, *tuple[object, ...]]
    ) -> None:
        def attempt() -> None:
            try:
                with connection.transaction():
                    for query, *values in calls:
                        connection.execute(query, values)
            except RETRYABLE as error:
                self.retried[str(error.sqlstate)] += 1
                raise

        retrying(connection, attempt)


class BookingLoad:
    """Some clients at once: `with BookingLoad(clients) as load: ...`."""

    def __init__(self, clients: Sequence[BookingClient]) -> None:
        self.clients = clients

    def __enter__(self) -> BookingLoad:
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.stop()
        for client in self.clients:
            client.join()

    def go_on(self, bookings: int) -> None:
        """Return after so many more bookings; fail at once if a client had an error."""
        goal = self.booked + bookings
        wait_until(lambda: self.errors or self.booked >= goal, "the clients go on")
        assert not self.errors, self.errors

    @property
    def booked(self) -> int:
        """How many bookings the clients know to be committed."""
        return sum(len(client.booked) for client in self.clients)

    @property
    def errors(self) -> list[str]:
        """What ended clients that were not told to stop."""
        return [f"{client.name}: {client.error!r}" for client in self.clients if client.error]


def amounts_of(url: str, bookings: Iterable[Booking]) -> Amounts:
    """What those of the bookings that the database has as CONFIRMED add to both sides.

    Their rows tell also of the transactions whose reply was lost.
    """
    with psycopg.connect(url) as connection:
        confirmed: dict[uuid.UUID, bool] = dict(
            connection.execute(
                """
                SELECT id, appointment_status = 'NO_SHOW'
                FROM public.bookings
                WHERE status = 'CONFIRMED'
                """
            ).fetchall()
        )
    result: Amounts = Counter()
    for booking in bookings:
        if booking.id in confirmed:
            customer, slot = booking.customer.id, booking.slot
            for what in (("statistics", customer), ("profile", customer, slot.shop)):
                result["bookings", *what] += 1
                result["cents", *what] += slot.price
            result["bookings", "stylist", customer, slot.stylist] += 1
            for what in (("customer", customer), ("profile", customer, slot.shop)):
                result["no-shows", *what] += confirmed[booking.id]
    return result
