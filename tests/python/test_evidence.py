"""The right shop: against a ledger that knows it, and against what the stylists counted."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from support.at_once import move_to
from support.closing import close_shop, prefer_nobody
from support.cluster import Cluster
from support.commands import execute, psql, psql_file, run
from support.legacy_replay import (
    Booking,
    Client,
    Customer,
    insert_booking,
    make_bookings,
    new_customers,
)
from support.sides import drift
from support.soak import SOAK

SEED = 20261128
HISTORIES = 20 if SOAK else 1
ROUNDS, STEPS = (4, 60) if SOAK else (2, 40)
SAMPLE = 10_000 if SOAK else 300  # customers

# What each profile holds beside what the stylists of its shop counted.
COMPARED = """
    SELECT
        coalesce(p.customer_id, e.customer_id) AS customer_id,
        coalesce(p.total_bookings, 0) = coalesce(e.counted, 0) AS is_right,
        coalesce(e.bookings, 0) > coalesce(e.counted, 0) AS has_public
    FROM public.customer_shop_profiles AS p
    FULL JOIN tenancy.evidence AS e USING (customer_id, shop_id)
"""

# Two counted bookings of each customer, while there is no mirror.
GAP = """
    CREATE TEMPORARY TABLE gap AS
    SELECT
        c.id AS customer_id, c.phone, c.email, n.n, s.shop_id, s.id AS stylist_id,
        v.id AS service_id, v.price_cents,
        '2045-01-01 00:00+00'::timestamptz
        + row_number() OVER (ORDER BY n.n, c.id) * interval '1 hour' AS start_at
    FROM public.customers AS c
    CROSS JOIN generate_series(1, 2) AS n (n)
    CROSS JOIN LATERAL (
        SELECT * FROM public.stylists ORDER BY md5(c.id || '.' || n.n || '.' || id) LIMIT 1
    ) AS s
    CROSS JOIN LATERAL (
        SELECT * FROM public.services WHERE shop_id = s.shop_id
        ORDER BY md5(c.id || '.' || n.n || '.' || id) LIMIT 1
    ) AS v
    WHERE c.phone IS NULL
        OR NOT EXISTS (SELECT FROM public.customers AS o WHERE o.phone = c.phone AND o.id < c.id);
    INSERT INTO public.bookings (
        id, shop_id, service_id, stylist_id, customer_phone, customer_email, discount_cents,
        start_at_utc, end_at_utc, status, created_at
    )
    SELECT
        gen_random_uuid(), shop_id, service_id, stylist_id, phone, email, 0,
        start_at, start_at + interval '30 minutes', 'CONFIRMED', now() + n * interval '1 minute'
    FROM gap;
    INSERT INTO public.customer_booking_stats AS s
        (customer_id, total_bookings, total_spend_cents, last_booking_at)
    SELECT customer_id, 2, sum(price_cents), max(start_at) FROM gap GROUP BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET
        total_bookings = s.total_bookings + 2,
        total_spend_cents = s.total_spend_cents + excluded.total_spend_cents,
        last_booking_at = excluded.last_booking_at;
    INSERT INTO public.customer_stylist_preferences AS p (customer_id, stylist_id, booking_count)
    SELECT customer_id, stylist_id, count(*) FROM gap GROUP BY customer_id, stylist_id
    ON CONFLICT (customer_id, stylist_id) DO UPDATE
    SET booking_count = p.booking_count + excluded.booking_count;
