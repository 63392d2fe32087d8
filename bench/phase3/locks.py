"""How long strong locks on the application's tables are held and awaited, by looking often."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

import psycopg

from ..cluster import BenchError, connect, statement

TABLES = (
    "bookings",
    "customers",
    "customer_booking_stats",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "stylists",
)
INTERVAL = 0.005


def table_oids(url: str) -> dict[int, str]:
    """The tables by oid, which they keep in another schema."""
    with connect(url) as connection:
        rows = psycopg.RawCursor(connection).execute(statement("table_oids"), (list(TABLES),))
        return {cast(int, oid): cast(str, name) for oid, name in rows}


@dataclass
class TableLock:
    """AccessExclusiveLock on one table."""

    times_held: int = 0
    longest_held_seconds: float = 0.0
    waits: int = 0
    # Waits that ended without the lock: what held it was given back, too, and tried again later.
    waits_in_vain: int = 0
    longest_wait_seconds: float = 0.0

    def held(self, seconds: float) -> None:
        """It was given back after so long."""
        self.times_held += 1
        self.longest_held_seconds = max(self.longest_held_seconds, seconds)

    def waited(self, seconds: float, *, in_vain: bool) -> None:
        """The wait ended after so long."""
        self.waits += 1
        self.waits_in_vain += in_vain
        self.longest_wait_seconds = max(self.longest_wait_seconds, seconds)


@dataclass
class _Seen:
    """A lock, or the wait for it, that was there at the last look."""

    granted: bool
    since: float


@dataclass
class LockSampler:
    """Looks at pg_locks every few milliseconds while the block lasts."""

    url: str
    oids: dict[int, str]
    tables: dict[str, TableLock] = field(default_factory=dict)
    # The longest time between two looks: no figure is better than that.
    longest_gap_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.tables = {name: TableLock() for name in self.oids.values()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._error: psycopg.Error | None = None

    def __enter__(self) -> LockSampler:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._error and error is None:
            raise BenchError(f"looking at pg_locks: {self._error}") from self._error

    def _watch(self) -> None:
        try:
            self._sample()
        except psycopg.Error as error:
            self._error = error

    def _sample(self) -> None:
        query, wanted = statement("strong_locks"), list(self.oids)
        seen: dict[tuple[int, int], _Seen] = {}
        with connect(self.url) as connection:
            cursor = psycopg.RawCursor(connection)
            last = time.monotonic()
            while not self._stop.wait(INTERVAL):
                rows = cursor.execute(query, (wanted,), prepare=True).fetchall()
                now = time.monotonic()
                self.longest_gap_seconds = max(self.longest_gap_seconds, now - last)
                last = now
                found = {
                    (cast(int, oid), cast(int, pid)): cast(bool, granted)
                    for oid, pid, granted in rows
                }
                self._compare(seen, found, now)
        self._compare(seen, {}, time.monotonic())

    def _compare(
        self, seen: dict[tuple[int, int], _Seen], found: dict[tuple[int, int], bool], now: float
    ) -> None:
        for key, before in list(seen.items()):
            granted = found.get(key)
            if granted == before.granted:
                continue
            del seen[key]
            table = self.tables[self.oids[key[0]]]
            if before.granted:
                table.held(now - before.since)
            else:
                table.waited(now - before.since, in_vain=granted is None)
        for key, granted in found.items():
            seen.setdefault(key, _Seen(granted, now))
