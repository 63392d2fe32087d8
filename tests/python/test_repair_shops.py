"""convo-tenancy repair --shops: bookings go to their shop, sums stay, and what is right is left."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from support.command_line import Running, call, refusal
from support.commands import execute, pg_dump_data, value
from support.health import health
from support.holding import held_in_a_batch, wait_until_gone, wait_until_held
from support.legacy_replay import Customer, make_bookings, new_customers
from support.race import Result, amounts, race
from support.sides import drift, sides
from support.waiting import wait_until

SEED = 20261128
BOOKINGS = 600
MISPLACED = "SELECT count(*) FROM tenancy.misplaced_bookings"
PROFILES = """
    SELECT md5(string_agg(t::text, ' ' ORDER BY t)) FROM (
        SELECT customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at,
            no_show_count, preferred_stylist_id
        FROM public.customer_shop_profiles
    ) AS t
"""
BY_SHOP = """
    SELECT md5(string_agg(t::text, ' ' ORDER BY t))
    FROM (SELECT customer_id, shop_id, total_bookings FROM public.customer_shop_profiles) AS t
"""
LEGACY = """
    SELECT md5(string_agg(s::text, ' ' ORDER BY s)) FROM public.customer_booking_stats AS s
"""

# A booking too many, from the shop with the most to another one, for customers of whom all agrees.
MISPLACE = """
    WITH agreed AS (
        SELECT
            c.customer_id,
            (array_agg(c.shop_id ORDER BY c.total_bookings DESC, c.shop_id))[1] AS its_shop,
            (array_agg(c.shop_id ORDER BY c.total_bookings, c.shop_id DESC))[1] AS other_shop
        FROM tenancy.shop_check AS c
        GROUP BY c.customer_id
        HAVING bool_and(c.class = 'agrees') AND count(*) > 1 AND max(c.total_bookings) > 0
    )
    UPDATE public.customer_shop_profiles AS p
    SET total_bookings = p.total_bookings + CASE p.shop_id WHEN a.its_shop THEN -1 ELSE 1 END
    FROM agreed AS a
    WHERE p.customer_id = a.customer_id AND p.shop_id IN (a.its_shop, a.other_shop)
