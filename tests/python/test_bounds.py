"""No shop drives what all of them share over the edge, nor learns by that what the others have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from support.at_once import move_to
from support.attacks import OTHER, OWN, TOO_MUCH
from support.commands import execute, psql, value
from support.health import health

EDGE = 2147483647
MOST_CENTS, MOST_TOTAL_CENTS, MOST_COUNT = 10_000_000, 100_000_000, 1_000_000


@pytest.fixture
def owner(phase2_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(phase2_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def clerk(phase2_database: str) -> Iterator[psycopg.Connection[Any]]:
    execute(phase2_database, "CREATE ROLE clerk LOGIN IN ROLE convo_shop")
    with psycopg.connect(phase2_database, user="clerk", autocommit=True) as connection:
        connection.execute(f"SET app.current_shop_id = '{OWN}'")
        yield connection
    execute(phase2_database, "DROP ROLE clerk")


def shared_customer(owner: psycopg.Connection[Any]) -> int:
    """Whom both shops know."""
    row = owner.execute(
        "SELECT customer_id FROM public.customer_shop_profiles WHERE shop_id IN (%s, %s)"
        " GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 1",
        (OWN, OTHER),
    ).fetchone()
    assert row is not None
    return int(row[0])


def stylist(owner: psycopg.Connection[Any], shop: int) -> int:
    row = owner.execute(
        "SELECT min(id) FROM public.stylists WHERE shop_id = %s", (shop,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def book(
    connection: psycopg.Connection[Any], customer: int, shop: int, stylist_id: int, cents: int
) -> str:
    try:
        connection.execute(
            "SELECT tenancy.record_booking(%s::int, %s::int, %s::int, %s::int, now())",
            (customer, shop, stylist_id, cents),
        )
    except psycopg.Error as error:
        return error.sqlstate or repr(error)
    return "done"


def set_profile(owner: psycopg.Connection[Any], customer: int, shop: int, **values: int) -> None:
    """As the owner may, and mirrored."""
    assignments = ", ".join(f"{column} = {number}" for column, number in values.items())
    owner.execute(
        f"UPDATE public.customer_shop_profiles SET {assignments}"
        + " WHERE (customer_id, shop_id) = (%s, %s)",
        (customer, shop),
    )


def profile(owner: psycopg.Connection[Any], customer: int, shop: int) -> tuple[int, int, int]:
    row = owner.execute(
        "SELECT total_bookings, total_spend_cents, no_show_count"
        " FROM public.customer_shop_profiles WHERE (customer_id, shop_id) = (%s, %s)",
        (customer, shop),
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.mark.parametrize("others", [0, 50_000_000, EDGE])
def test_where_it_ends_tells_nothing_of_others(
    owner: psycopg.Connection[Any], clerk: psycopg.Connection[Any], others: int
) -> None:
    customer, own = shared_customer(owner), stylist(owner, OWN)
    set_profile(owner, customer, OWN, total_bookings=0, total_spend_cents=0, no_show_count=0)
    set_profile(owner, customer, OTHER, total_spend_cents=others)
    most = MOST_TOTAL_CENTS // MOST_CENTS
    booked = [book(clerk, customer, OWN, own, MOST_CENTS) for _ in range(most + 1)]
    assert booked == ["done"] * most + [TOO_MUCH]
    assert profile(owner, customer, OWN) == (most, MOST_TOTAL_CENTS, 0)
    # A smaller one would still be too much, and one for nothing is not.
    assert book(clerk, customer, OWN, own, 1) == TOO_MUCH
    assert book(clerk, customer, OWN, own, 0) == "done"


@pytest.mark.parametrize("column", ["total_bookings", "total_spend_cents", "no_show_count"])
def test_the_shared_row_is_full(
    owner: psycopg.Connection[Any], clerk: psycopg.Connection[Any], column: str
) -> None:
    """One shop's bookings go on, whatever the others hold, and so does the legacy application."""
    customer, own = shared_customer(owner), stylist(owner, OWN)
    set_profile(owner, customer, OWN, total_bookings=1, total_spend_cents=7, no_show_count=1)
    set_profile(owner, customer, OTHER, **{column: EDGE})
    assert book(clerk, customer, OWN, own, 500) == "done"
    clerk.execute("SELECT tenancy.record_no_show(%s::int, %s::int)", (customer, OWN))
    assert profile(owner, customer, OWN) == (2, 507, 2)

    # It reads the totals, adds one booking, and writes them: 32 bits must hold that.
    for _ in range(3):
        totals = owner.execute(
            "SELECT total_bookings, total_spend_cents FROM public.customer_booking_stats"
            " WHERE customer_id = %s",
            (customer,),
        ).fetchone()
        assert totals is not None
        owner.execute(
            "UPDATE public.customer_booking_stats SET total_bookings = %s::int,"
            " total_spend_cents = %s::int, last_booking_at = now() WHERE customer_id = %s",
            (totals[0] + 1, totals[1] + MOST_CENTS, customer),
        )
    owner.execute(
        "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = %s", (customer,)
    )


