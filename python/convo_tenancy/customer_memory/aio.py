"""`convo_tenancy.customer_memory` for asynchronous connections: the same names and arguments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor

from ..queries import query
from . import statements
from .statements import Customer, CustomerContext, Profile, Row, Statement


async def get_customer_by_email(connection: AsyncConnection[Any], email: str) -> Customer | None:
    """See `customer_memory.get_customer_by_email`."""
    return await (await _execute(connection, statements.CUSTOMER_BY_EMAIL, email)).fetchone()


async def get_customer_by_phone(connection: AsyncConnection[Any], phone: str) -> Customer | None:
    """See `customer_memory.get_customer_by_phone`."""
    return await (await _execute(connection, statements.CUSTOMER_BY_PHONE, phone)).fetchone()


async def get_or_create_customer_by_identity(
    connection: AsyncConnection[Any], email: str | None, phone: str | None, name: str | None
) -> int | None:
    """See `customer_memory.get_or_create_customer_by_identity`."""
    cursor = await _execute(connection, statements.GET_OR_CREATE_CUSTOMER, email, phone, name)
    [customer_id] = await cursor.fetchall()
    return customer_id


async def update_customer_stats(
    connection: AsyncConnection[Any],
    customer_id: int,
    shop_id: int,
    stylist_id: int,
    spend_cents: int,
    booked_at: datetime,
) -> Profile:
    """See `customer_memory.update_customer_stats`."""
    cursor = await _execute(
        connection,
        statements.RECORD_BOOKING,
        customer_id,
        shop_id,
        stylist_id,
        spend_cents,
        statements.with_time_zone(booked_at),
    )
    [profile] = await cursor.fetchall()
    return profile


async def get_customer_context(
    connection: AsyncConnection[Any], customer_id: int, shop_id: int
) -> CustomerContext:
    """See `customer_memory.get_customer_context`."""
    cursor = await _execute(connection, statements.CUSTOMER_CONTEXT, customer_id, shop_id)
    [context] = await cursor.fetchall()
    return context


async def get_customers_by_preferred_stylist(
    connection: AsyncConnection[Any], stylist_id: int
) -> list[Customer]:
    """See `customer_memory.get_customers_by_preferred_stylist`."""
    cursor = await _execute(connection, statements.CUSTOMERS_BY_PREFERRED_STYLIST, stylist_id)
    return await cursor.fetchall()


async def _execute(
    connection: AsyncConnection[Any], statement: Statement[Row], *parameters: object
) -> AsyncRawCursor[Row]:
    cursor = AsyncRawCursor(connection, row_factory=statement.row_factory)
    return await cursor.execute(query(statement.name), parameters)
