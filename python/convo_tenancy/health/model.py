"""What the health check finds: checks with a status each, and the worst of them as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..backfill.control import Progress
from .phase import Phase, Registry
from .status import Status as Status
from .thresholds import Thresholds
from .ways import Ways

Value = str | int | float | None

TIME = "%Y-%m-%d %H:%M %Z"
"""How details show a moment."""


_SEVERITY = (Status.OK, Status.WARNING, Status.UNKNOWN, Status.CRITICAL)


def severity(status: Status) -> int:
    """Its place among ok, warning, unknown, critical.

    Unknown is worse than a warning, for anything may hide behind it; what is known to be broken is
    worse still.
    """
    return _SEVERITY.index(status)


def worst(statuses: Iterable[Status]) -> Status:
    """Critical, then unknown, then warning, then ok."""
    return max(statuses, key=severity)


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


def by_severity(checks: Iterable[Check]) -> list[Check]:
    """The worst first; else in their order."""
    return sorted(checks, key=lambda check: -severity(check.status))


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


@dataclass(frozen=True)
class LegacyWatch:
    """Since when the mirrors watch who writes (tenancy.watch), and when the quiet period is over.

    Args:
        gap: what was off meanwhile, so that it does not count; None without a gap.
        over_at: nobody wrote to the legacy side for so long, if nobody does any more; None after a
            gap, and where nobody watches, unless the period is 0.
    """

    since: datetime | None
    gap: str | None
    hours: int | None
    quiet_period: str
    over_at: datetime | None
    is_over: bool | None


@dataclass(frozen=True)
class Database:
    """Where all of it was read.

    Args:
        looked_at: by the server's clock.
        is_standby: it only replays what another server wrote.
        replayed_at: a standby has all that was committed until then; None elsewhere.
    """

    database_name: str
    role_name: str
    version: str
    version_number: int
    is_legacy: bool
    has_schema: bool
    is_deployed: bool
    looked_at: datetime
    is_standby: bool
    replayed_at: datetime | None


@dataclass(frozen=True)
class Session:
    """One that is in a transaction, or holds what others wait for.

    Args:
        state: as pg_stat_activity has it; None, as seconds, where this role may not see it.
        seconds: since its transaction began; None outside of one.
        holds_snapshot: vacuum keeps what it may still see.
        tables: of ours that it has locked.
    """

    pid: int
    role_name: str | None
    application_name: str
    state: str | None
    seconds: float | None
    holds_snapshot: bool
    tables: list[str]

    def __str__(self) -> str:
        return (
            f"pid {self.pid} (user {self.role_name or '?'},"
            f" application {self.application_name or '(none)'}, {self.state or 'state not known'})"
        )


@dataclass(frozen=True)
class PreparedTransaction:
    """A transaction of two phases that waits for its second (pg_prepared_xacts)."""

    gid: str
    role_name: str
    prepared_at: datetime
    seconds: float


@dataclass(frozen=True)
class LockWait:
    """A session of this database that waits for a lock.

    Args:
        mode: of the lock that it waits for, as pg_locks has it.
        is_row: it waits for a row, not for a whole table.
        table_name: what it waits for, or is at work on; None when that is not known.
        is_ours: that is a table of ours.
        blocked_by: the pids that it waits for, of which each may wait, too; 0 stands for a prepared
            transaction.
    """

    pid: int
    role_name: str | None
    application_name: str
    mode: str
    is_row: bool
    table_name: str | None
    is_ours: bool
    seconds: float
    blocked_by: list[int]

    @property
    def what(self) -> str:
        """It waits for, in words."""
        table = self.table_name or "something that is not known"
        return f"a row of {table}" if self.is_row else f"{self.mode} on {table}"


@dataclass(frozen=True)
class Replica:
    """Who follows this server, or a slot that keeps WAL for somebody.

    Args:
        kind: "standby", "slot", or "this server", which then is a standby itself.
        is_active: somebody streams from it now.
        lag_bytes: of WAL that it has not replayed, or that the slot keeps; None when not known.
        lag_seconds: it is behind by; None when not known.
    """

    name: str
    kind: str
    state: str | None
    is_active: bool
    lag_bytes: int | None
    lag_seconds: float | None


@dataclass(frozen=True)
class Archive:
    """What the contract put aside.

    Args:
        contracted_at: when; None when nobody knows.
        tables: their sizes in bytes; none after the purge.
        days: since then.
    """

    contracted_at: datetime | None
    tables: dict[str, int]
    days: float | None

    @property
    def size(self) -> int:
        """In bytes, of all tables."""
        return sum(self.tables.values())


@dataclass(frozen=True)
class Seen:
    """How much a check that goes by ranges of customers has seen.

    Args:
        share: of all ids, from 0 to 1, in the pass that is under way, or has ended now.
        first_id: where the pass began.
        last_id: up to where it is; None at its beginning.
        began_at: when it did.
        is_at_once: this run looked at all of them.
        whole_at: when the last whole pass ended; None when none did.
        whole_found: what raised alarms then.
    """

    share: float
    first_id: int
    last_id: int | None
    began_at: datetime
    is_at_once: bool
    whole_at: datetime | None
    whole_found: int | None


@dataclass
class Report:
    """All that was found. What was not looked at, or could not be seen, is None.

    Args:
        phase: the newest phase that is deployed, as its tag ("@phase1"), "none" before the first,
            None when it is not known.
        ways: out of a half state; None in a whole one, and where they are not known.
        checks: in the order in which they were made.
        thresholds: by which they were judged.
        database_name: that was to be looked at.
        database: None without a connection.
        stands: the changes of the plan, each with its state.
        registry: what Sqitch has of them.
        drift_rows: rows of tenancy.drift by kind.
        shop_profiles: rows of tenancy.shop_check by class.
        seen: by check how many of the customers these are.
        backfill: where it stands.
        legacy_writers: of the last seven days, by shop.
        double_writers: as long as they are on record.
        legacy_readers: by role.
        legacy_watch: since when writers are on record.
        isolation: "off", "on", "enforcing" or "relaxing".
        transactions: that others wait for, the longest first; at most a hundred.
        prepared_transactions: of this database, the oldest first.
        lock_waits: the longest first; at most a hundred.
        lock_holders: the sessions that these wait for.
        deadlocks: of this database since its statistics were reset.
        new_deadlocks: since the last look; None when there was none.
        last_look: when that was.
        replicas: standbys and slots.
        archive: None before phase 3.
        unsettled: checks that a script which ran meanwhile spoiled: the next look makes them.
        seconds: that all checks took.
        note: what went wrong besides, and spoils no check.
    """

    phase: str | None = None
    ways: Ways | None = None
    checks: list[Check] = field(default_factory=list)
    thresholds: Thresholds = field(default_factory=Thresholds)
    database_name: str = ""
    database: Database | None = None
    stands: Phase | None = None
    registry: Registry | None = None
    drift_rows: dict[str, int] | None = None
    shop_profiles: dict[str, int] | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    backfill: Progress | None = None
    legacy_writers: list[LegacyWriter] = field(default_factory=list)
    double_writers: list[DoubleWriter] = field(default_factory=list)
    legacy_readers: list[LegacyReader] = field(default_factory=list)
    legacy_watch: LegacyWatch | None = None
    isolation: str | None = None
    transactions: list[Session] | None = None
    prepared_transactions: list[PreparedTransaction] | None = None
    lock_waits: list[LockWait] | None = None
    lock_holders: list[Session] = field(default_factory=list)
    deadlocks: int | None = None
    new_deadlocks: int | None = None
    last_look: datetime | None = None
    replicas: list[Replica] | None = None
    archive: Archive | None = None
    unsettled: set[str] = field(default_factory=set)
    seconds: float | None = None
    note: str | None = None

    def check(self, name: str) -> Check | None:
        """The check of that name; None when it was not made."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def backfill_finished(self) -> bool:
        """Every customer there was has profiles."""
        return self.backfill is not None and self.backfill.finished_at is not None

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        return worst(check.status for check in self.checks)
