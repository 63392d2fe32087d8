"""The shop context: which shop the statements of a transaction are about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, overload

from psycopg import AsyncConnection, Connection

from . import customer_memory
from .calls import Call, set_shop, set_shop_back
from .customer_memory import aio


@overload
def shop_context(connection: Connection[Any], shop_id: int) -> AbstractContextManager[None]: ...


@overload
def shop_context(
    connection: AsyncConnection[Any], shop_id: int
) -> AbstractAsyncContextManager[None]: ...


def shop_context(
    connection: Connection[Any] | AsyncConnection[Any], shop_id: int
) -> AbstractContextManager[None] | AbstractAsyncContextManager[None]:
    """A transaction whose legacy writes belong to a shop: rule 1 of the attribution.

        with shop_context(connection, 2):
            connection.execute("UPDATE public.customer_booking_stats SET ...")

    It begins and ends like `connection.transaction()`: commit at the end, rollback on an exception,
    a savepoint in a transaction that is already open; with autocommit and without. The context is
    local to the transaction and set by its first statement, so it is safe behind a transaction
    pooler. Afterwards it is what it was before; contexts may be nested.

    The functions of `customer_memory` take their shop as an argument and need no context.

    Args:
        connection: of psycopg; `async with` for an AsyncConnection.
        shop_id: the shop. Whether it exists shows in the first write that needs it.

    Raises:
        TypeError: the shop is no integer; nothing was sent to the server.
        psycopg.errors.InvalidParameterValue: from a write inside, if there is no such shop.
    """
    call = set_shop(shop_id)
    if isinstance(connection, AsyncConnection):
        return _asynchronous(connection, call)
    return _synchronous(connection, call)


@contextmanager
def _synchronous(connection: Connection[Any], call: Call[str]) -> Iterator[None]:
    with connection.transaction() as transaction:
        before = customer_memory.run(connection, call)
        yield
        if transaction.savepoint_name:  # a released savepoint keeps what was set in it
            customer_memory.run(connection, set_shop_back(before))


@asynccontextmanager
async def _asynchronous(connection: AsyncConnection[Any], call: Call[str]) -> AsyncIterator[None]:
    async with connection.transaction() as transaction:
        before = await aio.run(connection, call)
        yield
        if transaction.savepoint_name:
            await aio.run(connection, set_shop_back(before))
