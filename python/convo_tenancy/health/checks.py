"""The checks, on one snapshot of the database that is only read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import psycopg
from psycopg import errors

from ..backfill.control import Progress, workers
from ..database import (
    Connection,
    has_legacy_side,
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
from ..preflight.preconditions import check_preconditions
from .blockers import (
    check_deadlocks,
    check_lock_waits,
    check_long_transactions,
    check_prepared_transactions,
)
from .contracted import check_archive, check_stray_legacy_table, check_tracking
from .drift import check_drift
from .isolation import check_isolation
from .last_bookings import check_last_bookings
from .legacy_use import (
    check_double_writers,
    check_legacy_readers,
    check_legacy_watch,
    check_legacy_writers,
)
from .memory import Memory
from .mirrors import check_other_triggers, check_replication_role, check_subscriptions
from .model import TIME, Check, Database, Report, Status, skipped
from .parts import KINDS, check_parts, read_parts
from .phase import SCHEMA, Phase, read_phase, read_registry
from .plan import check_plan
from .ranges import CUSTOMERS, Limit
from .replicas import check_replicas
from .shops import check_shops
from .stands import check_phase, running, running_sqitch, said
from .thresholds import Thresholds
from .ways import ways_without_schema

TRACKING = "contract/tracking"
OLDEST_SERVER = 150_000

DENIED_TO_MONITOR = (
    "run it as the owner of the legacy tables, or GRANT convo_health, pg_read_all_stats to the role"
)
DENIED = "run it as the owner of the legacy tables, or GRANT pg_read_all_data to the role"

# Checks that compare with the legacy side, or look at who uses it and at what keeps it right.
_OF_LEGACY_SIDE = {
    "backfill",
    "drift",
    "other_triggers",
    "subscriptions",
    "double_writers",
    "legacy_writers",
    "legacy_watch",
    "legacy_readers",
}
_OF_PHASE_2 = {
    "other_triggers",
    "replication_role",
    "subscriptions",
    "double_writers",
    "legacy_writers",
    "legacy_watch",
    "legacy_readers",
    "isolation",
    "stray_legacy_table",
    "archive",
}

# Where scripts change what stands meanwhile, these have found nothing; all others look at who is
# there.
_OF_WHAT_STANDS = {
    "default_shop",
    "backfill",
    "drift",
    *KINDS,
    *(_OF_PHASE_2 - {"legacy_writers", "double_writers", "legacy_readers"}),
    "tracking",
}

_NOT_YET = "not deployed yet"
_RUN_BACKFILL = "run convo-tenancy backfill, or sqitch deploy --to @phase1"


@dataclass(frozen=True)
class _DefaultShop:
    default_shop_id: int
    is_there: bool


DAY = 86_400

# Those that look at every customer, each with its share of what time is left at its turn.
_BY_RANGES = {"drift": 0.5, "shops": 0.8, "last_bookings": 1.0}

# What they see when nobody says how long they may take: all together, at a million customers, no
# more than a query for the totals of both sides reads.
_BY_DEFAULT = {
    "drift": Limit(seconds=0.05, is_strict=False, customers=75_000),
    "shops": Limit(seconds=0.1, is_strict=False, customers=CUSTOMERS),
    "last_bookings": Limit(seconds=0.05, is_strict=False, customers=75_000),
}


class _Clock:
    """What one statement may take, and all of them.

    Args:
        timeout_seconds: one.
        max_seconds: all; None where nobody says so, above a day for as long as they take.
    """

    def __init__(self, timeout_seconds: float, max_seconds: float | None) -> None:
        self.began = time.monotonic()
        self.is_endless = max_seconds is not None and max_seconds > DAY
        self.is_limited = max_seconds is not None and not self.is_endless
        self._timeout = timeout_seconds
        # The end of the transaction and the last answer take some of it.
        self._end = self.began + max_seconds * 0.9 if max_seconds is not None else None

    def left(self) -> float:
        """Seconds that are left for all."""
        return math.inf if self._end is None else max(self._end - time.monotonic(), 0.0)

    def set(self, connection: Connection) -> None:
        """What the next statement may take."""
        seconds = min(self._timeout, self.left())
        set_timeouts(connection, str(max(round(seconds * 1000), 1)), "500ms")


def examine(
    connection: Connection,
    timeout_seconds: float,
    plan_folder: Path | None,
    thresholds: Thresholds | None = None,
    memory: Memory | None = None,
    max_seconds: float | None = None,
    without: Collection[str] = (),
) -> Report:
    """Make every check.

    One REPEATABLE READ, READ ONLY transaction: all checks see the same moment, and no lock is taken
    above ACCESS SHARE.

    Args:
        connection: in autocommit mode.
        timeout_seconds: what one statement may take; a check that takes longer is unknown.
        plan_folder: where sqitch.plan is; None when there is none at hand.
        thresholds: by which they are judged; None for the defaults.
        memory: what the last look left; this one is in it then, for the caller to save. None for
            a look that is not the next one's last look.
        max_seconds: what all checks may take. Those that look at every customer then see as many
            as there is time for, and the next run goes on from there. None for as many as a run
            sees that is made every minute; above a day for all of them, as without a memory.
        without: checks to skip, by name.

    Raises:
        psycopg.OperationalError: the connection broke.
    """
    clock = _Clock(timeout_seconds, max_seconds)
    set_timeouts(connection, str(max(round(timeout_seconds * 1000), 1)), "500ms")
    report = Report(thresholds=thresholds or Thresholds())
    is_kept = memory is not None
    memory = memory or Memory()
    with on_one_snapshot(connection):
        _examine(connection, report, plan_folder, memory, clock, is_kept, without)
    _settle(connection, report)
    report.seconds = time.monotonic() - clock.began
    return report


def _examine(
    connection: Connection,
    report: Report,
    plan_folder: Path | None,
    memory: Memory,
    clock: _Clock,
    is_kept: bool,
    without: Collection[str],
) -> None:
    database = one(connection, Database, "health/database")
    report.database, report.database_name = database, database.database_name
    report.checks += [
        _connection(database),
        check_version(database.version, database.version_number),
    ]
    _open(connection, memory)
    if database.is_deployed:
        _examine_deployed(
            connection, report, plan_folder, memory, clock, is_kept and memory.keeps, without
        )
        return
    report.phase = "none"
    report.checks.append(_not_deployed(connection, database, report))
    if database.is_legacy:
        _examine_surroundings(connection, report, Phase(), memory, clock)


def _settle(connection: Connection, report: Report) -> None:
    """What a script took away or made under the snapshot is no finding: the next look tells.

    Names are looked up in the catalog as it is now, rows are those of the snapshot.
    """
    found = report.unsettled | {
        check.name
        for check in report.checks
        if check.status is Status.CRITICAL and check.name in _OF_WHAT_STANDS
    }
    if not found:
        return
    try:
        with on_one_snapshot(connection):
            now, runs = _standing_now(connection)
    except psycopg.Error as error:
        if is_lost(error):
            raise
        report.unsettled = set()
        return
    if now.states == (report.stands or Phase()).states:
        found = report.unsettled if runs else set()
    report.unsettled = found
    why = runs or "what stands has changed meanwhile: run it again"
    report.checks = [
        skipped(check.name, why) if check.name in found else check for check in report.checks
    ]


def _standing_now(connection: Connection) -> tuple[Phase, str | None]:
    """What stands, and who runs a script."""
    try:
        with connection.transaction():
            phase = read_phase(connection)
    except psycopg.Error as error:
        if not is_undefined(error):
            raise
        phase = Phase()
    return phase, running(connection, phase)


def _connection(database: Database) -> Check:
    where = f'connected to database "{database.database_name}" as {database.role_name}'
    if database.is_standby:
        replayed = database.replayed_at
        as_of = f", as of {replayed:{TIME}}" if replayed else ""
        where += f", on a standby: what follows is what it has replayed{as_of}"
    return Check("connection", Status.OK, database.database_name, where)


def _open(connection: Connection, memory: Memory) -> None:
    """Without the right to know which server this is, nothing is remembered."""
    try:
        with connection.transaction():
            memory.open(str(scalar(connection, "health/identity")))
    except psycopg.Error as error:
        if is_lost(error):
            raise


def check_version(version: str, number: int) -> Check:
    """PostgreSQL 15 is the oldest that the plan works on.

    Args:
        version: as the server names it.
        number: server_version_num.
    """
    short = version.split()[0]
    if number < OLDEST_SERVER:
        return Check(
            "server_version", Status.CRITICAL, short, "too old: upgrade to PostgreSQL 15 or later"
        )
    return Check("server_version", Status.OK, short, f"PostgreSQL {version}")


def _not_deployed(connection: Connection, database: Database, report: Report) -> Check:
    detail = f'not deployed in database "{database.database_name}": run sqitch deploy --to @phase1'
    if read_registry(connection, is_deployed=False).has(SCHEMA):
        report.ways = ways_without_schema()
        detail = (
            f'nothing stands in database "{database.database_name}", and Sqitch\'s registry has'
            f" {SCHEMA}: {said(report.ways)}"
        )
    elif database.has_schema:
        detail = (
            f'schema tenancy in database "{database.database_name}" is not of this plan: use the'
            " checkout that it was deployed from"
        )
    elif not database.is_legacy:
        detail = (
            f'database "{database.database_name}" does not have the legacy schema'
            " (no table public.customers): check DATABASE_URL or --database-url"
        )
    return Check("phase", Status.UNKNOWN, "none", detail)


def _examine_surroundings(
    connection: Connection, report: Report, phase: Phase, memory: Memory, clock: _Clock
) -> None:
    """Who is in the way of the scripts, in any phase and before the first."""

    def make(name: str, check: Callable[[], Check]) -> None:
        report.checks.append(_guarded(connection, name, phase, report, check, clock))

    make("long_transactions", lambda: check_long_transactions(connection, report))
    make("prepared_transactions", lambda: check_prepared_transactions(connection, report))
    make("lock_waits", lambda: check_lock_waits(connection, report))
    make("deadlocks", lambda: check_deadlocks(connection, report, memory))
    make("replicas", lambda: check_replicas(connection, report))


def _examine_deployed(
    connection: Connection,
    report: Report,
    plan_folder: Path | None,
    memory: Memory,
    clock: _Clock,
    is_kept: bool,
    without: Collection[str],
) -> None:
    phase = Phase(has_legacy_side=has_legacy_side(connection))
    registry = read_registry(connection, is_deployed=True)
    report.registry = registry
    by_ranges: list[tuple[int, str, Callable[[], Check]]] = []

    def stands() -> Check:
        nonlocal phase
        report.stands = phase = read_phase(connection)
        check, report.ways = check_phase(connection, phase, registry)
        return check

    def make(name: str, check: Callable[[], Check]) -> None:
        if name in without:
            report.checks.append(skipped(name, "not asked: run convo-tenancy health"))
        elif name in _OF_LEGACY_SIDE and not phase.has_legacy_side:
            report.checks.append(skipped(name, "the legacy side is gone (phase 3)"))
        elif name in _OF_PHASE_2 and phase.number is None:
            report.checks.append(skipped(name, "the deployed phase is not known"))
        elif name in _OF_PHASE_2 and phase.has_legacy_side and phase.number in (0, 1):
            report.checks.append(skipped(name, "checked once @phase2 is deployed"))
        elif clock.is_limited and name in _BY_RANGES:
            by_ranges.append((len(report.checks), name, check))
            report.checks.append(skipped(name, "last of all"))
        else:
            report.checks.append(_guarded(connection, name, phase, report, check, clock))

    def limit(name: str) -> Limit | None:
        if clock.is_limited:
            return Limit(clock.left() * _BY_RANGES[name])
        return _BY_DEFAULT[name] if is_kept and not clock.is_endless else None

    make("phase", stands)
    report.phase = phase.tag
    report.checks.append(check_plan(registry.changes, plan_folder))
    make("preconditions", lambda: check_preconditions(connection))
    make("default_shop", lambda: _default_shop(connection, phase))
    make("backfill", lambda: _backfill(connection, phase, report))
    make("drift", lambda: check_drift(connection, phase, report, memory, limit("drift")))
    make("shops", lambda: check_shops(connection, phase, report, memory, limit("shops")))
    make(
        "last_bookings",
        lambda: check_last_bookings(connection, report, memory, limit("last_bookings")),
    )
    parts = cache(partial(read_parts, connection))
    for name in KINDS:
        make(name, partial(check_parts, name, parts, phase))
    make("other_triggers", lambda: check_other_triggers(connection))
    make("replication_role", lambda: check_replication_role(connection, phase))
    make("subscriptions", lambda: check_subscriptions(connection))
    make("double_writers", lambda: check_double_writers(connection, report))
    make("legacy_writers", lambda: check_legacy_writers(connection, report))
    make("legacy_watch", lambda: check_legacy_watch(connection, report))
    make("legacy_readers", lambda: check_legacy_readers(connection, report))
    make("isolation", lambda: check_isolation(connection, report))
    if phase.state(TRACKING) == "standing":
        make("tracking", lambda: check_tracking(connection, phase))
    if not phase.has_legacy_side:
        make("stray_legacy_table", lambda: check_stray_legacy_table(connection, phase))
        make("archive", lambda: check_archive(connection, report))
    _examine_surroundings(connection, report, phase, memory, clock)
    for place, name, check in by_ranges:
        report.checks[place] = _guarded(connection, name, phase, report, check, clock)


def _guarded(
    connection: Connection,
    name: str,
    phase: Phase,
    report: Report,
    check: Callable[[], Check],
    clock: _Clock,
) -> Check:
    """The check in a subtransaction: one that fails leaves the others the same snapshot."""
    try:
        with connection.transaction():
            if clock.is_limited and name in _BY_RANGES:
                clock.set(connection)
            return check()
    except psycopg.Error as error:
        message = one_line(error)
        if is_lost(error):
            raise
        if isinstance(error, errors.InsufficientPrivilege):
            denied = DENIED_TO_MONITOR if (phase.number or 0) >= 2 else DENIED
            return Check(name, Status.UNKNOWN, None, f"{message}: {denied}")
        if isinstance(error, errors.QueryCanceled):
            option = "--max-seconds" if clock.is_limited and name in _BY_RANGES else "--timeout"
            return Check(name, Status.UNKNOWN, None, f"{message}: raise {option}")
        if isinstance(error, errors.LockNotAvailable):
            return Check(name, Status.UNKNOWN, None, f"{message}: a table is locked, run it again")
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            unreadable = f"the database has a value that Python cannot read: {message}: correct it"
            return Check(name, Status.UNKNOWN, None, unreadable)
        if is_undefined(error) and not phase.is_complete:
            return skipped(name, _NOT_YET)
        if is_undefined(error) or is_of_catalog(error):
            report.unsettled.add(name)  # unless nobody runs a script
        if is_undefined(error):
            return Check(name, Status.UNKNOWN, None, f"{message}: run sqitch verify")
        return Check(name, Status.UNKNOWN, None, message)


def _default_shop(connection: Connection, phase: Phase) -> Check:
    for shop in rows(connection, _DefaultShop, "health/default_shop"):
        if shop.is_there:
            return Check(
                "default_shop",
                Status.OK,
                shop.default_shop_id,
                "gets every count that no booking ties to a shop",
            )
        return Check(
            "default_shop",
            Status.CRITICAL,
            shop.default_shop_id,
            f"shop {shop.default_shop_id} is not in public.shops: create it again, or correct"
            " tenancy.settings.default_shop_id",
        )
    if not phase.is_complete:
        return skipped("default_shop", _NOT_YET)
    return Check(
        "default_shop",
        Status.CRITICAL,
        None,
        "tenancy.settings is empty: run INSERT INTO tenancy.settings (default_shop_id) VALUES (1),"
        " with the id of the shop that gets every count that no booking ties to a shop",
    )


def _backfill(connection: Connection, phase: Phase, report: Report) -> Check:
    for stand in rows(connection, Progress, "backfill/progress"):
        report.backfill = stand
        written = f"{stand.customers_done:,} customers, {stand.profiles_written:,} profiles"
        if stand.finished_at is not None:
            return Check("backfill", Status.OK, stand.percent, f"finished: {written}")
        if stand.paused:
            state, remedy = "paused", "run convo-tenancy backfill resume"
        elif workers(connection):
            state, remedy = "running", "wait for it"
        else:
            state = "not started" if stand.started_at is None else "not finished"
            remedy = running_sqitch(connection) or _RUN_BACKFILL
        return Check(
            "backfill",
            Status.WARNING,
            stand.percent,
            f"{state} at {stand.percent} % ({written}): {remedy}",
        )
    if not phase.is_complete:
        return skipped("backfill", _NOT_YET)
    return Check(
        "backfill",
        Status.CRITICAL,
        None,
        "tenancy.backfill_progress is empty: run INSERT INTO tenancy.backfill_progress DEFAULT"
        " VALUES, then convo-tenancy backfill",
    )
