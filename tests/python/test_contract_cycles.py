"""Three contracts and their reverts, with all that happens between: nothing is lost."""

from __future__ import annotations

import difflib
import random
from collections import defaultdict
from typing import Any

import psycopg
import pytest

from support.at_once import move_to
from support.closing import close_shop
from support.commands import execute, psql, sqitch
from support.plan import CONTRACT
from support.shop_calls import calls
from support.sides import drift
from support.soak import SOAK
from support.users_definitions import USERS, despite, schema

CYCLES = 3
TOTALS = """
    SELECT c.id, coalesce(s.total_bookings, 0), coalesce(s.total_spend_cents, 0), c.no_show_count
    FROM public.customers AS c
    LEFT JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
"""
Ledger = dict[int, list[int]]


def read(connection: psycopg.Connection[Any], statement: str) -> list[int]:
    """Its one column."""
    return [row[0] for row in connection.execute(statement.encode())]


def after_the_contract(url: str, dice: random.Random, ledger: Ledger) -> None:
    """Calls of every kind; a shop closes, a stylist moves, customers go and come."""
    with psycopg.connect(url, autocommit=True) as connection:
        for call, values in calls(url, dice.randrange(10**6)):
            connection.execute(call.encode(), values)
            if "record_booking" in call:
                ledger[values[0]][0] += 1
                ledger[values[0]][1] += values[3]
            elif "record_no_show" in call:
                ledger[values[0]][2] += 1

        shops = read(connection, "SELECT id FROM public.shops WHERE id > 1 ORDER BY id")
        closing = dice.choice(shops)
        others = f"SELECT id FROM public.stylists WHERE shop_id NOT IN (1, {closing}) ORDER BY id"
        for stylist in dice.sample(read(connection, others), 1 if len(shops) > 1 else 0):
            connection.execute(
                "UPDATE public.stylists SET shop_id = 1, name = 'Moved ' || id WHERE id = %s",
                (stylist,),
            )
        connection.execute("CALL tenancy.close_shop(%s)", (closing,))
        connection.execute(close_shop(closing).encode())

        customers = read(connection, "SELECT id FROM public.customers ORDER BY id")
        for customer in dice.sample(customers, 3):
            with connection.transaction():
                for table in ("stylist", "service"):
                    connection.execute(
                        f"DELETE FROM public.customer_{table}_preferences WHERE customer_id = %s",
                        (customer,),
                    )
                connection.execute("DELETE FROM public.customers WHERE id = %s", (customer,))
            ledger.pop(customer, None)


def before_the_contract(url: str, dice: random.Random, ledger: Ledger) -> None:
    """The legacy application counts bookings."""
    with psycopg.connect(url, autocommit=True) as connection:
        counted = "SELECT customer_id FROM public.customer_booking_stats ORDER BY customer_id"
        for customer in dice.sample(read(connection, counted), 20):
            price = dice.randrange(1000, 9000)
            connection.execute(
                """
                UPDATE public.customer_booking_stats
                SET total_bookings = total_bookings + 1,
                    total_spend_cents = total_spend_cents + %s,
                    last_booking_at = '2042-01-01 10:00+00'
                WHERE customer_id = %s
                """,
                (price, customer),
            )
            ledger[customer][0] += 1
            ledger[customer][1] += price


@pytest.mark.parametrize("seed", range(20261128, 20261128 + (10 if SOAK else 1)))
def test_three_cycles(phase2_database: str, role: str, seed: int) -> None:
    print(f"seed {seed}")
    url = phase2_database
    dice = random.Random(seed)  # noqa: S311
    psql(url, stdin=USERS.format(role=role))
    before = schema(url)
    ledger: Ledger = defaultdict(lambda: [0, 0, 0])
    with psycopg.connect(url) as connection:
        ledger |= {row[0]: list(row[1:]) for row in connection.execute(TOTALS)}

    for cycle in range(CYCLES):
        before_the_contract(url, dice, ledger)
        sqitch(url, "deploy", *CONTRACT, "--set", f"contract_despite={despite(url)}")
        after_the_contract(url, dice, ledger)
        if cycle == 1:
            execute(url, "SELECT tenancy.purge_archive(current_database())")
        move_to(url, "@phase2")

        assert drift(url) == [], cycle
        with psycopg.connect(url) as connection:
            found = {row[0]: list(row[1:]) for row in connection.execute(TOTALS)}
        wrong = {
            customer: (found[customer], ledger[customer])
            for customer in found
            if found[customer] != ledger[customer]
        }
        assert wrong == {}, cycle
        assert found.keys() >= ledger.keys(), cycle
        changed = "\n".join(difflib.unified_diff(before, schema(url), lineterm="", n=0))
        assert changed == "", cycle
