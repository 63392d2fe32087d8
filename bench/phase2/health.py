"""What the health check takes, and takes away from who writes, beside a plain query for totals."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from convo_tenancy.database import connect as connect_as_command
from convo_tenancy.health.checks import examine
from convo_tenancy.health.memory import Memory

from ..cluster import (
    ROOT,
    TAG_PHASE_2,
    BenchError,
    Cluster,
    connect,
    deploy,
    number,
    running_on,
    statement,
)
from ..phase1.writer import LegacyWriter
from ..scale import Scale
from ..steps import Steps

REFERENCE, WHOLE, BOUNDED = "reference", "health", "health --max-seconds 1"
SIDES = (REFERENCE, WHOLE, BOUNDED)
ALONE, BESIDE = "alone", "beside health --max-seconds 1"
MAX_SECONDS = 1.0
HEALTH_RUNS = 5  # beside the writer, one after the other


@dataclass(frozen=True)
class HealthRun:
    """The query or all checks, connected already."""

    customers: int
    pair: int
    side: str
    seconds: float


@dataclass(frozen=True)
class WriterRun:
    """One writer at full speed."""

    pair: int
    side: str
    writes_per_second: float


def measure_health(cluster: Cluster, scale: Scale, steps: Steps) -> Iterator[HealthRun | WriterRun]:
    """Each side, so many times; they take turns in who is first."""
    customers, pairs = scale.drift_customers, scale.pairs
    steps.expect(2 * pairs + 3)
    with steps.step(f"{customers:,} customers") as notes:
        sample = cluster.make_template(customers)
        notes.append("sample loaded")
    with (
        cluster.clone(sample) as url,
        connect(url) as connection,
        tempfile.TemporaryDirectory() as folder,
    ):
        with steps.step(f"{customers:,} customers") as notes:
            deploy(url, TAG_PHASE_2)
            connection.execute("VACUUM (ANALYZE)")
            notes.append(f"deployed to {TAG_PHASE_2}")
        state = Path(folder) / "state"

        def take(side: str) -> float:
            started = time.monotonic()
            if side == REFERENCE:
                number(connection, statement("drift_reference"))
                return time.monotonic() - started
            return _health(url, state, MAX_SECONDS if side == BOUNDED else None)

        # Before the first pair, which is not counted, the disk has been read.
        for pair in range(pairs + 1):
            with steps.step(f"health, run {pair} of {pairs}") as notes:
                turn = pair % len(SIDES)
                for side in SIDES[turn:] + SIDES[:turn]:
                    seconds = take(side)
                    notes.append(f"{side} {seconds:.2f} s")
                    if pair:
                        yield HealthRun(customers, pair, side, seconds)
        # Health runs where there is room, not on the core of the writer or of its session.
        cluster.use_all_cores()
        with running_on(set(range(os.cpu_count() or 1))):
            for pair in range(pairs):
                with steps.step(f"a writer, run {pair + 1} of {pairs}") as notes:
                    for side in (ALONE, BESIDE) if pair % 2 else (BESIDE, ALONE):
                        rate = _rate(
                            url, partial(_meanwhile, side, url, state, scale.share(HEALTH_RUNS))
                        )
                        notes.append(f"{side} {rate:,.0f} a second")
                        yield WriterRun(pair, side, rate)
    cluster.drop_template(sample)


def _health(url: str, state: Path, max_seconds: float | None) -> float:
    """Seconds of all checks."""
    memory = Memory(state)
    with connect_as_command(url, "bench") as connection:
        started = time.monotonic()
        report = examine(connection, 600, None, None, memory, max_seconds)
        seconds = time.monotonic() - started
    memory.save()
    wrong = [check for check in report.checks if check.name in report.seen and check.status]
    if memory.problem or wrong:
        raise BenchError(f"health: {memory.problem or wrong[0].detail}")
    return seconds


def _meanwhile(side: str, url: str, state: Path, runs: int) -> None:
    """What happens while the writer writes; as long without health as it takes with it, nearly."""
    if side == ALONE:
        time.sleep(runs * (MAX_SECONDS + 0.5))
        return
    for _run in range(runs):
        done = subprocess.run(
            [
                *(ROOT / ".venv/bin/convo-tenancy", "health", "--format", "json"),
                *("--max-seconds", str(MAX_SECONDS), "--state", state),
            ],
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            check=False,
        )
        if not done.stdout:
            raise BenchError("health said nothing")


def _rate(url: str, work: Callable[[], None]) -> float:
    """Transactions a second of one writer, who does not pause, while the work is done."""
    stop = threading.Event()
    count = 0

    def write() -> None:
        nonlocal count
        writer = LegacyWriter(url, 0)
        while not stop.is_set():
            writer.write(2)  # a booking
            count += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        began, before = time.monotonic(), count
        work()
        seconds, done = time.monotonic() - began, count - before
    finally:
        stop.set()
        thread.join()
    if not done:
        raise BenchError("the writer wrote nothing")
    return done / seconds
