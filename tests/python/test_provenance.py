"""Where a profile comes from is recorded: nothing that somebody wrote is split anew."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import execute, psql, psql_file, run, value
from support.sessions import Session
from support.soak import SOAK

Connection = psycopg.Connection[tuple[object, ...]]

# Customers with bookings in shop 2 and none in shop 5, whose phone is theirs alone.
CANDIDATES = """
    SELECT p.customer_id
    FROM public.customer_shop_profiles AS p
    JOIN public.customers AS c ON c.id = p.customer_id
    WHERE c.phone IS NOT NULL
        AND NOT EXISTS (SELECT FROM public.customers AS o WHERE o.phone = c.phone AND o.id <> c.id)
    GROUP BY p.customer_id
    HAVING bool_or(p.total_bookings > 0 AND p.shop_id = 2) AND NOT bool_or(p.shop_id > 3)
    ORDER BY p.customer_id
"""

# What somebody but the split may write, each in one transaction; %(c)s is the customer. None of it
# leaves two times that differ, as the application does, or not for long.
STATEMENT = {
    "a booking by the API": """
        SELECT tenancy.record_booking(%(c)s, 5, s.id, 4500, '2026-03-01 10:00+00')
        FROM public.stylists AS s WHERE s.shop_id = 5 ORDER BY s.id LIMIT 1
    """,
    "a stylist chosen by the API": """
        SELECT tenancy.set_preferred_stylist(%(c)s, 5, s.id)
        FROM public.stylists AS s WHERE s.shop_id = 5 ORDER BY s.id LIMIT 1
    """,
    "a no-show by the API": "SELECT tenancy.record_no_show(%(c)s, 5)",
    "a legacy write in shop context": """
        SET LOCAL app.current_shop_id = '5';
        INSERT INTO public.customer_booking_stats
            (customer_id, total_bookings, total_spend_cents, last_booking_at)
        VALUES (%(c)s, 1, 4500, '2026-03-01 10:00+00')
        ON CONFLICT (customer_id) DO UPDATE
        SET total_bookings = customer_booking_stats.total_bookings + 1,
            last_booking_at = '2026-03-01 10:00+00'
    """,
    "an insert": """
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        VALUES (%(c)s, 5, 3)
    """,
    "an insert and an update": """
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (%(c)s, 5);
        UPDATE public.customer_shop_profiles SET no_show_count = 2, updated_at = now()
        WHERE customer_id = %(c)s AND shop_id = 5
    """,
    "an update that leaves the time": """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 7
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "an update that turns the clock back": """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings + 7, updated_at = created_at
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "a later update that turns the clock back": """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings + 7, updated_at = '2000-01-01'
        WHERE customer_id = %(c)s AND shop_id = 2;
        UPDATE public.customer_shop_profiles SET updated_at = created_at WHERE customer_id = %(c)s
    """,
    "an update of both times": """
        UPDATE public.customer_shop_profiles
        SET no_show_count = no_show_count + 7, created_at = '2000-01-01', updated_at = '2000-01-01'
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "a profile deleted and made again": """
        DELETE FROM public.customer_shop_profiles WHERE customer_id = %(c)s AND shop_id = 2;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        VALUES (%(c)s, 2, 9)
    """,
    "a profile deleted": """
        DELETE FROM public.customer_shop_profiles WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "a profile moved to another shop": """
        UPDATE public.customer_shop_profiles SET (shop_id, preferred_stylist_id) = (5, NULL)
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "a profile moved to another shop, of another time": """
        UPDATE public.customer_shop_profiles
        SET (shop_id, preferred_stylist_id, updated_at) = (4, NULL, '2000-01-01')
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
    "a repair": """
        SET LOCAL tenancy.mirroring = 'on';
        INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
        VALUES (%(c)s, 1, 4500)
        ON CONFLICT (customer_id) DO UPDATE
        SET total_bookings = customer_booking_stats.total_bookings + 1;
        SET LOCAL tenancy.mirroring = '';
        SELECT count(*) FROM tenancy.repair(ARRAY[%(c)s])
    """,
    "a shop's role, with every setting of ours": """
        GRANT SELECT, UPDATE ON public.customer_shop_profiles TO convo_shop;
        SET LOCAL ROLE convo_shop;
        SET LOCAL app.current_shop_id = '2';
        SET LOCAL tenancy.mirroring = 'on';
        SET LOCAL tenancy.splits_under_way = 'on';
        SELECT tenancy.record_no_show(%(c)s, 2)
    """,
    "past the mirrors": """
        SET LOCAL tenancy.mirroring = 'on';
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 7
        WHERE customer_id = %(c)s AND shop_id = 2
    """,
}

LEGACY_WRITE = """
    INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
    SELECT id, 1, 700 FROM public.customers WHERE id = ANY (%(customers)s)
    ON CONFLICT (customer_id) DO UPDATE
    SET total_bookings = customer_booking_stats.total_bookings + 1,
        total_spend_cents = customer_booking_stats.total_spend_cents + 700
