"""No call and no legacy statement that takes one row meets another one in a deadlock.

Each statement stops once at each place between two of its locks, while each of the others runs
until it is through or waits. Then it goes on. Of two, one stops; in a soak each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.commands import execute
from support.sides import drift
from support.soak import SOAK, share
from support.stops import Stopping, formatted, install, stopping_pair, waits
from support.waiting import wait_until

# A customer who booked in shops 1 and 2, prefers a stylist of shop 2, and has no profile in shop 3;
# a guest who has no more than counts there; and shop 4, which may go, without stylists.
_SALONS = """
    CREATE FUNCTION public.new_salons() RETURNS json LANGUAGE plpgsql AS $$
    DECLARE
        c integer;
        g integer;
        s integer[];
        t integer[];
        v integer[];
        b uuid[];
        name CONSTANT text NOT NULL := '+' || (1e17 + floor(random() * 1e17))::bigint; -- a phone
    BEGIN
        WITH made AS (
            INSERT INTO public.shops (name)
            SELECT name || n FROM generate_series(1, 4) AS n RETURNING id
        )
        SELECT array_agg(id ORDER BY id) INTO s FROM made;
        WITH made AS (
            INSERT INTO public.stylists (shop_id, name, work_start, work_end, active)
            SELECT s[w.shop], w.name, '09:00', '17:00', TRUE
            FROM (
                VALUES (1, 'a'), (1, 'b'), (2, 'c'), (2, 'd'), (3, 'e'), (3, 'f'), (3, 'g')
            ) AS w (shop, name)
            RETURNING id
        )
        SELECT array_agg(id ORDER BY id) INTO t FROM made;
        WITH made AS (
            INSERT INTO public.services (shop_id, name, duration_minutes, price_cents)
            SELECT s[n], 'Cut', 30, 1000 * n FROM generate_series(1, 3) AS n
            RETURNING id
        )
        SELECT array_agg(id ORDER BY id) INTO v FROM made;
        INSERT INTO public.customers (phone, average_spend_cents, no_show_count)
        VALUES (name, 0, 0) RETURNING id INTO c;
        INSERT INTO public.customer_shop_profiles (
            customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents,
            last_booking_at, no_show_count
        )
        VALUES
            (c, s[1], t[1], 3, 3000, '2039-01-01', 2), (c, s[2], t[3], 2, 4000, '2039-02-01', 1),
            (c, s[4], NULL, 0, 0, NULL, 0);
        UPDATE public.customers SET preferred_stylist_id = t[3] WHERE id = c;
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        VALUES (c, t[1], 2), (c, t[2], 1), (c, t[3], 2);
        INSERT INTO public.customers (average_spend_cents, no_show_count)
        VALUES (0, 0) RETURNING id INTO g;
        PERFORM set_config('tenancy.mirroring', 'on', TRUE);
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        VALUES (c, t[6], 1), (c, t[7], 2), (g, t[6], 1), (g, t[7], 2);
        WITH made AS (
            INSERT INTO public.bookings (
                id, shop_id, service_id, stylist_id, customer_phone, discount_cents,
                start_at_utc, end_at_utc, status
            )
            SELECT
                gen_random_uuid(), s[n], v[n], t[2 * n - 1], name, 0,
                '2040-01-01'::timestamptz + n * interval '1 day',
                '2040-01-01'::timestamptz + n * interval '1 day', 'HOLD'
            FROM generate_series(1, 3) AS n
            RETURNING id, shop_id
        )
        SELECT array_agg(id ORDER BY shop_id) INTO b FROM made;
        RETURN json_build_object(
            'customer', c, 'guest', g, 'name', name,
            'shop', s[1], 'other', s[2], 'new', s[3], 'empty', s[4],
            'a', t[1], 'b', t[2], 'c', t[3], 'd', t[4], 'e', t[5], 'f', t[6],
            'service', v[1], 'held', b[1], 'held_there', b[2], 'held_new', b[3]
        );
    END;
    $$;
"""

_CONFIRM = "UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = '{held}'"
_COUNT = """
    UPDATE public.customer_booking_stats
    SET
        total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 1000,
        last_booking_at = '2040-01-02'
    WHERE customer_id = {customer}
"""
_COUNT_STYLIST = """
    UPDATE public.customer_stylist_preferences SET booking_count = booking_count + 1
    WHERE customer_id = {customer} AND stylist_id = {a}
