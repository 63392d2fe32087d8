"""The locks that somebody may notice: docs/reference/locks.md shows them.

locks.csv has those of the deploys, revert_locks.csv those of the reverts.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from importlib.resources import files

_TABLES = re.compile(r"\b(?:bookings|services|shops|stylists|customers|customer_\w+)\b")


@dataclass(frozen=True)
class Lock:
    """A lock that a deploy or a revert takes.

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
    return [lock for lock in _read("locks.csv") if first <= lock.phase <= last]


def locks_of(reverts: tuple[str, ...], deploys: tuple[str, ...]) -> list[Lock]:
    """Those of the scripts of these changes, in the order in which they are taken.

    Args:
        reverts: changes that are taken back, before all else.
        deploys: changes that are deployed.
    """
    return [
        *(lock for lock in _read("revert_locks.csv") if lock.change in reverts),
        *(lock for lock in _read("locks.csv") if lock.change in deploys),
    ]


def _read(name: str) -> list[Lock]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return [Lock(int(row.pop("phase")), **row) for row in csv.DictReader(text.splitlines())]
