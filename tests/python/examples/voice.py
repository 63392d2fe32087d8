"""Voice: a caller is greeted, who is a customer from the first call on."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from convo_tenancy.customer_memory import (
    get_customer_context,
    get_or_create_customer_by_identity,
)

from .legacy import legacy
from .models import Customer, Stylist


def greeting(name: str | None, stylist: str | None) -> str:
    """What the caller hears."""
    again = f" Would you like to see {stylist} again?" if stylist else ""
    return f"Hello{f' {name}' if name else ''}!{again}"


async def before_sqlalchemy(session: AsyncSession, phone: str) -> str:
    """With the stylist of whatever shop; fails for a number that two customers share."""
    customer = (await session.scalars(select(Customer).filter_by(phone=phone))).one_or_none()
    if customer is None:
        customer = Customer(phone=phone)
        session.add(customer)
        await session.flush()
    stylist = await session.get(Stylist, customer.preferred_stylist_id or 0)
    return greeting(customer.name, stylist.name if stylist else None)


async def after_sqlalchemy(session: AsyncSession, phone: str, shop_id: int) -> str:
    """With the stylist of this shop; two calls at once make one customer."""
    customer_id = await session.scalar(
        text("SELECT tenancy.get_or_create_customer(NULL, :phone, NULL)"), {"phone": phone}
    )
    if customer_id is None:
        return greeting(None, None)  # a withheld number
    # Not in the same statement, which would not see a customer that it makes.
    context = await session.execute(
        text("SELECT name, preferred_stylist_name FROM tenancy.customer_context(:customer, :shop)"),
        {"customer": customer_id, "shop": shop_id},
    )
    return greeting(*context.one())


def before_psycopg(connection: Connection[Any], phone: str) -> str:
    """With the stylist of whatever shop."""
    customer = legacy(connection, "select_customer_by_phone", phone)
    if customer is None:
        legacy(connection, "insert_customer", None, phone, None)
        return greeting(None, None)
    stylist = connection.execute(
        "SELECT name FROM public.stylists WHERE id = %s", (customer.preferred_stylist_id,)
    ).fetchone()
    return greeting(customer.name, stylist[0] if stylist else None)


def after_psycopg(connection: Connection[Any], phone: str, shop_id: int) -> str:
    """With the stylist of this shop; two calls at once make one customer."""
    customer_id = get_or_create_customer_by_identity(connection, None, phone, None)
    if customer_id is None:
        return greeting(None, None)
    context = get_customer_context(connection, customer_id, shop_id)
    return greeting(context.name, context.preferred_stylist_name)