"""
_PREFER = "UPDATE public.customers SET preferred_stylist_id = {b} WHERE id = {customer}"
_BOOK = "SELECT FROM tenancy.record_booking({customer}, {shop}, {a}, 1000, '2040-01-02')"

CALLS = {
    "record_booking": (_BOOK,),
    "record_booking of another stylist": (_BOOK.replace("{a}", "{b}"),),
    "record_booking in a new shop": (_BOOK.replace("{a}", "{e}").replace("{shop}", "{new}"),),
    "record_no_show": ("SELECT FROM tenancy.record_no_show({customer}, {other})",),
    "record_no_show in a new shop": ("SELECT FROM tenancy.record_no_show({customer}, {new})",),
    "record_no_show in a shop that goes": (
        "SELECT FROM tenancy.record_no_show({customer}, {empty})",
    ),
    "set_preferred_stylist": (
        "SELECT FROM tenancy.set_preferred_stylist({customer}, {shop}, {b})",
    ),
    "set_preferred_stylist in a new shop": (
        "SELECT FROM tenancy.set_preferred_stylist({customer}, {new}, {e})",
    ),
    "set_preferred_stylist to nobody": (
        "SELECT FROM tenancy.set_preferred_stylist({customer}, {other}, NULL)",
    ),
    "get_or_create_customer": (
        "SELECT FROM tenancy.get_or_create_customer('{name}@example.test', NULL, NULL)",
    ),
    "customer_context": ("SELECT FROM tenancy.customer_context({customer}, {shop})",),
    "confirm and record_booking": (_CONFIRM, _BOOK),
    "confirm_booking": ("SELECT FROM tenancy.confirm_booking('{held}', {shop})",),
    "confirm_booking in a new shop": ("SELECT FROM tenancy.confirm_booking('{held_new}', {new})",),
}

LEGACY = {
    "average": ("UPDATE public.customers SET average_spend_cents = 1 WHERE id = {customer}",),
    "no-shows": (
        "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = {customer}",
    ),
    "no no-shows": ("UPDATE public.customers SET no_show_count = 0 WHERE id = {customer}",),
    "preference": (_PREFER,),
    "preference in a new shop": (_PREFER.replace("{b}", "{e}"),),
    "no preference": (_PREFER.replace("{b}", "NULL"),),
    "statistics": (_COUNT,),
    "statistics of a new shop": (_COUNT.replace("2040-01-02", "2040-01-04"),),
    "no bookings": (
        "UPDATE public.customer_booking_stats SET total_bookings = 0, total_spend_cents = 0"
        " WHERE customer_id = {customer}",
    ),
    "statistics deleted": (
        "DELETE FROM public.customer_booking_stats WHERE customer_id = {customer}",
    ),
    "stylist counted": (_COUNT_STYLIST,),
    "another stylist counted": (
        "UPDATE public.customer_stylist_preferences SET booking_count = 9"
        " WHERE customer_id = {customer} AND stylist_id = {b}",
    ),
    "stylist counted less": (
        "UPDATE public.customer_stylist_preferences SET booking_count = 0"
        " WHERE customer_id = {customer} AND stylist_id = {a}",
    ),
    "stylist of a new shop counted": (
        "UPDATE public.customer_stylist_preferences SET booking_count = 9"
        " WHERE customer_id = {customer} AND stylist_id = {f}",
    ),
    "new stylist counted": (
        "INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)"
        " VALUES ({customer}, {e}, 4)",
    ),
    "count deleted": (
        "DELETE FROM public.customer_stylist_preferences"
        " WHERE customer_id = {customer} AND stylist_id = {a}",
    ),
    "count in a new shop deleted": (
        "DELETE FROM public.customer_stylist_preferences"
        " WHERE customer_id = {customer} AND stylist_id = {f}",
    ),
    "confirmation": (_CONFIRM,),
    "new confirmed booking": (
        """
        INSERT INTO public.bookings (
            id, shop_id, service_id, stylist_id, customer_phone, discount_cents,
            start_at_utc, end_at_utc, status
        )
        VALUES (
            gen_random_uuid(), {shop}, {service}, {a}, '{name}', 0,
            '2041-01-01', '2041-01-02', 'CONFIRMED'
        )
        """,
    ),
    "stylist moved": ("UPDATE public.stylists SET shop_id = {other} WHERE id = {a}",),
    "preferred stylist moved": ("UPDATE public.stylists SET shop_id = {shop} WHERE id = {c}",),
    "stylist deleted": ("DELETE FROM public.stylists WHERE id = {d}",),
    "guest deleted": ("DELETE FROM public.customers WHERE id = {guest}",),
    "guest's count deleted": (
        "DELETE FROM public.customer_stylist_preferences"
        " WHERE customer_id = {guest} AND stylist_id = {f}",
    ),
    "customer deleted": ("DELETE FROM public.customers WHERE id = {customer}",),
    "shop deleted": ("DELETE FROM public.shops WHERE id = {empty}",),
    # No single statement, but the one transaction of the application.
    "legacy booking": (_CONFIRM, _COUNT, _COUNT_STYLIST, _PREFER.replace("{b}", "{a}")),
}

PROFILES = {
    "profile": (
        "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1"
        " WHERE customer_id = {customer} AND shop_id = {shop}",
    ),
    "profile's stylist": (
        "UPDATE public.customer_shop_profiles SET preferred_stylist_id = {b}"
        " WHERE customer_id = {customer} AND shop_id = {shop}",
    ),
    "profile deleted": (
        "DELETE FROM public.customer_shop_profiles"
        " WHERE customer_id = {customer} AND shop_id = {other}",
    ),
}
ALL = CALLS | LEGACY | PROFILES
OTHERS = {
    name: [*ALL] if SOAK else share([*ALL][: number + 1], 2) for number, name in enumerate(ALL)
}

# A stylist who moves gives way, and so do a shop that goes and who writes a profile directly.
GIVE_WAY = {
    *("stylist moved", "preferred stylist moved", "stylist deleted", "shop deleted"),
    *PROFILES,
}
_SOONER = """
    DO $$
    DECLARE
        function regprocedure;
    BEGIN
        FOR function IN SELECT oid FROM pg_proc WHERE '{lock_timeout=500ms}' <@ proconfig LOOP
            EXECUTE format('ALTER FUNCTION %s SET lock_timeout = %L', function, '100ms');
        END LOOP;
    END;
    $$;
