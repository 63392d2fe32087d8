"""tenancy.repair: each kind of drift is mended, from either side, and nothing else is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from support.cluster import Cluster
from support.profiles import wrong_profiles
from support.soak import share
from support.waiting import wait_until

# What a row is called, and when it was written, is not what it says.
LEFT_OUT = {"id", "customer_id", "shop_id", "email", "phone", "name", "created_at", "updated_at"}

Connection = psycopg.Connection[tuple[Any, ...]]
Change = tuple[int | None, str, str | None, str | None]  # shop, field, before, after

OLD, NEW, ODD = (f"2041-0{month}-01T10:00:00+00:00" for month in (5, 6, 7))

BOOKED = """
    SELECT tenancy.record_booking(%(who)s, 1, 1, 4000, %(old)s) FROM generate_series(1, 3);
    SELECT tenancy.record_booking(%(who)s, 2, 6, 4500, %(new)s) FROM generate_series(1, 2);
    SELECT tenancy.record_no_show(%(who)s, 1) FROM generate_series(1, 1);
    SELECT tenancy.record_no_show(%(who)s, 2) FROM generate_series(1, 2);
"""


def statistics(column: str, before: object, after: object) -> Change:
    return None, f"customer_booking_stats.{column}", text(before), text(after)


def customer(column: str, before: object, after: object) -> Change:
    return None, f"customers.{column}", text(before), text(after)


def profile(shop: int, column: str, before: object, after: object) -> Change:
    return shop, f"customer_shop_profiles.{column}", text(before), text(after)


def text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True)
class Case:
    """Drift of the customer of BOOKED, and what a repair then changes."""

    kinds: set[str]
    made_by: str
    legacy: list[Change]
    profiles: list[Change]


CASES = {
    "more bookings": Case(
        {"totals"},
        """
        UPDATE public.customer_booking_stats SET total_bookings = 7, total_spend_cents = 25000
        WHERE customer_id = %(who)s
        """,
        [
            profile(2, "total_bookings", 2, 4),
            profile(2, "total_spend_cents", 9000, 13000),
        ],
        [
            statistics("total_bookings", 7, 5),
            statistics("total_spend_cents", 25000, 21000),
        ],
    ),
    "fewer bookings": Case(
        {"totals"},
        """
        UPDATE public.customer_booking_stats SET total_bookings = 1, total_spend_cents = 1000
        WHERE customer_id = %(who)s
        """,
        [
            profile(1, "total_bookings", 3, 1),
            profile(1, "total_spend_cents", 12000, 1000),
            profile(2, "total_bookings", 2, 0),
            profile(2, "total_spend_cents", 9000, 0),
        ],
        [
            statistics("total_bookings", 1, 5),
            statistics("total_spend_cents", 1000, 21000),
        ],
    ),
    "a profile counts more": Case(
        {"totals"},
        """
        UPDATE public.customer_shop_profiles SET total_bookings = 6, total_spend_cents = 14000
        WHERE customer_id = %(who)s AND shop_id = 1
        """,
        [
            profile(1, "total_bookings", 6, 5),
            profile(2, "total_bookings", 2, 0),
            profile(2, "total_spend_cents", 9000, 7000),
        ],
        [
            customer("average_spend_cents", 4200, 2875),
            statistics("total_bookings", 5, 8),
            statistics("total_spend_cents", 21000, 23000),
        ],
    ),
    "no statistics": Case(
        {"totals"},
        "DELETE FROM public.customer_booking_stats WHERE customer_id = %(who)s",
        [
            profile(1, "total_bookings", 3, 0),
            profile(1, "total_spend_cents", 12000, 0),
            profile(2, "total_bookings", 2, 0),
            profile(2, "total_spend_cents", 9000, 0),
        ],
        [
            statistics("last_booking_at", None, NEW),
            statistics("total_bookings", None, 5),
            statistics("total_spend_cents", None, 21000),
        ],
    ),
    "another last booking": Case(
        {"last_booking_at"},
        f"""
        UPDATE public.customer_booking_stats SET last_booking_at = '{ODD}'
        WHERE customer_id = %(who)s
        """,
        [profile(1, "last_booking_at", OLD, ODD)],  # no booking is there: the default shop
        [statistics("last_booking_at", ODD, NEW)],
    ),
    "more no-shows": Case(
        {"no_show_count"},
        "UPDATE public.customers SET no_show_count = 6 WHERE id = %(who)s",
        [profile(2, "no_show_count", 2, 5)],
        [customer("no_show_count", 6, 3)],
    ),
    "another stylist": Case(
        {"preferred_stylist"},
        "UPDATE public.customers SET preferred_stylist_id = 2 WHERE id = %(who)s",
        [profile(1, "preferred_stylist_id", 1, 2)],
        [customer("preferred_stylist_id", 2, 1)],
    ),
    "a stylist of a third shop": Case(
        {"preferred_stylist"},
        "UPDATE public.customers SET preferred_stylist_id = 11 WHERE id = %(who)s",
        [
            profile(3, "no_show_count", None, 0),
            profile(3, "preferred_stylist_id", None, 11),
            profile(3, "total_bookings", None, 0),
            profile(3, "total_spend_cents", None, 0),
        ],
        [customer("preferred_stylist_id", 11, None)],
    ),
    "a foreign stylist": Case(
        {"foreign_stylist"},
        """
        SET LOCAL session_replication_role = replica; -- past the foreign key
        UPDATE public.customer_shop_profiles SET preferred_stylist_id = 1
        WHERE customer_id = %(who)s AND shop_id = 2
        """,
        [profile(2, "preferred_stylist_id", 1, None)],
        [profile(2, "preferred_stylist_id", 1, None)],
    ),
    "negative statistics": Case(
        {"negative", "totals"},
        "UPDATE public.customer_booking_stats SET total_bookings = -3 WHERE customer_id = %(who)s",
        [],  # it cannot be mended from there: test_what_cannot_be_mended
        [statistics("total_bookings", -3, 5)],
    ),
    "a negative profile": Case(
        {"negative", "no_show_count"},
        """
        ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_check;
        UPDATE public.customer_shop_profiles SET no_show_count = -1
        WHERE customer_id = %(who)s AND shop_id = 1
        """,
        [
            profile(1, "no_show_count", -1, 0),
            profile(2, "no_show_count", 2, 3),
        ],
        [],
    ),
    "no profiles": Case(
        {"missing_profile"},
        "DELETE FROM public.customer_shop_profiles WHERE customer_id = %(who)s",
        [
            profile(1, "last_booking_at", None, NEW),
            profile(1, "no_show_count", None, 3),
            profile(1, "preferred_stylist_id", None, 1),
            profile(1, "total_bookings", None, 3),
            profile(1, "total_spend_cents", None, 12600),
            profile(2, "no_show_count", None, 0),
            profile(2, "preferred_stylist_id", None, 6),
            profile(2, "total_bookings", None, 2),
            profile(2, "total_spend_cents", None, 8400),
        ],
        [],  # the same: profiles that are not there say nothing
    ),
}


# From the side that is wrong itself, nothing can be mended.
HOPELESS = {("negative statistics", "legacy"), ("a negative profile", "profiles")}


@pytest.fixture(scope="module")
def database(cluster: Cluster, phase2_template: str) -> Iterator[str]:
    """URL of a database at @phase2 that nobody changes for good."""
    name = f"repair_{os.getpid()}"
    yield cluster.create_database(name, phase2_template)
    cluster.drop_database(name)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection whose transaction is rolled back at the end."""
    with psycopg.connect(database, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
        connection.rollback()


@pytest.fixture
def who(connection: Connection) -> int:
    """The customer of BOOKED."""
    return booked(connection)


def booked(connection: Connection) -> int:
    """A new customer, and what the SQL API wrote of them."""
    row = connection.execute(
        "SELECT tenancy.get_or_create_customer('who@example.test', NULL, 'Who')"
    ).fetchone()
    assert row is not None
    connection.execute(BOOKED, {"who": row[0], "old": OLD, "new": NEW})
    return int(row[0])


def make_drift(connection: Connection, statements: str, who: int) -> None:
    """Write to one side alone."""
    connection.execute("SET LOCAL tenancy.mirroring = 'on'")
    connection.execute(statements, {"who": who})
    connection.execute("SET LOCAL tenancy.mirroring = ''")


def kinds_of_drift(connection: Connection) -> dict[int, set[str]]:
    """By customer."""
    kinds: dict[int, set[str]] = {}
    for kind, customer_id in connection.execute("SELECT kind, customer_id FROM tenancy.drift"):
        kinds.setdefault(customer_id, set()).add(kind)
    return kinds


def repair(connection: Connection, who: list[int], source: str) -> list[tuple[int, *Change]]:
    """What tenancy.repair() says that it changed, with the customer first."""
    return connection.execute("SELECT * FROM tenancy.repair(%s, %s)", (who, source)).fetchall()


# A row's place changes with each write, even of the same values.
Rows = dict[tuple[str, int, int | None], tuple[str, str]]


def everything(connection: Connection) -> Rows:
    """All rows of both sides: of which customer and shop, where they are and what JSON they are."""
    return {
        (table, customer_id, shop_id): (place, values)
        for table, customer_id, shop_id, place, values in connection.execute(
            """
            SELECT
                'customer_booking_stats', customer_id, NULL::integer, ctid::text, to_jsonb(s)::text
            FROM public.customer_booking_stats AS s
            UNION ALL
            SELECT 'customers', id, NULL, ctid::text, to_jsonb(c)::text
            FROM public.customers AS c
            UNION ALL
            SELECT 'customer_shop_profiles', customer_id, shop_id, ctid::text, to_jsonb(p)::text
            FROM public.customer_shop_profiles AS p
            UNION ALL
            SELECT 'customer_stylist_preferences', id, NULL, ctid::text, to_jsonb(p)::text
            FROM public.customer_stylist_preferences AS p
            """
        )
    }


def differences(before: Rows, after: Rows) -> list[tuple[int, *Change]]:
    """What tenancy.repair() should say."""
    found = []
    for row in {row for row, _ in before.items() ^ after.items()}:
        table, customer_id, shop_id = row
        old, new = (json.loads(rows.get(row, ("", "{}"))[1]) for rows in (before, after))
        for column in (old.keys() | new.keys()) - LEFT_OUT:
            if old.get(column) != new.get(column):
                values = text(old.get(column)), text(new.get(column))
                found.append((customer_id, shop_id, f"{table}.{column}", *values))
    return sorted(found, key=str)


@pytest.mark.parametrize(
    ("name", "source"),
    share(
        [
            (name, source)
            for name in CASES
            for source in ("legacy", "profiles")
            if (name, source) not in HOPELESS
        ],
        3,
    ),
)
def test_each_kind(connection: Connection, who: int, name: str, source: str) -> None:
    """It says what it changes, changes what must be, and the second time nothing."""
    case = CASES[name]
    make_drift(connection, case.made_by, who)
    assert kinds_of_drift(connection) == {who: case.kinds}
    before = everything(connection)

    changed = repair(connection, [who], source)

    after = everything(connection)
    wanted = case.profiles if source == "profiles" and case.profiles else case.legacy
    assert sorted(changed, key=str) == sorted([(who, *change) for change in wanted], key=str)
    assert differences(before, after) == sorted(changed, key=str)
    assert kinds_of_drift(connection) == {}

    assert repair(connection, [who], source) == []
    assert everything(connection) == after


@pytest.mark.parametrize(("name", "source"), sorted(HOPELESS))
def test_the_wrong_side_is_not_right(
    connection: Connection, who: int, name: str, source: str
) -> None:
    """What cannot be mended stays drift, and the second time nothing is changed."""
    make_drift(connection, CASES[name].made_by, who)
    before = everything(connection)
    changed = repair(connection, [who], source)
    assert differences(before, everything(connection)) == sorted(changed, key=str)
    assert "negative" in kinds_of_drift(connection)[who]
    assert repair(connection, [who], source) == []


def test_only_those_who_are_named(connection: Connection, who: int) -> None:
    """And of those, who has drift; a customer who is not there, or named twice, does no harm."""
    connection.execute(
        """
        SET LOCAL tenancy.mirroring = 'on';
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id % 5 = 0;
        SET LOCAL tenancy.mirroring = '';
        """
    )
    drifted = sorted(kinds_of_drift(connection))
    named, others = drifted[::2], drifted[1::2]
    before = everything(connection)

    changed = repair(connection, [*reversed(named), who, named[0], 2**31 - 1], "legacy")

    after = everything(connection)
    assert {change[0] for change in changed} == set(named)
    assert differences(before, after) == sorted(changed, key=str)
    written = {row for row in before.keys() | after.keys() if before.get(row) != after.get(row)}
    assert {customer_id for _, customer_id, _ in written} == set(named)
    assert sorted(kinds_of_drift(connection)) == others


def test_profiles_as_the_backfill_left_them(phase2_database: str) -> None:
    """The reconcile splits them anew; later nobody does, who knows what they hold by now."""
    with psycopg.connect(phase2_database, cursor_factory=psycopg.ClientCursor) as connection:
        customers = [
            row[0]
            for row in connection.execute(
                """
                SELECT customer_id FROM public.customer_shop_profiles
                GROUP BY customer_id
                HAVING count(*) > 2 AND bool_and(updated_at = created_at)
                ORDER BY customer_id LIMIT 50
                """
            )
        ]
        for who in customers:
            make_drift(connection, CASES["more bookings"].made_by, who)
            make_drift(connection, CASES["another stylist"].made_by, who)
        before = everything(connection)
        with connection.transaction(force_rollback=True):
            repair(connection, customers, "legacy")
            repaired = everything(connection)
        changed = connection.execute(
            "SELECT * FROM tenancy.repair(%s, is_reconcile => TRUE)", (customers,)
        ).fetchall()
        assert differences(before, everything(connection)) == sorted(changed, key=str)
        assert differences(repaired, everything(connection)) != []
    assert len(customers) == 50
    assert wrong_profiles(phase2_database, customers) == []


def test_a_dry_run(connection: Connection, who: int) -> None:
    """Rolled back, it says the same and nothing is written."""
    make_drift(connection, CASES["more bookings"].made_by, who)
    before = everything(connection)
    with connection.transaction(force_rollback=True):
        said = repair(connection, [who], "legacy")
    assert everything(connection) == before
    assert said
    assert repair(connection, [who], "legacy") == said


@pytest.mark.parametrize("source", ["both", "Legacy", "", None])
def test_another_source(connection: Connection, who: int, source: str) -> None:
    with pytest.raises(
        psycopg.errors.InvalidParameterValue, match="expected legacy, profiles or shops"
    ):
        repair(connection, [who], source)


def test_what_is_written_afterwards_is_mirrored(connection: Connection, who: int) -> None:
    """In the same transaction, after a repair and after one that failed."""
    make_drift(connection, CASES["more bookings"].made_by, who)
    with pytest.raises(psycopg.errors.InvalidParameterValue), connection.transaction():
        repair(connection, [who], "both")
    for source in ("legacy", "profiles"):
        repair(connection, [who], source)
        connection.execute(BOOKED, {"who": who, "old": OLD, "new": NEW})
        connection.execute(CASES["more no-shows"].made_by, {"who": who})
        assert kinds_of_drift(connection) == {}


@pytest.mark.parametrize(
    "held",
    [
        "SELECT FROM public.customers WHERE id = %s FOR NO KEY UPDATE",
        "SELECT FROM public.customer_booking_stats WHERE customer_id = %s FOR NO KEY UPDATE",
        "SELECT FROM public.customer_shop_profiles WHERE customer_id = %s FOR NO KEY UPDATE",
    ],
    ids=["customer", "statistics", "profiles"],
)
def test_a_customer_who_is_held(phase2_database: str, held: str) -> None:
    """It gives way before anybody looks for a deadlock, and nothing is written of anybody."""
    with (
        psycopg.connect(phase2_database, cursor_factory=psycopg.ClientCursor) as connection,
        psycopg.connect(phase2_database, cursor_factory=psycopg.ClientCursor) as holder,
        ThreadPoolExecutor(1) as thread,
    ):
        who = booked(connection)
        others = [10, 20]
        for one in (*others, who):
            make_drift(connection, CASES["more bookings"].made_by, one)
        connection.commit()
        before = everything(connection)
        holder.execute(held, (who,))

        repairing = thread.submit(repair, connection, [*others, who], "legacy")
        wait_until(lambda: is_blocked(phase2_database, connection), "the repair waits")
        holder.execute("SELECT FROM public.customers WHERE id = 10 FOR NO KEY UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            repairing.result()
        connection.rollback()
        assert everything(connection) == before

        holder.rollback()
        repair(connection, [*others, who], "legacy")
        assert kinds_of_drift(connection) == {}


# Each reads, and writes back later what it made of that.
WRITERS = {
    "statistics": """
        UPDATE public.customer_booking_stats SET total_bookings = 8, total_spend_cents = 26000
        WHERE customer_id = %(who)s
    """,
    "customer": "UPDATE public.customers SET no_show_count = 7 WHERE id = %(who)s",
    "profile": """
        UPDATE public.customer_shop_profiles SET total_bookings = 4
        WHERE customer_id = %(who)s AND shop_id = 1
    """,
    "call": "SELECT tenancy.record_booking(%(who)s, 1, 1, 4000, now())",
}


@pytest.mark.parametrize("source", ["legacy", "profiles"])
@pytest.mark.parametrize("drift", ["more bookings", "more no-shows"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_who_read_before(
    phase2_database: str, writer: str, drift: str, source: str
) -> None:
    """REPEATABLE READ: it must begin again, for what it read is not so any more."""
    with (
        psycopg.connect(phase2_database, cursor_factory=psycopg.ClientCursor) as connection,
        psycopg.connect(phase2_database, cursor_factory=psycopg.ClientCursor) as reader,
        ThreadPoolExecutor(1) as thread,
    ):
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        who = booked(connection)
        make_drift(connection, CASES[drift].made_by, who)
        connection.commit()

        reader.execute("SELECT * FROM public.customer_booking_stats")
        repair(connection, [who], source)
        writing = thread.submit(reader.execute, WRITERS[writer], {"who": who})
        wait_until(lambda: is_blocked(phase2_database, reader), "the writer waits for the repair")
        connection.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            writing.result()
        reader.rollback()

        reader.execute(WRITERS[writer], {"who": who})
        reader.commit()
        assert kinds_of_drift(connection) == {}


def is_blocked(url: str, session: Connection) -> bool:
    """Whether this session waits for another."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT cardinality(pg_blocking_pids(%s)) > 0", (session.info.backend_pid,)
        ).fetchone()
    return row == (True,)
