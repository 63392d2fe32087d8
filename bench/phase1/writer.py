"""A process that writes to customers like the legacy application, and notes how long each took."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from typing import cast

import psycopg

from ..cluster import BenchError, Connection, connect, statement

THREADS = 4
PAUSE = 0.002  # between two transactions of a thread, so that the writers leave the cores to others
KINDS = ("touch", "join", "book")


@dataclass(frozen=True)
class Write:
    """One transaction of a writer; times are of the machine's monotonic clock."""

    kind: str
    started: float
    seconds: float

    @property
    def ended(self) -> float:
        """When it was committed."""
        return self.started + self.seconds


@dataclass
class Log:
    """What all threads did."""

    writes: list[Write] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def between(self, start: float, end: float) -> list[Write]:
        """The transactions that were under way at some moment from start to end."""
        return [write for write in self.writes if write.started <= end and write.ended >= start]


def longest(writes: list[Write]) -> Write:
    """The one that took longest."""
    if not writes:
        raise BenchError("no writer wrote anything")
    return max(writes, key=lambda write: write.seconds)


class Writer:
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


def _work(url: str, number: int, ready: threading.Barrier, stop: Event, log: Log) -> None:
    turn = number
    try:
        writer = Writer(url, number)
    finally:
        ready.wait()
    while not stop.is_set():
        try:
            log.writes.append(writer.write(turn))
        except psycopg.Error as error:
            log.errors.append(str(error).strip())
        turn += 1
        time.sleep(PAUSE)


def _process(url: str, stop: Event, pipe: Pipe) -> None:
    log = Log()
    ready = threading.Barrier(THREADS + 1)
    threads = [
        threading.Thread(target=_work, args=(url, number, ready, stop, log))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    pipe.send("ready")
    for thread in threads:
        thread.join()
    pipe.send(log)


@contextmanager
def writing(url: str) -> Iterator[Log]:
    """Writers at work for as long as the block lasts; the log is filled when it ends."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    here, there = context.Pipe()
    process = context.Process(target=_process, args=(url, stop, there), daemon=True)
    process.start()
    log = Log()
    try:
        there.close()
        here.recv()
        yield log
        stop.set()
        result: Log = here.recv()
        log.writes, log.errors = result.writes, result.errors
    except EOFError:
        raise BenchError("the writers ended before their time") from None
    finally:
        stop.set()
        process.join(timeout=60)
        process.terminate()
