"""Clients of SQLAlchemy: a session, in transactions that are begun by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from convo_tenancy import sqlalchemy as ours

from . import Connect, drive, entered

Result = TypeVar("Result")


def url_for(driver: str, url: str) -> str:
    """What SQLAlchemy takes in place of a libpq URI."""
    return url.replace("postgresql://", f"postgresql+{driver}://")


class _Synchronous:
    def __init__(self, sessions: sessionmaker[Session], session: Session) -> None:
        self._sessions = sessions
        self._session = session

    async def value(self, statement: str) -> Any:
        result = self._session.execute(text(statement))
        return result.scalar() if result.returns_rows else None  # type: ignore[attr-defined]

    async def call(self, name: str, *arguments: object) -> Any:
        return getattr(ours, name)(self._session, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        if self._session.in_transaction():
            return entered(self._session.begin_nested())
        return entered(self._session.begin())

    @asynccontextmanager
    async def shop(self, shop_id: int) -> AsyncIterator[None]:
        async with self.transaction():
            with ours.shop_context(self._session, shop_id):
                yield

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        def work(session: Session) -> Result:
            own, self._session = self._session, session
            try:
                return drive(transaction())
            finally:
                self._session = own

        return ours.retrying(self._sessions, work, attempts=attempts)

    def is_idle(self) -> bool:
        return not self._session.in_transaction()


class _Asynchronous:
    def __init__(self, sessions: async_sessionmaker[AsyncSession], session: AsyncSession) -> None:
        self._sessions = sessions
        self._session = session

    async def value(self, statement: str) -> Any:
        result = await self._session.execute(text(statement))
        return result.scalar() if result.returns_rows else None  # type: ignore[attr-defined]

    async def call(self, name: str, *arguments: object) -> Any:
        return await getattr(ours, name)(self._session, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[object]:
        if self._session.in_transaction():
            return self._session.begin_nested()
        return self._session.begin()

    @asynccontextmanager
    async def shop(self, shop_id: int) -> AsyncIterator[None]:
        async with self.transaction(), ours.shop_context(self._session, shop_id):
            yield

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        async def work(session: AsyncSession) -> Result:
            own, self._session = self._session, session
            try:
                return await transaction()
            finally:
                self._session = own

        return await ours.retrying(self._sessions, work, attempts=attempts)

    def is_idle(self) -> bool:
        return not self._session.in_transaction()


def synchronous(driver: str, **options: Any) -> Connect:
    """A Session over this driver, with what create_engine() takes."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[_Synchronous]:
        engine = create_engine(url_for(driver, url), **options)
        try:
            sessions = sessionmaker(engine)
            with sessions() as session:
                yield _Synchronous(sessions, session)
                session.commit()
        finally:
            engine.dispose()

    return connect


def asynchronous(driver: str, **options: Any) -> Connect:
    """An AsyncSession over this driver, with what create_async_engine() takes."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[_Asynchronous]:
        engine = create_async_engine(url_for(driver, url), **options)
        try:
            sessions = async_sessionmaker(engine)
            async with sessions() as session:
                yield _Asynchronous(sessions, session)
                await session.commit()
        finally:
            await engine.dispose()

    return connect
