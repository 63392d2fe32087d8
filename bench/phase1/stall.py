"""How long a writer of customers waits at worst while the profiles come into being."""

from __future__ import annotations

from dataclasses import dataclass

from ..cluster import TAG_PHASE_1, Cluster, connect, deploy, statement
from ..writers import longest, under_writers
from .writer import LegacyWriter


@dataclass(frozen=True)
class StallRun:
    """One deployment under writers."""

    size: int
    run: int
    side: str
    seconds: float
    longest_seconds: float
    longest_kind: str
    # The same writers, before anything was deployed: what the machine does by itself.
    quiet_longest_seconds: float
    writes: int
    errors: list[str]


def _adr_in_one_transaction(url: str) -> None:
    with connect(url) as connection, connection.transaction():
        connection.execute(statement("adr_table"))
        connection.execute(statement("adr_backfill"))


def measure_stall(cluster: Cluster, template: str, size: int, run: int, side: str) -> StallRun:
    """Deploy phase 1 with Sqitch, or run the ADR's statements in one transaction, under writers."""

    def work() -> None:
        if side == "ours":
            deploy(url, TAG_PHASE_1)
        else:
            _adr_in_one_transaction(url)

    with cluster.clone(template) as url:
        observed = under_writers(url, LegacyWriter, work)
    during = observed.during()
    worst = longest(during)
    return StallRun(
        size=size,
        run=run,
        side=side,
        seconds=observed.seconds,
        longest_seconds=worst.seconds,
        longest_kind=worst.kind,
        quiet_longest_seconds=longest(observed.at_rest()).seconds,
        writes=len(during),
        errors=observed.log.errors,
    )
