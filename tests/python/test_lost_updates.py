"""The legacy application loses bookings to itself; with the confirmation lock it loses none."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
import pytest

from support.legacy_replay import (
    Client,
    Customer,
    Outcome,
    Slot,
    customers_with_history,
    make_bookings,
    new_customers,
    replay,
)
from support.soak import SOAK, share

SEED = 20261122
CUSTOMERS = 15
BOOKINGS = 1500 if SOAK else 500


@dataclass(frozen=True)
class Total:
    """Bookings of a customer, all of them or those in one shop."""

    bookings: int = 0
    spend: int = 0
    last: datetime | None = None

    def plus(self, slot: Slot) -> Total:
        """The same after one more."""
        return Total(self.bookings + 1, self.spend + slot.price, slot.start)


Statistics = dict[int, Total]
Profiles = dict[tuple[int, int], Total]


def statistics(url: str) -> Statistics:
    """What the legacy side says, by customer."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT customer_id, total_bookings, total_spend_cents, last_booking_at
            FROM public.customer_booking_stats
            """
        ).fetchall()
    return {row[0]: Total(*row[1:]) for row in rows}


def profiles(url: str) -> Profiles:
    """What the profile side says, by customer and shop; a profile of zeros is as good as none."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at
            FROM public.customer_shop_profiles
            """
        ).fetchall()
    return {(row[0], row[1]): Total(*row[2:]) for row in rows if Total(*row[2:]) != Total()}


def averages(url: str, customers: Sequence[Customer]) -> dict[int, int]:
    """The average spend that the legacy application shows, by customer."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT id, average_spend_cents FROM public.customers WHERE id = ANY (%s)",
            ([customer.id for customer in customers],),
        ).fetchall()
    return dict(rows)


def drift(url: str) -> list[tuple[object, ...]]:
    """Where the two sides disagree."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT * FROM tenancy.drift").fetchall()


def statistics_after(before: Statistics, outcome: Outcome) -> Statistics:
    """What the committed bookings make of the statistics."""
    after = defaultdict(Total, before)
    for one in outcome.in_order():
        after[one.customer] = after[one.customer].plus(one.slot)
    return dict(after)


def profiles_after(before: Profiles, outcome: Outcome) -> Profiles:
    """What the committed bookings make of the profiles.

    A booking that starts when the one counted before it does leaves the statistics' last booking as
    it was, and so the profile's.
    """
    after = defaultdict(Total, before)
    latest: dict[int, datetime] = {}
    for one in outcome.in_order():
        key = one.customer, one.slot.shop
        counted = after[key].plus(one.slot)
        is_at_once = latest.get(one.customer) == one.slot.start
        after[key] = replace(counted, last=after[key].last) if is_at_once else counted
        latest[one.customer] = one.slot.start
    return dict(after)


def lost(before: Statistics, after: Statistics, outcome: Outcome) -> int:
    """How many committed bookings the statistics do not count; printed."""
    counted = sum(t.bookings for t in after.values()) - sum(t.bookings for t in before.values())
    number = len(outcome.committed) - counted
    print(
        f"committed {len(outcome.committed)}, lost {number},"
        f" retried {dict(Counter(outcome.retried))}, failed {dict(Counter(outcome.failed))}"
    )
    return number


def test_before_phase_2_the_application_loses_bookings(phase1_database: str) -> None:
    """What the other tests say is never lost, they would see."""
    print(f"seed {SEED}")
    before = statistics(phase1_database)
    customers = customers_with_history(phase1_database, CUSTOMERS, SEED)
    bookings = make_bookings(phase1_database, customers, BOOKINGS, SEED)

    # It deadlocks, too, now and then. That need not take a second each time.
    impatient = f"{phase1_database}&options=-c%20deadlock_timeout%3D50ms"
    outcome = replay(impatient, bookings, seed=SEED)

    assert outcome.failed == []
    assert lost(before, statistics(phase1_database), outcome) > BOOKINGS // 15


@pytest.mark.parametrize(
    ("history", "one_price", "held", "savepoints"),
    share(
        [
            pytest.param(True, False, True, False, id="held"),
            pytest.param(True, True, True, False, id="average stays"),
            pytest.param(False, False, True, False, id="first booking"),
            pytest.param(True, False, False, False, id="inserted as CONFIRMED"),
            pytest.param(True, False, True, True, id="savepoints"),
            pytest.param(False, True, False, True, id="all of it"),
        ],
        2,
    ),
)
def test_nothing_is_lost(
    phase2_database: str, history: bool, one_price: bool, held: bool, savepoints: bool
) -> None:
    """Both sides and the averages are what was committed, and no client saw an error.

    With one price for everything averages stay, and a transaction writes to its customer last.
    """
    print(f"seed {SEED}")
    url = phase2_database
    if one_price:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE public.services SET price_cents = 4000")
    before = statistics(url), profiles(url)
    customers = (
        customers_with_history(url, CUSTOMERS, SEED) if history else new_customers(url, CUSTOMERS)
    )
    bookings = make_bookings(url, customers, BOOKINGS, SEED)

    outcome = replay(url, bookings, seed=SEED, held=held, savepoints=savepoints)

    after = statistics(url)
    assert lost(before[0], after, outcome) == 0
    assert (outcome.retried, outcome.failed) == ([], [])
    assert len(outcome.committed) == BOOKINGS
    assert after == statistics_after(before[0], outcome)
    assert profiles(url) == profiles_after(before[1], outcome)
    assert averages(url, customers) == {
        customer.id: after[customer.id].spend // after[customer.id].bookings
        for customer in customers
    }
    assert drift(url) == []


def test_two_bookings_that_start_at_once(phase2_database: str) -> None:
    """Both count for their shops, also the second, which changes no time of the statistics."""
    url = phase2_database
    (customer,) = new_customers(url, 1)
    before = profiles(url)
    bookings = make_bookings(url, [customer], 2, SEED)
    assert bookings[0].slot.start == bookings[1].slot.start

    committed = [one for each in bookings for one in replay(url, [each], seed=SEED).committed]

    assert [one.total_bookings for one in committed] == [1, 2]
    assert profiles(url) == profiles_after(before, Outcome(committed))
    assert drift(url) == []


def test_an_average_that_is_again_what_was_read_before_the_lock(phase2_database: str) -> None:
    """The client sees nothing to change: what another one made of it meanwhile, it never read."""
    url = phase2_database
    (customer,) = new_customers(url, 1)
    first, other, late = (
        replace(booking, slot=replace(booking.slot, price=price))
        for booking, price in zip(
            make_bookings(url, [customer], 6, SEED), (4000, 5000, 3000), strict=False
        )
    )
    replay(url, [first], seed=SEED)

    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        client = Client(connection, random.Random(SEED), held=False)  # noqa: S311
        found, _, average = client.find_customer(customer)
        assert average == 4000
        replay(url, [other], seed=SEED)
        client.confirm(late)
        client.count(found, late.slot, average)

    assert averages(url, [customer]) == {customer.id: 4000}
