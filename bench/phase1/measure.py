"""The parts of phase 1, one size after the other."""

from __future__ import annotations

from ..cluster import Cluster
from ..steps import Steps
from .backfill import measure_backfill
from .report import Phase1
from .stall import measure_stall


def measure(
    cluster: Cluster, sizes: list[int], runs: int, parts: list[str], report: Phase1, steps: Steps
) -> None:
    """Each part at each size; the file is written after each size."""
    steps.expect(len(sizes) * (1 + runs * 2 * len(parts)))
    for size in sizes:
        report.sizes.append(size)
        with steps.step(f"{size:,} customers") as notes:
            template = cluster.make_template(size)
            notes.append("sample loaded")
        for run in range(1, runs + 1):
            # Whoever comes second finds warmer caches: they take turns.
            sides = ("adr", "ours") if run % 2 else ("ours", "adr")
            title = f"{size:,} customers, run {run} of {runs}"
            for side in sides if "backfill" in parts else ():
                with steps.step(f"{title}, backfill, {side}") as notes:
                    backfill = measure_backfill(cluster, template, size, run, side)
                    notes.append(f"{backfill.profiles:,} profiles in {backfill.seconds:.2f} s")
                    notes.append(f"{backfill.rate:,.0f} a second")
                report.backfills.append(backfill)
            for side in sides if "stall" in parts else ():
                with steps.step(f"{title}, stall, {side}") as notes:
                    stall = measure_stall(cluster, template, size, run, side)
                    notes.append(f"longest {stall.longest_seconds * 1000:,.0f} ms")
                    notes.append(f"{stall.writes:,} writes, {len(stall.errors)} errors")
                report.stalls.append(stall)
        cluster.drop_template(template)
        report.write()