"""


def test_three_bookings_moved_by_two_plain_updates(phase2_database: str) -> None:
    """The check shows it, the dry run says what would move, the repair puts it right."""
    url = phase2_database
    before, booked = value(url, PROFILES), sides(url, 7)
    execute(
        url,
        """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings - 3, total_spend_cents = total_spend_cents - 14500
        WHERE customer_id = 7 AND shop_id = 4
        """,
        """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings + 3, total_spend_cents = total_spend_cents + 14500
        WHERE customer_id = 7 AND shop_id = 2
        """,
    )
    assert call(url, "repair").stdout == "No drift: nothing to repair\n"
    assert health(url).said("shops")[:2] == ("warning", 2)
    legacy = value(url, LEGACY)

    lines = [
        "customer 7, shop 2: customer_shop_profiles.total_bookings: 4 -> 1",
        "customer 7, shop 2: customer_shop_profiles.total_spend_cents: 18000 -> 3500",
        "customer 7, shop 4: customer_shop_profiles.total_bookings: 1 -> 4",
        "customer 7, shop 4: customer_shop_profiles.total_spend_cents: 12000 -> 26500",
    ]
    data = pg_dump_data(url, "public", "tenancy")
    dry = call(url, "repair", "--shops", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines() == [
        *lines,
        "Dry run: 4 values of 1 customer would change",
        "Next: convo-tenancy repair --shops",
    ]
    assert pg_dump_data(url, "public", "tenancy") == data

    done = call(url, "repair", "--shops")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [*lines, "Changed 4 values of 1 customer"]
    assert (value(url, PROFILES), value(url, LEGACY), sides(url, 7)) == (before, legacy, booked)
    assert drift(url) == []
    assert health(url).said("shops")[:2] == ("ok", 0)
    assert value(url, "SELECT count(*) FROM tenancy.legacy_writes") == "0"
    assert value(url, "SELECT count(*) FROM tenancy.double_writes") == "0"

    data = pg_dump_data(url, "public", "tenancy")
    assert call(url, "repair", "--shops").stdout == (
        "No booking in a wrong shop, as far as bookings and counts show: nothing to repair\n"
    )
    assert pg_dump_data(url, "public", "tenancy") == data


def test_a_database_that_is_right(phase2_database: str) -> None:
    """Every profile is what the counts say. By bookings alone, some would be damaged."""
    url = phase2_database
    execute(
        url,
        """
        SET tenancy.mirroring = 'on';
        UPDATE public.customer_shop_profiles SET total_bookings = 0;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        SELECT e.customer_id, e.shop_id, e.counted FROM tenancy.evidence AS e
        ON CONFLICT (customer_id, shop_id) DO UPDATE SET total_bookings = excluded.total_bookings
        """,
    )
    by_bookings_alone = """
        SELECT count(*) FROM (
            SELECT FROM tenancy.shop_check AS c
            GROUP BY c.customer_id
            HAVING bool_or(c.class = 'cancelled') AND bool_or(c.class = 'public_confirms')
        ) AS damaged
    """
    assert int(value(url, by_bookings_alone)) > 0
    classes = "SELECT string_agg(DISTINCT class, ' ' ORDER BY class) FROM tenancy.shop_check"
    assert value(url, classes) == "agrees cancelled public_confirms"
    data = pg_dump_data(url, "public", "tenancy")
    assert call(url, "repair", "--shops").stdout.startswith("No booking in a wrong shop")
    everybody = "SELECT count(*) FROM tenancy.repair(ARRAY(SELECT id FROM customers), 'shops')"
    assert value(url, everybody) == "0"
    assert pg_dump_data(url, "public", "tenancy") == data


def test_many_customers_and_none_of_their_sums(phase2_database: str) -> None:
    url = phase2_database
    legacy, bookings = value(url, LEGACY), value(url, BY_SHOP)
    sums = """
        SELECT md5(string_agg(t::text, ' ' ORDER BY t)) FROM (
            SELECT customer_id, sum(total_bookings), sum(total_spend_cents), sum(no_show_count)
            FROM public.customer_shop_profiles GROUP BY customer_id
        ) AS t
    """
    summed = value(url, sums)
    execute(url, f"SET tenancy.mirroring = 'on'; {MISPLACE}")
    misplaced = int(value(url, MISPLACED))
    assert misplaced > 500
    dry = json.loads(call(url, "repair", "--shops", "--dry-run", "--format", "json").stdout)
    done = json.loads(call(url, "repair", "--shops", "--format", "json").stdout)
    assert dry == {**done, "dry_run": True}
    assert (done["source"], done["finished"], done["drifted_customers"]) == (
        "shops",
        True,
        misplaced,
    )
    assert done["changed_customers"] == misplaced
    assert (value(url, MISPLACED), value(url, sums), value(url, LEGACY)) == ("0", summed, legacy)
    assert value(url, BY_SHOP) == bookings


def test_a_side_makes_no_sense(phase2_database: str) -> None:
    assert refusal(phase2_database, "repair", "--shops", "--source", "legacy") == (
        "convo-tenancy: --shops changes no side: leave --source out\n"
    )


@pytest.mark.parametrize(
    "held",
    [
        "UPDATE public.customers SET name = 'Held' WHERE id = 7",
        "SELECT FROM public.customer_booking_stats WHERE customer_id = 7 FOR UPDATE",
        "SELECT FROM public.customer_shop_profiles WHERE customer_id = 7 FOR UPDATE",
    ],
    ids=["customer", "statistics", "profiles"],
)
def test_a_customer_whom_somebody_holds(phase2_database: str, held: str) -> None:
    """All others are repaired meanwhile; what the holder commits is seen behind the lock."""
    url = phase2_database
    execute(url, f"SET tenancy.mirroring = 'on'; {MISPLACE}")
    right = """
        UPDATE public.customer_shop_profiles AS p SET total_bookings = c.counted_bookings
        FROM tenancy.shop_check AS c
        WHERE c.customer_id = 7 AND p.customer_id = 7 AND p.shop_id = c.shop_id
    """
    with psycopg.connect(url, application_name="a correction") as holder:
        holder.execute(held.encode())
        with Running(url, "repair", "--shops") as running:
            wait_until(lambda: value(url, MISPLACED) == "1", "the others are repaired")
            running.read_until("waiting: customers from ")
            # The sums stay. Its mirror would give way, to a repair that has the customer just then.
            holder.execute("SET LOCAL tenancy.mirroring = 'on'")
            holder.execute(right.encode())
            holder.commit()
            code, output = running.end()
            assert code == 0, output
            assert "customer 7," not in output
    assert (value(url, MISPLACED), drift(url)) == ("0", [])


@pytest.mark.parametrize(
    ("end_it", "exit_code"),
    [
        (lambda running: running.process.kill(), -signal.SIGKILL),
        (lambda running: running.process.send_signal(signal.SIGINT), 130),
    ],
    ids=["kill", "interrupt"],
)
def test_ended_in_the_middle_and_run_again(
    phase2_database: str, end_it: Callable[[Running], None], exit_code: int
) -> None:
    url = phase2_database
    execute(url, f"SET tenancy.mirroring = 'on'; {MISPLACE}")
    misplaced = int(value(url, MISPLACED))
    assert value(url, f"{MISPLACED} WHERE customer_id = 900") == "1"
    with (
        held_in_a_batch(url, "UPDATE"),
        Running(url, "repair", "--shops", "--batch-size", "30") as running,
    ):
        wait_until_held(url, "convo-tenancy repair")
        end_it(running)
        code, output = running.end()
        assert code == exit_code, output
        wait_until_gone(url, "convo-tenancy repair")
    left = int(value(url, MISPLACED))
    assert 0 < left < misplaced
    again = json.loads(call(url, "repair", "--shops", "--format", "json").stdout)
    assert again["changed_customers"] == left
    assert (value(url, MISPLACED), drift(url)) == ("0", [])


def test_while_the_application_books(phase2_database: str) -> None:
    """Bookings are moved to wrong shops and back under traffic: at the end each is in its shop."""
    url = phase2_database
    print(f"seed {SEED}, {BOOKINGS} bookings")
    customers = new_customers(url, 8)
    bookings = make_bookings(url, customers, BOOKINGS, SEED)
    before = amounts(url, customers)
    half = BOOKINGS // 2
    first = race(url, customers, bookings[:half], {"legacy booking": 1}, seed=SEED)
    assert amounts(url, customers) == before + first.amounts

    with ThreadPoolExecutor(3) as threads:
        racing = threads.submit(
            race, url, customers, bookings[half:], {"legacy booking": 1}, seed=SEED + 1
        )
        moving = threads.submit(_move, url, customers, racing)
        repairing = threads.submit(_repair, url, customers, racing)
        second = racing.result()
        assert moving.result() > 0
        assert repairing.result() > 0
    assert (second.errors, second.given_up) == ({}, {})
    call(url, "repair", "--shops")
    assert (value(url, MISPLACED), drift(url)) == ("0", [])
    assert amounts(url, customers) == before + first.amounts + second.amounts


def _move(url: str, customers: list[Customer], until: Future[Result]) -> int:
    """One booking of each in turn, to another profile."""
    moved = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not until.done():
            for customer in customers:
                with connection.transaction():
                    connection.execute(
                        "SELECT FROM public.customers WHERE id = %s FOR UPDATE", (customer.id,)
                    )
                    moved += connection.execute(
                        """
                        WITH place AS (
                            SELECT
                                max(shop_id) FILTER (WHERE position = 1) AS one,
                                max(shop_id) FILTER (WHERE position = 2) AS other
                            FROM (
                                SELECT
                                    shop_id,
                                    row_number() OVER (ORDER BY total_bookings DESC) AS position
                                FROM public.customer_shop_profiles
                                WHERE customer_id = %(id)s AND total_bookings > 0
                            ) AS p
                        )
                        UPDATE public.customer_shop_profiles AS p
                        SET total_bookings = p.total_bookings
                            + CASE p.shop_id WHEN place.one THEN -1 ELSE 1 END
                        FROM place
                        WHERE p.customer_id = %(id)s AND p.shop_id IN (place.one, place.other)
                            AND place.other IS NOT NULL
                        """,
                        {"id": customer.id},
                    ).rowcount
    return moved


def _repair(url: str, customers: list[Customer], until: Future[Result]) -> int:
    """All of them, again and again."""
    ids = [customer.id for customer in customers]
    repaired = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not until.done():
            try:
                repaired += connection.execute(
                    "SELECT * FROM tenancy.repair(%s, 'shops')", (ids,)
                ).rowcount
            except LockNotAvailable:
                continue
    return repaired
