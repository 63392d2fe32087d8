"""Medians, ratios and thresholds of phase 1; as tables and for the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import cast

from rich.table import Table

from ..report import Report, Threshold, new_table
from .backfill import BackfillRun
from .stall import StallRun

MIB = 1024 * 1024

# Below this size the rates are those of what is done once, and no batch is full.
SMALLEST = 10_000
STALL_SIZE, STALL_LIMIT = 200_000, 0.1
RATE_LIMIT = 0.8
GROWTH_FROM, GROWTH_TO, GROWTH_LIMIT = 100_000, 1_000_000, 0.8
# Memory may differ by what an allocator does, not by what grows with the table.
MEMORY_LIMIT = 1.25


@dataclass
class Phase1(Report):
    """Everything that was measured."""

    sizes: list[int] = field(default_factory=list)
    backfills: list[BackfillRun] = field(default_factory=list)
    stalls: list[StallRun] = field(default_factory=list)

    def backfill_median(self, size: int, side: str, value: Callable[[BackfillRun], float]) -> float:
        """The median over the runs of one side."""
        return median(value(b) for b in self.backfills if (b.size, b.side) == (size, side))

    def stall_median(self, size: int, side: str, value: Callable[[StallRun], float]) -> float:
        """The median over the runs of one side."""
        return median(value(s) for s in self.stalls if (s.size, s.side) == (size, side))

    def rate_ratios(self, size: int, value: Callable[[BackfillRun], float]) -> list[float]:
        """Of each run, ours beside the ADR's."""
        ours, adr = (
            {b.run: value(b) for b in self.backfills if (b.size, b.side) == (size, side)}
            for side in ("ours", "adr")
        )
        return [ours[number] / adr[number] for number in sorted(ours.keys() & adr.keys())]

    def stall_ratios(self, size: int) -> list[float]:
        """Of each run, our longest stall beside the ADR's."""
        ours, adr = (
            {s.run: s.longest_seconds for s in self.stalls if (s.size, s.side) == (size, side)}
            for side in ("ours", "adr")
        )
        return [ours[number] / adr[number] for number in sorted(ours.keys() & adr.keys())]

    def backfilled(self) -> list[int]:
        """The sizes whose backfill was measured."""
        return [size for size in self.sizes if any(b.size == size for b in self.backfills)]

    def stalled(self) -> list[int]:
        """The sizes whose stall was measured."""
        return [size for size in self.sizes if any(s.size == size for s in self.stalls)]

    def thresholds(self) -> list[Threshold]:
        """The promises of phase 1."""
        return _thresholds(self)

    def measurements(self) -> dict[str, object]:
        """Medians and every single run."""
        return {
            "backfill": [_backfill_summary(self, size) for size in self.backfilled()],
            "stall": [_stall_summary(self, size) for size in self.stalled()],
            "runs": {
                "backfill": [{**asdict(b), "profiles_per_second": b.rate} for b in self.backfills],
                "stall": [asdict(s) for s in self.stalls],
            },
        }

    def tables(self) -> list[Table]:
        """Medians."""
        tables = [_backfill_table(self), _cost_table(self)] if self.backfilled() else []
        return tables + ([_stall_table(self)] if self.stalled() else [])


def _thresholds(results: Phase1) -> list[Threshold]:
    backfilled = [size for size in results.backfilled() if size >= SMALLEST]
    stalled = results.stalled()
    stall = median(results.stall_ratios(STALL_SIZE)) if STALL_SIZE in stalled else None
    growth = memory = None
    if {GROWTH_FROM, GROWTH_TO} <= set(backfilled):
        small, large = (
            results.backfill_median(size, "ours", lambda b: b.rate)
            for size in (GROWTH_FROM, GROWTH_TO)
        )
        growth = large / small
    if len(backfilled) > 1:
        least, most = (
            results.backfill_median(size, "ours", lambda b: b.memory_peak_bytes)
            for size in (min(backfilled), max(backfilled))
        )
        memory = most / least
    return [
        Threshold(
            f"longest stall at {STALL_SIZE:,} customers, ours / ADR", "<=", STALL_LIMIT, stall
        ),
        *(
            Threshold(
                f"profiles a second at {size:,} customers, ours / ADR",
                ">=",
                RATE_LIMIT,
                median(results.rate_ratios(size, lambda b: b.rate)),
            )
            for size in backfilled
        ),
        Threshold(
            f"our profiles a second, {GROWTH_TO:,} / {GROWTH_FROM:,} customers",
            ">=",
            GROWTH_LIMIT,
            growth,
        ),
        Threshold(
            "our backend's memory, largest / smallest size measured", "<=", MEMORY_LIMIT, memory
        ),
        Threshold(
            "errors that a writer saw while phase 1 deployed",
            "<=",
            0,
            float(sum(len(s.errors) for s in results.stalls if s.side == "ours"))
            if stalled
            else None,
        ),
    ]