def test_counts_end_too(owner: psycopg.Connection[Any], clerk: psycopg.Connection[Any]) -> None:
    customer, own = shared_customer(owner), stylist(owner, OWN)
    set_profile(owner, customer, OWN, total_bookings=MOST_COUNT - 1, no_show_count=MOST_COUNT - 1)
    no_show: LiteralString = "SELECT tenancy.record_no_show(%s::int, %s::int)"
    clerk.execute(no_show, (customer, OWN))
    with pytest.raises(psycopg.errors.NumericValueOutOfRange, match=f"expected {MOST_COUNT} at"):
        clerk.execute(no_show, (customer, OWN))
    assert [book(clerk, customer, OWN, own, 1) for _ in range(2)] == ["done", TOO_MUCH]
    assert profile(owner, customer, OWN)[::2] == (MOST_COUNT, MOST_COUNT)


@pytest.mark.parametrize("column", ["total_bookings", "total_spend_cents", "no_show_count"])
def test_no_profile_is_below_zero(owner: psycopg.Connection[Any], column: str) -> None:
    customer = shared_customer(owner)
    with pytest.raises(psycopg.errors.CheckViolation):
        set_profile(owner, customer, OWN, **{column: -1})
    # The legacy side may be, as before; the profiles then have nothing.
    owner.execute(
        "UPDATE public.customer_booking_stats SET total_bookings = -5, total_spend_cents = -5"
        " WHERE customer_id = %s",
        (customer,),
    )
    owner.execute("UPDATE public.customers SET no_show_count = -5 WHERE id = %s", (customer,))
    assert profile(owner, customer, OWN) == (0, 0, 0)


def test_rows_below_zero_stop_no_deploy(phase1_database: str) -> None:
    """They came with a table that was there, or after the reconcile; or both sides are wrong."""
    url = phase1_database
    execute(
        url,
        "UPDATE public.customer_shop_profiles SET total_bookings = -1 WHERE customer_id = 7",
        "UPDATE public.customer_shop_profiles SET no_show_count = -1 WHERE customer_id = 9",
        "UPDATE public.customers SET no_show_count = -3 WHERE id = 9",
        "UPDATE public.customer_shop_profiles SET total_spend_cents = -1 WHERE customer_id = 11",
        "UPDATE public.customer_booking_stats SET total_spend_cents = -9 WHERE customer_id = 11",
    )
    move_to(url, "mirror/reconcile_profiles")
    psql(
        url,
        stdin="""
        UPDATE public.customer_shop_profiles SET total_bookings = -2 WHERE customer_id = 13;
        SET tenancy.mirroring = 'on';
        UPDATE public.customer_shop_profiles SET total_bookings = -2 WHERE customer_id = 15;
        """,
    )
    move_to(url, "@phase2")
    assert (
        value(
            url,
            "SELECT convalidated FROM pg_constraint WHERE conname = 'customer_shop_profiles_check'",
        )
        == "t"
    )
    assert health(url).said("constraints")[0] == "ok"