"""


@dataclass(frozen=True)
class Agreement:
    """Shares in percent: of profiles, of customers, of those without public confirms."""

    profiles: float
    customers: float
    without_public: float


def agreement(url: str) -> Agreement:
    """How many have, in every shop, what the stylists counted there."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            f"""
            WITH compared AS ({COMPARED}), customer AS (
                SELECT bool_and(is_right) AS is_right, bool_or(has_public) AS has_public
                FROM compared GROUP BY customer_id
            )
            SELECT
                (SELECT 100.0 * avg(is_right::integer) FROM compared),
                (SELECT 100.0 * avg(is_right::integer) FROM customer),
                (SELECT 100.0 * avg(is_right::integer) FROM customer WHERE NOT has_public)
            """
        ).fetchone()
    assert row is not None
    found = Agreement(*(round(float(share), 1) for share in row))
    print(found)
    return found


def make_gap(url: str) -> None:
    """Phase 2 is taken back, everybody books twice, phase 2 comes again."""
    move_to(url, "@phase1")
    execute(url, GAP)
    move_to(url, "@phase2")


def test_what_the_stylists_counted(phase2_database: str) -> None:
    """On the recorded database, in a soak after a gap, too."""
    first = agreement(phase2_database)
    assert first.customers >= 92
    if not SOAK:
        return
    make_gap(phase2_database)
    after = agreement(phase2_database)
    assert after.customers >= 97
    assert drift(phase2_database) == []


def test_what_the_stylists_counted_in_the_sample(cluster: Cluster) -> None:
    """Before and after a gap."""
    url = cluster.create_database("evidence_sample")
    try:
        psql_file(url, "tests/legacy/schema.sql")
        psql_file(url, "tests/legacy/sample.sql", "-v", f"customers={SAMPLE}")
        move_to(url, "@phase2")
        for has_gap in (False, True):
            if has_gap:
                make_gap(url)
            found = agreement(url)
            assert found.customers >= 83
            assert found.without_public >= 95
        assert drift(url) == []
    finally:
        cluster.drop_database("evidence_sample")


def profiles(url: str) -> set[tuple[object, ...]]:
    """All of them, but for the ids and the times."""
    with psycopg.connect(url) as connection:
        return {
            *connection.execute(
                """
                SELECT customer_id, shop_id, preferred_stylist_id, total_bookings,
                    total_spend_cents, last_booking_at, no_show_count
                FROM public.customer_shop_profiles
                """
            )
        }


@pytest.mark.parametrize(
    "away_and_back",
    [
        """
        CREATE TEMPORARY TABLE kept AS TABLE public.customer_booking_stats;
        DELETE FROM public.customer_booking_stats;
        INSERT INTO public.customer_booking_stats TABLE kept;
        """,
        """
        INSERT INTO public.customers (id, email, average_spend_cents, no_show_count)
        SELECT customer_id + 1000000, customer_id || '@moved.test', 0, 0
        FROM public.customer_booking_stats;
        UPDATE public.customer_booking_stats SET customer_id = customer_id + 1000000;
        UPDATE public.customer_booking_stats SET customer_id = customer_id - 1000000;
        DELETE FROM public.customers WHERE id > 1000000;
        """,
    ],
    ids=["deleted and inserted", "another customer_id and back"],
)
def test_statistics_that_come_back(phase2_database: str, away_and_back: str) -> None:
    """Each profile has again what it held, and nothing is remembered."""
    before = profiles(phase2_database)
    execute(phase2_database, away_and_back)
    assert profiles(phase2_database) == before
    for table in ("remembered_profiles", "inserted_statistics"):
        assert (
            psql(phase2_database, "-Atc", f"SELECT count(*) FROM tenancy.{table}").stdout == "0\n"
        )


def test_legacy_data_in_an_empty_database(recorded_database: str, cluster: Cluster) -> None:
    """A dump brings the counts after the statistics: the next reconcile divides them again."""
    url = cluster.create_database("evidence_restored")
    try:
        psql_file(url, "tests/legacy/schema.sql")
        execute(url, "INSERT INTO public.shops (name) VALUES ('Salon 0')")
        move_to(url, "@phase2")
        dump = run("pg_dump", "--data-only", "--schema=public", "-d", recorded_database).stdout
        dump = re.sub(r"^\\(un)?restrict .*\n", "", dump, flags=re.MULTILINE)
        # The default shop is there.
        dump, there = re.subn(r"(COPY public.shops [^\n]*\n(?:.*\n)*?)1\t.*\n", r"\1", dump)
        assert there == 1
        psql(url, "-f", "-", stdin=dump)
        agreement(url)
        assert drift(url) == []
        execute(url, "CALL tenancy.run_reconcile()")
        assert agreement(url).customers >= 96
        assert drift(url) == []
        assert psql(url, "-Atc", "SELECT count(*) FROM tenancy.inserted_statistics").stdout == "0\n"
    finally:
        cluster.drop_database("evidence_restored")


class Ledger:
    """One history, with the shop of each booking that was counted."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.dice = random.Random(seed)  # noqa: S311
        self.customers = new_customers(url, 9)
        self.bookings = make_bookings(url, self.customers, 2 * 20 * STEPS, seed)
        self.dice.shuffle(self.bookings)
        self.counted: Counter[tuple[int, int]] = Counter()  # by customer and shop
        self.mirrored = True
        self.kept: dict[int, tuple[object, ...]] = {}  # statistics that were deleted
        self.unsure: set[int] = set()  # of whom neither bookings nor counts show the shops

    def take(self, customer: Customer, number: int) -> list[Booking]:
        """So many bookings of the customer, which nobody made yet."""
        wanted = [one for one in self.bookings if one.customer == customer][:number]
        self.bookings = [one for one in self.bookings if one not in wanted]
        return wanted

    def step(self, connection: psycopg.Connection) -> None:
        """Something happens to somebody, in one transaction."""
        customer = self.dice.choice(self.customers)
        what: list[Callable[[psycopg.Connection, Customer], None]] = [
            *[self.book] * 6,
            self.book_publicly,
            self.cancel,
            self.correct,
            self.delete_or_restore,
            self.delete_and_restore,
            self.lose_counts,
            self.close,
        ]
        with connection.transaction():
            self.dice.choice(what)(connection, customer)

    def book(self, connection: psycopg.Connection, customer: Customer) -> None:
        """One to three at once: each counted at once, or all confirmed before."""
        if customer.id in self.kept:
            return
        client = Client(connection, self.dice, held=False)
        booked = self.take(customer, self.dice.choice((1, 1, 2, 3)))
        key, *_, average = client.find_customer(customer)
        waiting: list[Booking] = []
        for booking in booked:
            client.confirm(booking)
            self.counted[customer.id, booking.slot.shop] += 1
            waiting.append(booking)
            if self.dice.random() < 0.3:
                self._count(client, key, average, waiting)
        self.dice.shuffle(waiting)
        self._count(client, key, average, waiting)

    def _count(self, client: Client, key: int, average: int, waiting: list[Booking]) -> None:
        for booking in waiting:
            client.count(key, booking.slot, average)
            client.count_stylist(key, booking.slot.stylist)
            average = client.find_customer(booking.customer)[2]
        waiting.clear()

    def book_publicly(self, connection: psycopg.Connection, customer: Customer) -> None:
        """No statistics count it."""
        for booking in self.take(customer, 1):
            insert_booking(connection, booking, "CONFIRMED")

    def cancel(self, connection: psycopg.Connection, customer: Customer) -> None:
        """The booking goes, the statistics stay."""
        connection.execute(
            """
            DELETE FROM public.bookings WHERE id = (
                SELECT id FROM tenancy.bookings_of($1) ORDER BY md5(id || $2) LIMIT 1
            )
            """,
            (customer.id, str(self.dice.random())),
        )

    def correct(self, connection: psycopg.Connection, customer: Customer) -> None:
        """The spend, not the bookings."""
        connection.execute(
            """
            UPDATE public.customer_booking_stats SET total_spend_cents = total_spend_cents + 50
            WHERE customer_id = $1
            """,
            (customer.id,),
        )

    def delete_or_restore(self, connection: psycopg.Connection, customer: Customer) -> None:
        """The statistics stay away for some time."""
        row = self.kept.pop(customer.id, None)
        if row:
            connection.execute(
                """
                INSERT INTO public.customer_booking_stats
                    (customer_id, total_bookings, total_spend_cents, last_booking_at)
                VALUES ($1, $2, $3, $4)
                """,
                row,
            )
            return
        row = connection.execute(
            """
            DELETE FROM public.customer_booking_stats WHERE customer_id = $1
            RETURNING customer_id, total_bookings, total_spend_cents, last_booking_at
            """,
            (customer.id,),
        ).fetchone()
        if row:
            self.kept[customer.id] = row

    def delete_and_restore(self, connection: psycopg.Connection, customer: Customer) -> None:
        """In one transaction."""
        self.delete_or_restore(connection, customer)
        if customer.id in self.kept:
            self.delete_or_restore(connection, customer)

    def lose_counts(self, connection: psycopg.Connection, customer: Customer) -> None:
        """Now and then a customer's counts go: then nothing shows what was cancelled."""
        if self.dice.random() < 0.2:
            connection.execute(
                "DELETE FROM public.customer_stylist_preferences WHERE customer_id = $1",
                (customer.id,),
            )
            self.unsure.add(customer.id)

    def close(self, connection: psycopg.Connection, _customer: Customer) -> None:
        """Now and then a shop closes: of who was there, nothing shows it any more."""
        shops = [row[0] for row in connection.execute("SELECT id FROM public.shops ORDER BY id")]
        if len(shops) < 3 or self.dice.random() < 0.7:
            return
        closing = self.dice.choice(shops[1:])
        self.unsure |= {customer for (customer, shop) in self.counted if shop == closing}
        self.bookings = [one for one in self.bookings if one.slot.shop != closing]
        connection.execute((prefer_nobody(closing) + close_shop(closing)).encode())

    def gap(self) -> None:
        """The mirrors go, or come."""
        if self.mirrored:
            move_to(self.url, "@phase1")
        else:
            move_to(self.url, "@phase2")
        self.mirrored = not self.mirrored

    def wrong(self) -> dict[tuple[int, int], tuple[int, int]]:
        """What a profile holds, and what was counted there; of whom nothing shows the shops, where
        the shop check does not say so."""
        with psycopg.connect(self.url) as connection:
            found = {
                (customer, shop): bookings
                for customer, shop, bookings in connection.execute(
                    "SELECT customer_id, shop_id, total_bookings FROM public.customer_shop_profiles"
                )
            }
            doubted = "SELECT DISTINCT customer_id FROM tenancy.shop_check WHERE class <> 'agrees'"
            said = self.unsure & {customer for (customer,) in connection.execute(doubted)}
        asked = {one.id for one in self.customers} - said - {*self.kept}
        return {
            key: (found.get(key, 0), self.counted[key])
            for key in {*found, *self.counted}
            if key[0] in asked and found.get(key, 0) != self.counted[key]
        }


@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_the_ledger(small_at: Callable[[str | None], str], seed: int) -> None:
    """Gaps, public confirms, cancellations, rows that come back, shops that close."""
    print(f"seed {seed}")
    url = small_at("@phase2")
    ledger = Ledger(url, seed)
    for _ in range(ROUNDS):
        with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
            for _ in range(STEPS // ROUNDS):
                ledger.step(connection)
        if ledger.mirrored:
            assert drift(url) == []
            assert ledger.wrong() == {}
        ledger.gap()
    assert drift(url) == []
    assert ledger.wrong() == {}
