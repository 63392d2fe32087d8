"""Customer memory: a booking is counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from convo_tenancy.customer_memory import update_customer_stats

from .legacy import legacy
from .models import Customer, CustomerBookingStats, CustomerStylistPreference


@dataclass(frozen=True)
class Booked:
    """What is counted of a booking."""

    shop_id: int
    stylist_id: int
    spend_cents: int
    booked_at: datetime


async def before_sqlalchemy(session: AsyncSession, customer_id: int, booked: Booked) -> None:
    """Reads, computes and writes back, without a lock and without a shop."""
    customer = await session.get_one(Customer, customer_id)
    statistics = await session.get(CustomerBookingStats, customer_id)
    if statistics is None:
        statistics = CustomerBookingStats(
            customer_id=customer_id, total_bookings=0, total_spend_cents=0
        )
        session.add(statistics)
    statistics.total_bookings += 1
    statistics.total_spend_cents += booked.spend_cents
    statistics.last_booking_at = booked.booked_at
    customer.average_spend_cents = statistics.total_spend_cents // statistics.total_bookings

    preferences = select(CustomerStylistPreference).filter_by(customer_id=customer_id)
    preference = await session.scalar(preferences.filter_by(stylist_id=booked.stylist_id))
    if preference is None:
        preference = CustomerStylistPreference(
            customer_id=customer_id, stylist_id=booked.stylist_id, booking_count=0
        )
        session.add(preference)
    preference.booking_count += 1
    most_booked = await session.scalars(
        preferences.order_by(
            CustomerStylistPreference.booking_count.desc(), CustomerStylistPreference.stylist_id
        ).limit(1)
    )
    customer.preferred_stylist_id = most_booked.one().stylist_id


async def after_sqlalchemy(session: AsyncSession, customer_id: int, booked: Booked) -> None:
    """One statement. `SELECT (tenancy.record_booking(...)).*` would count once per column."""
    await session.execute(
        text(
            "SELECT * FROM tenancy.record_booking"
            "(:customer_id, :shop_id, :stylist_id, :spend_cents, :booked_at)"
        ),
        {"customer_id": customer_id, **asdict(booked)},
    )


def before_psycopg(connection: Connection[Any], customer_id: int, booked: Booked) -> None:
    """The same statements as SQLAlchemy's."""
    statistics = legacy(connection, "select_statistics", customer_id)
    if statistics is None:
        bookings, spend, write = 1, booked.spend_cents, "insert_statistics"
    else:
        bookings = statistics.total_bookings + 1
        spend = statistics.total_spend_cents + booked.spend_cents
        write = "update_statistics"
    legacy(connection, "update_average_spend", customer_id, spend // bookings)
    legacy(connection, write, customer_id, bookings, spend, booked.booked_at)

    counted = legacy(connection, "select_stylist_preference", customer_id, booked.stylist_id)
    if counted is None:
        legacy(connection, "insert_stylist_preference", customer_id, booked.stylist_id, 1)
    else:
        legacy(connection, "update_stylist_preference", counted.id, counted.booking_count + 1)
    most_booked = legacy(connection, "select_top_stylist", customer_id)
    legacy(connection, "update_preferred_stylist", customer_id, most_booked.stylist_id)


def after_psycopg(connection: Connection[Any], customer_id: int, booked: Booked) -> None:
    """One statement."""
    update_customer_stats(
        connection,
        customer_id,
        booked.shop_id,
        booked.stylist_id,
        booked.spend_cents,
        booked.booked_at,
    )
