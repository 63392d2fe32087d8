"""Booking confirmation: a held slot is booked, and counted for its customer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from convo_tenancy.customer_memory import get_or_create_customer_by_identity
from convo_tenancy.retries import RETRYABLE, pauses, retrying
from convo_tenancy.shop_context import shop_context

from . import customer_memory
from .customer_memory import Booked
from .legacy import legacy
from .models import Booking, BookingStatus, Customer, Service

SQLSTATES = {error.sqlstate for error in RETRYABLE}


async def before_sqlalchemy(
    sessions: async_sessionmaker[AsyncSession], booking_id: uuid.UUID
) -> None:
    """Confirms, finds the customer, counts."""
    async with sessions.begin() as session:
        booking = await session.get_one(Booking, booking_id)
        service = await session.get_one(Service, booking.service_id)
        booking.status = BookingStatus.CONFIRMED
        customers = await session.scalars(select(Customer).filter_by(phone=booking.customer_phone))
        booked = Booked(
            booking.shop_id, booking.stylist_id, service.price_cents, booking.start_at_utc
        )
        await customer_memory.before_sqlalchemy(session, customers.one().id, booked)


async def after_sqlalchemy(
    sessions: async_sessionmaker[AsyncSession], booking_id: uuid.UUID, shop_id: int
) -> None:
    """The same in the shop of the request, and again if it lost a race."""

    async def confirm(session: AsyncSession) -> None:
        # First, and for this transaction only: the next one on the connection is another shop's.
        await session.execute(
            text("SELECT set_config('app.current_shop_id', :shop_id, TRUE)"),
            {"shop_id": str(shop_id)},
        )
        booking = await session.get_one(Booking, booking_id, with_for_update=True)
        if booking.status is BookingStatus.CONFIRMED:
            return  # and counted: by whoever never saw the answer to the COMMIT, say
        service = await session.get_one(Service, booking.service_id)
        booking.status = BookingStatus.CONFIRMED
        await session.flush()  # text() does not flush by itself
        customer_id = await session.scalar(
            text("SELECT tenancy.get_or_create_customer(:email, :phone, :name)"),
            {
                "email": booking.customer_email,
                "phone": booking.customer_phone,
                "name": booking.customer_name,
            },
        )
        if customer_id is None:
            return  # neither an address nor a number: it is confirmed, and counts for nobody
        booked = Booked(shop_id, booking.stylist_id, service.price_cents, booking.start_at_utc)
        await customer_memory.after_sqlalchemy(session, customer_id, booked)

    await retrying_sessions(sessions, confirm)


async def retrying_sessions(
    sessions: async_sessionmaker[AsyncSession],
    work: Callable[[AsyncSession], Awaitable[None]],
    attempts: int = 10,
) -> None:
    """What convo_tenancy.retries does, for SQLAlchemy: each attempt is a new transaction."""

    async def attempt() -> None:
        async with sessions.begin() as session:
            await work(session)

    for pause in pauses(attempts):
        try:
            return await attempt()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in SQLSTATES:
                raise
        await asyncio.sleep(pause)
    return await attempt()


def select_booking(connection: Connection[Any], booking_id: uuid.UUID) -> Any:
    """The booking, locked, and what its service costs."""
    rows = connection.cursor(row_factory=namedtuple_row).execute(
        """
        SELECT b.*, v.price_cents
        FROM public.bookings AS b
        JOIN public.services AS v ON v.id = b.service_id
        WHERE b.id = %s
        FOR UPDATE OF b
        """,
        (booking_id,),
    )
    [booking] = rows.fetchall()
    return booking


def before_psycopg(connection: Connection[Any], booking_id: uuid.UUID) -> None:
    """Confirms, finds the customer, counts."""
    with connection.transaction():
        booking = select_booking(connection, booking_id)
        legacy(connection, "confirm_booking", booking_id)
        customer = legacy(connection, "select_customer_by_phone", booking.customer_phone)
        booked = Booked(
            booking.shop_id, booking.stylist_id, booking.price_cents, booking.start_at_utc
        )
        customer_memory.before_psycopg(connection, customer.id, booked)


def after_psycopg(connection: Connection[Any], booking_id: uuid.UUID, shop_id: int) -> None:
    """The same in the shop of the request, and again if it lost a race."""

    def confirm() -> None:
        with shop_context(connection, shop_id):
            booking = select_booking(connection, booking_id)
            if booking.status == "CONFIRMED":
                return
            legacy(connection, "confirm_booking", booking_id)
            customer_id = get_or_create_customer_by_identity(
                connection, booking.customer_email, booking.customer_phone, booking.customer_name
            )
            if customer_id is None:
                return
            booked = Booked(shop_id, booking.stylist_id, booking.price_cents, booking.start_at_utc)
            customer_memory.after_psycopg(connection, customer_id, booked)

    retrying(connection, confirm)
