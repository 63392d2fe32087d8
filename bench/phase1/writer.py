"""A writer to customers like the legacy application."""

from __future__ import annotations

import random
import time
from typing import cast

import psycopg

from ..cluster import Connection, connect, statement
from ..writers import Write

KINDS = ("touch", "join", "book")


class LegacyWriter:
    """One thread's connection and statements."""

    def __init__(self, url: str, number: int) -> None:
        self._connection: Connection = connect(url)
        self._cursor = psycopg.RawCursor(self._connection)
        self._random = random.Random(number)  # noqa: S311
        self._number = number
        self._joined = 0
        self._customers = [
            cast(int, row[0]) for row in self._connection.execute(statement("writer_customers"))
        ]
        self._texts = {
            name: statement(f"writer_{name}")
            for name in ("touch", "join", "book_read", "book_customer", "book_statistics")
        }

    def write(self, turn: int) -> Write:
        """One transaction: three kinds take turns."""
        kind = KINDS[turn % len(KINDS)]
        started = time.monotonic()
        if kind == "touch":
            self._execute("touch", self._random.choice(self._customers))
        elif kind == "join":
            self._joined += 1
            self._execute("join", f"writer-{self._number}-{self._joined}@example.test")
        else:
            with self._connection.transaction():
                self._book(self._random.choice(self._customers))
        return Write(kind, started, time.monotonic() - started)

    def _book(self, customer_id: int) -> None:
        self._execute("book_read", customer_id)
        row = self._cursor.fetchone()
        bookings, spend = (0, 0) if row is None else cast(tuple[int, int], row)
        bookings, spend = bookings + 1, spend + 3500
        self._execute("book_customer", customer_id, spend // bookings)
        self._execute("book_statistics", customer_id, bookings, spend)

    def _execute(self, name: str, *values: object) -> None:
        self._cursor.execute(self._texts[name], values)
