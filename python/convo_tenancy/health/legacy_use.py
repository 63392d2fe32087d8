"""Who still uses the legacy side, and since when that is known."""

from __future__ import annotations

from psycopg import errors

from ..database import Connection, one_line, rows, scalar
from ..display import listed
from .model import (
    TIME,
    Check,
    DoubleWriter,
    LegacyReader,
    LegacyWatch,
    LegacyWriter,
    Report,
    Status,
    skipped,
)

_SHOWN = 5
_COUNTS_TWICE = (
    "a booking that is written to both sides counts twice: remove one of the writes, correct the"
    " counts (docs/phase-2.md#double-writers), then run DELETE FROM tenancy.double_writes"
)


def check_legacy_writers(connection: Connection, report: Report) -> Check:
    """Direct writes to the legacy side, as the mirrors noted them."""
    report.legacy_writers = rows(connection, LegacyWriter, "health/legacy_writers")
    return Check(
        "legacy_writers",
        Status.OK,
        len({_writer(writer) for writer in report.legacy_writers}),
        listed(
            [
                f"{_writer(writer)} for {_shop(writer)}:"
                f" {writer.writes:,} rows, last at {writer.last_at:{TIME}}"
                for writer in report.legacy_writers
            ],
            _SHOWN,
        )
        or "nobody wrote to the legacy side directly in the last seven days",
    )


def _writer(writer: LegacyWriter | DoubleWriter) -> str:
    return f"application {writer.application_name or '(none)'} as role {writer.role_name}"


def _shop(writer: LegacyWriter) -> str:
    return "no shop" if writer.shop_id is None else f"shop {writer.shop_id}"


def check_double_writers(connection: Connection, report: Report) -> Check:
    """What an application writes to both sides counts twice, and both sides agree on it."""
    name = "double_writers"
    report.double_writers = rows(connection, DoubleWriter, "health/double_writers")
    if not report.double_writers:
        return Check(name, Status.OK, 0, "nobody writes both sides in one transaction")
    seen = listed(
        [
            f"{_writer(writer)}: {writer.kind}, last at {writer.last_at:{TIME}} of customer"
            f" {writer.customer_id}"
            for writer in report.double_writers
        ],
        _SHOWN,
    )
    return Check(
        name,
        Status.CRITICAL,
        len(report.double_writers),
        f"{seen}: {_COUNTS_TWICE}",
    )


def check_legacy_watch(connection: Connection, report: Report) -> Check:
    """Since when the mirrors note who writes: the gate of phase 3 asks for a quiet period of it."""
    name, restart = "legacy_watch", "CALL tenancy.restart_watch() restarts it"
    watch = next(iter(rows(connection, LegacyWatch, "health/watch")), None)
    if watch is None:
        return skipped(name, "tenancy.settings is empty: see default_shop")
    report.legacy_watch = watch
    if watch.since is None:
        return Check(name, Status.OK, None, f"the mirrors do not watch who writes: {restart}")
    since = f"the mirrors watch who writes since {watch.since:{TIME}}"
    if watch.gap is not None:
        gap = f"with a gap: {watch.gap} was off, replaced, or restored from a dump"
        return Check(name, Status.OK, None, f"{since}, {gap}: {restart}")
    over = "is over" if watch.is_over or not watch.over_at else f"is over at {watch.over_at:{TIME}}"
    return Check(
        name,
        Status.OK,
        watch.hours,
        f"{since}; the quiet period of {watch.quiet_period} {over}",
    )


def check_legacy_readers(connection: Connection, report: Report) -> Check:
    """Statements that name the legacy side, as pg_stat_statements knows them."""
    name = "legacy_readers"
    try:
        with connection.transaction():
            unseen = scalar(connection, "unseen_readers")
            report.legacy_readers = rows(connection, LegacyReader, "health/legacy_readers")
    except errors.InsufficientPrivilege as error:
        return skipped(name, f"{one_line(error)}: GRANT it, or convo_health")
    if unseen and not report.legacy_readers:
        return skipped(name, str(unseen))
    seen = listed(
        [
            f"role {reader.role_name}: {reader.calls:,} calls of {reader.statements:,} statements"
            f" since {reader.counted_since:{TIME}}, mostly {reader.example}"
            for reader in report.legacy_readers
        ],
        _SHOWN,
    )
    return Check(
        name,
        Status.OK,
        sum(reader.statements for reader in report.legacy_readers),
        (seen or "no statement names the legacy side") + (f"; {unseen}" if unseen else ""),
    )
