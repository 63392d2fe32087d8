"""The locks of each phase that somebody may notice: locks.csv, as docs/phase-1.md to -3.md list."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from importlib.resources import files

_TABLES = re.compile(r"\b(?:bookings|services|shops|stylists|customers|customer_\w+)\b")


@dataclass(frozen=True)
class Lock:
    """A lock that a deploy takes.

    Args:
        phase: the number of the phase.
        change: which takes it.
        lock: its mode, and whom it stops.
        tables: on what; of schema public, unless named otherwise.
        duration: how long it is held.
    """

    phase: int
    change: str
    lock: str
    tables: str
    duration: str

    @property
    def named_tables(self) -> list[str]:
        """The tables of the application that it names."""
        return _TABLES.findall(self.tables)


def locks(first: int, last: int) -> list[Lock]:
    """Those of these phases, in the order in which they are taken.

    Args:
        first: the number of the phase that comes next.
        last: that of the phase to get to.
    """
    text = files(__package__).joinpath("locks.csv").read_text(encoding="utf-8")
    every = (Lock(int(row.pop("phase")), **row) for row in csv.DictReader(text.splitlines()))
    return [lock for lock in every if first <= lock.phase <= last]
