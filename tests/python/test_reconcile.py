"""The reconcile: what was written between the backfill and the mirrors is caught up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import class_row, scalar_row

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import convo_tenancy, environment, execute, psql, sqitch, start_sqitch, value
from support.legacy_replay import (
    Booking,
    Customer,
    customers_with_history,
    insert_booking,
    make_bookings,
)
from support.legacy_replay import Client as LegacyApplication
from support.legacy_replay import new_customers as make_newcomers
from support.plan import below
from support.waiting import wait_until

SEED = 20261124

# Bookings come on top of it. Each line is about other customers than most of the others.
STALENESS = """
    UPDATE public.customer_booking_stats
    SET total_bookings = total_bookings + 2, total_spend_cents = total_spend_cents + 900
    WHERE customer_id % 23 = 0;
    UPDATE public.customer_booking_stats
    SET total_bookings = total_bookings / 3, total_spend_cents = total_spend_cents / 3
    WHERE customer_id % 29 = 0;
    UPDATE public.customer_booking_stats SET last_booking_at = '2039-01-01'
    WHERE customer_id % 31 = 0;
    DELETE FROM public.customer_booking_stats WHERE customer_id % 59 = 0;
    UPDATE public.customers SET no_show_count = no_show_count + 2 WHERE id % 13 = 0;
    UPDATE public.customers SET preferred_stylist_id = (SELECT max(id) FROM public.stylists)
    WHERE id % 19 = 0;
    UPDATE public.customers SET preferred_stylist_id = NULL WHERE id % 41 = 0;

    DELETE FROM public.customer_stylist_preferences WHERE customer_id % 37 = 0;
    DELETE FROM public.customer_service_preferences WHERE customer_id % 37 = 0;
    DELETE FROM public.customer_booking_stats WHERE customer_id % 37 = 0;
    DELETE FROM public.customers WHERE id % 37 = 0;

    -- New code that writes profiles alone.
    UPDATE public.customer_shop_profiles
    SET
        total_bookings = total_bookings + 1,
        total_spend_cents = total_spend_cents + 500,
        last_booking_at = '2039-02-01',
        no_show_count = no_show_count + shop_id,
        updated_at = now()
    WHERE customer_id % 11 = 0 AND (customer_id + shop_id) % 2 = 0;
    INSERT INTO public.customer_shop_profiles
        (customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at)
    SELECT id, 4, 3, 15000, '2039-03-01' FROM public.customers WHERE id % 43 = 0
    ON CONFLICT DO NOTHING;
    DELETE FROM public.customer_shop_profiles WHERE customer_id % 47 = 0;
"""


def book(url: str, bookings: Sequence[Booking]) -> None:
    """The legacy application books them, one after the other."""
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        no_dice = random.Random(0)  # noqa: S311  # they are for savepoints, and there are none
        application = LegacyApplication(connection, no_dice)
        for booking in bookings:
            insert_booking(connection, booking, "HOLD")
            connection.commit()
            application.transaction(booking, booking.slot)


def reconcile(url: str) -> None:
    """Catch up everybody."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CALL tenancy.run_reconcile()")


@pytest.fixture(scope="module")
def newcomers() -> list[Customer]:
    """Who came after the backfill."""
    return []


@pytest.fixture(scope="module")
def stale_template(
    cluster: Cluster, phase1_template: str, newcomers: list[Customer]
) -> Iterator[str]:
    """The recorded database at @phase1, written to since, and deployed up to the mirrors."""
    name = f"template_stale_{os.getpid()}"
    url = cluster.create_database(name, phase1_template)
    execute(url, STALENESS)
    newcomers += make_newcomers(url, 9)
    customers = [*customers_with_history(url, 40, SEED), *newcomers]
    book(url, make_bookings(url, customers, 200, SEED))
    move_to(url, "mirror/mirrors")
    cluster.mark_template(name)
    yield name
    cluster.drop_database(name)


