"""`python -m bench`: the benchmarks of all phases."""

from __future__ import annotations

import enum
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from .cluster import (
    ROOT,
    BenchError,
    Cluster,
    connect,
    halves_of_cores,
    running_on,
    throwaway_cluster,
)
from .phase1.measure import measure as measure_phase_1
from .phase1.report import Phase1
from .phase2.measure import measure as measure_phase_2
from .phase2.report import Phase2
from .phase3.measure import measure as measure_phase_3
from .phase3.report import Phase3
from .report import Report
from .scale import FULL, QUICK, Scale
from .steps import Steps


class Part(enum.StrEnum):
    """What to measure."""

    BACKFILL = "backfill"
    STALL = "stall"
    SERVER = "server"
    YOUNG = "young"
    BOOKINGS = "bookings"
    BULK = "bulk"
    CALLS = "calls"
    ISOLATION = "isolation"
    DRIFT = "drift"
    HEALTH = "health"
    CONTRACT = "contract"


PHASE_1 = (Part.BACKFILL, Part.STALL)
PHASE_3 = (Part.CONTRACT,)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = sorted({int(word.replace("_", "")) for word in text.replace(",", " ").split()})
    except ValueError:
        raise typer.BadParameter(f"not a list of numbers: {text}") from None
    if not sizes or sizes[0] < 1:
        raise typer.BadParameter(f"not a list of numbers from 1 on: {text}")
    return tuple(sizes)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(
    parts: Annotated[
        list[Part] | None,
        typer.Argument(envvar="PARTS", help="What to measure.", show_default="all of it"),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", envvar="QUICK", help="Small and short; no threshold is judged."),
    ] = False,
    sizes: Annotated[
        str | None, typer.Option(envvar="SIZES", help="Phases 1 and 3: numbers of customers.")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(envvar="RUNS", min=1, help="Phases 1 and 3: runs of each measurement."),
    ] = None,
    customers: Annotated[
        int | None, typer.Option(envvar="CUSTOMERS", min=1, help="Phase 2: customers who book.")
    ] = None,
    drift_customers: Annotated[
        int | None,
        typer.Option(
            envvar="DRIFT_CUSTOMERS", min=1, help="Phase 2: customers for drift and health."
        ),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(envvar="PAIRS", min=1, help="Phase 2: runs of each measurement and side."),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Where the files go.", show_default="bench/results")
    ] = ROOT / "bench/results",
) -> None:
    """What each phase costs.

    Phase 1: backfill, stall; phase 2: server, young, bookings, bulk, calls, isolation, drift,
    health; phase 3: contract. How much of it, bench/scale.py says.

    Exit code 1 when a threshold that was measured is missed, 2 when something does not work.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    wanted = list(dict.fromkeys(parts or Part))
    of_phase_1 = [part.value for part in wanted if part in PHASE_1]
    of_phase_2 = [part.value for part in wanted if part not in PHASE_1 + PHASE_3]
    of_phase_3 = [part.value for part in wanted if part in PHASE_3]
    reports: list[Report] = []
    chosen = _sizes(sizes) if sizes else None
    scale = (QUICK if quick else FULL).changed(
        backfill_sizes=chosen,
        stall_sizes=chosen,
        contract_sizes=chosen,
        runs=runs,
        customers=customers,
        drift_customers=drift_customers,
        pairs=pairs,
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        if of_phase_1:
            phase_1 = Phase1(output / "phase-1.json", quick)
            reports.append(phase_1)
            with throwaway_cluster() as cluster, Steps() as steps:
                _begin(phase_1, cluster, scale, parts=of_phase_1)
                measure_phase_1(cluster, scale, of_phase_1, phase_1, steps)
        if of_phase_2:
            phase_2 = Phase2(output / "phase-2.json", quick)
            reports.append(phase_2)
            # Autovacuum would disturb one side and not the other. What it is needed for is done
            # between the runs.
            clients, server = halves_of_cores()
            with (
                throwaway_cluster(server, {"autovacuum": "off"}) as cluster,
                running_on(clients),
                Steps() as steps,
            ):
                cores = {"clients": sorted(clients), "server": sorted(server)}
                _begin(phase_2, cluster, scale, parts=of_phase_2, cores=cores)
                measure_phase_2(cluster, scale, of_phase_2, phase_2, steps)
        if of_phase_3:
            phase_3 = Phase3(output / "phase-3.json", quick)
            reports.append(phase_3)
            with throwaway_cluster() as cluster, Steps() as steps:
                _begin(phase_3, cluster, scale, parts=of_phase_3)
                measure_phase_3(cluster, scale, phase_3, steps)
    except (BenchError, OSError, psycopg.Error) as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    console = Console()
    for report in reports:
        report.show(console if console.is_terminal else Console(width=100))
    if any(report.failed() for report in reports):
        raise typer.Exit(1)


def _begin(report: Report, cluster: Cluster, scale: Scale, **parameters: object) -> None:
    with connect(cluster.url()) as connection:
        report.begin(connection, parameters | asdict(scale))


if __name__ == "__main__":
    typer.run(main)
