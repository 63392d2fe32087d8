"""The same booking confirmation for SQLAlchemy and for asyncpg; a session of a request."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

import convo_tenancy.asyncpg
import convo_tenancy.sqlalchemy
from convo_tenancy.sqlalchemy import Profile, shop_context

from .models import Booking, BookingStatus, Service

CONFIRM = "UPDATE public.bookings SET status = 'CONFIRMED', updated_at = now() WHERE id = $1"
LOCKED_BOOKING = """
    SELECT b.*, v.price_cents
    FROM public.bookings AS b
    JOIN public.services AS v ON v.id = b.service_id
    WHERE b.id = $1
    FOR UPDATE OF b
"""


async def session_of_shop(
    sessions: async_sessionmaker[AsyncSession], shop_id: int
) -> AsyncIterator[AsyncSession]:
    """A dependency of FastAPI, say: what the request does is about this shop."""
    async with sessions() as session, shop_context(session, shop_id):
        yield session


async def confirm_by_sqlalchemy(
    sessions: async_sessionmaker[AsyncSession], booking_id: uuid.UUID
) -> Profile | None:
    """Confirm a booking that is held, and count it; None if it is confirmed already."""

    async def confirm(session: AsyncSession) -> Profile | None:
        # The column, not the object: the session would keep that as it is before the lock.
        shop_id = (
            await session.scalars(select(Booking.shop_id).where(Booking.id == booking_id))
        ).one()
        async with shop_context(session, shop_id):
            booking = await session.get_one(
                Booking, booking_id, with_for_update=True, populate_existing=True
            )
            if booking.status is BookingStatus.CONFIRMED:
                return None  # and counted: by whoever never saw the answer to the COMMIT, say
            booking.status = BookingStatus.CONFIRMED
            service = await session.get_one(Service, booking.service_id)
            customer_id = await convo_tenancy.sqlalchemy.get_or_create_customer_by_identity(
                session, booking.customer_email, booking.customer_phone, booking.customer_name
            )
            return await convo_tenancy.sqlalchemy.update_customer_stats(
                session,
                customer_id,
                shop_id,
                booking.stylist_id,
                service.price_cents,
                booking.start_at_utc,
            )

    return await convo_tenancy.sqlalchemy.retrying(sessions, confirm)


async def confirm_by_asyncpg(pool: asyncpg.Pool, booking_id: uuid.UUID) -> Profile | None:
    """The same."""
    async with pool.acquire() as connection:

        async def confirm() -> Profile | None:
            shop_id = await connection.fetchval(
                "SELECT shop_id FROM public.bookings WHERE id = $1", booking_id
            )
            async with convo_tenancy.asyncpg.shop_context(connection, shop_id):
                booking = await connection.fetchrow(LOCKED_BOOKING, booking_id)
                if booking["status"] == "CONFIRMED":
                    return None
                await connection.execute(CONFIRM, booking_id)
                customer_id = await convo_tenancy.asyncpg.get_or_create_customer_by_identity(
                    connection,
                    booking["customer_email"],
                    booking["customer_phone"],
                    booking["customer_name"],
                )
                return await convo_tenancy.asyncpg.update_customer_stats(
                    connection,
                    customer_id,
                    shop_id,
                    booking["stylist_id"],
                    booking["price_cents"],
                    booking["start_at_utc"],
                )

        return await convo_tenancy.asyncpg.retrying(connection, confirm)