@pytest.fixture
def url(cluster: Cluster, stale_template: str) -> Iterator[str]:
    """URL of a copy of that."""
    name = f"stale_{os.getpid()}"
    yield cluster.create_database(name, stale_template)
    cluster.drop_database(name)


@dataclass(frozen=True)
class Profile:
    """What a profile says; without a shop, what the legacy side says."""

    total_bookings: int = 0
    total_spend_cents: int = 0
    no_show_count: int = 0
    last_booking_at: datetime | None = None
    preferred_stylist_id: int | None = None


Profiles = dict[int, dict[int, Profile]]  # by customer and shop


def profiles(url: str, source: str = "public.customer_shop_profiles") -> Profiles:
    """All but those that say nothing."""
    found: Profiles = {}
    with psycopg.connect(url) as connection:
        for customer, shop, *values in connection.execute(
            f"""
            SELECT customer_id, shop_id, total_bookings, total_spend_cents, no_show_count,
                last_booking_at, preferred_stylist_id
            FROM {source}
            """
        ):
            if Profile(*values) != Profile():
                found.setdefault(customer, {})[shop] = Profile(*values)
    return found


def drifted(url: str) -> dict[int, set[str]]:
    """The kinds of drift of each customer."""
    with psycopg.connect(url) as connection:
        return {
            row[0]: {*row[1]}
            for row in connection.execute(
                "SELECT customer_id, array_agg(kind) FROM tenancy.drift GROUP BY customer_id"
            )
        }


def everything(url: str) -> str:
    """All rows of both sides, with the time of their last change."""
    return psql(
        url,
        "-At",
        "-c",
        """
        SELECT * FROM public.customer_shop_profiles ORDER BY id;
        SELECT * FROM public.customer_booking_stats ORDER BY customer_id;
        SELECT * FROM public.customers ORDER BY id;
        SELECT * FROM public.customer_stylist_preferences ORDER BY id;
        """,
    ).stdout


@dataclass(frozen=True)
class LegacySide:
    """What the legacy side says of a customer."""

    customer_id: int
    total_bookings: int
    total_spend_cents: int
    no_show_count: int
    last_booking_at: datetime | None
    preferred_stylist_id: int | None
    preferred_shop_id: int | None
    shop_id: int  # that of the statistics' last booking
    is_untouched: bool  # nobody but the backfill wrote the profiles, if there are any


def legacy_side(url: str) -> dict[int, LegacySide]:
    """The legacy side of all customers."""
    with psycopg.connect(url, row_factory=class_row(LegacySide)) as connection:
        rows = connection.execute(
            """
            SELECT
                c.id AS customer_id,
                coalesce(s.total_bookings, 0) AS total_bookings,
                coalesce(s.total_spend_cents, 0) AS total_spend_cents,
                c.no_show_count,
                s.last_booking_at,
                c.preferred_stylist_id,
                t.shop_id AS preferred_shop_id,
                l.shop_id,
                NOT EXISTS (
                    SELECT
                    FROM public.customer_shop_profiles AS p
                    WHERE p.customer_id = c.id
                        AND (p.updated_at <> p.created_at OR p.created_at > b.finished_at)
                ) AS is_untouched
            FROM public.customers AS c
            CROSS JOIN tenancy.backfill_progress AS b
            LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
            LEFT JOIN public.stylists AS t ON t.id = c.preferred_stylist_id
            CROSS JOIN LATERAL tenancy.shop_of_last_booking(c.id, s.last_booking_at) AS l
            """
        ).fetchall()
    return {row.customer_id: row for row in rows}


