"""The part of phase 3, one size after the other."""

from __future__ import annotations

from ..cluster import Cluster
from ..scale import Scale
from ..steps import Steps
from .contract import DIRECTIONS, make_template, measure_contract
from .report import Phase3


def measure(cluster: Cluster, scale: Scale, report: Phase3, steps: Steps) -> None:
    """Both ways at each size; the file is written after each run."""
    sizes, runs = scale.contract_sizes, scale.runs
    steps.expect(len(sizes) * (1 + runs * 2 * len(DIRECTIONS)))
    for size in sizes:
        with steps.step(f"{size:,} customers") as notes:
            template = make_template(cluster, size)
            notes.append("sample loaded, at @phase2")
        for run in range(1, runs + 1):
            title = f"{size:,} customers, run {run} of {runs}"
            report.contracts += measure_contract(cluster, template, size, run, title, steps)
            report.write()
        cluster.drop_template(template)