"""

# Profiles of these customers that are not what the split gives.
NOT_SPLIT = """
    SELECT count(*) FROM (
        SELECT customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents,
            last_booking_at, no_show_count
        FROM public.customer_shop_profiles WHERE customer_id = ANY (%(customers)s)
    ) AS p
    FULL JOIN tenancy.split(%(customers)s) AS s USING (customer_id, shop_id)
    WHERE p.preferred_stylist_id IS DISTINCT FROM s.preferred_stylist_id
        OR p.total_bookings IS DISTINCT FROM s.total_bookings
        OR p.total_spend_cents IS DISTINCT FROM s.total_spend_cents
        OR p.last_booking_at IS DISTINCT FROM s.last_booking_at
        OR p.no_show_count IS DISTINCT FROM s.no_show_count
"""


@pytest.fixture(scope="module")
def at_phase1(cluster: Cluster) -> Iterator[str]:
    """A small database with customers of five shops, at @phase1."""
    made = cluster.create_database("provenance_1")
    psql_file(made, "tests/legacy/schema.sql")
    psql_file(made, "tests/legacy/sample.sql", "-v", "customers=250")
    move_to(made, "@phase1")
    yield "provenance_1"
    cluster.drop_database("provenance_1")


@pytest.fixture(scope="module")
def at_phase2(cluster: Cluster, at_phase1: str) -> Iterator[str]:
    """The same at @phase2."""
    move_to(cluster.create_database("provenance_2", at_phase1), "@phase2")
    yield "provenance_2"
    cluster.drop_database("provenance_2")


@pytest.fixture
def url(cluster: Cluster, at_phase2: str) -> Iterator[str]:
    """A copy at @phase2."""
    yield cluster.create_database("written", at_phase2)
    cluster.drop_database("written")


@pytest.fixture
def url1(cluster: Cluster, at_phase1: str) -> Iterator[str]:
    """A copy at @phase1."""
    yield cluster.create_database("written", at_phase1)
    cluster.drop_database("written")


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    """A database with nothing in it."""
    yield cluster.create_database("restored")
    cluster.drop_database("restored")


def connected(url: str) -> Connection:
    """Each statement its own transaction."""
    return psycopg.connect(url, autocommit=True)


def profiles(connection: Connection, customer: int) -> list[tuple[object, ...]]:
    """All that is known of a customer's shops."""
    return connection.execute(
        "SELECT * FROM public.customer_shop_profiles WHERE customer_id = %s ORDER BY id",
        (customer,),
    ).fetchall()


def in_one_transaction(connection: Connection, statements: str, customer: int) -> None:
    """As one transaction."""
    with connection.transaction():
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(statement, {"c": customer})


def write(connection: Connection) -> tuple[dict[str, int], list[int]]:
    """Everything in STATEMENT, each to a customer of its own; and customers nobody wrote."""
    candidates = [int(str(row[0])) for row in connection.execute(CANDIDATES).fetchall()]
    written = dict(zip(STATEMENT, candidates, strict=False))
    assert len(written) == len(STATEMENT)
    for name, customer in written.items():
        in_one_transaction(connection, STATEMENT[name], customer)
    untouched = candidates[len(written) : len(written) + 10]
    assert len(untouched) == 10
    return written, untouched


def test_what_somebody_wrote_survives(url: str) -> None:
    """Taken back, written by the legacy application, deployed: in a soak twice."""
    with connected(url) as connection:
        written, untouched = write(connection)
        before = {name: profiles(connection, customer) for name, customer in written.items()}
        everybody = [*written.values(), *untouched]
        for _ in range(2 if SOAK else 1):
            move_to(url, None)
            connection.execute(LEGACY_WRITE, {"customers": everybody})
            move_to(url, "@phase1")
            after = {name: profiles(connection, customer) for name, customer in written.items()}
            assert after == before
            split = connection.execute(NOT_SPLIT, {"customers": untouched}).fetchone()
            assert split == (0,)
        # The reconcile adds what the legacy side has more.
        move_to(url, "@phase2")
        assert connection.execute("SELECT * FROM tenancy.drift").fetchall() == []
        for name in (
            "a stylist chosen by the API",
            "a no-show by the API",
            "an insert and an update",
        ):
            new = [row for row in before[name] if row[2] == 5]
            assert [row for row in profiles(connection, written[name]) if row[2] == 5] == new


def test_what_the_reconcile_wrote_is_split_again(url1: str) -> None:
    """It splits anew what nobody else wrote, and such a profile stays what it was."""
    url = url1
    with connected(url) as connection:
        stale = [int(str(row[0])) for row in connection.execute(CANDIDATES).fetchall()][:20]
        for back in ("@phase1", None) if SOAK else (None,):
            connection.execute(LEGACY_WRITE, {"customers": stale})
            move_to(url, "@phase2")
            assert connection.execute(
                "SELECT count(*) FROM tenancy.profile_origins"
            ).fetchone() == (0,)
            assert connection.execute(NOT_SPLIT, {"customers": stale}).fetchone() == (0,)
            move_to(url, back)
        assert value(url, "SELECT count(*) FROM tenancy_archive.profile_origins") == "0"


