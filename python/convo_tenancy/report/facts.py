"""What the report shows besides the checks: read on the same snapshot, each part by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

import psycopg
from psycopg import errors
from psycopg.sql import Identifier

from ..database import Connection, in_schema, is_lost, is_undefined, one_line, rows
from ..health.checks import DENIED
from ..health.model import Report
from ..health.phase import Registry

T = TypeVar("T")


@dataclass(frozen=True)
class PhaseStands:
    """How much of a phase stands (tenancy.changes)."""

    tag: str
    changes: int
    standing: int
    half_way: str | None
    begun_at: datetime | None
    complete_since: datetime | None


@dataclass(frozen=True)
class Move:
    """Changes that Sqitch deployed, took back or failed at, one after the other.

    Args:
        event: "deploy", "revert" or "fail".
        tags: of the last change that was deployed, or the first that was taken back.
    """

    event: str
    tags: str
    changes: int
    last_change: str
    begun_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class Shop:
    """What the profiles of a shop hold."""

    shop_id: int
    profiles: int
    bookings: int
    newest_booking_at: datetime | None


@dataclass(frozen=True)
class ShopName:
    """What a shop is called."""

    shop_id: int
    name: str | None


@dataclass(frozen=True)
class ShopClass:
    """Profiles of one class in one shop (tenancy.shop_check)."""

    shop_id: int
    name: str
    profiles: int


@dataclass(frozen=True)
class LegacyDay:
    """On a day, spans of five minutes with a direct write to the legacy side, for a shop."""

    shop_id: int | None
    day: date
    spans: int


@dataclass(frozen=True)
class Found(Generic[T]):
    """Rows, or why there are none to see.

    Args:
        rows: in the order of the query.
        missing: the reason, and what helps; None when the rows were read.
    """

    rows: list[T]
    missing: str | None = None


@dataclass(frozen=True)
class Facts:
    """All of it; days are those of UTC."""

    phases: Found[PhaseStands]
    history: Found[Move]
    shops: Found[Shop]
    names: Found[ShopName]
    classes: Found[ShopClass]
    legacy_days: Found[LegacyDay]


def read_facts(connection: Connection, report: Report) -> Facts:
    """Read all of it.

    Args:
        connection: in the transaction of the checks.
        report: what these found.

    Raises:
        psycopg.OperationalError: the connection broke.
    """

    def read(kind: type[T], name: str, comes_with: str) -> Found[T]:
        return _guarded(
            connection,
            lambda: rows(connection, kind, name),
            undefined=f"not there yet: it comes with {comes_with}",
            denied=DENIED,
        )

    return Facts(
        phases=read(PhaseStands, "report/phases", "@phase1"),
        history=_history(connection, report),
        shops=read(Shop, "report/shops", "@phase1"),
        names=read(ShopName, "report/shop_names", "the legacy schema"),
        classes=read(ShopClass, "report/shop_classes", "@phase1"),
        legacy_days=read(LegacyDay, "report/legacy_days", "@phase2"),
    )


def _history(connection: Connection, report: Report) -> Found[Move]:
    """Oldest first."""
    schema = (report.registry or Registry()).schema

    def read() -> list[Move]:
        with in_schema(connection, schema):
            return rows(connection, Move, "report/history")[::-1]

    role = Identifier(report.database.role_name if report.database else "").as_string(connection)
    table = Identifier(schema, "events").as_string(connection)
    return _guarded(
        connection,
        read,
        undefined=f"Sqitch's registry (schema {schema}) is missing",
        denied=f"GRANT SELECT ON {table} TO {role}",
    )


def _guarded(
    connection: Connection, read: Callable[[], list[T]], undefined: str, denied: str
) -> Found[T]:
    """What one query finds, in a subtransaction: one that fails leaves the others the snapshot."""
    try:
        with connection.transaction():
            return Found(read())
    except psycopg.Error as error:
        message = one_line(error)
        if is_lost(error):
            raise
        if is_undefined(error):
            return Found([], undefined)
        if isinstance(error, errors.InsufficientPrivilege):
            return Found([], f"{message}: {denied}")
        if isinstance(error, errors.QueryCanceled):
            return Found([], f"{message}: raise --timeout")
        if isinstance(error, errors.LockNotAvailable):
            return Found([], f"{message}: a table is locked, run it again")
        return Found([], message)
