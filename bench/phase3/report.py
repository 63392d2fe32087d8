"""Medians, the worst and thresholds of phase 3; as tables and for the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import product
from statistics import median

from rich.table import Table

from ..report import Report, Threshold, new_table
from .contract import DEPLOY, DIRECTIONS, REVERT, ChangeRun, ContractRun
from .locks import TABLES

SMALL, LARGE = 10_000, 1_000_000  # customers
LOCK_LIMIT, LOCK_GROWTH_LIMIT, STALL_LIMIT = 100, 1.5, 250  # milliseconds, and a ratio
NAMES = {DEPLOY: "contract", REVERT: "its revert"}


@dataclass(frozen=True)
class Runs:
    """The runs of one size in one direction."""

    size: int
    direction: str
    is_held: bool
    runs: list[ContractRun]

    @property
    def name(self) -> str:
        """As the tables have it."""
        return f"{NAMES[self.direction]}{', tables held in turn' if self.is_held else ''}"

    def longest_locks(self) -> list[float]:
        """The longest strong lock on any table, in milliseconds, run by run."""
        return [
            1000 * max(lock.longest_held_seconds for lock in run.locks.values())
            for run in self.runs
        ]

    def median(self, value: Callable[[ContractRun], float]) -> float:
        """Over the runs."""
        return median(value(run) for run in self.runs)

    def worst(self, value: Callable[[ContractRun], float]) -> float:
        """The most of all runs."""
        return max(value(run) for run in self.runs)

    def changes(self) -> list[ChangeRun]:
        """Each change in its order: the median of its time, and the worst stall of all runs."""
        return [
            ChangeRun(
                change=same[0].change,
                seconds=median(change.seconds for change in same),
                longest_seconds=max(change.longest_seconds for change in same),
            )
            for same in zip(*(run.changes for run in self.runs), strict=True)
        ]

    def locks(self) -> dict[str, dict[str, float]]:
        """Each table whose strong lock somebody had or awaited: the worst of all runs."""
        worst = {}
        for table in TABLES:
            same = [asdict(run.locks[table]) for run in self.runs]
            most = {name: max(lock[name] for lock in same) for name in same[0]}
            if any(most.values()):
                worst[table] = most
        return worst

    def summary(self) -> dict[str, object]:
        """For the file."""
        return {
            "customers": self.size,
            "direction": self.direction,
            "is_held": self.is_held,
            "longest_lock_ms": median(self.longest_locks()),
            "seconds": self.median(lambda r: r.seconds),
            "longest_seconds": self.median(lambda r: r.longest_seconds),
            "worst_seconds": self.worst(lambda r: r.longest_seconds),
            "quiet_longest_seconds": self.median(lambda r: r.quiet_longest_seconds),
            "calls": self.median(lambda r: r.calls),
            "retried": sum(r.retried for r in self.runs),
            "errors": sum(len(r.errors) for r in self.runs),
            "changes": [asdict(change) for change in self.changes()],
            "locks": self.locks(),
        }


@dataclass
class Phase3(Report):
    """Everything that was measured."""

    contracts: list[ContractRun] = field(default_factory=list)

    def of(self, size: int, direction: str, is_held: bool = False) -> Runs | None:
        """None where there are no runs."""
        wanted = (size, direction, is_held)
        runs = [c for c in self.contracts if (c.size, c.direction, c.is_held) == wanted]
        return Runs(size, direction, is_held, runs) if runs else None

    def measured(self) -> list[Runs]:
        """By size, then direction."""
        sizes = dict.fromkeys(c.size for c in self.contracts)
        found = (self.of(*each) for each in product(sizes, DIRECTIONS, (False, True)))
        return [runs for runs in found if runs]

    def thresholds(self) -> list[Threshold]:
        """The promises of phase 3."""
        sizes = [c.size for c in self.contracts]
        least, most = (min(sizes), max(sizes)) if self.is_quick and sizes else (SMALL, LARGE)
        found: list[Threshold] = []
        for direction, name in NAMES.items():
            small, large = (
                runs.longest_locks() if (runs := self.of(size, direction)) else []
                for size in (least, most)
            )
            found += [
                Threshold(
                    f"longest strong lock at {most:,} customers, {name}, in ms",
                    "<=",
                    LOCK_LIMIT,
                    large,
                ),
                Threshold(
                    f"that, in ratio to {least:,} customers, {name}",
                    "<=",
                    LOCK_GROWTH_LIMIT,
                    [b / a for a, b in zip(small, large, strict=False)] if least < most else [],
                ),
                Threshold(
                    f"longest stall, tables held in turn or not, {name}, in ms",
                    "<=",
                    STALL_LIMIT,
                    [
                        1000 * c.longest_seconds
                        for c in self.contracts
                        if (c.size, c.direction) == (most, direction)
                    ],
                    max,
                ),
            ]
        failed = [float(len(c.errors)) for c in self.contracts]
        return [*found, Threshold("calls of the SQL API that failed", "<=", 0, failed, max)]

    def measurements(self) -> dict[str, object]:
        """Summaries and every single run."""
        return {
            "contract": [runs.summary() for runs in self.measured()],
            "runs": {"contract": [asdict(c) for c in self.contracts]},
        }

    def tables(self) -> list[Table]:
        """Medians, and the worst."""
        return [self._stall_table(), self._changes_table(), self._locks_table()]

    def _stall_table(self) -> Table:
        table = new_table(
            "The longest stall of an API client, in ms (medians; the worst of all runs)",
            *("", "customers", "takes", "at rest", "longest", "worst", "calls"),
            *("retried", "failed"),
            texts=1,
        )
        for runs in self.measured():
            table.add_row(
                runs.name,
                f"{runs.size:,}",
                f"{runs.median(lambda r: r.seconds):,.1f} s",
                f"{runs.median(lambda r: r.quiet_longest_seconds) * 1000:,.0f}",
                f"{runs.median(lambda r: r.longest_seconds) * 1000:,.0f}",
                f"{runs.worst(lambda r: r.longest_seconds) * 1000:,.0f}",
                f"{runs.median(lambda r: r.calls):,.0f}",
                f"{sum(r.retried for r in runs.runs):,}",
                f"{sum(len(r.errors) for r in runs.runs):,}",
            )
        return table

    def _changes_table(self) -> Table:
        table = new_table(
            "Each change: seconds (medians), stall in ms (worst of all)",
            *("", "change", "customers", "seconds", "longest stall"),
            texts=2,
        )
        for runs in self.measured():
            for change in runs.changes():
                table.add_row(
                    runs.name,
                    change.change,
                    f"{runs.size:,}",
                    f"{change.seconds:,.1f}",
                    f"{change.longest_seconds * 1000:,.0f}",
                )
        return table

    def _locks_table(self) -> Table:
        table = new_table(
            "AccessExclusiveLock, in ms (the worst of all runs)",
            *("", "table", "customers", "held for", "awaited for", "waits", "in vain"),
            texts=2,
        )
        for runs in self.measured():
            for name, lock in runs.locks().items():
                table.add_row(
                    runs.name,
                    name,
                    f"{runs.size:,}",
                    f"{lock['longest_held_seconds'] * 1000:,.0f}",
                    f"{lock['longest_wait_seconds'] * 1000:,.0f}",
                    f"{lock['waits']:,}",
                    f"{lock['waits_in_vain']:,}",
                )
        return table
