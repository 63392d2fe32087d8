"""Whether Python can read every profile: what it cannot read, no comparison of both sides shows."""

from __future__ import annotations

from ..database import Connection
from .memory import Memory
from .model import Check, Report, Status
from .ranges import Limit, Subject, look

LAST_BOOKINGS = Subject("last_bookings")


def check_last_bookings(
    connection: Connection, report: Report, memory: Memory, limit: Limit | None
) -> Check:
    """Infinity, and years that Python's calendar does not have, fail whoever reads them."""
    name = LAST_BOOKINGS.name
    found = look(connection, memory, LAST_BOOKINGS, limit)
    report.seen[name] = found.seen
    count = sum(found.counts.values())
    if not count:
        fine = "Python can read when each customer was last booked"
        return found.checked(Check(name, Status.OK, 0, fine))
    examples = "; ".join(found.examples["unreadable"])
    return found.checked(
        Check(
            name,
            Status.WARNING,
            count,
            f"{count:,} profiles have a last_booking_at that Python cannot read ({examples}):"
            " set it to the customer's last booking there, or to NULL, in"
            " public.customer_shop_profiles, and in phase 1 in public.customer_booking_stats, too",
        )
    )
