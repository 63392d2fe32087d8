"""The loop over the batches of a repair."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from psycopg import Error, errors

from ..database import Connection, one_line, rows, scalars, set_timeouts
from ..display import Display
from ..retries import RETRYABLE

ATTEMPTS = 20
"""How often in a row it waits in vain for customers whom somebody holds, half a second each."""

SHOPS = "shops"
"""The source of a repair that moves bookings between shops, and lets drift alone."""

# What somebody who writes at the same time may cause; the next attempt sees what they wrote.
_RACES: tuple[type[Error], ...] = (
    *RETRYABLE,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
)


@dataclass(frozen=True)
class Change:
    """A value that a repair changes (tenancy.repair)."""

    customer_id: int
    shop_id: int | None
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Drift:
    """A disagreement (tenancy.drift)."""

    kind: str
    customer_id: int
    shop_id: int | None
    legacy_value: str | None
    profile_value: str | None


@dataclass
class Outcome:
    """What a repair did, or would do; right after every batch.

    Args:
        limit: how many of the changes it keeps; None for all.
        drifted_customers: customers with drift, or with bookings in a wrong shop, when it began.
        changed_customers: those of whom it changed something.
        changed_values: how much it changed.
        changes: the first of these changes.
        unrepaired: what still disagrees of the customers who were repaired.
        held_customers: those whom somebody held to the end.
        finished: it came to its end.
    """

    limit: int | None
    drifted_customers: int = 0
    changed_customers: int = 0
    changed_values: int = 0
    changes: list[Change] = field(default_factory=list)
    unrepaired: list[Drift] = field(default_factory=list)
    held_customers: list[int] = field(default_factory=list)
    finished: bool = False

    def add(self, changes: list[Change], unrepaired: list[Drift]) -> None:
        """A batch more."""
        room = None if self.limit is None else max(self.limit - len(self.changes), 0)
        self.changes += changes[:room]
        self.changed_customers += len({change.customer_id for change in changes})
        self.changed_values += len(changes)
        self.unrepaired += unrepaired


class Repair:
    """One run over the customers who drifted, or of whom bookings are in a wrong shop.

    Args:
        connection: in autocommit mode.
        source: the side that is right, "legacy" or "profiles"; or SHOPS.
        dry_run: take every batch back.
        outcome: told of every batch.
    """

    def __init__(
        self, connection: Connection, source: str, dry_run: bool, outcome: Outcome
    ) -> None:
        self._connection = connection
        self._source = source
        self._dry_run = dry_run
        self._outcome = outcome
        set_timeouts(connection, "0", "500ms")

    def find(self) -> list[int]:
        """The customers to repair."""
        of_shops = self._source == SHOPS
        drifted = scalars(self._connection, "repair/misplaced" if of_shops else "repair/drifted")
        self._outcome.drifted_customers = len(drifted)
        return drifted

    def run(self, customers: list[int], batch_size: int, display: Display) -> None:
        """Repair customers in batches, each a transaction of its own.

        Whom somebody holds is passed over, and waited for when all others are done.

        Args:
            customers: as find() has them.
            batch_size: customers in a transaction.
            display: told of every batch and of every wait.
        """
        starts = range(0, len(customers), batch_size)
        todo = deque((customers[start : start + batch_size], False) for start in starts)
        in_vain = 0
        while todo and in_vain < ATTEMPTS:
            batch, comes_again = todo.popleft()
            try:
                held = self._repair(batch, display, wait=False)
                if comes_again and held == batch:
                    self._repair(batch[:1], display, wait=True)
                    held = batch[1:]
            except _RACES as error:
                in_vain += 1
                display.waits(f"customers from {batch[0]} to {batch[-1]}: {one_line(error)}")
                middle = len(batch) // 2
                parts = [part for part in (batch[middle:], batch[:middle]) if part]
                todo.extend((part, True) for part in parts)
                continue
            if len(held) < len(batch):
                in_vain = 0
                display.waits(None)
            if held:
                todo.append((held, True))
        self._outcome.held_customers = sorted(held for batch, _ in todo for held in batch)
        self._outcome.finished = True

    def _repair(self, batch: list[int], display: Display, *, wait: bool) -> list[int]:
        """One batch; returns those whom somebody holds, or waits for them."""
        with self._connection.transaction(force_rollback=self._dry_run):
            held = [] if wait else scalars(self._connection, "repair/held", batch)
            free = sorted({*batch} - {*held})
            changes = rows(self._connection, Change, "repair/repair", free, self._source)
            unrepaired = (
                rows(self._connection, Drift, "repair/unrepaired", free)
                if self._source != SHOPS
                else []
            )
        self._outcome.add(changes, unrepaired)
        display.moved(len(free), len(changes))
        return held