"""


@pytest.fixture(scope="module")
def url(cluster: Any, phase2_template: str) -> Iterator[str]:
    """One database for all, with new customers in new salons for each case."""
    name = f"locks_{os.getpid()}"
    made = cluster.create_database(name, phase2_template)
    execute(made, _SALONS)
    # The test takes less time where what gives way after half a second does so sooner.
    execute(made, _SOONER)
    install(made)
    yield made
    cluster.drop_database(name)


def _new_salons(observer: psycopg.Connection) -> dict[str, Any]:
    row = observer.execute("SELECT public.new_salons()").fetchone()
    assert row is not None
    return dict(row[0])


def _places(url: str, observer: psycopg.Connection, statements: tuple[str, ...]) -> int:
    """Where this transaction may stop."""
    alone = Stopping(url)
    alone.begin(formatted(statements, _new_salons(observer)), at=-1)
    alone.end()
    [(number,)] = alone.session.execute("SHOW stop.number")
    alone.session.close()
    return int(number)


def _may_fail_with(name: str) -> set[str | None]:
    """What it refers to may be gone; what the other one made, it cannot make; few give way."""
    fails: set[str | None] = {None, "23503", "23505"}
    return fails | {"55P03"} if name in GIVE_WAY else fails


@pytest.mark.parametrize("stopped", share([*ALL], 2))
def test_no_deadlock(url: str, stopped: str) -> None:
    found = []
    with stopping_pair(url) as (first, second, holder):
        for place in range(1, _places(url, holder, ALL[stopped]) + 1):
            for other in OTHERS[stopped]:
                salons = _new_salons(holder)
                holder.execute("SELECT pg_advisory_lock(1)")
                first.begin(formatted(ALL[stopped], salons), at=place)
                wait_until(lambda: waits(holder, first), "who stops", pause=0.001)
                second.begin(formatted(ALL[other], salons))
                wait_until(lambda: waits(holder, second), "who is through or waits", pause=0.001)
                holder.execute("SELECT pg_advisory_unlock(1)")
                wait_until(lambda: first.is_done or second.is_done, "either", pause=0.001)
                pair = {first: stopped, second: other}
                for session in sorted(pair, key=lambda session: not session.is_done):
                    sqlstate = session.end()
                    if sqlstate not in _may_fail_with(pair[session]):
                        found.append((place, other, pair[session], sqlstate))
    print(*found, sep="\n")
    assert found == []
    assert drift(url) == []
