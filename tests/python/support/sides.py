"""What both sides hold of a customer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg

LEGACY: Final = "legacy"  # where the legacy side stands beside the shops
Place = int | str


@dataclass(frozen=True)
class Sides:
    """By shop, and LEGACY for the legacy side. What is zero or NULL is left out."""

    bookings: dict[Place, tuple[int, int]] = field(default_factory=dict)  # number and cents
    last: dict[Place, datetime] = field(default_factory=dict)
    no_shows: dict[Place, int] = field(default_factory=dict)
    preferred: dict[Place, int] = field(default_factory=dict)
    stylists: dict[int, int] = field(default_factory=dict)  # bookings by stylist
    rows: int = 0  # of any table


def sides(url: str, customer: int) -> Sides:
    """Both sides, as committed."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT 'legacy', total_bookings, total_spend_cents, last_booking_at, 0, NULL::integer
            FROM public.customer_booking_stats
            WHERE customer_id = %(customer)s
            UNION ALL
            SELECT 'legacy', 0, 0, NULL, no_show_count, preferred_stylist_id
            FROM public.customers
            WHERE id = %(customer)s
            UNION ALL
            SELECT
                shop_id::text, total_bookings, total_spend_cents, last_booking_at, no_show_count,
                preferred_stylist_id
            FROM public.customer_shop_profiles
            WHERE customer_id = %(customer)s
            """,
            {"customer": customer},
        ).fetchall()
        stylists = connection.execute(
            """
            SELECT stylist_id, booking_count
            FROM public.customer_stylist_preferences
            WHERE customer_id = %s
            """,
            (customer,),
        ).fetchall()
    found = Sides(rows=len(rows) + len(stylists), stylists=dict(stylists))
    for name, number, cents, last, no_shows, preferred in rows:
        place = name if name == LEGACY else int(name)
        if (number, cents) != (0, 0):
            found.bookings[place] = number, cents
        if last is not None:
            found.last[place] = last
        if no_shows:
            found.no_shows[place] = no_shows
        if preferred is not None:
            found.preferred[place] = preferred
    return found


def drift(url: str) -> list[tuple[Any, ...]]:
    """Where the two sides disagree, of any customer."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT * FROM tenancy.drift").fetchall()
