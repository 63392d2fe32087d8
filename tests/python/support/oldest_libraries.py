"""What an application does, on the libraries in .venv/oldest; a program of its own.

    python -S -m support.oldest_libraries URL

It prints each client that is through. -S leaves out whatever else is installed: no psycopg.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from uuid import UUID

import asyncpg
import sqlalchemy
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from convo_tenancy.sqlalchemy import CustomerShopProfileMixin, Profile, shop_context

from . import drivers
from .drivers import asyncpg as asyncpg_clients
from .drivers import sqlalchemy as sqlalchemy_clients

CURRENT = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"
SHOP, STYLIST, STRANGER = 2, 6, 11
BOOKED_AT = datetime(2040, 1, 1, 10, tzinfo=UTC)


class Base(DeclarativeBase):
    """The application's."""


class CustomerShopProfile(CustomerShopProfileMixin, Base):
    """Of the application."""


async def counts_bookings(client: drivers.Client) -> None:
    """Customer memory, with its errors."""
    async with client.transaction():
        email = "Ann@example.test"
        ann = await client.call("get_or_create_customer_by_identity", email, None, "Ann")
        found = await client.call("get_customer_by_email", email)
        assert (found.customer_id, found.email) == (ann, "ann@example.test")
        assert await client.call("get_customer_by_phone", "+15550199999") is None
    arguments = (ann, SHOP, STYLIST, 4000, BOOKED_AT)
    async with client.transaction():
        profile = await client.call("update_customer_stats", *arguments)
        assert profile == Profile(ann, SHOP, STYLIST, 1, 4000, BOOKED_AT, 0)
        context = await client.call("get_customer_context", ann, SHOP)
        assert (context.name, context.average_spend_cents) == ("Ann", 4000)
        assert found in await client.call("get_customers_by_preferred_stylist", STYLIST)
    with drivers.raises("23503"):
        async with client.transaction():
            await client.call("confirm_booking", UUID(int=0), SHOP)
    for wrong, state in [((STRANGER, 4000), "23503"), ((STYLIST, -1), "22023")]:
        with drivers.raises(state):
            async with client.transaction():
                await client.call("update_customer_stats", ann, SHOP, *wrong, BOOKED_AT)


async def keeps_the_shop(client: drivers.Client) -> None:
    """The shop context, nested, in savepoints, and gone afterwards."""
    async with client.shop(2):
        assert await client.value(CURRENT) == "2"
        with suppress(ZeroDivisionError):
            async with client.shop(3):
                assert await client.value(CURRENT) == "3"
                raise ZeroDivisionError
        assert await client.value(CURRENT) == "2"
    async with client.transaction():
        assert await client.value(CURRENT) == ""


async def tries_again(client: drivers.Client, other: asyncpg.Connection) -> None:
    """When somebody has the lock."""
    lock = "SELECT id FROM public.shops WHERE id = 1 FOR UPDATE NOWAIT"
    holding = other.transaction()
    await holding.start()
    await other.execute(lock)
    attempts = 0

    async def transaction() -> None:
        nonlocal attempts
        attempts += 1
        async with client.transaction():
            await client.value(lock)

    with drivers.raises("55P03"):
        await client.retrying(transaction, 2)
    assert attempts == 2
    await holding.rollback()
    await client.retrying(transaction)
    assert client.is_idle()


def has_sessions_that_go_on(url: str) -> None:
    """Savepoints that are rolled back across the context, and the mapped class."""
    engine = sqlalchemy.create_engine(sqlalchemy_clients.url_for("psycopg2", url))
    current = sqlalchemy.text(CURRENT)
    with sessionmaker(engine)() as session:
        older = _savepoint(session)
        with shop_context(session, 2):
            older.rollback()
            assert session.scalar(current) == "2"
            session.commit()
            assert session.scalar(current) == "2"
            younger = session.begin_nested()
        assert session.scalar(current) == ""
        younger.rollback()
        assert session.scalar(current) == ""
        profile = session.scalars(sqlalchemy.select(CustomerShopProfile).limit(1)).one()
        profile.total_bookings += 1
        with suppress(sqlalchemy.exc.InvalidRequestError):
            session.flush()
            raise AssertionError("it is written")
    engine.dispose()


def _savepoint(session: Session) -> sqlalchemy.orm.SessionTransaction:
    session.execute(sqlalchemy.text("SELECT 1"))
    return session.begin_nested()


async def main(url: str) -> None:
    """All of it, with each client."""
    for module in ("psycopg", "typer", "rich"):
        assert find_spec(module) is None, f"{module} is there: run with -S"
    print(f"SQLAlchemy {sqlalchemy.__version__}, asyncpg {asyncpg.__version__}")
    other = await asyncpg.connect(url)
    for name, connect in {
        "asyncpg": asyncpg_clients.connection,
        "AsyncSession": sqlalchemy_clients.asynchronous("asyncpg"),
        "Session": sqlalchemy_clients.synchronous("psycopg2"),
    }.items():
        await other.execute(
            """
            DELETE FROM public.customer_booking_stats WHERE customer_id IN
                (SELECT id FROM public.customers WHERE email = 'ann@example.test');
            DELETE FROM public.customer_stylist_preferences WHERE customer_id IN
                (SELECT id FROM public.customers WHERE email = 'ann@example.test');
            DELETE FROM public.customers WHERE email = 'ann@example.test';
            """
        )
        async with connect(url) as client:
            await counts_bookings(client)
            await keeps_the_shop(client)
            await tries_again(client, other)
        print(name)
    await other.close()
    has_sessions_that_go_on(url)
    print("done")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