def _backfill_summary(results: Phase1, size: int) -> dict[str, object]:
    def side(name: str) -> dict[str, float]:
        def of(value: Callable[[BackfillRun], float]) -> float:
            return results.backfill_median(size, name, value)

        return {
            "profiles": of(lambda b: b.profiles),
            "seconds": of(lambda b: b.seconds),
            "profiles_per_second": of(lambda b: b.rate),
            "keys_seconds": of(lambda b: b.keys_seconds),
            "profiles_per_second_with_keys": of(lambda b: b.rate_with_keys),
            "wal_bytes_per_profile": of(lambda b: b.wal_bytes / b.profiles),
            "disk_bytes_per_profile": of(lambda b: b.disk_bytes / b.profiles),
            "memory_before_bytes": of(lambda b: b.memory_before_bytes),
            "memory_peak_bytes": of(lambda b: b.memory_peak_bytes),
        }

    return {
        "customers": size,
        "ours": side("ours"),
        "adr": side("adr"),
        "rate_ratios": results.rate_ratios(size, lambda b: b.rate),
        "rate_ratios_with_keys": results.rate_ratios(size, lambda b: b.rate_with_keys),
    }


def _stall_summary(results: Phase1, size: int) -> dict[str, object]:
    def side(name: str) -> dict[str, float]:
        def of(value: Callable[[StallRun], float]) -> float:
            return results.stall_median(size, name, value)

        return {
            "seconds": of(lambda s: s.seconds),
            "longest_seconds": of(lambda s: s.longest_seconds),
            "quiet_longest_seconds": of(lambda s: s.quiet_longest_seconds),
            "writes": of(lambda s: s.writes),
        }

    return {
        "customers": size,
        "ours": side("ours"),
        "adr": side("adr"),
        "stall_ratios": results.stall_ratios(size),
    }


def _backfill_table(results: Phase1) -> Table:
    table = new_table(
        "Backfill: profiles a second (medians)",
        *("customers", "ADR", "ours", "ratio", "ours with keys", "ratio"),
    )
    for size in results.backfilled():
        table.add_row(
            f"{size:,}",
            f"{results.backfill_median(size, 'adr', lambda b: b.rate):,.0f}",
            f"{results.backfill_median(size, 'ours', lambda b: b.rate):,.0f}",
            f"{median(results.rate_ratios(size, lambda b: b.rate)):.2f}",
            f"{results.backfill_median(size, 'ours', lambda b: b.rate_with_keys):,.0f}",
            f"{median(results.rate_ratios(size, lambda b: b.rate_with_keys)):.2f}",
        )
    return table


def _cost_table(results: Phase1) -> Table:
    table = new_table(
        "What our backfill costs; disk and WAL in bytes a profile (medians)",
        *("customers", "profiles", "seconds", "disk", "WAL", "memory", "ADR's memory"),
    )
    for size in results.backfilled():
        summary = _backfill_summary(results, size)
        ours = cast(dict[str, float], summary["ours"])
        adr = cast(dict[str, float], summary["adr"])
        table.add_row(
            f"{size:,}",
            f"{ours['profiles']:,.0f}",
            f"{ours['seconds']:,.2f}",
            f"{ours['disk_bytes_per_profile']:,.0f}",
            f"{ours['wal_bytes_per_profile']:,.0f}",
            f"{ours['memory_peak_bytes'] / MIB:,.1f} MiB",
            f"{adr['memory_peak_bytes'] / MIB:,.1f} MiB",
        )
    return table


def _stall_table(results: Phase1) -> Table:
    table = new_table(
        "The longest stall of a writer of customers, in ms (medians)",
        *("customers", "at rest", "ADR", "ours", "ratio", "ADR takes", "ours takes"),
    )
    for size in results.stalled():
        table.add_row(
            f"{size:,}",
            f"{results.stall_median(size, 'ours', lambda s: s.quiet_longest_seconds) * 1000:,.0f}",
            f"{results.stall_median(size, 'adr', lambda s: s.longest_seconds) * 1000:,.0f}",
            f"{results.stall_median(size, 'ours', lambda s: s.longest_seconds) * 1000:,.0f}",
            f"{median(results.stall_ratios(size)):.2f}",
            f"{results.stall_median(size, 'adr', lambda s: s.seconds):,.1f} s",
            f"{results.stall_median(size, 'ours', lambda s: s.seconds):,.1f} s",
        )
    return table