def by_residual(
    before: dict[int, Profile], legacy: LegacySide, kinds: set[str]
) -> dict[int, Profile]:
    """The profiles of a customer after these kinds of drift are mended by the residual rule."""
    after = dict(before)

    def change(shop: int, **values: Any) -> None:
        after[shop] = replace(after.get(shop, Profile()), **values)

    fields = []
    if "totals" in kinds:
        fields += ["total_bookings", "total_spend_cents"]
    if "no_show_count" in kinds:
        fields += ["no_show_count"]
    for field in fields:
        others = {s: getattr(p, field) for s, p in before.items() if s != legacy.shop_id}
        rest = getattr(legacy, field) - sum(others.values())
        change(legacy.shop_id, **{field: max(rest, 0)})
        for shop, amount in sorted(others.items(), key=lambda one: (-one[1], one[0])):
            cut = min(max(-rest, 0), amount)
            change(shop, **{field: amount - cut})
            rest += cut
    if "last_booking_at" in kinds:
        change(legacy.shop_id, last_booking_at=legacy.last_booking_at)
    if "preferred_stylist" in kinds and legacy.preferred_shop_id is not None:
        change(legacy.preferred_shop_id, preferred_stylist_id=legacy.preferred_stylist_id)
    return {shop: profile for shop, profile in after.items() if profile != Profile()}


def test_all_is_caught_up(url: str) -> None:
    """By the backfill rule where nobody wrote profiles since, else by the residual rule."""
    before, legacy, kinds = profiles(url), legacy_side(url), drifted(url)
    untouched = {customer for customer in kinds if legacy[customer].is_untouched}
    assert len(untouched) > 200
    seen = {kind for customer in kinds if customer not in untouched for kind in kinds[customer]}
    assert seen == {"totals", "no_show_count", "last_booking_at", "preferred_stylist"}
    assert {"missing_profile"} in kinds.values()

    done = psql(url, "-c", "CALL tenancy.run_reconcile()")
    assert done.stderr == ""

    assert drifted(url) == {}
    assert legacy_side(url).keys() == legacy.keys()
    after = profiles(url)
    split = profiles(url, "tenancy.split(ARRAY(SELECT id FROM public.customers))")
    for customer in legacy:
        if customer in untouched:
            wanted = split.get(customer)
        elif customer in kinds:
            wanted = by_residual(before[customer], legacy[customer], kinds[customer]) or None
        else:
            wanted = before.get(customer)
        assert after.get(customer) == wanted, (customer, legacy[customer], before.get(customer))


def test_twice_changes_nothing(url: str) -> None:
    """Not even the time of a change."""
    reconcile(url)
    before = everything(url)
    reconcile(url)
    assert everything(url) == before


def test_whose_sides_agree_is_left_alone(url: str) -> None:
    """Nothing is written to them, and nothing to the legacy side of anybody."""
    agreeing = """
        SELECT p.* FROM public.customer_shop_profiles AS p
        WHERE p.customer_id NOT IN (SELECT customer_id FROM tenancy.drift)
    """
    execute(url, f"CREATE TABLE agreeing AS {agreeing}")
    legacy = "SELECT * FROM public.customer_booking_stats", "SELECT * FROM public.customers"
    before = [sorted(value(url, query).splitlines()) for query in legacy]

    reconcile(url)

    assert value(url, "TABLE agreeing EXCEPT TABLE public.customer_shop_profiles") == ""
    assert [sorted(value(url, query).splitlines()) for query in legacy] == before


def test_a_booking_before_the_reconcile(url: str, newcomers: list[Customer]) -> None:
    """The first write after the mirrors first has the customer caught up, in every shop."""
    before = drifted(url)
    there = [one for one in newcomers if before.get(one.id) == {"missing_profile"}]
    assert len(there) > 5
    later = make_bookings(url, there, 600, SEED + 1)[400:]  # the first 200 starts are taken
    book(url, later)

    assert {one.id for one in there}.isdisjoint(drifted(url))
    with psycopg.connect(url) as connection:
        booked = {
            (customer, shop): (bookings, cents)
            for customer, shop, bookings, cents in connection.execute(
                """
                SELECT c.id, b.shop_id, count(*), sum(v.price_cents)
                FROM public.customers AS c
                CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b
                JOIN public.services AS v ON v.id = b.service_id
                WHERE b.status = 'CONFIRMED' AND c.id = ANY (%s)
                GROUP BY c.id, b.shop_id
                """,
                ([one.id for one in there],),
            )
        }
    found = profiles(url)
    assert booked == {
        (one.id, shop): (profile.total_bookings, profile.total_spend_cents)
        for one in there
        for shop, profile in found[one.id].items()
        if profile.total_bookings
    }


