"""A client of the SQL API, which tries again where an error asks for it."""

from __future__ import annotations

import random
import time
from datetime import timedelta

from psycopg import errors

from ..api import BOOKED_AT, CALLS, READ, WRITE, api_cursor, known_customers
from ..cluster import connect
from ..writers import PAUSE, Write

CUSTOMERS = 5000
ATTEMPTS = 20
RETRYABLE = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)


class ApiClient:
    """One thread's connection and customers."""

    def __init__(self, url: str, number: int) -> None:
        self._connection = connect(url)
        self._cursor = api_cursor(self._connection)
        self._random = random.Random(number)  # noqa: S311
        self._customers = known_customers(self._connection, CUSTOMERS)

    def write(self, turn: int) -> Write:
        """A booking, and the context after it."""
        known = self._random.choice(self._customers)
        booked_at = BOOKED_AT + timedelta(minutes=turn)
        started = time.monotonic()
        retries = 0
        while True:
            try:
                with self._connection.transaction():
                    for function in (WRITE, READ):
                        self._cursor.execute(CALLS[function], known.arguments(function, booked_at))
                        self._cursor.fetchall()
                return Write("call", started, time.monotonic() - started, retries)
            except RETRYABLE:
                retries += 1
                if retries == ATTEMPTS:
                    raise
            time.sleep(PAUSE)
