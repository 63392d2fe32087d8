"""Whether Python can read every profile: what it cannot read, no comparison of both sides shows."""

from __future__ import annotations

from dataclasses import dataclass

from ..database import Connection, rows
from .model import Check, Status


@dataclass(frozen=True)
class _Time:
    customer_id: int
    shop_id: int
    last_booking_at: str
    found: int


def check_last_bookings(connection: Connection) -> Check:
    """Infinity, and years that Python's calendar does not have, fail whoever reads them."""
    name = "last_bookings"
    times = rows(connection, _Time, "health/unreadable_times")
    if not times:
        return Check(name, Status.OK, 0, "Python can read when each customer was last booked")
    examples = "; ".join(
        f"customer {each.customer_id} in shop {each.shop_id}: {each.last_booking_at}"
        for each in times
    )
    return Check(
        name,
        Status.WARNING,
        times[0].found,
        f"{times[0].found:,} profiles have a last_booking_at that Python cannot read ({examples}):"
        " set it to the customer's last booking there, or to NULL, in"
        " public.customer_shop_profiles, and in phase 1 in public.customer_booking_stats, too",
    )
