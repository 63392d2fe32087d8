"""The same booking confirmation for each driver; a session of a request."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import psycopg
from psycopg import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

import convo_tenancy.asyncpg
import convo_tenancy.retries
import convo_tenancy.sqlalchemy
from convo_tenancy import customer_memory
from convo_tenancy.sqlalchemy import Confirmation, Profile, shop_context

from .models import Booking, BookingStatus, Service


async def session_of_shop(
    sessions: async_sessionmaker[AsyncSession], shop_id: int
) -> AsyncIterator[AsyncSession]:
    """A dependency, for example of FastAPI: everything in the request concerns this shop."""
    async with sessions() as session, shop_context(session, shop_id):
        yield session


async def confirm_by_sqlalchemy(
    sessions: async_sessionmaker[AsyncSession], booking_id: uuid.UUID, shop_id: int
) -> Confirmation:
    """Confirm a held booking and count it once, even if the answer is lost."""

    async def confirm(session: AsyncSession) -> Confirmation:
        return await convo_tenancy.sqlalchemy.confirm_booking(session, booking_id, shop_id)

    try:
        return await convo_tenancy.sqlalchemy.retrying(sessions, confirm)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return await convo_tenancy.sqlalchemy.retrying(sessions, confirm)


async def confirm_by_asyncpg(
    pool: asyncpg.Pool, booking_id: uuid.UUID, shop_id: int
) -> Confirmation:
    """The same with asyncpg."""

    async def confirm() -> Confirmation:
        async with pool.acquire() as connection:
            return await convo_tenancy.asyncpg.retrying(
                connection,
                lambda: convo_tenancy.asyncpg.confirm_booking(connection, booking_id, shop_id),
            )

    try:
        return await confirm()
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
        return await confirm()


def confirm_by_psycopg(
    connect: Callable[[], Connection[Any]], booking_id: uuid.UUID, shop_id: int
) -> Confirmation:
    """The same with psycopg. `connect` returns a connection in autocommit."""

    def confirm() -> Confirmation:
        with connect() as connection:
            return convo_tenancy.retries.retrying(
                connection, lambda: customer_memory.confirm_booking(connection, booking_id, shop_id)
            )

    try:
        return confirm()
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(("08", "57P")):
            raise  # the server answered
    return confirm()


async def confirm_by_statements(
    sessions: async_sessionmaker[AsyncSession], booking_id: uuid.UUID, shop_id: int
) -> Profile | None:
    """Confirm and count with your own statements. Returns None if nothing was counted."""

    async def confirm(session: AsyncSession) -> Profile | None:
        async with shop_context(session, shop_id):
            booking = await session.get_one(
                Booking, booking_id, with_for_update=True, populate_existing=True
            )
            if booking.status is BookingStatus.CONFIRMED:
                return None  # already counted
            booking.status = BookingStatus.CONFIRMED
            service = await session.get_one(Service, booking.service_id)
            customer_id = await convo_tenancy.sqlalchemy.get_or_create_customer_by_identity(
                session, booking.customer_email, booking.customer_phone, booking.customer_name
            )
            if customer_id is None:
                return None  # no email and no phone: confirmed, not counted
            return await convo_tenancy.sqlalchemy.update_customer_stats(
                session,
                customer_id,
                shop_id,
                booking.stylist_id,
                service.price_cents,
                booking.start_at_utc,
            )

    return await convo_tenancy.sqlalchemy.retrying(sessions, confirm)
