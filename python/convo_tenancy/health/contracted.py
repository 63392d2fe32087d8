"""Phase 3: whether something of the legacy side came back, and what is put aside of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from psycopg import errors
from rich.filesize import decimal

from ..database import Connection, one, rows, scalar
from ..display import literal
from .model import TIME, Archive, Check, Report, Status, worst
from .phase import SWITCH, Contracted, Phase
from .stands import running_script

_ARCHIVED = ("customer_booking_stats", "customers")


@dataclass(frozen=True)
class _Table:
    kind: str
    owner_name: str


@dataclass(frozen=True)
class _Column:
    name: str


@dataclass(frozen=True)
class _Tracking:
    trigger_count: int


@dataclass(frozen=True)
class _Archived:
    name: str
    bytes: int


def check_stray_legacy_table(connection: Connection, phase: Phase) -> Check:
    """An old application that starts makes an empty table of its own, and writes to it."""
    name = "stray_legacy_table"
    tables = rows(connection, _Table, "health/legacy_table")
    columns = [column.name for column in rows(connection, _Column, "health/legacy_columns")]
    found = len(tables) + len(columns)
    wrong = [_table(connection, table) for table in tables]
    if columns and phase.state(SWITCH) != "reverting":
        wrong.append(_columns(columns))
    if wrong:
        return Check(name, Status.CRITICAL, found, "; ".join(wrong))
    if columns:
        return Check(
            name,
            Status.WARNING,
            found,
            f"{', '.join(columns)} on public.customers again, because a revert is half-way: see"
            " phase",
        )
    return Check(name, Status.OK, 0, "nothing of the legacy side came back")


def _table(connection: Connection, table: _Table) -> str:
    count = _row_count(connection)
    number = "an unknown number of" if count is None else f"{count:,}"
    seen = (
        f"{table.kind} public.customer_booking_stats is there again, of role {table.owner_name},"
        f" with {number} rows"
    )
    drop = f"DROP {table.kind.upper()} public.customer_booking_stats"
    if table.kind != "table":
        return f"{seen}: a revert of the contract needs the name: run {drop}"
    stop = f"{seen}: stop the old application that made it, then"
    if count == 0:
        return f"{stop} run {drop}"
    return f"{stop} copy what the profiles lack, and move the table away (docs/phase-3.md)"


def _row_count(connection: Connection) -> object:
    """None when it cannot be told: that the table is there is worse."""
    try:
        with connection.transaction():
            return scalar(connection, "health/legacy_table_rows")
    except (errors.InsufficientPrivilege, errors.QueryCanceled, errors.LockNotAvailable):
        return None


def _columns(columns: list[str]) -> str:
    dropped = ", ".join(f"DROP COLUMN {column}" for column in columns)
    return (
        f"{', '.join(columns)} on public.customers again: stop the old application that added them,"
        f" read their values, then run ALTER TABLE public.customers {dropped}"
    )


def check_tracking(connection: Connection, phase: Phase) -> Check:
    """What a contract that was refused leaves: it costs every write something."""
    name = "tracking"
    count = one(connection, _Tracking, "health/tracking").trigger_count
    if count == 0:
        return Check(name, Status.OK, 0, "no trigger records changed customers")
    if running_script(connection, phase):
        running = "the contract or its revert records changed customers"
        return Check(name, Status.OK, count, running)
    if phase.state(SWITCH) not in ("absent", "standing"):
        half = f"{count} triggers record changed customers: see phase"
        return Check(name, Status.WARNING, count, half)
    return Check(
        name,
        Status.WARNING,
        count,
        f"{count} triggers of a refused contract still record changed customers: run it again, or"
        ' run psql -X "$DATABASE_URL" -c "CALL tenancy.give_up_contract()"',
    )


def check_archive(connection: Connection, report: Report) -> Check:
    """What the contract put aside, for the way back."""
    name = "archive"
    tables = {each.name: each.bytes for each in rows(connection, _Archived, "health/archive")}
    archive = Archive(None, tables, None)
    missing = [f"tenancy_archive.{table}" for table in _ARCHIVED if table not in tables]
    is_purged = False
    for contracted in rows(connection, Contracted, "health/contracted"):
        is_purged = contracted.purged_at is not None
        archive = Archive(contracted.contracted_at, tables, _days(contracted, report))
    report.archive, size = archive, archive.size
    if archive.contracted_at is None:
        detail = (
            "tenancy.contracted is empty: restore its row from a backup, or enter it again"
            " (docs/runbook.md#archive)"
        )
        return Check(name, Status.CRITICAL, size, detail)
    since = f"contracted at {archive.contracted_at:{TIME}}"
    if is_purged:
        purged = f"{since}, purged: a revert makes the legacy side from the profiles"
        return Check(name, Status.OK, size, purged)
    if missing:
        return Check(
            name,
            Status.WARNING,
            size,
            f"{since}, but the archive lacks {' and '.join(missing)}: restore it, or purge the"
            " archive with tenancy.purge_archive(); without it, a revert makes the legacy side from"
            " the profiles",
        )
    aside = f"{since}, {decimal(size)} put aside for the way back"
    status = worst(
        [
            report.thresholds.judge("archive", "bytes", size),
            report.thresholds.judge("archive", "days", archive.days),
        ]
    )
    if status is Status.OK:
        return Check(name, status, size, aside)
    return Check(
        name,
        status,
        size,
        f"{aside}: once you no longer need it, run SELECT tenancy.purge_archive({_name(report)})"
        " (docs/phase-3.md#purge)",
    )


def _name(report: Report) -> str:
    return literal(report.database.database_name) if report.database else "'...'"


def _days(contracted: Contracted, report: Report) -> float | None:
    if report.database is None:
        return None
    return (report.database.looked_at - contracted.contracted_at) / timedelta(days=1)
