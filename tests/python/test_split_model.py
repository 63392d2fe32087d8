"""tenancy.split against a model of the backfill rule, on histories that hypothesis makes up."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.at_once import move_to
from support.commands import execute
from support.soak import SOAK

DEFAULT_SHOP = 1
SHOPS = (1, 2, 3)
STYLISTS = {10 * shop + n: shop for shop in SHOPS for n in (1, 2)}  # stylist -> shop
PRICES = {100 * shop + n: 1000 * n for shop in SHOPS for n in (1, 2)}  # service -> price
PHONES = ("+15550000001", "+15550000002", None)
EMAILS = ("a@example.test", "b@example.test")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Profile = tuple[int, int, int | None, int, int, datetime | None, int]


@dataclass(frozen=True)
class Booking:
    shop: int
    stylist_of_shop: int
    service_of_shop: int
    phone: str | None
    email: str | None
    confirmed: bool
    no_show: bool
    start: datetime
    created: datetime
    id: uuid.UUID


@dataclass(frozen=True)
class Customer:
    id: int
    phone: str | None
    email: str | None
    preferred_stylist: int | None
    no_shows: int
    statistics: tuple[int, int, datetime | None] | None
    preferences: tuple[tuple[int, int], ...]  # stylist, booking_count


def _hours(most: int) -> st.SearchStrategy[datetime]:
    return st.integers(0, most).map(lambda hours: EPOCH + timedelta(hours=hours))


BOOKINGS = st.lists(
    st.builds(
        Booking,
        shop=st.sampled_from(SHOPS),
        stylist_of_shop=st.sampled_from((1, 2)),
        service_of_shop=st.sampled_from((1, 2)),
        phone=st.sampled_from(PHONES),
        email=st.sampled_from((*EMAILS, None)),
        confirmed=st.sampled_from((True, True, True, False)),
        no_show=st.booleans(),
        start=_hours(1),
        created=_hours(1),
        id=st.uuids(version=4),
    ),
    max_size=12,
    unique_by=(lambda b: b.id, lambda b: (b.shop, b.stylist_of_shop, b.start)),
)


@st.composite
def customers(draw: st.DrawFn) -> list[Customer]:
    """Two customers, who may share a phone, and know nothing or the wrong things of bookings."""
    return [
        Customer(
            id=number,
            phone=draw(st.sampled_from(PHONES)),
            email=email if draw(st.booleans()) else None,
            preferred_stylist=draw(st.none() | st.sampled_from(sorted(STYLISTS))),
            no_shows=draw(st.integers(0, 3)),
            statistics=draw(
                st.none()
                | st.tuples(st.integers(0, 3), st.integers(0, 4000), st.none() | _hours(1))
            ),
            preferences=tuple(
                draw(
                    st.dictionaries(
                        st.sampled_from(sorted(STYLISTS)), st.integers(1, 3), max_size=4
                    )
                ).items()
            ),
        )
        for number, email in enumerate(EMAILS, start=1)
    ]


def owner_of(booking: Booking, everybody: list[Customer]) -> int | None:
    """By phone, of several the lowest id; else by email."""
    by_phone = [c.id for c in everybody if booking.phone and c.phone == booking.phone]
    by_email = [c.id for c in everybody if booking.email and c.email == booking.email]
    return min(by_phone or by_email, default=None)


def price_of(booking: Booking) -> int:
    return PRICES[100 * booking.shop + booking.service_of_shop]


def profiles_of(customer: Customer, bookings: list[Booking]) -> set[Profile]:
    """The design's backfill rule, read as plainly as can be."""
    total_bookings, total_spend, last = customer.statistics or (0, 0, None)
    counted: dict[int, int] = defaultdict(int)
    for stylist, number in customer.preferences:
        counted[STYLISTS[stylist]] += number
    confirmed = sorted((b for b in bookings if b.confirmed), key=lambda b: (b.created, b.id))
    shops = {DEFAULT_SHOP, *(b.shop for b in confirmed), *counted}

    candidates = [b for b in bookings if last is not None and b.start == last]
    last_shop = DEFAULT_SHOP
    if candidates:
        last_shop = max(candidates, key=lambda b: (b.confirmed, b.created, b.id)).shop
    shops.add(last_shop)

    # In the order in which they are believed: a booking, or a shop whose stylist counted one more.
    named = [b for b in confirmed if b.start == last and counted[b.shop] == 0]
    kept: list[Booking] = []
    cancelled: list[int] = []
    uncounted: list[Booking] = []
    seen: dict[int, int] = defaultdict(int)
    for booking in (b for b in confirmed if b not in named):
        seen[booking.shop] += 1
        (kept if seen[booking.shop] <= counted[booking.shop] else uncounted).append(booking)
    for shop in sorted(counted):
        cancelled += [shop] * (counted[shop] - seen[shop])
    believed: list[Booking | int] = [*named, *kept, *cancelled, *uncounted]
    given = believed[:total_bookings]
    given += [last_shop] * (total_bookings - len(given))

    count = {s: sum(s == (g if isinstance(g, int) else g.shop) for g in given) for s in shops}
    unpriced = {s: given.count(s) for s in shops}
    spend = {
        s: sum(price_of(g) for g in given if isinstance(g, Booking) and g.shop == s) for s in shops
    }
    rest = total_spend - sum(spend.values())
    if rest < 0:  # the largest give first
        for shop in sorted(shops, key=lambda shop: (-spend[shop], shop)):
            cut = min(spend[shop], -rest)
            spend[shop] -= cut
            rest += cut
    elif sum(unpriced.values()):
        every, so_far = sum(unpriced.values()), 0
        for shop in sorted(shops):
            before, so_far = so_far, so_far + unpriced[shop]
            spend[shop] += rest * so_far // every - rest * before // every
    else:
        spend[last_shop] += rest

    marks = sorted(
        (b for b in confirmed if b.no_show), key=lambda b: (b.start, b.id), reverse=True
    )[: customer.no_shows]
    no_shows = {s: sum(b.shop == s for b in marks) for s in shops}
    no_shows[last_shop] += customer.no_shows - len(marks)

    if customer.preferred_stylist is not None:
        shops.add(STYLISTS[customer.preferred_stylist])

    def stylist_in(shop: int) -> int | None:
        if STYLISTS.get(customer.preferred_stylist or 0) == shop:
            return customer.preferred_stylist
        there = [(-n, stylist) for stylist, n in customer.preferences if STYLISTS[stylist] == shop]
        return min(there)[1] if there else None

    def last_in(shop: int) -> datetime | None:
        if shop == last_shop:
            return last
        there = [b for b in bookings if b.confirmed and b.shop == shop]
        return max(there, key=lambda b: (b.created, b.id)).start if there else None

    return {
        (
            customer.id,
            shop,
            stylist_in(shop),
            count.get(shop, 0),
            spend.get(shop, 0),
            last_in(shop),
            no_shows.get(shop, 0),
        )
        for shop in shops
    }


