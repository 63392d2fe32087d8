"""`python -m bench`: the benchmarks of phase 1."""

from __future__ import annotations

import enum
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from . import report
from .backfill import measure_backfill
from .cluster import ROOT, BenchError, Cluster, connect, throwaway_cluster
from .stall import measure_stall

DEFAULT_SIZES = "10000,100000,200000,1000000"
FILE = "phase-1.json"


class Part(enum.StrEnum):
    """What to measure."""

    ALL = "all"
    BACKFILL = "backfill"
    STALL = "stall"


class Steps:
    """A line for each step that is done, and on a terminal a bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """One step; what is put into the list stands at the end of its line."""
        self._progress.update(self._task, description=name)
        notes: list[str] = []
        started = time.monotonic()
        yield notes
        seconds = time.monotonic() - started
        self._progress.console.print(f"{name}: {', '.join(notes)} [dim]({seconds:.0f} s in all)[/]")
        self._progress.advance(self._task)


def _sizes(text: str) -> list[int]:
    try:
        sizes = sorted({int(word.replace("_", "")) for word in text.replace(",", " ").split()})
    except ValueError:
        raise typer.BadParameter(f"not a list of numbers: {text}") from None
    if not sizes or sizes[0] < 1:
        raise typer.BadParameter(f"not a list of numbers from 1 on: {text}")
    return sizes


def _one_size(cluster: Cluster, size: int, runs: int, part: Part, steps: Steps) -> report.Results:
    results = report.Results({}, [size])
    with steps.step(f"{size:,} customers") as notes:
        template = cluster.make_template(size)
        notes.append("sample loaded")
    for run in range(1, runs + 1):
        # Whoever comes second finds warmer caches: they take turns.
        sides = ("adr", "ours") if run % 2 else ("ours", "adr")
        for side in sides if part is not Part.STALL else ():
            with steps.step(f"{size:,} customers, run {run} of {runs}, backfill, {side}") as notes:
                backfill = measure_backfill(cluster, template, size, run, side)
                notes.append(f"{backfill.profiles:,} profiles in {backfill.seconds:.2f} s")
                notes.append(f"{backfill.rate:,.0f} a second")
            results.backfills.append(backfill)
        for side in sides if part is not Part.BACKFILL else ():
            with steps.step(f"{size:,} customers, run {run} of {runs}, stall, {side}") as notes:
                stall = measure_stall(cluster, template, size, run, side)
                notes.append(f"longest {stall.longest_seconds * 1000:,.0f} ms")
                notes.append(f"{stall.writes:,} writes, {len(stall.errors)} errors")
            results.stalls.append(stall)
    cluster.drop_template(template)
    return results


def _write(results: report.Results, file: Path) -> None:
    results.facts["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    file.write_text(json.dumps(report.to_json(results), indent=2) + "\n")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(
    sizes: Annotated[
        str, typer.Option(envvar=["SIZES", "sizes"], help="Numbers of customers.")
    ] = DEFAULT_SIZES,
    runs: Annotated[int, typer.Option(envvar="RUNS", min=1, help="Runs of each measurement.")] = 3,
    output: Annotated[
        Path, typer.Option(help=f"Where {FILE} goes.", show_default="bench/results")
    ] = ROOT / "bench/results",
    part: Annotated[Part, typer.Option(help="What to measure.")] = Part.ALL,
) -> None:
    """Backfill rate, memory, disk, WAL, and the longest stall of a writer; ours beside the ADR's.

    Exit code 1 when a threshold that was measured is missed, 2 when something does not work.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    wanted = _sizes(sizes)
    steps_a_size = 1 + runs * 2 * (2 if part is Part.ALL else 1)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False, soft_wrap=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    results = report.Results({}, wanted)
    try:
        output.mkdir(parents=True, exist_ok=True)
        with throwaway_cluster() as cluster, progress:
            steps = Steps(progress, steps_a_size * len(wanted))
            with connect(cluster.url()) as connection:
                facts = report.machine(connection)
            results.facts = {
                "benchmark": "phase-1",
                "started_at": started_at,
                "finished_at": None,
                **facts,
                "parameters": {"sizes": wanted, "runs": runs, "part": part.value},
            }
            for size in wanted:
                measured = _one_size(cluster, size, runs, part, steps)
                results.backfills += measured.backfills
                results.stalls += measured.stalls
                _write(results, output / FILE)
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    console = Console()
    report.show(results, console if console.is_terminal else Console(width=100))
    print(f"Every run: {output / FILE}")
    if report.failed(results):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