def test_refused_while_the_backfill_is_incomplete(url: str) -> None:
    """The deploy stops there, the mirrors stay, and it goes on when the backfill is through."""
    before = everything(url)
    execute(url, "SELECT tenancy.prepare_backfill()")  # as one that was interrupted
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="not complete"):
        reconcile(url)

    refused = sqitch(url, "deploy", "--to", "@phase2", check=False)
    assert refused.returncode != 0
    assert (
        "ERROR:  the backfill is not complete: CALL tenancy.run_backfill(), then run the same again"
        in refused.stderr.splitlines()[0]
    )
    assert everything(url) == before
    assert "mirror/mirrors" in sqitch(url, "status", check=False).stdout

    convo_tenancy(url, "backfill", check=True)
    move_to(url, "mirror/reconcile_profiles")
    assert drifted(url) == {}


@pytest.fixture
def holder(url: str) -> Iterator[psycopg.Connection]:
    """A session that will hold a customer."""
    with closing(psycopg.connect(url)) as connection:
        yield connection


def hold(holder: psycopg.Connection, customer: int) -> None:
    """Hold the customer until the end of the transaction."""
    holder.execute("SELECT FROM public.customers WHERE id = %s FOR NO KEY UPDATE", (customer,))


def blocked_by(url: str, holder: psycopg.Connection) -> list[int]:
    """The sessions that wait for this one."""
    with psycopg.connect(url, row_factory=scalar_row) as connection:
        return connection.execute(
            """
            SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND %s = ANY (pg_blocking_pids(pid))
            """,
            (holder.info.backend_pid,),
        ).fetchall()


