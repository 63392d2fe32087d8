"""The parts of phase 2."""

from __future__ import annotations

from ..cluster import Cluster
from ..scale import Scale
from ..steps import Steps
from . import bookings, calls, server
from .bookings import measure_bookings
from .bulk import measure_bulk
from .calls import DELAYS, measure_calls
from .databases import make_templates
from .drift import measure_drift
from .health import HealthRun, measure_health
from .isolation import measure_isolation
from .proxy import network, round_trip_seconds
from .report import Phase2
from .server import measure_server
from .young import measure_young

OWN_DATABASES = {"young", "drift", "health"}


def measure(cluster: Cluster, scale: Scale, parts: list[str], report: Phase2, steps: Steps) -> None:
    """Each part; the file is written after each."""
    report.round_trips["socket"] = round_trip_seconds(cluster.url())
    for delay in DELAYS:
        with network(cluster, delay) as at:
            report.round_trips[f"{delay * 1000:g} ms delay"] = round_trip_seconds(at.url())
    if not set(parts) <= OWN_DATABASES:
        holds = max(part.holds_needed(scale) for part in (server, bookings, calls))
        steps.expect(1)
        with steps.step(f"{scale.customers:,} customers") as notes:
            made = make_templates(cluster, scale.customers, holds)
            notes.append("a database at each tag")
        if "server" in parts:
            report.servers += measure_server(cluster, made, scale, steps)
            report.write()
        if "bookings" in parts:
            report.bookings += measure_bookings(cluster, made, scale, steps)
            report.write()
        if "bulk" in parts:
            report.bulks += measure_bulk(cluster, made, scale, steps)
            report.write()
        if "calls" in parts:
            report.calls += measure_calls(cluster, made, scale, steps)
            report.write()
        if "isolation" in parts:
            report.isolations += measure_isolation(cluster, made, scale, steps)
            report.write()
        made.drop(cluster)
    if "young" in parts:
        report.youngs += measure_young(cluster, scale, steps)
        report.write()
    if "drift" in parts:
        report.drifts += measure_drift(cluster, scale, steps)
        report.write()
    if "health" in parts:
        cluster.use_all_cores()
        for run in measure_health(cluster, scale, steps):
            if isinstance(run, HealthRun):
                report.healths.append(run)
            else:
                report.health_writers.append(run)
        report.write()
