"""Medians, ratios and thresholds of phase 1; as tables and for the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import product

from rich.table import Table

from ..figures import Figures, figures, spread
from ..report import Report, Threshold, new_table
from .backfill import BackfillRun
from .sides import ADR, OURS, SIDES, WORKERS
from .stall import StallRun

MIB = 1024 * 1024

# Below this size the rates are those of what is done once, and no batch is full.
SMALLEST = 10_000
STALL_SIZE, STALL_LIMIT = 200_000, 0.1
RATE_LIMIT = 0.8
# Of this size each worker has enough to do; its writers wait for two no longer than for one.
WORKERS_SIZE, WORKERS_RATE_LIMIT, WORKERS_STALL_LIMIT = 1_000_000, 1, 1
GROWTH_LIMIT = 0.9  # from a size to ten times as many customers
# Memory may differ by what an allocator does, not by what grows with the table.
MEMORY_LIMIT = 1.25

# What one backfill is told of by, and the digits of each.
VALUES: dict[str, tuple[Callable[[BackfillRun], float], int]] = {
    "profiles": (lambda b: b.profiles, 0),
    "seconds": (lambda b: b.seconds, 2),
    "keys seconds": (lambda b: b.keys_seconds, 2),
    "disk": (lambda b: b.disk_bytes / b.profiles, 0),
    "WAL": (lambda b: b.wal_bytes / b.profiles, 0),
    "MiB before": (lambda b: b.memory_before_bytes / MIB, 1),
    "MiB at most": (lambda b: b.memory_peak_bytes / MIB, 1),
}


@dataclass
class Phase1(Report):
    """Everything that was measured."""

    backfills: list[BackfillRun] = field(default_factory=list)
    stalls: list[StallRun] = field(default_factory=list)

    def backfill(self, size: int, value: Callable[[BackfillRun], float]) -> Figures:
        """Of the runs at one size."""
        return figures((b for b in self.backfills if b.size == size), value)

    def growth(self, side: str, value: Callable[[BackfillRun], float]) -> Figures:
        """Of one side, by size."""
        return figures((b for b in self.backfills if b.side == side), value, lambda b: str(b.size))

    def stall(self, size: int, value: Callable[[StallRun], float]) -> Figures:
        """Of the runs at one size."""
        return figures((s for s in self.stalls if s.size == size), value)

    def backfilled(self, least: int = 1) -> list[int]:
        """The sizes whose backfill was measured; of a quick run all, else from the least on."""
        return self._sizes((b.size for b in self.backfills), least)

    def stalled(self, least: int = 1) -> list[int]:
        """The same for stalls."""
        return self._sizes((s.size for s in self.stalls), least)

    def _sizes(self, measured: Iterable[int], least: int) -> list[int]:
        return sorted({size for size in measured if self.is_quick or size >= least})

    def thresholds(self) -> list[Threshold]:
        """The promises of phase 1."""
        backfilled = self.backfilled(SMALLEST)
        ends = {min(backfilled, default=0), max(backfilled, default=0)}
        return [
            *(
                Threshold(
                    f"profiles a second at {size:,} customers, {side} / {ADR}",
                    ">=",
                    limit,
                    self.backfill(size, lambda b: b.rate).ratios(side, ADR),
                )
                for side, limit, least in (
                    (OURS, RATE_LIMIT, SMALLEST),
                    (WORKERS, WORKERS_RATE_LIMIT, WORKERS_SIZE),
                )
                for size in self.backfilled(least) or [least]
            ),
            *(
                Threshold(
                    f"profiles a second, {side}, {10 * size:,} / {size:,} customers",
                    ">=",
                    GROWTH_LIMIT,
                    self.growth(side, lambda b: b.rate).ratios(str(10 * size), str(size)),
                )
                for side, size in product((OURS, WORKERS), backfilled)
                if 10 * size in backfilled
            ),
            Threshold(
                "our backend's memory, largest / smallest size measured",
                "<=",
                MEMORY_LIMIT,
                self.growth(OURS, lambda b: b.memory_peak_bytes).ratios(
                    *map(str, sorted(ends, reverse=True))
                )
                if len(ends) > 1
                else [],
            ),
            *(
                Threshold(
                    f"longest stall at {size:,} customers, {side} / {other}",
                    "<=",
                    limit,
                    self.stall(size, lambda s: s.longest_seconds).ratios(side, other),
                )
                for side, other, limit, least in (
                    (OURS, ADR, STALL_LIMIT, STALL_SIZE),
                    (WORKERS, OURS, WORKERS_STALL_LIMIT, WORKERS_SIZE),
                )
                for size in self.stalled(least) or [least]
            ),
            Threshold(
                "errors that a writer saw while phase 1 deployed",
                "<=",
                0,
                [float(len(s.errors)) for s in self.stalls if s.side != ADR],
                max,
            ),
        ]

    def measurements(self) -> dict[str, object]:
        """Medians and every single run."""
        return {
            "backfill": [
                {
                    "customers": size,
                    "profiles_per_second": rate.summary(),
                    "profiles_per_second_with_keys": with_keys.summary(),
                    "rate_ratios": {side: rate.ratios(side, ADR) for side in (OURS, WORKERS)},
                    **{
                        name: self.backfill(size, value).summary()
                        for name, (value, _) in VALUES.items()
                    },
                }
                for size in self.backfilled()
                for rate in [self.backfill(size, lambda b: b.rate)]
                for with_keys in [self.backfill(size, lambda b: b.rate_with_keys)]
            ],
            "stall": [
                {
                    "customers": size,
                    "longest_seconds": longest.summary(),
                    "quiet_longest_seconds": self.stall(
                        size, lambda s: s.quiet_longest_seconds
                    ).summary(),
                    "seconds": self.stall(size, lambda s: s.seconds).summary(),
                    "stall_ratios": {side: longest.ratios(side, ADR) for side in (OURS, WORKERS)},
                }
                for size in self.stalled()
                for longest in [self.stall(size, lambda s: s.longest_seconds)]
            ],
            "runs": {
                "backfill": [{**asdict(b), "profiles_per_second": b.rate} for b in self.backfills],
                "stall": [asdict(s) for s in self.stalls],
            },
        }

    def tables(self) -> list[Table]:
        """Medians."""
        return [self._rate_table(), self._cost_table(), self._stall_table()]

    def _rate_table(self) -> Table:
        table = new_table(
            f"Backfill: profiles a second, and by those of {ADR} (medians)",
            *("", "customers", "a second", "ratio", "with keys", "ratio"),
            texts=1,
        )
        for size in self.backfilled():
            rates = (
                self.backfill(size, lambda b: b.rate),
                self.backfill(size, lambda b: b.rate_with_keys),
            )
            for side in SIDES:
                cells = [
                    cell
                    for rate in rates
                    for cell in (f"{rate.median(side):,.0f}", spread(rate.ratios(side, ADR)))
                ]
                table.add_row(side, f"{size:,}", *cells)
        return table

    def _cost_table(self) -> Table:
        table = new_table(
            "What a backfill costs; disk and WAL in bytes a profile (medians)",
            *("", "customers", *VALUES),
            texts=1,
        )
        for size, side in product(self.backfilled(), SIDES):
            cells = [
                f"{self.backfill(size, value).median(side):,.{digits}f}"
                for value, digits in VALUES.values()
            ]
            table.add_row(side, f"{size:,}", *cells)
        return table

    def _stall_table(self) -> Table:
        table = new_table(
            "The longest stall of a writer of customers, in ms (medians)",
            *("", "customers", "at rest", "longest", f"by that of {ADR}", "seconds in all"),
            texts=1,
        )
        for size, side in product(self.stalled(), SIDES):
            longest = self.stall(size, lambda s: s.longest_seconds)
            quiet = self.stall(size, lambda s: s.quiet_longest_seconds)
            table.add_row(
                side,
                f"{size:,}",
                f"{quiet.median(side) * 1000:,.0f}",
                f"{longest.median(side) * 1000:,.0f}",
                spread(longest.ratios(side, ADR)),
                f"{self.stall(size, lambda s: s.seconds).median(side):,.1f}",
            )
        return table