@pytest.fixture
def connection(legacy_database: str) -> Iterator[psycopg.Connection]:
    """Three shops with staff and services, and tenancy.split; each example is rolled back."""
    staff = ", ".join(
        f"({stylist}, {shop}, 'Stylist {stylist}', '09:00', '17:00', TRUE)"
        for stylist, shop in STYLISTS.items()
    )
    services = ", ".join(
        f"({service}, {service // 100}, 'Service {service}', 30, {price})"
        for service, price in PRICES.items()
    )
    execute(
        legacy_database,
        f"""
        INSERT INTO public.shops (id, name) VALUES (2, 'Second'), (3, 'Third');
        INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
        VALUES {staff};
        INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents)
        VALUES {services};
        """,
    )
    move_to(legacy_database, "profiles/split")
    with psycopg.connect(legacy_database) as connection:
        yield connection


def _write(connection: psycopg.Connection, everybody: list[Customer], past: list[Booking]) -> None:
    with connection.cursor() as cursor:
        for customer in everybody:
            cursor.execute(
                """
                INSERT INTO public.customers
                    (id, phone, email, preferred_stylist_id, average_spend_cents, no_show_count)
                VALUES (%s, %s, %s, %s, 0, %s)
                """,
                (
                    customer.id,
                    customer.phone,
                    customer.email,
                    customer.preferred_stylist,
                    customer.no_shows,
                ),
            )
            if customer.statistics is not None:
                cursor.execute(
                    """
                    INSERT INTO public.customer_booking_stats
                        (customer_id, total_bookings, total_spend_cents, last_booking_at)
                    VALUES (%s, %s, %s, %s)
                    """,
                    (customer.id, *customer.statistics),
                )
            for stylist, bookings in customer.preferences:
                cursor.execute(
                    """
                    INSERT INTO public.customer_stylist_preferences
                        (customer_id, stylist_id, booking_count)
                    VALUES (%s, %s, %s)
                    """,
                    (customer.id, stylist, bookings),
                )
        for booking in past:
            cursor.execute(
                """
                INSERT INTO public.bookings (
                    id, shop_id, service_id, stylist_id, customer_email, customer_phone,
                    discount_cents, start_at_utc, end_at_utc, status, appointment_status, created_at
                )
                VALUES (%s, %s, %s, %s, %s, %s, 100, %s, %s, %s, %s, %s)
                """,
                (
                    booking.id,
                    booking.shop,
                    100 * booking.shop + booking.service_of_shop,
                    10 * booking.shop + booking.stylist_of_shop,
                    booking.email,
                    booking.phone,
                    booking.start,
                    booking.start + timedelta(minutes=30),
                    "CONFIRMED" if booking.confirmed else "EXPIRED",
                    "NO_SHOW" if booking.no_show else "SCHEDULED",
                    booking.created,
                ),
            )


@settings(
    max_examples=300 if SOAK else 100,
    derandomize=True,  # the same histories each time
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(everybody=customers(), past=BOOKINGS)
def test_the_split_is_what_the_rule_says(
    connection: psycopg.Connection, everybody: list[Customer], past: list[Booking]
) -> None:
    expected = {
        profile
        for customer in everybody
        for profile in profiles_of(
            customer, [b for b in past if owner_of(b, everybody) == customer.id]
        )
    }
    with connection.transaction(force_rollback=True):
        _write(connection, everybody, past)
        rows = connection.execute(
            "SELECT * FROM tenancy.split(%s)", ([c.id for c in everybody],)
        ).fetchall()
    assert len(rows) == len(expected)
    assert set(rows) == expected
