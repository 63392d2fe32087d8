"""Sessions that get in each other's way, statement by statement, in the order that a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, Unpack

import psycopg
from psycopg.pq import TransactionStatus

from .commands import value
from .legacy_replay import Connection
from .waiting import wait_until

T = TypeVar("T")
Args = TypeVarTuple("Args")
Rows = list[tuple[Any, ...]]


class Session:
    """A connection, in a transaction from its first statement on; what waits, waits in a thread."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, cursor_factory=psycopg.RawCursor)
        self.pid = self.connection.info.backend_pid
        self._url = url
        self._thread = ThreadPoolExecutor(1)

    def execute(self, statement: str | bytes, *values: object) -> Rows:
        """The rows of a statement with PostgreSQL's own placeholders ($1), if it returns any."""
        cursor = self.connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def start(self, statement: str | bytes, *values: object) -> Future[Rows]:
        """Execute it in the background."""
        return self._thread.submit(self.execute, statement, *values)

    def start_call(
        self, function: Callable[[Connection, Unpack[Args]], T], *values: *Args
    ) -> Future[T]:
        """Call in the background a function of a connection, with this one."""
        return self._thread.submit(function, self.connection, *values)

    def wait_until_blocked_by(self, *others: Session) -> None:
        """Until it waits for what each of the others holds, or is before it in the queue for."""
        wanted = {other.pid for other in others}
        self._wait_for(
            "SELECT pg_blocking_pids($1)",
            lambda row: wanted <= {*row[0]},
            f"session {self.pid} is blocked by {wanted}",
        )

    def wait_until_sleeping(self) -> None:
        """Until it pauses in pg_sleep, which it does without a lock."""
        self._wait_for(
            "SELECT wait_event FROM pg_stat_activity WHERE pid = $1",
            lambda row: row[0] == "PgSleep",
            f"session {self.pid} backs off",
        )

    def _wait_for(self, query: str, condition: Callable[[Sequence[Any]], bool], what: str) -> None:
        with psycopg.connect(
            self._url, autocommit=True, cursor_factory=psycopg.RawCursor
        ) as observer:

            def holds() -> bool:
                row = observer.execute(query, (self.pid,)).fetchone()
                return row is not None and condition(row)

            wait_until(holds, what)

    def close(self) -> None:
        """End it, whatever it waits for."""
        if self.connection.info.transaction_status is TransactionStatus.ACTIVE:
            with psycopg.connect(self._url, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(%s)", (self.pid,))
        self._thread.shutdown()
        self.connection.close()


def waiting_for(url: str, pid: int) -> list[int]:
    """Who waits for this session."""
    query = f"SELECT pid FROM pg_stat_activity WHERE {pid} = ANY (pg_blocking_pids(pid))"
    return [int(line) for line in value(url, query).split()]
