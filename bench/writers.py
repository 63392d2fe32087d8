"""Writers in a process of their own, and how long each of their transactions took."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from typing import Protocol

import psycopg

from .cluster import BenchError, connect

THREADS = 4
PAUSE = 0.002  # between two transactions of a thread, so that the writers leave the cores to others
LEAD_SECONDS = 2.0  # writers alone, before and after


@dataclass(frozen=True)
class Write:
    """One transaction of a writer; times are of the machine's monotonic clock."""

    kind: str
    started: float
    seconds: float
    # Attempts before, whose errors ask for another one; their time is in the seconds.
    retries: int = 0

    @property
    def ended(self) -> float:
        """When it was committed."""
        return self.started + self.seconds


class Writer(Protocol):
    """One thread's connection and statements."""

    def write(self, turn: int) -> Write:
        """One transaction."""
        ...


# From the database's URL and the thread's number; found by its name in the writers' process.
WriterType = Callable[[str, int], Writer]


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


@dataclass(frozen=True)
class Observed:
    """Some work under writers; times are of the machine's monotonic clock."""

    log: Log
    began: float  # of the writers; the work came LEAD_SECONDS later
    started: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long the work took."""
        return self.ended - self.started

    def during(self) -> list[Write]:
        """The transactions that were under way at some moment of the work."""
        return self.log.between(self.started, self.ended)

    def at_rest(self) -> list[Write]:
        """The transactions that were over before the work: what the machine does by itself."""
        return [w for w in self.log.between(self.began, self.started) if w.ended < self.started]


def under_writers(url: str, writer: WriterType, work: Callable[[], None]) -> Observed:
    """Do the work while writers write, who start before it and end after it."""
    with connect(url) as connection:
        connection.execute("CHECKPOINT")
    with _writing(url, writer) as log:
        began = time.monotonic()
        time.sleep(LEAD_SECONDS)
        started = time.monotonic()
        work()
        ended = time.monotonic()
        time.sleep(LEAD_SECONDS)
    return Observed(log, began, started, ended)


def _work(
    url: str, kind: WriterType, number: int, ready: threading.Barrier, stop: Event, log: Log
) -> None:
    turn = number
    try:
        writer = kind(url, number)
    finally:
        ready.wait()
    while not stop.is_set():
        try:
            log.writes.append(writer.write(turn))
        except psycopg.Error as error:
            log.errors.append(str(error).strip())
        turn += 1
        time.sleep(PAUSE)


def _process(url: str, kind: WriterType, stop: Event, pipe: Pipe) -> None:
    log = Log()
    ready = threading.Barrier(THREADS + 1)
    threads = [
        threading.Thread(target=_work, args=(url, kind, number, ready, stop, log))
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
def _writing(url: str, kind: WriterType) -> Iterator[Log]:
    """Writers at work for as long as the block lasts; the log is filled when it ends."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    here, there = context.Pipe()
    process = context.Process(target=_process, args=(url, kind, stop, there), daemon=True)
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
