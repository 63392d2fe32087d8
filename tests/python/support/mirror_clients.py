"""Connections whose transactions overlap, each beside a model of its transaction.

A statement that waits for another connection goes on when that one has committed or rolled back,
which it then does at once: so the order is the same each time, and nobody deadlocks.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel

from .legacy_replay import Connection, statement
from .mirror_model import (
    Booking,
    Customer,
    Profile,
    Refused,
    Statistics,
    Step,
    Tables,
    Transaction,
)
from .sessions import Rows, Session

CLIENTS = 3
ATTEMPTS = 10  # after a serialization failure

T = TypeVar("T")
K = TypeVar("K")
Model = Callable[[Step, Rows | None], T]


@dataclass(frozen=True)
class Table:
    """A table that the model has, too, with its columns: those of the key, and those of a row."""

    name: str
    key: tuple[str, ...]
    row: tuple[str, ...]

    @property
    def target(self) -> str:
        """What stands behind INSERT INTO, or COPY."""
        return f"public.{self.name} ({', '.join((*self.key, *self.row))})"

    def insert(self, rows: Mapping[Any, Any]) -> str:
        """INSERT of as many rows."""
        width = len(self.key) + len(self.row)
        places = ", ".join(
            f"({', '.join(f'${first + n}' for n in range(width))})"
            for first in range(1, len(rows) * width, width)
        )
        return f"INSERT INTO {self.target} VALUES {places}"

    def upsert(self, rows: Mapping[Any, Any]) -> str:
        """INSERT, or UPDATE where the key is there."""
        excluded = ", ".join(f"{column} = excluded.{column}" for column in self.row)
        return f"{self.insert(rows)} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {excluded}"

    def values(self, rows: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
        """The columns of each row."""
        return [(*_columns(key), *_columns(row)) for key, row in rows.items()]

    def columns_of(self, rows: Mapping[Any, Any]) -> list[Any]:
        """The same, one after the other."""
        return [*chain(*self.values(rows))]


def _columns(part: Any) -> tuple[Any, ...]:
    if isinstance(part, Customer | Statistics | Profile):
        return astuple(part)
    return part if isinstance(part, tuple) else (part,)


CUSTOMERS = Table(
    "customers",
    ("id",),
    ("email", "phone", "preferred_stylist_id", "average_spend_cents", "no_show_count"),
)
STATISTICS = Table(
    "customer_booking_stats",
    ("customer_id",),
    ("total_bookings", "total_spend_cents", "last_booking_at"),
)
PROFILES = Table(
    "customer_shop_profiles",
    ("customer_id", "shop_id"),
    (
        "preferred_stylist_id",
        "total_bookings",
        "total_spend_cents",
        "last_booking_at",
        "no_show_count",
    ),
)
PREFERENCES = Table(
    "customer_stylist_preferences", ("customer_id", "stylist_id"), ("booking_count",)
)

FAILURE = "P0001"
FAIL_INSIDE_MIRRORS = """
    CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'inside a mirror';
    END;
    $$;
""" + "".join(
    f"""
    CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON public.{table} FOR EACH ROW
    WHEN (
        current_setting('oracle.fail', TRUE) = 'on'
        AND current_setting('tenancy.mirroring', TRUE) <> ''
    )
    EXECUTE FUNCTION public.fail();
    """
    for table in ("customers", "customer_booking_stats", "customer_shop_profiles")
)
GUARD = "SELECT current_setting('tenancy.mirroring', TRUE)"
BOTH_SIDES = """
    SELECT jsonb_build_array(
        (SELECT jsonb_agg(jsonb_build_array(id, shop_id)) FROM public.stylists),
        (SELECT jsonb_agg(jsonb_build_array(id, status = 'CONFIRMED')) FROM public.bookings),
        (
            SELECT jsonb_agg(jsonb_build_array(
                id, email, phone, preferred_stylist_id, average_spend_cents, no_show_count
            ))
            FROM public.customers
        ),
        (
            SELECT jsonb_agg(jsonb_build_array(
                customer_id, total_bookings, total_spend_cents, last_booking_at
            ))
            FROM public.customer_booking_stats
        ),
        (
            SELECT jsonb_agg(jsonb_build_array(
                customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents,
                last_booking_at, no_show_count
            ))
            FROM public.customer_shop_profiles
        ),
        (
            SELECT jsonb_agg(jsonb_build_array(customer_id, stylist_id, booking_count))
            FROM public.customer_stylist_preferences
        ),
        (SELECT jsonb_agg(jsonb_build_array(stylist_id, TRUE)) FROM tenancy.moved_stylists),
        (
            SELECT jsonb_agg(jsonb_build_array(
                customer_id, shop_id, total_bookings, total_spend_cents
            ))
            FROM tenancy.remembered_profiles
        ),
        (SELECT jsonb_agg(to_jsonb(d)) FROM tenancy.drift AS d),
        current_setting('tenancy.mirroring', TRUE)
    )
