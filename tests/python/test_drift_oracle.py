"""tenancy.drift against what this file says drift is, on a database that is broken at random."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import psycopg
import pytest

Row = tuple[str, int, int | None, str | None, str | None]

COLUMNS = {
    "public.customers": ("no_show_count", "preferred_stylist_id"),
    "public.customer_booking_stats": ("total_bookings", "total_spend_cents", "last_booking_at"),
    "public.customer_shop_profiles": (
        *("total_bookings", "total_spend_cents", "no_show_count"),
        *("last_booking_at", "preferred_stylist_id"),
    ),
}
NUMBERS = ("-1", "0", "1", "2147483647", "-2147483648")
TIMES = ("NULL", "'infinity'", "'-infinity'", "'2025-01-01'", "'0044-03-15 BC'")


class Profile(NamedTuple):
    """Of one customer in one shop; the time as text, and as a number to compare."""

    shop: int
    bookings: int
    cents: int
    no_shows: int
    last: str | None
    moment: float | None
    stylist: int | None


def _damages(chance: random.Random, count: int) -> list[str]:
    """As many statements, each of which makes a few rows something else."""
    made = []
    for _number in range(count):
        table = chance.choice(list(COLUMNS))
        who = f"{'id' if table.endswith('customers') else 'customer_id'} = {chance.randint(1, 400)}"
        if table.endswith("profiles") and chance.random() < 0.5:
            who += f" AND shop_id = {chance.randint(1, 5)}"
        column = chance.choice(COLUMNS[table])
        values: tuple[str, ...] = TIMES if column == "last_booking_at" else NUMBERS
        if column == "preferred_stylist_id":
            values = ("NULL", str(chance.randint(1, 30)), "999999")
        elif column != "last_booking_at" and chance.random() < 0.5:
            values = (f"least({column}::bigint + 1, 2147483647)",)
        if chance.random() < 0.15 and not table.endswith("customers"):
            made.append(f"DELETE FROM {table} WHERE {who}")
        else:
            made.append(f"UPDATE {table} SET {column} = {chance.choice(values)} WHERE {who}")
    return made


def _expected(connection: psycopg.Connection[Any]) -> list[Row]:
    shops = dict(connection.execute("SELECT id, shop_id FROM public.stylists").fetchall())
    profiles: dict[int, list[Profile]] = {}
    for customer, *of_one in connection.execute(
        """
        SELECT
            customer_id, shop_id, total_bookings, total_spend_cents, no_show_count,
            last_booking_at::text, extract(EPOCH FROM last_booking_at)::float8, preferred_stylist_id
        FROM public.customer_shop_profiles
        """
    ):
        profiles.setdefault(customer, []).append(Profile(*of_one))
    rows: list[Row] = []
    for customer, no_shows, stylist, *statistics in connection.execute(
        """
        SELECT
            c.id, c.no_show_count, c.preferred_stylist_id, s.total_bookings, s.total_spend_cents,
            s.last_booking_at::text
        FROM public.customers AS c
        LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
        """
    ):
        rows += _of_one(customer, no_shows, stylist, statistics, profiles.get(customer, []), shops)
    return sorted(rows, key=repr)


def _of_one(
    customer: int,
    no_shows: int,
    stylist: int | None,
    statistics: list[Any],
    profiles: list[Profile],
    shops: dict[int, int],
) -> list[Row]:
    number, cents, last = statistics
    rows: list[Row] = []
    totals = f"{number or 0} bookings, {cents or 0} cents"
    if not profiles and (number or cents or last or no_shows or stylist):
        parts = [] if number is None else [f"{number} bookings", f"{cents} cents"]
        parts.append(f"{no_shows} no-shows")
        parts += [] if stylist is None else [f"stylist {stylist}"]
        rows.append(("missing_profile", customer, None, ", ".join(parts), None))
    if profiles:
        bookings, spent, missed = (
            sum(getattr(each, column) for each in profiles)
            for column in ("bookings", "cents", "no_shows")
        )
        if (bookings, spent) != (number or 0, cents or 0):
            held = f"{bookings} bookings, {spent} cents"
            rows.append(("totals", customer, None, totals, held))
        if last is not None and all(each.last != last for each in profiles):
            newest = (
                max((each.moment, each.last) for each in profiles if each.moment is not None)
                if any(each.moment is not None for each in profiles)
                else None
            )
            held = f"newest {newest[1]}" if newest else "none"
            rows.append(("last_booking_at", customer, None, last, held))
        if missed != no_shows:
            rows.append(("no_show_count", customer, None, str(no_shows), str(missed)))
        if stylist is not None and not any(
            each.stylist == stylist and shops.get(stylist) == each.shop for each in profiles
        ):
            shop = shops.get(stylist)
            there = [each.stylist for each in profiles if each.shop == shop]
            other = str(there[0]) if there and there[0] is not None else None
            rows.append(("preferred_stylist", customer, shop, str(stylist), other))
    if min(number or 0, cents or 0, no_shows) < 0:
        rows.append(("negative", customer, None, f"{totals}, {no_shows} no-shows", None))
    for each in profiles:
        if each.stylist is not None and shops.get(each.stylist) != each.shop:
            of = f"stylist {each.stylist} of shop {shops.get(each.stylist, 'none')}"
            rows.append(("foreign_stylist", customer, each.shop, None, of))
        if min(each.bookings, each.cents, each.no_shows) < 0:
            held = f"{each.bookings} bookings, {each.cents} cents, {each.no_shows} no-shows"
            rows.append(("negative", customer, each.shop, None, held))
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_drift_is_what_it_is_said_to_be(phase2_database: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    print(f"seed {seed}")
    with psycopg.connect(phase2_database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET timezone = 'UTC'")
        connection.execute(
            "ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_check"
        )
        for damage in _damages(chance, 150):
            connection.execute(damage)
        expected = _expected(connection)
        found = connection.execute("SELECT * FROM tenancy.drift").fetchall()
        assert sorted(found, key=repr) == expected
        assert {row[0] for row in expected} == {
            *("missing_profile", "totals", "last_booking_at", "no_show_count"),
            *("preferred_stylist", "foreign_stylist", "negative"),
        }
        # A condition gives the same rows, whatever plan it makes.
        some = chance.sample(range(1, 500), 40)
        for condition, who in (
            (f"= ANY (ARRAY{some})", set(some)),
            ("BETWEEN 100 AND 250", set(range(100, 251))),
            (f"= {expected[0][1]}", {expected[0][1]}),
            (f"IN (SELECT unnest(ARRAY{some}))", set(some)),
        ):
            for plan in ("on", "off"):
                connection.execute(f"SET enable_hashjoin = {plan}")
                connection.execute(f"SET enable_seqscan = {plan}")
                found = connection.execute(
                    f"SELECT * FROM tenancy.drift WHERE customer_id {condition}"
                ).fetchall()
                assert sorted(found, key=repr) == [row for row in expected if row[1] in who]
