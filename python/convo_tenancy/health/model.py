"""What the health check finds: checks with a status each, and the worst of them as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from .phase import Phase, Registry
from .ways import Ways

Value = str | int | float | None

TIME = "%Y-%m-%d %H:%M %Z"
"""How details show a moment."""


class Status(IntEnum):
    """A check's outcome; the number is the exit code of monitoring plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def label(self) -> str:
        """The name in every output."""
        return self.name.lower()


_SEVERITY = (Status.OK, Status.WARNING, Status.UNKNOWN, Status.CRITICAL)


def severity(status: Status) -> int:
    """How bad it is: unknown is worse than a warning, and critical worse still."""
    return _SEVERITY.index(status)


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    A check that is skipped on purpose is ok, has no value, and its detail begins with "skipped".

    Args:
        name: stable, for machines.
        status: its outcome.
        value: what was measured, if anything.
        detail: for people: what was seen and, unless ok, what to do.
    """

    name: str
    status: Status
    value: Value
    detail: str


def skipped(name: str, why: str) -> Check:
    """A check that does not apply here; it raises no alarm."""
    return Check(name, Status.OK, None, f"skipped: {why}")


@dataclass(frozen=True)
class LegacyWriter:
    """Who writes to the legacy side directly (tenancy.legacy_writers_by_shop)."""

    application_name: str
    role_name: str
    shop_id: int | None
    writes: int
    last_at: datetime


@dataclass(frozen=True)
class DoubleWriter:
    """Who writes both sides in one transaction, with an example (tenancy.double_writers)."""

    application_name: str
    role_name: str
    kind: str
    writes: int
    last_at: datetime
    customer_id: int


@dataclass(frozen=True)
class LegacyReader:
    """Who names the legacy side, with the statement called most (tenancy.legacy_readers)."""

    role_name: str
    statements: int
    calls: int
    example: str
    counted_since: datetime


@dataclass
class Report:
    """All that was found.

    Args:
        phase: the newest phase that is deployed, as its tag ("@phase1"), "none" before the first,
            None when it is not known.
        ways: out of a half state; None in a whole one, and where they are not known.
        stands: the changes that stand; None before the first, and when they are not known.
        registry: what Sqitch has.
        running: who deploys or reverts right now, in words; None when nobody does.
        can_begin: nothing stands, and the legacy schema is there to begin with.
        checks: in the order in which they were made.
        drift_rows: rows of tenancy.drift by kind; None when they were not counted.
        shop_profiles: rows of tenancy.shop_check by class; None when they were not counted.
        backfill_state: "not started", "running", "paused", "not finished" or "finished"; None when
            it is not known.
        backfill_finished: every customer there was has profiles.
        customers_done: customers whose profiles the backfill wrote; None when not known.
        customers_estimated: customers there are, as the backfill estimates; None when not known.
        legacy_writers: of the last seven days, by shop.
        double_writers: as long as they are on record.
        legacy_readers: by role.
    """

    phase: str | None = None
    ways: Ways | None = None
    stands: Phase | None = None
    registry: Registry = field(default_factory=Registry)
    running: str | None = None
    can_begin: bool = False
    checks: list[Check] = field(default_factory=list)
    drift_rows: dict[str, int] | None = None
    shop_profiles: dict[str, int] | None = None
    backfill_state: str | None = None
    backfill_finished: bool = False
    customers_done: int | None = None
    customers_estimated: int | None = None
    legacy_writers: list[LegacyWriter] = field(default_factory=list)
    double_writers: list[DoubleWriter] = field(default_factory=list)
    legacy_readers: list[LegacyReader] = field(default_factory=list)

    def check(self, name: str) -> Check | None:
        """The check of that name; None when it was not made."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def status(self) -> Status:
        """The worst of all checks: critical, then unknown, then warning, then ok.

        Unknown is worse than a warning, for anything may hide behind it; what is known to be broken
        is worse still.
        """
        return max((check.status for check in self.checks), key=severity)
