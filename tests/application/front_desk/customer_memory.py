"""What the front desk knows of a customer, whichever salon they come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .models import Customer, CustomerBookingStats, CustomerStylistPreference


def normalize_email(email: str | None) -> str | None:
    """Trimmed and in lower case; None if it is none."""
    email = (email or "").strip().lower()
    return email if "@" in email else None


def normalize_phone(phone: str | None) -> str | None:
    """`+` and digits; None if it is none."""
    phone = (phone or "").strip()
    digits = "".join(character for character in phone if character.isdecimal())
    if phone.startswith("+"):
        return f"+{digits}" if digits else None
    if len(digits) < 10:
        return None
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"


async def get_customer(
    session: AsyncSession, email: str | None, phone: str | None
) -> Customer | None:
    """By phone, else by email."""
    if phone := normalize_phone(phone):
        found = await session.scalars(select(Customer).filter_by(phone=phone))
        if customer := found.one_or_none():
            return customer
    if email := normalize_email(email):
        return await session.scalar(select(Customer).filter_by(email=email))
    return None


async def get_or_create_customer(
    session: AsyncSession, email: str | None, phone: str | None, name: str | None
) -> Customer | None:
    """Who it is, or somebody new; None without an email address and a phone number."""
    customer = await get_customer(session, email, phone)
    email, phone = normalize_email(email), normalize_phone(phone)
    if customer is None:
        if email is None and phone is None:
            return None
        customer = Customer()
        session.add(customer)
    # What was missing is known now.
    customer.email = customer.email or email
    customer.phone = customer.phone or phone
    customer.name = customer.name or name
    await session.flush()
    return customer


async def get_customers_by_preferred_stylist(
    session: AsyncSession, stylist_id: int
) -> Sequence[Customer]:
    """Who spends most a booking comes first."""
    customers = select(Customer).filter_by(preferred_stylist_id=stylist_id)
    found = await session.scalars(customers.order_by(Customer.average_spend_cents.desc()))
    return found.all()


async def update_customer_stats(
    session: AsyncSession,
    customer: Customer,
    stylist_id: int,
    spend_cents: int,
    booked_at: datetime,
) -> None:
    """Count a booking: read, compute, write back."""
    statistics = await session.get(CustomerBookingStats, customer.id)
    if statistics is None:
        statistics = CustomerBookingStats(
            customer_id=customer.id, total_bookings=0, total_spend_cents=0
        )
        session.add(statistics)
    statistics.total_bookings += 1
    statistics.total_spend_cents += spend_cents
    statistics.last_booking_at = booked_at
    customer.average_spend_cents = statistics.total_spend_cents // statistics.total_bookings

    counts = select(CustomerStylistPreference).filter_by(customer_id=customer.id)
    count = await session.scalar(counts.filter_by(stylist_id=stylist_id))
    if count is None:
        count = CustomerStylistPreference(
            customer_id=customer.id, stylist_id=stylist_id, booking_count=0
        )
        session.add(count)
    count.booking_count += 1
    most_booked = await session.scalars(
        counts.order_by(
            CustomerStylistPreference.booking_count.desc(), CustomerStylistPreference.stylist_id
        ).limit(1)
    )
    customer.preferred_stylist_id = most_booked.one().stylist_id
