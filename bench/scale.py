"""How much is measured: by a full run, whose figures the thresholds are for, and by a quick one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Scale:
    """Numbers of customers, of runs, and of what is done in each run."""

    backfill_sizes: tuple[int, ...]
    stall_sizes: tuple[int, ...]
    contract_sizes: tuple[int, ...]
    runs: int
    # Of phase 2.
    customers: int
    drift_customers: int
    young_customers: int
    pairs: int
    # One in so many of a full run's bookings, calls and rows.
    divisor: int = 1

    def changed(self, **given: Any) -> Scale:
        """The same with what is given, and not None, in its place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def share(self, count: int) -> int:
        """So many of what a full run does so often."""
        return max(1, count // self.divisor)


FULL = Scale(
    backfill_sizes=(10_000, 100_000, 200_000, 1_000_000),
    stall_sizes=(200_000, 1_000_000),
    contract_sizes=(10_000, 1_000_000),
    runs=3,
    customers=110_000,
    drift_customers=1_000_000,
    young_customers=10_000,
    pairs=9,
)
QUICK = Scale(
    backfill_sizes=(2_000, 20_000),
    stall_sizes=(20_000,),
    contract_sizes=(2_000,),
    runs=2,
    customers=5_000,
    drift_customers=5_000,
    young_customers=2_000,
    pairs=3,
    divisor=4,
)
