"""The same booking confirmation for each driver; a session of a request."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from psycopg import Connection, RawCursor
from psycopg.rows import namedtuple_row
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

import convo_tenancy.asyncpg
import convo_tenancy.retries
import convo_tenancy.shop_context
import convo_tenancy.sqlalchemy
from convo_tenancy import customer_memory
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
    """Confirm a booking that is held, and count it; None if nothing is to be counted."""

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
            if customer_id is None:
                return None  # nobody: it is confirmed, and not counted
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
                if customer_id is None:
                    return None
                return await convo_tenancy.asyncpg.update_customer_stats(
                    connection,
                    customer_id,
                    shop_id,
                    booking["stylist_id"],
                    booking["price_cents"],
                    booking["start_at_utc"],
                )

        return await convo_tenancy.asyncpg.retrying(connection, confirm)


def confirm_by_psycopg(
    connection: Connection[Any], booking_id: uuid.UUID, shop_id: int
) -> Profile | None:
    """The same, in the shop that the request names."""
    cursor = RawCursor(connection, row_factory=namedtuple_row)

    def confirm() -> Profile | None:
        with convo_tenancy.shop_context.shop_context(connection, shop_id):
            booking: Any = cursor.execute(LOCKED_BOOKING, (booking_id,)).fetchone()
            if booking.status == "CONFIRMED":
                return None
            cursor.execute(CONFIRM, (booking_id,))
            customer_id = customer_memory.get_or_create_customer_by_identity(
                connection, booking.customer_email, booking.customer_phone, booking.customer_name
            )
            if customer_id is None:
                return None
            return customer_memory.update_customer_stats(
                connection,
                customer_id,
                shop_id,
                booking.stylist_id,
                booking.price_cents,
                booking.start_at_utc,
            )

    return convo_tenancy.retries.retrying(connection, confirm)
