"""How long a writer of customers waits at worst while the profiles come into being."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from ..cluster import TAG_PHASE_1, Cluster, connect, deploy, statement
from ..writers import longest, under_writers
from .sides import ADR, SESSIONS, WORKERS, backfill, planned_changes
from .writer import LegacyWriter


@dataclass(frozen=True)
class StallRun:
    """One deployment under writers."""

    size: int
    pair: int
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


def measure_stall(cluster: Cluster, template: str, size: int, pair: int, side: str) -> StallRun:
    """Deploy phase 1 with Sqitch, or run the ADR's statements in one transaction, under writers.

    Several workers do the backfill before Sqitch comes to it.
    """

    def work() -> None:
        if side == ADR:
            _adr_in_one_transaction(url)
            return
        if side == WORKERS:
            deploy(url, planned_changes()[0])
            with ExitStack() as stack:
                backfill([stack.enter_context(connect(url)) for _ in range(SESSIONS[side])], side)
        deploy(url, TAG_PHASE_1)

    with cluster.clone(template) as url:
        observed = under_writers(url, LegacyWriter, work)
    during = observed.during()
    worst = longest(during)
    return StallRun(
        size=size,
        pair=pair,
        side=side,
        seconds=observed.seconds,
        longest_seconds=worst.seconds,
        longest_kind=worst.kind,
        quiet_longest_seconds=longest(observed.at_rest()).seconds,
        writes=len(during),
        errors=observed.log.errors,
    )
