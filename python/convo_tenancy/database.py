"""Connections to the database, and its errors as one line that says what to do next."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, class_row, scalar_row

from .conninfo import NOT_A_URI, libpq_uri
from .errors import Problem
from .pooler import shares_sessions
from .queries import name_of, query
from .signals import Stopped
from .verbosity import tell

Connection = psycopg.Connection[TupleRow]
Row = TypeVar("Row")

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database: postgresql://user@host:5432/database. Put no password here: the process"
        " list shows it. [default: $DATABASE_URL, else the PG... variables]",
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

_NAMES_A_DATABASE = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGDATABASE")
_TEXTS = (
    "text",
    "varchar",
    "bpchar",
    "name",
    '"char"',
    0,
)  # 0: types that psycopg has no loader for


def connect(url: str | None, application_name: str) -> Connection:
    """Connect in autocommit mode, to a session that no role or database has set up otherwise.

    Args:
        url: a libpq URI, or an URL of SQLAlchemy. None or empty stands for the environment variable
            DATABASE_URL, and where there is none for the database that libpq's own variables name.
        application_name: what pg_stat_activity shows for the session.

    Raises:
        Problem: no URL, not a URI, nothing answers there, or a pooler in transaction mode does. No
            password is shown.
    """
    url = url or os.environ.get("DATABASE_URL")
    parameters = {
        **_DEFAULTS,
        **(_parameters(url) if url else _from_environment()),
        "application_name": application_name,
        "client_encoding": "UTF8",
    }

    def new_connection() -> Connection:
        return psycopg.connect(
            **parameters,
            autocommit=True,
            cursor_factory=_Cursor,
        )

    try:
        connection = new_connection()
        # Before anything is set: it would stay, in a session of other clients.
        if shares_sessions(connection, new_connection):
            connection.close()
            raise Problem(
                "this command goes through a pooler that gives one server session to several"
                " clients: connect directly to the server, or to a pool in session mode"
            )
        connection.execute(query("session"))
    except psycopg.Error as error:
        source = "DATABASE_URL or --database-url" if url else "the PG... variables"
        raise Problem(f"cannot connect: {_unreachable(error)} (check {source})") from None
    for name in _TEXTS:
        connection.adapters.register_loader(name, _Text)
    return connection


def _unreachable(error: psycopg.Error) -> str:
    """What the server or the network said, once for each address that was tried."""
    lines = [
        line
        for line in str(error).splitlines()
        if not line.lstrip().startswith(("Is the server running", "Multiple connection attempts"))
    ]
    tried = [line for line in lines if line.startswith("- host:")] or [" ".join(lines)]
    seen = (
        re.sub(r"^.*?connection to (server .*?) failed: (?:FATAL: *)?", r"\1: ", line)
        for line in tried
    )
    return " ".join("; ".join(dict.fromkeys(seen)).split())


def database_name(url: str | None) -> str:
    """Of the database that connect() would connect to, as far as that says it; else ""."""
    try:
        url = url or os.environ.get("DATABASE_URL")
        name = _parameters(url).get("dbname") if url else os.environ.get("PGDATABASE")
    except Problem:
        return ""
    return str(name or "")


def _from_environment() -> dict[str, str]:
    """Nothing to add to libpq's own variables, where these name a database."""
    if any(os.environ.get(name) for name in _NAMES_A_DATABASE):
        return {}
    raise Problem(
        "which database? Set DATABASE_URL, or pass --database-url"
        " postgresql://user@host:5432/database, or set PGSERVICE, or PGHOST and PGDATABASE"
    )


def _parameters(url: str) -> dict[str, Any]:
    try:
        parameters = conninfo_to_dict(libpq_uri(url))
        # A port of letters is a password with a / in it, as a rule.
        if not all(port.isdecimal() for port in str(parameters.get("port") or 0).split(",")):
            raise ValueError(NOT_A_URI)
    except UnicodeError:
        problem = "holds bytes that are not UTF-8"
    except ValueError as error:
        problem = str(error)
    except psycopg.ProgrammingError as error:
        # Nothing else of what libpq says: it would show the whole URL, password and all.
        unknown = re.match(r'invalid URI query parameter: "(\w+)"', str(error))
        problem = (
            f"has a parameter that libpq does not know, {unknown[1]}; for ssl write sslmode"
            if unknown
            else NOT_A_URI
        )
    else:
        return parameters
    raise Problem(f"DATABASE_URL (or --database-url) {problem}")


class _Cursor(psycopg.RawCursor[Row]):
    """With --verbose, it tells each statement and its time."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> _Cursor[Row]:
        """Send a statement, and wait for its result."""
        start = time.perf_counter()
        try:
            return super().execute(query, params, **options)
        finally:
            tell(f"asked {name_of(query)}: {time.perf_counter() - start:.3f} s")


class _Text(Loader):
    """Text in which what is not UTF-8 shows as such.

    A database in SQL_ASCII takes any bytes, and the name of a role or a database has those of the
    database in which it was made.
    """

    def load(self, data: Buffer) -> str:
        return bytes(data).decode(errors="replace")


def set_timeouts(connection: Connection, statement: str, lock: str) -> None:
    """What a statement may take from now on, and how long it may wait for a lock; "0": for ever."""
    connection.execute(query("timeouts"), (statement, lock))


@contextmanager
def on_one_snapshot(connection: Connection) -> Iterator[None]:
    """One REPEATABLE READ, READ ONLY transaction: the block sees one moment, and only reads.

    Inside another such block it is that one's moment.

    Args:
        connection: in autocommit mode, and so again afterwards; or inside such a block.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        with connection.transaction():
            yield
        return
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.autocommit = False
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.autocommit = True


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
    raise Problem(f"{name}: a row is missing that must always exist: run sqitch verify")


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


def is_of_catalog(error: psycopg.Error) -> bool:
    """Whether the catalog changed under the statement: "cache lookup failed for index 4711"."""
    return isinstance(error, errors.InternalError_)


@contextmanager
def problems(
    *, denied: str = "", undefined: str = "", slow: str = "", lost: str = "run it again"
) -> Iterator[None]:
    """Turn every error of the database inside the block into a Problem, and a signal, too.

    Args:
        denied: what to do when the role lacks a right.
        undefined: what to do when a table or function is missing.
        slow: what to do when a statement takes too long; empty where it may take any time.
        lost: what to do when the connection breaks, or somebody stops the command.

    Raises:
        Problem: in place of any psycopg.Error, and of Stopped.
    """
    try:
        yield
    except Stopped as stopped:
        raise stopped.problem(lost) from None
    except psycopg.Error as error:
        message = one_line(error)
        if is_lost(error):
            message = f"the connection to the server was lost ({message}): {lost}"
        elif isinstance(error, errors.InsufficientPrivilege):
            message = f"{message}: {denied}"
        elif is_undefined(error):
            message = f"{message}: {undefined}"
        elif isinstance(error, errors.QueryCanceled) and slow:
            message = f"{message}: {slow}"
        elif isinstance(error, errors.QueryCanceled):
            message = f"somebody cancelled the statement ({message}): {lost}"
        elif isinstance(error, errors.LockNotAvailable):
            message = f"somebody holds a lock for too long ({message}): {lost}"
        elif isinstance(error, psycopg.DataError) and error.sqlstate is None:
            message = f"the database has a value that Python cannot read: {message}: correct it"
        else:
            message = f"the database refused: {message}"
        raise Problem(message) from None