def start_reconcile(url: str, batch_size: int) -> subprocess.Popen[str]:
    """psql in the background, stderr within stdout."""
    return subprocess.Popen(
        ["psql", "-Xq", "-d", url, "-c", f"CALL tenancy.run_reconcile({batch_size})"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        start_new_session=True,
    )


@pytest.mark.parametrize("command", ["psql", "sqitch"])
def test_killed_in_the_middle(
    cluster: Cluster, url: str, holder: psycopg.Connection, command: str
) -> None:
    """With the server; run again, it goes on where it was."""
    to_do = sorted(drifted(url))
    hold(holder, to_do[len(to_do) // 2])
    running = (
        start_reconcile(url, 5)
        if command == "psql"
        else start_sqitch(url, "deploy", "--to", "mirror/reconcile_profiles")
    )
    wait_until(lambda: blocked_by(url, holder), "the reconcile comes to the middle")
    os.killpg(running.pid, signal.SIGKILL)
    cluster.kill()
    running.communicate()
    cluster.start()

    left = sorted(drifted(url))
    assert left
    assert set(left) < set(to_do)
    assert min(left) > min(to_do)
    if command == "psql":
        reconcile(url)
    else:
        move_to(url, "mirror/reconcile_profiles")
    assert drifted(url) == {}


def test_a_customer_who_is_held(url: str, holder: psycopg.Connection) -> None:
    """Everybody else is caught up meanwhile, and who holds one may come to want another."""
    to_do = sorted(drifted(url))
    first, held, last = to_do[0], to_do[1], to_do[-1]
    hold(holder, held)
    running = start_reconcile(url, 50)
    wait_until(lambda: blocked_by(url, holder), "the reconcile wants a customer who is held")
    hold(holder, first)  # the batch gives way before anybody looks for a deadlock
    wait_until(lambda: last not in drifted(url), "the others are caught up")
    wait_until(lambda: len(drifted(url)) <= 2, "all but those who are held are caught up")
    assert set(drifted(url)) == {first, held}

    holder.commit()
    output, _ = running.communicate()
    assert running.returncode == 0, output
    assert "ERROR" not in output
    assert (
        f"; returns later to customers from {first} to {to_do[49]}: "
        "canceling statement due to lock timeout" in output
    )
    assert drifted(url) == {}


def make_stale(url: str) -> tuple[Customer, int]:
    """A customer with drift, and the stylist whom a new split would make their favourite."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """
            SELECT c.id, c.email, c.phone, c.name, s.id
            FROM public.customers AS c
            JOIN public.stylists AS named ON named.id = c.preferred_stylist_id
            JOIN public.customer_shop_profiles AS p ON p.customer_id = c.id
            JOIN public.stylists AS s ON s.shop_id = p.shop_id
            WHERE named.shop_id <> p.shop_id
                AND s.id <> p.preferred_stylist_id
                AND c.phone IN (SELECT phone FROM public.customers GROUP BY 1 HAVING count(*) = 1)
                AND NOT EXISTS (
                    SELECT FROM public.customer_shop_profiles AS o
                    WHERE o.customer_id = c.id AND o.updated_at <> o.created_at
                )
            ORDER BY c.id, s.id
            LIMIT 1
            """
        ).fetchone()
        assert row is not None
        *identity, stylist = row
        customer = Customer(*identity)
        connection.execute("SET tenancy.mirroring = 'on'")
        connection.execute(
            """
            INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
            VALUES (%s, %s, 100)
            ON CONFLICT (customer_id, stylist_id) DO UPDATE SET booking_count = 100
            """,
            (customer.id, stylist),
        )
        connection.execute(
            """
            UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
            WHERE customer_id = %s
            """,
            (customer.id,),
        )
    return customer, stylist


@pytest.mark.parametrize("by", ["reconcile", "booking"])
def test_a_stylist_who_moves(url: str, holder: psycopg.Connection, by: str) -> None:
    """Nobody fails who would make the stylist a favourite in the old shop at that moment."""
    customer, stylist = make_stale(url)
    bookings = make_bookings(url, [customer], 600, SEED)[400:]
    [*_, booking] = [one for one in bookings if one.slot.stylist != stylist]
    holder.execute(
        "UPDATE public.stylists SET shop_id = shop_id %% 4 + 1, name = 'Moved' WHERE id = %s",
        (stylist,),
    )
    with ThreadPoolExecutor(1) as thread:
        catching_up = (
            thread.submit(book, url, [booking])
            if by == "booking"
            else thread.submit(value, url, f"SELECT tenancy.reconcile_step('{{{customer.id}}}')")
        )
        wait_until(lambda: blocked_by(url, holder), "somebody waits for the stylist")
        holder.commit()
        catching_up.result()
    reconcile(url)
    assert drifted(url) == {}


def test_a_legacy_side_that_is_wrong(url: str) -> None:
    """It says so, and the deploy goes on."""
    wrong = min(one for one, kinds in drifted(url).items() if "totals" in kinds)
    execute(
        url,
        f"""
        SET tenancy.mirroring = 'on';
        UPDATE public.customer_booking_stats SET total_bookings = -3 WHERE customer_id = {wrong};
        """,
    )
    move_to(url, below("mirror/reconcile_profiles"))
    deploy = sqitch(url, "deploy", "--to", "mirror/reconcile_profiles")
    assert (
        "WARNING:  the legacy side itself is wrong for 1 customers: SELECT * FROM tenancy.drift"
        in deploy.stderr
    )
    assert drifted(url) == {wrong: {"totals", "negative"}}
