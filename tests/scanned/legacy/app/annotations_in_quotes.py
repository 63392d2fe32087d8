from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from app.models import CustomerBookingStats  # FOUND statistics

def f(stats: "CustomerBookingStats") -> "CustomerBookingStats | None":  # FOUND statistics
    stats.total_bookings += 1  # FOUND statistics
class A:
    stats: CustomerBookingStats  # FOUND statistics
def g(a: A):
    return a.stats.last_booking_at  # FOUND statistics
