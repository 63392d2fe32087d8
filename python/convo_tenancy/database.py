"""Connections to the database, and its errors as one line that says what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

import psycopg
import typer
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, class_row, scalar_row

from .errors import Problem
from .queries import query

Connection = psycopg.Connection[TupleRow]
Row = TypeVar("Row")

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database: postgresql://user@host:5432/database. No password here, where everybody"
        " sees it in the process list. [default: $DATABASE_URL]",
        show_default=False,
    ),
]

# A server that vanished without a word is noticed within a minute. The URL may say otherwise.
_DEFAULTS: dict[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def connect(url: str | None, application_name: str) -> Connection:
    """Connect in autocommit mode, to a session that no role or database has set up otherwise.

    Args:
        url: a libpq URI; None or empty stands for the environment variable DATABASE_URL.
        application_name: what pg_stat_activity shows for the session.

    Raises:
        Problem: no URL, not a URI, or nothing answers there. No password is shown.
    """
    url = url or os.environ.get("DATABASE_URL")
    if not url:
        raise Problem(
            "which database? Set DATABASE_URL or pass --database-url postgresql://user@host:5432/database"
        )
    try:
        if not url.startswith(("postgresql://", "postgres://")):
            raise psycopg.ProgrammingError
        parameters = {**_DEFAULTS, **conninfo_to_dict(url)}
        # A port of letters is a password with a / in it, as a rule.
        if not all(port.isdecimal() for port in str(parameters.get("port") or 0).split(",")):
            raise psycopg.ProgrammingError
    except psycopg.ProgrammingError:
        # What libpq says would show the whole URL, password and all.
        raise Problem(
            "DATABASE_URL (or --database-url) is not a URI like"
            " postgresql://user@host:5432/database; in a password write @ as %40, / as %2F"
        ) from None
    parameters["application_name"] = application_name
    try:
        connection = psycopg.connect(
            **parameters,  # type: ignore[arg-type]
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
        )
        connection.execute(query("session"))
        return connection
    except psycopg.Error as error:
        raise Problem(
            f"cannot connect: {one_line(error)} (check DATABASE_URL or --database-url)"
        ) from None


def set_timeouts(connection: Connection, statement: str, lock: str) -> None:
    """What a statement may take from now on, and how long it may wait for a lock; "0": for ever."""
    connection.execute(query("timeouts"), (statement, lock))


@contextmanager
def on_one_snapshot(connection: Connection) -> Iterator[None]:
    """One REPEATABLE READ, READ ONLY transaction: the block sees one moment, and only reads."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.autocommit = False
    with connection.transaction():
        yield


@contextmanager
def in_schema(connection: Connection, name: str) -> Iterator[None]:
    """Queries inside the block find the tables of this schema without its name; they only read."""
    with connection.transaction(force_rollback=True):
        connection.execute(query("search_path"), (name,))
        yield


@dataclass(frozen=True)
class Holder:
    """A session that holds an advisory lock."""

    pid: int
    role_name: str | None
    application_name: str | None

    def __str__(self) -> str:
        return (
            f"pid {self.pid}, user {self.role_name or '?'},"
            f" application {self.application_name or '(none)'}"
        )


def holder(connection: Connection, key: int | None, pid: int | None) -> Holder | None:
    """The session that holds the advisory lock with this key in this database now.

    Args:
        pid: of the session that entered the key in a table of ours; None if any session will do.
    """
    return next(iter(rows(connection, Holder, "holder", key, pid)), None)


@dataclass(frozen=True)
class _Deployed:
    database_name: str
    is_legacy: bool
    is_deployed: bool


def require_deployed(connection: Connection, routine: str, what: str, target: str) -> None:
    """Check that a routine of ours is in this database.

    Args:
        connection: in autocommit mode.
        routine: with the types of its arguments.
        what: the routine belongs to, for people.
        target: for sqitch deploy --to.

    Raises:
        Problem: it is no legacy database, or the routine is not deployed.
    """
    found = one(connection, _Deployed, "deployed", routine)
    if not found.is_deployed and not found.is_legacy:
        raise Problem(
            f'database "{found.database_name}" does not have the legacy schema'
            " (no table public.customers): check DATABASE_URL or --database-url"
        )
    if not found.is_deployed:
        raise Problem(
            f'{what} is not deployed in database "{found.database_name}":'
            f" run sqitch deploy --to {target} first"
        )


