"""Whether what was measured is right."""

from __future__ import annotations

from .cluster import BenchError, connect, number


def counted_bookings(url: str) -> int:
    """How many bookings the statistics know."""
    with connect(url) as connection:
        return number(
            connection, b"SELECT sum(total_bookings)::bigint FROM public.customer_booking_stats"
        )


def check_bookings(url: str, expected: int) -> None:
    """Fast bookings that are lost are worth nothing."""
    found = counted_bookings(url)
    if found != expected:
        raise BenchError(f"{found:,} bookings in the statistics, not {expected:,}: {url}")


def check_drift(url: str) -> None:
    """Fast bookings that are on one side only are worth nothing."""
    with connect(url) as connection:
        drift = number(connection, b"SELECT count(*) FROM tenancy.drift")
    if drift:
        raise BenchError(f"{drift} rows of drift: {url}")
