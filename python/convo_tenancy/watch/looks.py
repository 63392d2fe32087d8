"""What one look reads: short read-only transactions, each statement bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import errors

from ..backfill.control import workers
from ..database import (
    Connection,
    Holder,
    in_schema,
    is_lost,
    is_of_catalog,
    is_undefined,
    on_one_snapshot,
    one,
    one_line,
    rows,
    scalar,
    set_timeouts,
)
from ..health.checks import DENIED, examine
from ..health.drift import check_drift
from ..health.last_bookings import check_last_bookings
from ..health.memory import Memory
from ..health.model import Check, Report, Status
from ..health.phase import Phase
from ..health.ranges import Limit
from ..health.shops import check_shops
from ..health.stands import running
from ..queries import query

Found = TypeVar("Found")

_STATEMENT_SECONDS = 0.5  # that one statement may take
_CHECK_SECONDS = 5.0  # that one of a check may take
_ROUND_SECONDS = 30.0  # between two rounds of the checks that cost more
_BOOKINGS = 5_000  # that are counted by shop, or a few more
_HORIZON_SECONDS = 300.0  # after which it is asked anew which those are
_RETRY_SECONDS = 60.0  # after which what took too long is tried again
_CHEAP = {"phase", "backfill"}  # besides those that are made before and after the phase's
_PASS = Limit(seconds=0.05)  # of one look, at the next customers
# Read what the counter of legacy rows counts the scans of; neither is ever not ok.
_NEVER = {"legacy_writers", "legacy_watch"}


class _Kept(Memory):
    """Of this process alone: the next look goes on where this one stopped."""

    keeps = True

    def open(self, database: str) -> None:
        """There is nothing to read."""


def _drift(connection: Connection, phase: Phase, report: Report, memory: Memory) -> Check:
    return check_drift(connection, phase, report, memory, _PASS)


def _shops(connection: Connection, phase: Phase, report: Report, memory: Memory) -> Check:
    return check_shops(connection, phase, report, memory, _PASS)


def _last_bookings(connection: Connection, _: Phase, report: Report, memory: Memory) -> Check:
    return check_last_bookings(connection, report, memory, _PASS)


_PASSES = {"drift": _drift, "shops": _shops, "last_bookings": _last_bookings}
_TURNS = ("drift", "shops", "drift", "last_bookings")


@dataclass(frozen=True)
class Counters:
    """What the server has counted; None for what is not there.

    Args:
        counted: bookings, on either side; with what was rolled back.
        legacy_rows: rows that somebody wrote to the legacy side directly.
    """

    counted: int | None
    legacy_rows: int | None


@dataclass(frozen=True)
class Confirmed:
    """Bookings of a shop that are confirmed now, of those that a look counts."""

    shop_id: int
    shop_name: str | None
    confirmed: int


@dataclass(frozen=True)
class LegacyUse:
    """An application that wrote to the legacy side in the last five minutes."""

    application_name: str
    shop_id: int | None


@dataclass(frozen=True)
class Sessions:
    """Sessions by application; None stands for all that this role may not see."""

    name: str | None
    sessions: int
    in_transaction: int


@dataclass(frozen=True)
class _Horizon:
    until: str


@dataclass
class Look:
    """What was read at one moment. None for what was not asked this time, or could not be seen.

    Args:
        at: seconds of a clock that never goes back.
        time: by this machine's clock.
        report: of all checks, or of the cheap ones.
        without: checks that were left out; none in a complete look.
        is_other: other changes stand than at the last complete look: its outcomes are void.
        passes: what is known of all customers by the checks that go by ranges, of which each look
            takes one; None for one that cannot be made now.
        workers: the sessions that work on the backfill now.
        window: a number; what was confirmed is comparable among looks that have the same.
        until: bookings that begin later are not counted; None when all to come are.
        api_calls: of tenancy.confirm_booking and tenancy.record_booking.
        milliseconds: that the look took.
        notes: why what is missing is missing.
    """

    at: float
    time: datetime
    report: Report
    without: set[str]
    is_other: bool = False
    passes: dict[str, Check | None] = field(default_factory=dict)
    workers: list[Holder] = field(default_factory=list)
    counters: Counters | None = None
    confirmed: list[Confirmed] | None = None
    window: int = 0
    until: str | None = None
    legacy_use: list[LegacyUse] = field(default_factory=list)
    sessions: list[Sessions] = field(default_factory=list)
    api_calls: int | None = None
    milliseconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def _standing(report: Report) -> object:
    """What stands; equal in two looks between which no script has changed it."""
    phase = report.stands
    return report.phase, phase and phase.states


class Looker:
    """Looks again and again, and remembers what it need not ask each time.

    Args:
        connection: in autocommit mode, and its own.
        plan_folder: where sqitch.plan is; None when there is none at hand.
        every: seconds between two looks, of which what costs more is not in each.
    """

    def __init__(self, connection: Connection, plan_folder: Path | None, every: float) -> None:
        self._connection = connection
        self._shops_seconds = min(5.0, every * 2.5)
        self._api_seconds = min(10.0, every * 5)  # pg_stat_statements reads a file
        self._plan_folder = plan_folder
        connection.prepare_threshold = None  # a prepared plan fails once a table is altered
        self._due: dict[str, float] = {}
        self._notes: dict[str, str] = {}
        self._since = datetime.now(UTC) - timedelta(days=1)
        self._until: str | None = None
        self._window = 0
        self._dear: set[str] = set()
        self._standing: object = None  # at the last complete look
        self._memory = _Kept()
        self._turns = cycle(_TURNS)

    def look(self) -> Look:
        """One look.

        Raises:
            psycopg.Error: the connection broke, as a rule.
        """
        connection, at = self._connection, time.monotonic()
        is_complete = self._is_due("checks", _ROUND_SECONDS)
        report = None if is_complete else self._examine(self._dear)
        is_other = report is not None and _standing(report) != self._standing
        if report is None or (is_other and self._has_ended(report)):
            is_complete = True
            report = self._examine({*_NEVER, *_PASSES})
            self._dear = {check.name for check in report.checks} - _CHEAP
        if is_complete or is_other:
            is_known = is_complete and not report.unsettled
            self._standing = _standing(report) if is_known else None
        look = Look(at, datetime.now(UTC), report, set() if is_complete else self._dear)
        look.is_other = is_other
        set_timeouts(connection, f"{round(_STATEMENT_SECONDS * 1000)}", "200ms")
        with on_one_snapshot(connection):
            connection.execute(query("watch/by_index"))
            self._read(look)
            for name in _PASSES if is_other and is_complete else (next(self._turns),):
                if report.stands is not None:
                    self._pass(name, look, report.stands)
        look.notes = list(self._notes.values())
        look.milliseconds = (time.monotonic() - at) * 1000
        return look

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _read(self, look: Look) -> None:
        connection = self._connection
        look.sessions = self._part("sessions", self._sessions) or []
        if not look.report.database or not look.report.database.is_legacy:
            return
        look.counters = self._part("counts", lambda: one(connection, Counters, "watch/counters"))
        if (backfill := look.report.backfill) and not backfill.finished_at:
            look.workers = self._part("backfill", lambda: workers(connection)) or []
        if self._is_due("shops", self._shops_seconds):
            look.confirmed = self._part("bookings by shop", self._confirmed)
            look.window, look.until = self._window, self._until
        look.legacy_use = self._part("legacy writers", self._legacy_use) or []
        if self._is_due("api calls", self._api_seconds):
            look.api_calls = self._part("SQL API", self._api_calls)

    def _examine(self, without: set[str]) -> Report:
        return examine(self._connection, _CHECK_SECONDS, self._plan_folder, without=without)

    def _has_ended(self, report: Report) -> bool:
        """Nobody runs a script: each that does would wait for a complete look."""
        return running(self._connection, report.stands or Phase()) is None

    def _pass(self, name: str, look: Look, phase: Phase) -> None:
        """Look at the next customers, with one check."""
        make = _PASSES[name]
        check = self._part(name, lambda: make(self._connection, phase, look.report, self._memory))
        if check is None or check.status is not Status.UNKNOWN:
            look.passes[name] = check

    def _is_due(self, name: str, seconds: float) -> bool:
        """Whether it is time for this again; then it is due in so many seconds."""
        now = time.monotonic()
        if now < self._due.get(name, now):
            return False
        self._due[name] = now + seconds
        return True

    def _sessions(self) -> list[Sessions]:
        return rows(self._connection, Sessions, "watch/applications")

    def _confirmed(self) -> list[Confirmed]:
        if self._is_due("horizon", _HORIZON_SECONDS):
            since = datetime.now(UTC) - timedelta(days=1)
            found = rows(self._connection, _Horizon, "watch/horizon", since, _BOOKINGS)
            self._since, self._until = since, next((each.until for each in found), None)
            self._window += 1
        return rows(
            self._connection, Confirmed, "watch/confirmed", self._since, self._until or "infinity"
        )

    def _legacy_use(self) -> list[LegacyUse]:
        return rows(self._connection, LegacyUse, "watch/legacy_writers")

    def _api_calls(self) -> int | None:
        unseen = scalar(self._connection, "unseen_readers")
        if unseen is not None:
            self._notes["SQL API"] = f"calls of the SQL API are not counted: {unseen}"
            return None
        schema = scalar(self._connection, "watch/statements_schema")
        with in_schema(self._connection, str(schema)):
            calls = scalar(self._connection, "watch/api_calls")
        return int(str(calls))

    def _part(self, name: str, read: Callable[[], Found]) -> Found | None:
        """What is read in a subtransaction; None, and a note, when it cannot be."""
        if name in self._due and time.monotonic() < self._due[name]:
            return None
        self._notes.pop(name, None)
        try:
            with self._connection.transaction():
                return read()
        except psycopg.Error as error:
            if is_lost(error):
                raise
            if is_undefined(error) or is_of_catalog(error):  # not deployed yet, or not any more
                return None
            message = one_line(error)
            if isinstance(error, errors.InsufficientPrivilege):
                self._notes[name] = f"{name}: {message}: {DENIED}"
            elif isinstance(error, errors.QueryCanceled):
                self._due[name] = time.monotonic() + _RETRY_SECONDS
                self._notes[name] = f"{name}: took more than {_STATEMENT_SECONDS} s, asked again"
            elif not isinstance(error, errors.LockNotAvailable):
                self._notes[name] = f"{name}: {message}"
            return None
