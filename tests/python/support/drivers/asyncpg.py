"""Clients of asyncpg."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from convo_tenancy import asyncpg as ours

from . import Connect

Result = TypeVar("Result")


class _Client:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def value(self, statement: str) -> Any:
        return await self._connection.fetchval(statement)

    async def call(self, name: str, *arguments: object) -> Any:
        return await getattr(ours, name)(self._connection, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        block: AbstractAsyncContextManager[object] = self._connection.transaction()
        return block

    def shop(self, shop_id: int) -> AbstractAsyncContextManager[object]:
        return ours.shop_context(self._connection, shop_id)

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        return await ours.retrying(self._connection, transaction, attempts=attempts)

    def is_idle(self) -> bool:
        return not self._connection.is_in_transaction()


def connecting(**options: Any) -> Connect:
    """A connection, with what asyncpg.connect() takes."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[_Client]:
        made = await asyncpg.connect(url, **options)
        try:
            yield _Client(made)
        finally:
            await made.close()

    return connect


connection = connecting()


@asynccontextmanager
async def pool(url: str) -> AsyncIterator[_Client]:
    """A connection that a pool lends."""
    async with asyncpg.create_pool(url, min_size=1) as made, made.acquire() as lent:
        yield _Client(lent)
