"""Clients of psycopg."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from convo_tenancy import customer_memory
from convo_tenancy.customer_memory import aio
from convo_tenancy.retries import retrying
from convo_tenancy.shop_context import shop_context

from . import Connect, drive, entered

Result = TypeVar("Result")


class _Synchronous:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    async def value(self, statement: str) -> Any:
        cursor = self._connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    async def call(self, name: str, *arguments: object) -> Any:
        return getattr(customer_memory, name)(self._connection, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return entered(self._connection.transaction())

    def shop(self, shop_id: int) -> AbstractAsyncContextManager[object]:
        return entered(shop_context(self._connection, shop_id))

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        return retrying(self._connection, lambda: drive(transaction()), attempts=attempts)

    def is_idle(self) -> bool:
        return self._connection.info.transaction_status == TransactionStatus.IDLE


class _Asynchronous:
    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def value(self, statement: str) -> Any:
        cursor = await self._connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    async def call(self, name: str, *arguments: object) -> Any:
        return await getattr(aio, name)(self._connection, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self._connection.transaction()

    def shop(self, shop_id: int) -> AbstractAsyncContextManager[object]:
        return shop_context(self._connection, shop_id)

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        return await retrying(self._connection, transaction, attempts=attempts)

    def is_idle(self) -> bool:
        return self._connection.info.transaction_status == TransactionStatus.IDLE


def synchronous(*, autocommit: bool = False) -> Connect:
    """A Connection."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[_Synchronous]:
        with psycopg.connect(url, autocommit=autocommit) as connection:
            yield _Synchronous(connection)

    return connect


def asynchronous(*, autocommit: bool = False) -> Connect:
    """An AsyncConnection."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[_Asynchronous]:
        async with await psycopg.AsyncConnection.connect(url, autocommit=autocommit) as connection:
            yield _Asynchronous(connection)

    return connect
