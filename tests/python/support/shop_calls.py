"""Random calls of the SQL API, as the application makes them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

CALLS = 400
KINDS = ("booking", "no-show", "choice", "no choice")

Call = tuple[str, tuple[Any, ...]]


def calls(url: str, seed: int, kinds: Sequence[str] = KINDS) -> Iterator[Call]:
    """What the application calls for a few customers, at random."""
    dice = random.Random(seed)  # noqa: S311
    with psycopg.connect(url) as connection:
        stylists = connection.execute("SELECT id, shop_id FROM public.stylists ORDER BY id")
        chairs = stylists.fetchall()
        rows = connection.execute("SELECT id FROM public.customers ORDER BY id").fetchall()
    customers = [row[0] for row in dice.sample(rows, 40)]
    emails = [f"new{n}@example.test" for n in (1, 2, 3)]
    for email in emails:
        yield "SELECT * FROM tenancy.get_or_create_customer(%s, NULL, 'New')", (email,)
    with psycopg.connect(url) as connection:
        new = "SELECT id FROM public.customers WHERE email = ANY (%s) ORDER BY id"
        customers += [row[0] for row in connection.execute(new, (emails,))]
    for n in range(CALLS):
        customer = dice.choice(customers)
        stylist, shop = dice.choice(chairs)
        match dice.choice(kinds):
            case "booking":
                price, day = dice.randrange(1000, 9000), dice.randrange(1, 28)
                yield (
                    "SELECT * FROM tenancy.record_booking(%s, %s, %s, %s, %s)",
                    (customer, shop, stylist, price, f"2041-03-{day:02} {n % 24:02}:00+00"),
                )
            case "no-show":
                yield "SELECT * FROM tenancy.record_no_show(%s, %s)", (customer, shop)
            case "choice":
                yield (
                    "SELECT * FROM tenancy.set_preferred_stylist(%s, %s, %s)",
                    (customer, shop, stylist),
                )
            case "no choice":
                yield "SELECT * FROM tenancy.set_preferred_stylist(%s, %s, NULL)", (customer, shop)


def make(url: str, seed: int, kinds: Sequence[str] = KINDS) -> list[Any]:
    """Each call in a transaction of its own: what they return, but for times of writing."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [
            connection.execute(
                f"SELECT to_jsonb(r) - '{{created_at,updated_at}}'::text[] FROM ({call}) AS r",
                values,
            ).fetchall()
            for call, values in calls(url, seed, kinds)
        ]
