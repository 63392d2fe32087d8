"""The SQL API's two ways to book beside the legacy statements, from Python, with the mirrors."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.numeric import Int4Dumper

from convo_tenancy.queries import query

from ..checks import check_drift
from ..cluster import BenchError, Cluster
from ..scale import Scale
from ..steps import Steps
from .bookings import DELAY
from .databases import Templates
from .legacy import Holds, statements
from .proxy import network

LEGACY, CALLS, CONFIRM = "legacy statements", "record_booking", "confirm_booking"
SIDES = (LEGACY, CALLS, CONFIRM)
DELAYS = (0.0, DELAY)
CONFIRM_BOOKING = query("customer_memory/confirm_booking")
RECORD_BOOKING = query("customer_memory/record_booking")
GET_OR_CREATE_CUSTOMER = query("customer_memory/get_or_create_customer")

Row = dict[str, Any]

BOOKINGS = 200  # on each side in one run


def holds_needed(scale: Scale) -> int:
    """How many bookings all runs confirm."""
    return len(DELAYS) * (scale.pairs + 1) * len(SIDES) * scale.share(BOOKINGS)


@dataclass(frozen=True)
class CallRun:
    """Some bookings on one side; means."""

    delay: float
    pair: int
    side: str
    bookings: int
    # What counts a booking: steps 1 and 3 to 8 of the legacy code, or the call.
    counting_ms: float
    # The whole transaction: who books, the confirmation, BEGIN and COMMIT are in it, too.
    transaction_ms: float


class Booker:
    """A connection that makes whole bookings; every statement is prepared."""

    def __init__(self, url: str, holds: Holds) -> None:
        connection = psycopg.connect(url, autocommit=True)
        # Every integer as the same type, so that no statement is prepared twice.
        connection.adapters.register_dumper(int, Int4Dumper)
        self._cursor = psycopg.RawCursor(connection, row_factory=dict_row)
        self._holds = holds
        self._statements = {name: _positional(text) for name, text in statements().items()}
        self._counting = 0.0
        # The application has it from its request.
        self._shops = {
            str(row["id"]): row["shop_id"]
            for row in self._cursor.execute(
                "SELECT id, shop_id FROM public.bookings WHERE status = 'HOLD'"
            )
        }

    def __enter__(self) -> Booker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._cursor.connection.close()

    def book(self, side: str, hold: int) -> tuple[float, float]:
        """One booking; seconds of what counts it, and of the whole transaction."""
        self._counting = 0.0
        started = time.monotonic()
        if side == CONFIRM:
            with self._count():
                self._confirm_booking(hold)
            return self._counting, time.monotonic() - started
        self._execute("begin", {})
        if side == LEGACY:
            self._book_legacy(hold)
        else:
            self._book_calls(hold)
        self._execute("commit", {})
        return self._counting, time.monotonic() - started

    def _confirm_booking(self, hold: int) -> None:
        booking = str(UUID(f"{self._holds.booking(hold):032}"))
        self._cursor.execute(CONFIRM_BOOKING, (booking, self._shops[booking]), prepare=True)
        if not self._row()["is_counted"]:
            raise BenchError(f"booking {booking} was not counted")

    def _book_calls(self, hold: int) -> None:
        phone = f"+{self._holds.phone(hold)}"
        self._cursor.execute(GET_OR_CREATE_CUSTOMER, (None, phone, None), prepare=True)
        (customer_id,) = self._row().values()
        booking = self._confirm(hold)
        with self._count():
            self._cursor.execute(
                RECORD_BOOKING,
                (
                    customer_id,
                    booking["shop_id"],
                    booking["stylist_id"],
                    _price(booking),
                    booking["start_at_utc"],
                ),
                prepare=True,
            )
            self._row()

    def _book_legacy(self, hold: int) -> None:
        with self._count():
            self._execute("select_customer_by_phone", {"phone": str(self._holds.phone(hold))})
            customer = self._row()
        booking = self._confirm(hold)
        with self._count():
            self._count_legacy(customer, booking)

    def _count_legacy(self, customer: Row, booking: Row) -> None:
        values = {"customer_id": customer["id"]}
        values |= {f"booking_{name}": value for name, value in booking.items()}
        self._execute("select_statistics", values)
        statistics = self._cursor.fetchone() or {"total_bookings": 0, "total_spend_cents": 0}
        values["total_bookings"] = statistics["total_bookings"] + 1
        values["total_spend_cents"] = statistics["total_spend_cents"] + _price(booking)
        values["average_spend_cents"] = values["total_spend_cents"] // values["total_bookings"]
        if values["average_spend_cents"] != customer["average_spend_cents"]:
            self._execute("update_average_spend", values)
        self._execute(f"{'update' if 'customer_id' in statistics else 'insert'}_statistics", values)
        self._execute("select_stylist_preference", values)
        preference = self._cursor.fetchone()
        if preference:
            values["preference_id"] = preference["id"]
            values["booking_count"] = preference["booking_count"] + 1
            self._execute("update_stylist_preference", values)
        else:
            self._execute("insert_stylist_preference", values)
        self._execute("select_top_stylist", values)
        values["top_stylist_id"] = self._row()["stylist_id"]
        if values["top_stylist_id"] != customer["preferred_stylist_id"]:
            self._execute("update_preferred_stylist", values)

    def _confirm(self, hold: int) -> Row:
        self._execute("confirm_booking", {"booking": str(self._holds.booking(hold))})
        return self._row()

    @contextmanager
    def _count(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._counting += time.monotonic() - started

    def _row(self) -> Row:
        row = self._cursor.fetchone()
        assert row is not None
        return row

    def _execute(self, name: str, values: Row) -> None:
        text, names = self._statements[name]
        self._cursor.execute(text, [values[name] for name in names], prepare=True)


def _positional(text: str) -> tuple[bytes, list[str]]:
    """A statement with PostgreSQL's own placeholders, and the variables in their places."""
    names: list[str] = []

    def place(variable: re.Match[str]) -> str:
        names.append(variable[1])
        return f"${len(names)}"

    return re.sub(r"(?<!:):(\w+)", place, text).encode(), names


def _price(booking: Row) -> int:
    """In cents; as in the script."""
    return 3500 + (int(booking["shop_id"]) - 1) * 250


def measure_calls(
    cluster: Cluster, made: Templates, scale: Scale, steps: Steps
) -> Iterator[CallRun]:
    """At each delay, so many times; the sides take turns, booking by booking."""
    pairs, bookings = scale.pairs, scale.share(BOOKINGS)
    steps.expect(len(DELAYS) * (pairs + 1))
    hold = 0
    with cluster.warm_clone(made.phase_2) as url:
        for delay in DELAYS:
            with network(cluster, delay) as at, Booker(at.url("clone"), made.holds) as booker:
                # Before the first pair all is prepared and read; it is not counted.
                for pair in range(pairs + 1):
                    title = f"from Python, {delay * 1000:g} ms delay, run {pair} of {pairs}"
                    with steps.step(title) as notes:
                        times: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
                        for _ in range(bookings):
                            for side, figures in times.items():
                                figures.append(booker.book(side, hold))
                                hold += 1
                        for side, figures in times.items():
                            counting, transaction = (
                                mean(column) * 1000 for column in zip(*figures, strict=True)
                            )
                            notes.append(f"{side} {counting:.2f} ms")
                            if pair:
                                yield CallRun(delay, pair, side, bookings, counting, transaction)
        check_drift(url)