def require_triggers(connection: Connection) -> None:
    """Check that what this session writes fires triggers.

    Raises:
        Problem: session_replication_role, which only a superuser may change, is not origin.
    """
    role = scalar(connection, "replication_role")
    if role != "origin":
        raise Problem(
            f"session_replication_role is {role}, so triggers and foreign keys would not work:"
            " ALTER ROLE or ALTER DATABASE ... RESET session_replication_role"
        )


def has_legacy_side(connection: Connection) -> bool:
    """Whether the legacy side is there: the contract (phase 3) takes it away."""
    return scalar(connection, "has_legacy_side") is True


def require_legacy_side(connection: Connection, purpose: str) -> None:
    """Check that the contract has not taken the legacy side away.

    Args:
        connection: in autocommit mode.
        purpose: what it is needed for, for people: "to repair".

    Raises:
        Problem: it has.
    """
    if not has_legacy_side(connection):
        raise Problem(
            f"phase 3 is deployed: there is no legacy side {purpose}; look at what is there with"
            " convo-tenancy health, or go back with sqitch revert --to @phase2"
        )


def rows(connection: Connection, kind: type[Row], name: str, *parameters: object) -> list[Row]:
    """All rows of the query sql/NAME.sql, as dataclasses of this kind."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query(name), parameters).fetchall()


def one(connection: Connection, kind: type[Row], name: str, *parameters: object) -> Row:
    """The row of a query that always has one.

    Raises:
        Problem: it has none.
    """
    for row in rows(connection, kind, name, *parameters):
        return row
    raise Problem(f"{name}: no row, where there is always one: run sqitch verify")


def scalar(connection: Connection, name: str, *parameters: object) -> object:
    """The one value of the query sql/NAME.sql."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query(name), parameters).fetchone()


def scalars(connection: Connection, name: str, *parameters: object) -> list[int]:
    """The one column, of integers, of the query sql/NAME.sql."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query(name), parameters).fetchall()


def one_line(error: psycopg.Error) -> str:
    """What the server or libpq said, on one line."""
    return " ".join((error.diag.message_primary or str(error)).split())


def is_lost(error: psycopg.Error) -> bool:
    """Whether the error says that the connection is gone: the server stopped, or the network."""
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state.startswith(("08", "57P"))
    )


def is_undefined(error: psycopg.Error) -> bool:
    """Whether the error says that something of ours is not in this database."""
    return isinstance(
        error,
        errors.UndefinedTable
        | errors.UndefinedFunction
        | errors.UndefinedColumn
        | errors.InvalidSchemaName,
    )


@contextmanager
def problems(
    *, denied: str = "", undefined: str = "", lost: str = "run it again"
) -> Iterator[None]:
    """Turn every error of the database inside the block into a Problem.

    Args:
        denied: what to do when the role lacks a right.
        undefined: what to do when a table or function is missing.
        lost: what to do when the connection breaks.

    Raises:
        Problem: in place of any psycopg.Error.
    """
    try:
        yield
    except psycopg.Error as error:
        message = one_line(error)
        if is_lost(error):
            message = f"the connection to the server was lost ({message}): {lost}"
        elif isinstance(error, errors.InsufficientPrivilege):
            message = f"{message}: {denied}"
        elif is_undefined(error):
            message = f"{message}: {undefined}"
        elif isinstance(error, errors.QueryCanceled):
            message = f"somebody cancelled the statement ({message}): {lost}"
        elif isinstance(error, errors.LockNotAvailable):
            message = f"somebody holds a lock for too long ({message}): {lost}"
        else:
            message = f"the database refused: {message}"
        raise Problem(message) from None