@pytest.mark.parametrize(
    "last", ["profiles/run_backfill", *(["profiles/customer_shop_profiles"] if SOAK else [])]
)
def test_a_deploy_that_stopped_before_its_end(url: str, last: str) -> None:
    """What it took back, the revert puts aside again."""
    with connected(url) as connection:
        written, _ = write(connection)
        before = {name: profiles(connection, customer) for name, customer in written.items()}
        move_to(url, None)
        move_to(url, last)
        move_to(url, None)
        move_to(url, "@phase1")
        assert {name: profiles(connection, of) for name, of in written.items()} == before


def test_one_shop_where_somebody_wrote(legacy_database: str) -> None:
    """What a person wrote in phase 1 is on no legacy side."""
    url = legacy_database
    execute(
        url,
        "INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)"
        " VALUES (1, '+15550000001', 0, 0)",
    )
    move_to(url, "@phase1")
    execute(url, "UPDATE public.customer_shop_profiles SET no_show_count = 3")
    move_to(url, None)
    move_to(url, "@phase1")
    assert value(url, "SELECT no_show_count FROM public.customer_shop_profiles") == "3"


@pytest.mark.parametrize("state", ["phase 2", "reverted"])
def test_a_dump(url: str, empty: str, state: str) -> None:
    """A restored database knows who wrote, whatever its transactions are numbered."""
    with connected(url) as connection:
        written, untouched = write(connection)
        before = {name: profiles(connection, customer) for name, customer in written.items()}
        if state == "reverted":
            move_to(url, None)
    psql(empty, stdin=run("pg_dump", "-d", url).stdout)
    with connected(empty) as connection:
        if state == "phase 2":
            move_to(empty, None)
        connection.execute(LEGACY_WRITE, {"customers": [*written.values(), *untouched]})
        move_to(empty, "@phase1")
        assert {name: profiles(connection, of) for name, of in written.items()} == before
        assert connection.execute(NOT_SPLIT, {"customers": untouched}).fetchone() == (0,)


def test_a_record_that_is_lost(url1: str) -> None:
    """Nobody knows who wrote: everything stays, and is asked for by the drift view."""
    url = url1
    move_to(url, None)
    execute(url, "DROP TABLE tenancy_archive.profile_origins")
    with connected(url) as connection:
        query = "SELECT min(customer_id) FROM tenancy_archive.customer_shop_profiles"
        one = int(value(url, query))
        connection.execute(LEGACY_WRITE, {"customers": [one]})
        ids = "SELECT id FROM {}.customer_shop_profiles ORDER BY id"
        before = connection.execute(ids.format("tenancy_archive")).fetchall()
        move_to(url, "@phase1")
        assert connection.execute(ids.format("public")).fetchall() == before
    assert value(url, "SELECT DISTINCT customer_id FROM tenancy.drift") == str(one)
    assert value(url, "SELECT DISTINCT origin FROM tenancy.profile_origins") == "unknown"
    move_to(url, "@phase2")
    assert value(url, "SELECT count(*) FROM tenancy.drift") == "0"


def test_a_trigger_that_was_off(url1: str) -> None:
    """The application sets updated_at, and that tells without the record."""
    url = url1
    with connected(url) as connection:
        one = int(str(connection.execute(CANDIDATES).fetchall()[0][0]))
        execute(url, "ALTER TABLE public.customer_shop_profiles DISABLE TRIGGER record_origin")
        connection.execute(
            "UPDATE public.customer_shop_profiles SET no_show_count = 7, updated_at = now()"
            " WHERE customer_id = %s AND shop_id = 2",
            (one,),
        )
        before = profiles(connection, one)
        move_to(url, None)
        connection.execute(LEGACY_WRITE, {"customers": [one]})
        move_to(url, "@phase1")
        assert profiles(connection, one) == before


def test_somebody_writes_while_the_backfill_begins(url1: str) -> None:
    """Who it waits for is asked again behind the lock."""
    url = url1
    move_to(url, None)
    with connected(url) as connection:
        query = (
            "SELECT min(customer_id) FROM tenancy_archive.customer_shop_profiles WHERE shop_id = 2"
        )
        one = int(value(url, query))
        connection.execute(LEGACY_WRITE, {"customers": [one]})
    move_to(url, "profiles/run_backfill")
    writer, backfill = Session(url), Session(url)
    try:
        writer.execute(
            "UPDATE public.customer_shop_profiles SET total_bookings = 77"
            f" WHERE (customer_id, shop_id) = ({one}, 2)"
        )
        begun = backfill.start("SELECT tenancy.prepare_backfill()")
        backfill.wait_until_blocked_by(writer)
        writer.commit()
        begun.result()
        backfill.commit()
    finally:
        writer.close()
        backfill.close()
    of_one = f"FROM public.customer_shop_profiles WHERE (customer_id, shop_id) = ({one}, 2)"
    assert value(url, f"SELECT total_bookings {of_one}") == "77"
