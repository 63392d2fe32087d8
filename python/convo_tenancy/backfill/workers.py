"""More workers than one: each a thread with a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType

import psycopg

from ..database import Connection, one
from ..errors import Problem

WAIT_SECONDS = 0.3
"""Between two looks: may a waiting backfill go on, have the cancelled workers ended?"""


@dataclass(frozen=True)
class Step:
    """The outcome of one batch (tenancy.backfill_step)."""

    state: str
    detail: str | None


def batches(connection: Connection, size: int) -> Iterator[Step]:
    """Batch after batch, each a transaction of its own, until no customer is left.

    Args:
        connection: in autocommit mode.
        size: customers in a batch.
    """
    while True:
        step = one(connection, Step, "backfill/step", size)
        yield step
        if step.state == "finished":
            return
        if step.state == "waiting":
            time.sleep(WAIT_SECONDS)


class Helpers:
    """Those who work beside the caller, inside the block; at its end they stop at once.

    Args:
        connections: theirs, in autocommit mode.
        size: customers in a batch.
    """

    def __init__(self, connections: list[Connection], size: int) -> None:
        self._connections = connections
        self._size = size
        self._stopping = Event()
        self._failures: list[psycopg.Error | Problem] = []
        self._threads = [
            Thread(target=self._work, args=(connection,), daemon=True) for connection in connections
        ]

    def __enter__(self) -> Helpers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        while any(thread.is_alive() for thread in self._threads):
            # Again and again: a cancellation that comes between two statements cancels none.
            for connection in self._connections:
                with suppress(psycopg.Error):
                    connection.cancel()
            for thread in self._threads:
                thread.join(WAIT_SECONDS)

    def check(self) -> None:
        """See whether all of them work, or are through.

        Raises:
            psycopg.Error, Problem: what the first one ended with who failed.
        """
        for failure in self._failures:
            raise failure

    def _work(self, connection: Connection) -> None:
        try:
            for _ in batches(connection, self._size):
                if self._stopping.is_set():
                    return
        except (psycopg.Error, Problem) as failure:
            self._failures.append(failure)
