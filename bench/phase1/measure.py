"""The parts of phase 1, one size after the other."""

from __future__ import annotations

from ..cluster import Cluster
from ..scale import Scale
from ..steps import Steps
from .backfill import measure_backfill
from .report import Phase1
from .sides import SIDES
from .stall import measure_stall


def measure(cluster: Cluster, scale: Scale, parts: list[str], report: Phase1, steps: Steps) -> None:
    """Each part at each of its sizes; the file is written after each size."""
    backfills = scale.backfill_sizes if "backfill" in parts else ()
    stalls = scale.stall_sizes if "stall" in parts else ()
    sizes = sorted({*backfills, *stalls})
    steps.expect(len(sizes) + (len(backfills) + len(stalls)) * scale.runs * len(SIDES))
    for size in sizes:
        with steps.step(f"{size:,} customers") as notes:
            template = cluster.make_template(size)
            notes.append("sample loaded")
        for pair in range(1, scale.runs + 1):
            # Whoever comes later finds warmer caches: they take turns.
            turn = (pair - 1) % len(SIDES)
            sides = SIDES[turn:] + SIDES[:turn]
            title = f"{size:,} customers, run {pair} of {scale.runs}"
            for side in sides if size in backfills else ():
                with steps.step(f"{title}, backfill, {side}") as notes:
                    backfill = measure_backfill(cluster, template, size, pair, side)
                    notes.append(f"{backfill.profiles:,} profiles in {backfill.seconds:.2f} s")
                    notes.append(f"{backfill.rate:,.0f} a second")
                report.backfills.append(backfill)
            for side in sides if size in stalls else ():
                with steps.step(f"{title}, stall, {side}") as notes:
                    stall = measure_stall(cluster, template, size, pair, side)
                    notes.append(f"longest {stall.longest_seconds * 1000:,.0f} ms")
                    notes.append(f"{stall.writes:,} writes, {len(stall.errors)} errors")
                report.stalls.append(stall)
        cluster.drop_template(template)
        report.write()
