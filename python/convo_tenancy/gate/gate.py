"""The gate of phase 3, asked in a transaction that only reads."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from ..database import Connection, on_one_snapshot, one, one_line, rows, scalar
from ..errors import Problem

COLUMNS = ("preferred_stylist_id", "average_spend_cents", "no_show_count")
"""What the contract takes from public.customers."""

LOCKED = (
    "public.bookings",
    "public.customers",
    "public.customer_booking_stats",
    "public.customer_shop_profiles",
    "public.customer_stylist_preferences",
    "public.stylists",
)
"""What tenancy.remove_legacy_side() locks, in that order."""


@dataclass(frozen=True)
class Finding:
    """What keeps the contract from being safe (tenancy.contract_findings)."""

    finding: str
    name: str
    detail: str
    remedy: str
    may_be_overridden: bool
    is_overridden: bool


@dataclass(frozen=True)
class Extent:
    """How much leaves schema public."""

    customers: int
    statistics_rows: int
    statistics_bytes: int


@dataclass(frozen=True)
class Gate:
    """All that the gate says.

    Args:
        quiet_period: how long nobody must have written to the legacy side.
        since: the moment that this reaches back to.
        findings: each that is not overridden shuts the gate.
        unseen_readers: why not every reader is seen, and what to do; None when they all are.
        extent: of what the contract would do.
    """

    quiet_period: str
    since: str
    findings: list[Finding]
    unseen_readers: str | None
    extent: Extent

    @property
    def refused(self) -> list[Finding]:
        """For what the contract would be refused."""
        return [finding for finding in self.findings if not finding.is_overridden]

    @property
    def is_open(self) -> bool:
        """Whether the contract would not be refused."""
        return not self.refused


@dataclass(frozen=True)
class _QuietPeriod:
    period: str
    is_negative: bool
    since: str


def ask(connection: Connection, quiet_period: str | None, despite: str) -> Gate:
    """Ask the gate, in one REPEATABLE READ, READ ONLY transaction.

    Args:
        connection: in autocommit mode, to a database in phase 2.
        quiet_period: an interval, as PostgreSQL writes them; None for that of tenancy.settings.
        despite: names of findings to be overridden, with commas between.

    Raises:
        Problem: the interval is none, or negative (exit code 2).
        psycopg.Error: whatever else the database refuses.
    """
    with on_one_snapshot(connection):
        quiet = _quiet(connection, quiet_period)
        unseen = scalar(connection, "unseen_readers")
        return Gate(
            quiet.period,
            quiet.since,
            rows(connection, Finding, "gate/findings", quiet_period, despite, None),
            None if unseen is None else str(unseen),
            one(connection, Extent, "gate/extent"),
        )


def ask_quickly(connection: Connection) -> list[Finding]:
    """What the gate finds without a pass over all customers: no drift, no booking in a wrong shop.

    Args:
        connection: in a transaction, to a database in phase 2.
    """
    return rows(connection, Finding, "gate/findings", None, "", [])


def _quiet(connection: Connection, quiet_period: str | None) -> _QuietPeriod:
    try:
        quiet = one(connection, _QuietPeriod, "gate/quiet_period", quiet_period)
    except psycopg.DataError as error:
        problem = one_line(error)
    else:
        if not quiet.is_negative:
            return quiet
        problem = f"{quiet.period} is negative"
    raise Problem(f"legacy quiet period: {problem}: expected a time like '1 hour', or 0", 2)
