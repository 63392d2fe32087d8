"""How fast the backfill is, and what it costs: memory, disk, WAL."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..cluster import BenchError, Cluster, connect, deploy, number, psql_file, statement
from .sides import ADR, BACKFILL_CHANGE, SESSIONS, backfill, planned_changes


@dataclass(frozen=True)
class BackfillRun:
    """One timed backfill of a fresh copy."""

    size: int
    pair: int
    side: str
    profiles: int
    seconds: float
    # What comes after the backfill of ours: the foreign keys, which the ADR checks row by row.
    keys_seconds: float
    wal_bytes: int
    disk_bytes: int
    # Memory of a backend of its own, which shared buffers are no part of: before, and the most.
    memory_before_bytes: int
    memory_peak_bytes: int

    @property
    def rate(self) -> float:
        """Profiles a second, of the backfill alone."""
        return self.profiles / self.seconds

    @property
    def rate_with_keys(self) -> float:
        """Profiles a second until the foreign keys hold, too."""
        return self.profiles / (self.seconds + self.keys_seconds)


class MemorySampler:
    """The most private memory that a backend has had, looked at every 20 ms."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = self.peak = self._read()

    def __enter__(self) -> MemorySampler:
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

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self._read())

    def _read(self) -> int:
        for line in self._status.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"{self._status} has no RssAnon")


def measure_backfill(
    cluster: Cluster, template: str, size: int, pair: int, side: str
) -> BackfillRun:
    """Backfill a fresh copy, by sessions of our procedure or by the ADR's statement."""
    before, after = planned_changes()
    with cluster.clone(template) as url:
        if side != ADR:
            deploy(url, before)
        with ExitStack() as stack:
            connections = [stack.enter_context(connect(url)) for _ in range(SESSIONS[side])]
            first = connections[0]
            if side == ADR:
                first.execute(statement("adr_table"))
            first.execute("CHECKPOINT")
            wal_before = number(first, statement("wal_position"))
            with ExitStack() as samplers:
                memories = [
                    samplers.enter_context(MemorySampler(connection.info.backend_pid))
                    for connection in connections
                ]
                started = time.monotonic()
                backfill(connections, side)
                seconds = time.monotonic() - started
            wal_bytes = number(first, statement("wal_position")) - wal_before
            row = first.execute(statement("profiles")).fetchone()
        assert row is not None
        profiles, disk_bytes = int(str(row[0])), int(str(row[1]))
        keys_seconds = 0.0
        if side != ADR:
            started = time.monotonic()
            for change in after:
                psql_file(url, f"deploy/{change}.sql")
            keys_seconds = time.monotonic() - started
            check(url)
    return BackfillRun(
        size=size,
        pair=pair,
        side=side,
        profiles=profiles,
        seconds=seconds,
        keys_seconds=keys_seconds,
        wal_bytes=wal_bytes,
        disk_bytes=disk_bytes,
        memory_before_bytes=max(memory.before for memory in memories),
        memory_peak_bytes=max(memory.peak for memory in memories),
    )


def check(url: str) -> None:
    """A fast backfill that is wrong is worth nothing."""
    with connect(url) as connection:
        drift = number(connection, b"SELECT count(*) FROM tenancy.drift")
        missing = number(
            connection,
            b"SELECT count(*) FROM public.customers AS c WHERE NOT EXISTS"
            b" (SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = c.id)",
        )
    if drift or missing:
        raise BenchError(
            f"after {BACKFILL_CHANGE}: {drift} rows of drift, {missing} customers without a profile"
        )
