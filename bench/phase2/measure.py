"""The parts of phase 2."""

from __future__ import annotations

from ..cluster import Cluster
from ..steps import Steps
from . import bookings, calls
from .bookings import measure_bookings
from .bulk import measure_bulk
from .calls import DELAYS, measure_calls
from .databases import make_templates
from .drift import measure_drift
from .health import HealthRun, measure_health
from .isolation import measure_isolation
from .proxy import network, round_trip_seconds
from .report import Phase2


def measure(
    cluster: Cluster,
    customers: int,
    drift_customers: int,
    pairs: int,
    parts: list[str],
    report: Phase2,
    steps: Steps,
) -> None:
    """Each part; the file is written after each."""
    report.round_trips["socket"] = round_trip_seconds(cluster.url())
    for delay in DELAYS:
        with network(cluster, delay) as at:
            report.round_trips[f"{delay * 1000:g} ms delay"] = round_trip_seconds(at.url())
    if not set(parts) <= {"drift", "health"}:
        holds = max(bookings.holds_needed(pairs), calls.holds_needed(pairs))
        steps.expect(1)
        with steps.step(f"{customers:,} customers") as notes:
            made = make_templates(cluster, customers, holds)
            notes.append("a database at each tag")
        if "bookings" in parts:
            report.bookings += measure_bookings(cluster, made, pairs, steps)
            report.write()
        if "bulk" in parts:
            report.bulks += measure_bulk(cluster, made, pairs, steps)
            report.write()
        if "calls" in parts:
            report.calls += measure_calls(cluster, made, pairs, steps)
            report.write()
        if "isolation" in parts:
            report.isolations += measure_isolation(cluster, made, pairs, steps)
            report.write()
        made.drop(cluster)
    if "drift" in parts:
        cluster.use_all_cores()  # the client only waits
        report.drifts += measure_drift(cluster, drift_customers, pairs, steps)
        report.write()
    if "health" in parts:
        cluster.use_all_cores()
        for run in measure_health(cluster, drift_customers, pairs, steps):
            if isinstance(run, HealthRun):
                report.healths.append(run)
            else:
                report.health_writers.append(run)
        report.write()
