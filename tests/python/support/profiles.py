"""Are the profiles what the backfill rule makes of the legacy side?"""

from __future__ import annotations

import psycopg

# Both ways, so that a profile too many is found as well as one that lacks.
_WRONG = """
    WITH written AS (
        SELECT customer_id, shop_id, preferred_stylist_id, total_bookings, total_spend_cents,
            last_booking_at, no_show_count
        FROM public.customer_shop_profiles
        WHERE %(customers)s::integer[] IS NULL OR customer_id = ANY (%(customers)s)
    ), wanted AS (
        SELECT s.* FROM tenancy.split(
            coalesce(%(customers)s::integer[], ARRAY(SELECT id FROM public.customers))
        ) AS s
    )
    (TABLE written EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE written)
"""


def wrong_profiles(url: str, customers: list[int] | None = None) -> list[tuple[object, ...]]:
    """What differs for these customers, or for all: each profile that is there or lacks wrongly."""
    with psycopg.connect(url) as connection:
        return connection.execute(_WRONG, {"customers": customers}).fetchall()