"""


def check(connection: Connection, expected: Tables) -> None:
    """Both sides, as this connection sees them, are what is expected; nothing drifts."""
    row = connection.execute(BOTH_SIDES).fetchone()
    assert row is not None
    (
        stylists,
        bookings,
        customers,
        statistics,
        profiles,
        preferences,
        moved,
        remembered,
        drift,
        guard,
    ) = row[0]
    found = Tables(
        dict(stylists),
        {
            key: replace(expected.bookings[key], confirmed=confirmed)
            for key, confirmed in ((uuid.UUID(key), confirmed) for key, confirmed in bookings or [])
        },
        {key: Customer(*values) for key, *values in customers or []},
        {
            key: Statistics(number, cents, _time(last))
            for key, number, cents, last in statistics or []
        },
        {
            (customer, shop): Profile(stylist, number, cents, _time(last), no_shows)
            for customer, shop, stylist, number, cents, last, no_shows in profiles or []
        },
        {(customer, stylist): number for customer, stylist, number in preferences or []},
        dict(moved or []),
        {(customer, shop): (number, cents) for customer, shop, number, cents in remembered or []},
    )
    wrong = expected.changed_to(found)
    assert wrong == found.changed_to(expected)
    assert drift is None
    assert not guard


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Failed(Exception):
    """A statement failed as it should. Without a savepoint the transaction is lost."""


class TryAgain(Exception):
    """A serialization failure."""


@dataclass(frozen=True)
class Frame:
    """Where an action runs, and what becomes of it."""

    client: int
    context: str | None = None
    around: str = ""
    ending: str = "open"
    others_commit: tuple[bool, ...] = (True,) * CLIENTS  # whom it waits for; else they roll back


class Client:
    """A connection, beside the model of its transaction."""

    def __init__(self, number: int, url: str, level: IsolationLevel, world: World) -> None:
        self.number = number
        self.session = Session(url)
        self.session.connection.isolation_level = level
        self._level = level
        self.world = world
        self._transaction: Transaction | None = None
        self._commits_seen = 0
        self._done: list[tuple[Frame, Action]] = []  # in this transaction
        self._frame = Frame(number)
        self._failing = False  # the mirrors' writes fail
        self._waited = False  # the last statement did

    def do(self, frame: Frame, action: Action) -> None:
        """Act in the open transaction, or in a new one; then end it as the frame says."""
        self._done.append((frame, action))
        self._attempt([(frame, action)])
        if frame.ending != "open":
            self.end(commit=frame.ending == "commit")

    def end(self, *, commit: bool) -> None:
        """Commit, trying again if need be, or roll back."""
        if commit:
            self._attempt([], then_commit=True)
        self.roll_back()

    def make_way(self, *, commit: bool) -> None:
        """Commit or roll back, at once, since somebody waits for it."""
        try:
            if commit:
                self._commit()
        except TryAgain:
            pass
        self.roll_back()

    def roll_back(self) -> None:
        """Forget the transaction, if there is one."""
        self.session.rollback()
        self._transaction = None
        self._done = []

    def seen(self) -> Tables:
        """What the next statement will see."""
        assert self._transaction is not None
        return self._transaction.seen()

    def set(self, name: str, value: str) -> None:
        """Until the end of the transaction or savepoint."""
        self.session.execute("SELECT set_config($1, $2, TRUE)", name, value)

    def read(self, query: str | bytes, *values: object) -> Rows:
        """The rows of a query."""
        return self._run(lambda connection: _execute(connection, query, values))

    def write(self, query: str | bytes, *values: object, model: Model[T], call: bool = False) -> T:
        """A statement that does what it says, or fails; with what the model makes of it.

        Args:
            model: gets the rows that came back, or None if the statement failed.
            call: of a function that backs off, so that nobody can see whom it waits for.
        """
        return self._write(lambda connection: _execute(connection, query, values), model, call)

    def copy(self, table: Table, rows: Mapping[Any, Any], *, model: Model[None]) -> None:
        """COPY of these rows."""

        def write(connection: Connection) -> Rows:
            with connection.cursor().copy(f"COPY {table.target} FROM STDIN") as copy:
                for row in table.values(rows):
                    copy.write_row(row)
            return []

        self._write(write, model)

    def change(
        self,
        query: str | bytes,
        *values: object,
        keys: Callable[[Tables], Sequence[K]],
        model: Callable[[Step, Sequence[K]], None],
    ) -> None:
        """An UPDATE or DELETE of rows that may not be there.

        Args:
            keys: of the rows that it looks for.
            model: gets those that it found, in that order. Who waited for a row that somebody
                replaced does not find the new one; else it finds all of them.
        """

        def change(step: Step, rows: Rows | None) -> None:
            wanted = keys(step)
            found: Sequence[Any] = wanted
            if rows is not None:
                found = [row[0] if len(row) == 1 else row for row in rows]
            if () in found:  # it returns nothing, and is of one row
                found = wanted
            assert {*found} <= {*wanted}
            assert len(found) == len(wanted) or self._waited
            model(step, found)

        self.write(query, *values, model=change)

    def make_others_way(self) -> None:
        """Nobody else stays in a transaction."""
        self.world.make_way(self.world.clients, self._frame, self)

    def _attempt(self, steps: list[tuple[Frame, Action]], *, then_commit: bool = False) -> None:
        for _ in range(ATTEMPTS):
            try:
                for frame, action in steps:
                    self._act(frame, action)
                if then_commit:
                    self._commit()
            except Failed:
                self.roll_back()
            except TryAgain:
                steps = self._done
                self.roll_back()
                self._done = steps
                continue
            return
        raise AssertionError(f"{ATTEMPTS} attempts in vain")

    def _act(self, frame: Frame, action: Action) -> None:
        self._frame = frame
        if self._transaction is None:
            reads_snapshot = self._level != IsolationLevel.READ_COMMITTED
            if reads_snapshot:
                self.session.execute("SELECT 1")  # takes it
            self._transaction = Transaction(self.world.committed, reads_snapshot=reads_snapshot)
            self._commits_seen = self.world.commits
        if frame.context is not None:
            self.set("app.current_shop_id", frame.context)
        if frame.around:
            self._act_in_savepoint(frame.around, action)
        else:
            action(self)
        if frame.context is not None:
            self.set("app.current_shop_id", "")
        if self._level != IsolationLevel.SERIALIZABLE:  # where reading everything is a conflict
            check(self.session.connection, self.seen())

    def _act_in_savepoint(self, around: str, action: Action) -> None:
        assert self._transaction is not None
        self.session.execute("SAVEPOINT before")
        roll_back = self._transaction.savepoint()
        self._failing = "failed" in around
        if self._failing:
            self.set("oracle.fail", "on")
        try:
            action(self)
            undone = around != "kept"
        except Failed:
            undone = True
        finally:
            self._failing = False
        if undone:
            self.session.execute("ROLLBACK TO SAVEPOINT before")
            roll_back()
        self.session.execute("RELEASE SAVEPOINT before")
        if "again" in around:
            action(self)

    def _commit(self) -> None:
        if self._transaction is None:
            return
        try:
            self.session.commit()
        except psycopg.errors.SerializationFailure as error:
            assert self._level == IsolationLevel.SERIALIZABLE
            raise TryAgain from error
        self._transaction.commit()
        self._transaction = None
        self.world.commits += 1

    def _write(
        self, call: Callable[[Connection], Rows], model: Model[T], backs_off: bool = False
    ) -> T:
        assert self._transaction is not None
        rows, failure = None, None
        try:
            rows = self._run(call, backs_off)
        except psycopg.Error as error:
            failure = error
            if self._failing and error.sqlstate == FAILURE:
                raise Failed from error
        try:
            result = self._transaction.execute(self._frame.context, lambda step: model(step, rows))
        except Refused as refused:
            if failure is None or failure.sqlstate != refused.sqlstate:
                raise AssertionError(
                    f"{failure!r} where {refused.sqlstate} was expected"
                ) from failure
            raise Failed from failure
        if failure is not None:
            raise failure
        return result

    def _run(self, call: Callable[[Connection], Rows], backs_off: bool = False) -> Rows:
        self._waited = False
        future = self.session.start_call(call)
        while not wait([future], timeout=0.005).done:
            others = self.world.waited_for(self, backs_off)
            self._waited = self._waited or bool(others)
            self.world.make_way(others, self._frame, self)
        try:
            return future.result()
        except psycopg.errors.SerializationFailure as error:
            assert self._level != IsolationLevel.READ_COMMITTED
            raise TryAgain from error
        except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation) as error:
            # Of a row that the snapshot does not show, and a key does.
            if (
                self._level == IsolationLevel.READ_COMMITTED
                or self._commits_seen == self.world.commits
            ):
                raise
            raise TryAgain from error


Action = Callable[[Client], None]


def _execute(connection: Connection, query: str | bytes, values: Sequence[object]) -> Rows:
    cursor = connection.execute(query, values)
    return cursor.fetchall() if cursor.description else [()] * cursor.rowcount


class World:
    """The connections, and what they have committed."""

    def __init__(self, url: str, level: IsolationLevel) -> None:
        self.committed = Tables()
        self.commits = 0
        self.serial = count(1)
        self.clients = [Client(number, url, level, self) for number in range(CLIENTS)]
        self.observer = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)

    def close(self) -> None:
        """End the connections."""
        for client in self.clients:
            client.session.close()
        self.observer.close()

    def begin(self, tables: Tables) -> None:
        """Nobody is in a transaction, and this is what there is."""
        for client in self.clients:
            client.roll_back()
        self.committed = tables.copy()
        _write_tables(self.observer, tables)
        self.commits = 0
        self.serial = count(len(tables.bookings) + 1)

    def waited_for(self, client: Client, backs_off: bool) -> list[Client]:
        """Who must end their transaction before it can go on."""
        row = self.observer.execute(
            """
            SELECT pg_blocking_pids(pid), wait_event = 'PgSleep' FROM pg_stat_activity
            WHERE pid = $1
            """,
            (client.session.pid,),
        ).fetchone()
        assert row is not None
        pids, sleeps = row
        if backs_off and (pids or sleeps):
            return self.clients
        return [other for other in self.clients if other.session.pid in pids]

    def make_way(self, others: list[Client], frame: Frame, client: Client) -> None:
        """They end their transactions, as the frame of that client says."""
        for other in others:
            if other is not client:
                other.make_way(commit=frame.others_commit[other.number])


def _write_tables(connection: Connection, tables: Tables) -> None:
    """These rows and no others, without any trigger."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            """
            TRUNCATE public.bookings, public.customers, public.customer_booking_stats,
                public.customer_shop_profiles, public.customer_stylist_preferences,
                public.customer_service_preferences, tenancy.moved_stylists,
                tenancy.remembered_profiles RESTART IDENTITY
            """
        )
        connection.execute("SELECT setval('public.customers_id_seq', 100)")
        connection.cursor().executemany(
            "UPDATE public.stylists SET shop_id = $2 WHERE id = $1", [*tables.stylists.items()]
        )
        for key, booking in tables.bookings.items():
            values = booking_values(key, booking, booking.shop * 10 + 1, 0)
            connection.execute(statement("insert_booking"), values)
        for table, rows in (
            (CUSTOMERS, tables.customers),
            (STATISTICS, tables.statistics),
            (PROFILES, tables.profiles),
            (PREFERENCES, tables.preferences),
        ):
            connection.execute(table.insert(rows), table.columns_of(rows))


def booking_values(
    key: uuid.UUID, booking: Booking, stylist: int, seconds: int
) -> tuple[object, ...]:
    """For the legacy statement; one start may be booked twice if the lengths differ."""
    return (
        key,
        booking.shop,
        booking.shop,  # its one service
        stylist,
        None,
        booking.email,
        booking.phone,
        booking.start,
        booking.start + timedelta(minutes=30, seconds=seconds),
        "CONFIRMED" if booking.confirmed else "HOLD",
        None,
    )
