"""Chat: what the prompt is told of the customer who writes."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from convo_tenancy.customer_memory import get_customer_by_email, get_customer_context

from .legacy import legacy
from .models import Customer, CustomerBookingStats, Stylist


def prompt(name: str | None, bookings: int, average_spend_cents: int, stylist: str | None) -> str:
    """What the prompt says of the customer."""
    return (
        f"{name or 'The customer'} booked {bookings} times, for {average_spend_cents / 100:.2f} on"
        f" average, and prefers {stylist or 'nobody'}."
    )


async def before_sqlalchemy(session: AsyncSession, email: str) -> str:
    """What all shops know together, whichever of them the customer writes to."""
    customer = await session.scalar(select(Customer).filter_by(email=email.strip().lower()))
    if customer is None:
        return ""
    statistics = await session.get(CustomerBookingStats, customer.id)
    stylist = await session.get(Stylist, customer.preferred_stylist_id or 0)
    return prompt(
        customer.name,
        statistics.total_bookings if statistics else 0,
        customer.average_spend_cents,
        stylist.name if stylist else None,
    )


async def after_sqlalchemy(session: AsyncSession, email: str, shop_id: int) -> str:
    """What this shop knows, in one statement."""
    rows = await session.execute(
        text(
            """
            SELECT context.*
            FROM tenancy.customer_by_email(:email) AS customer
            CROSS JOIN LATERAL tenancy.customer_context(customer.customer_id, :shop_id) AS context
            """
        ),
        {"email": email, "shop_id": shop_id},
    )
    context = rows.one_or_none()
    if context is None:
        return ""
    return prompt(
        context.name,
        context.total_bookings,
        context.average_spend_cents,
        context.preferred_stylist_name,
    )


def before_psycopg(connection: Connection[Any], email: str) -> str:
    """What all shops know together, whichever of them the customer writes to."""
    customer = legacy(connection, "select_customer_by_email", email.strip().lower())
    if customer is None:
        return ""
    statistics = legacy(connection, "select_statistics", customer.id)
    stylist = connection.execute(
        "SELECT name FROM public.stylists WHERE id = %s", (customer.preferred_stylist_id,)
    ).fetchone()
    return prompt(
        customer.name,
        statistics.total_bookings if statistics else 0,
        customer.average_spend_cents,
        stylist[0] if stylist else None,
    )


def after_psycopg(connection: Connection[Any], email: str, shop_id: int) -> str:
    """What this shop knows."""
    customer = get_customer_by_email(connection, email)
    if customer is None:
        return ""
    context = get_customer_context(connection, customer.customer_id, shop_id)
    return prompt(
        context.name,
        context.total_bookings,
        context.average_spend_cents,
        context.preferred_stylist_name,
    )
