"""What a session of SQLAlchemy does by itself, and what becomes of the shop context then.

It begins transactions unasked, writes late, has savepoints, and keeps what it has loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)

from convo_tenancy.sqlalchemy import (
    get_customer_by_email,
    retrying,
    shop_context,
    sqlstate,
)
from support.commands import execute, value
from support.drivers.sqlalchemy import url_for
from support.waiting import wait_until

CURRENT = text("SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')")


class Base(DeclarativeBase):
    """Of these tests."""


class Note(Base):
    """A row that knows in which context it was written."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    shop: Mapped[str] = mapped_column(
        server_default=func.coalesce(func.current_setting("app.current_shop_id", True), "")
    )


@pytest.fixture
def url(legacy_database: str) -> str:
    engine = create_engine(url_for("psycopg", legacy_database))
    Base.metadata.create_all(engine)
    engine.dispose()
    return legacy_database


Work = Callable[[AsyncSession], Awaitable[None]]


def play(url: str, work: Work, **settings: Any) -> None:
    """With a session, and a pool of one connection, on which nothing may be left behind."""

    async def run() -> None:
        engine = create_async_engine(
            url_for("asyncpg", url), pool_size=1, max_overflow=0, pool_timeout=1
        )
        try:
            async with AsyncSession(engine, **settings) as session:
                await work(session)
            await _nothing_is_left(engine)
        finally:
            await engine.dispose()

    asyncio.run(run())


async def _nothing_is_left(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(CURRENT) == ""


async def current(session: AsyncSession) -> str:
    """In whatever transaction is open, or a new one."""
    return str(await session.scalar(CURRENT))


def notes(url: str) -> str:
    """Each note that was committed, and its shop."""
    return value(url, "SELECT string_agg(body || ':' || shop, ' ' ORDER BY id) FROM notes")


def test_each_transaction_of_the_block_begins_with_it(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            for end in (session.commit, session.rollback, session.commit):
                assert await current(session) == "2"
                await end()
            async with session.begin():
                assert await current(session) == "2"
            assert not session.in_transaction()
        assert await current(session) == ""

    play(url, work)


def test_it_is_the_first_statement(url: str) -> None:
    """And the one that costs a round trip; nothing is sent where no transaction begins."""
    sent: list[str] = []

    async def work(session: AsyncSession) -> None:
        engine = session.sync_session.get_bind()
        event.listen(
            engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2].strip())
        )
        async with shop_context(session, 2):
            pass
        assert sent == []
        async with shop_context(session, 2):
            await session.execute(text("SELECT 1"))
            await session.commit()
        assert len(sent) == 2
        assert "set_config" in sent[0]

    play(url, work)


def test_a_transaction_that_is_open_already(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        assert await current(session) == ""  # begins it
        async with shop_context(session, 2):
            assert await current(session) == "2"
        assert await current(session) == ""
        await session.commit()
        async with session.begin():  # no connection yet
            async with shop_context(session, 3):
                assert await current(session) == "3"
            assert await current(session) == ""

    play(url, work)


def test_a_transaction_that_outlives_the_block(url: str) -> None:
    """The block began it, and what comes after the block is not about that shop."""

    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            session.add(Note(body="in"))
            await session.flush()
        session.add(Note(body="after"))
        await session.commit()

    play(url, work)
    assert notes(url) == "in:2 after:"


def test_what_is_pending_is_written_where_it_was_made(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        session.add(Note(body="before"))
        async with shop_context(session, 2):
            session.add(Note(body="in"))
            async with shop_context(session, 3):
                session.add(Note(body="deeper"))
            session.add(Note(body="again"))
        session.add(Note(body="after"))
        with suppress(ZeroDivisionError):
            async with shop_context(session, 4):
                session.add(Note(body="despite"))
                raise ZeroDivisionError
        await session.commit()

    play(url, work, autoflush=False)
    assert notes(url) == "before: in:2 deeper:3 again:2 after: despite:4"


def test_a_session_that_goes_on_to_another_shop(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        for shop in (2, 3, 2):
            async with shop_context(session, shop):
                session.add(Note(body="one"))
                await session.commit()
        for shop in (2, 3):  # in one transaction
            async with shop_context(session, shop):
                session.add(Note(body="two"))
        await session.commit()

    play(url, work)
    assert notes(url) == "one:2 one:3 one:2 two:2 two:3"


def test_a_savepoint_in_the_block(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            async with session.begin_nested():
                assert await current(session) == "2"
            assert await current(session) == "2"
            savepoint = await session.begin_nested()
            await savepoint.rollback()
            assert await current(session) == "2"
        assert await current(session) == ""

    play(url, work)


def test_a_savepoint_that_is_older_than_the_block_is_rolled_back_in_it(url: str) -> None:
    """It takes the context along, and the block goes on."""

    async def work(session: AsyncSession) -> None:
        await current(session)
        outer = await session.begin_nested()
        await session.begin_nested()
        async with shop_context(session, 2):
            assert await current(session) == "2"
            await outer.rollback()
            assert await current(session) == "2"
            await session.commit()
            assert await current(session) == "2"
        assert await current(session) == ""

    play(url, work)


def test_a_savepoint_of_the_block_is_rolled_back_after_it(url: str) -> None:
    """It brings back the context, which the block took away behind it."""

    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            assert await current(session) == "2"
            savepoint = await session.begin_nested()
        assert await current(session) == ""
        await savepoint.rollback()
        assert await current(session) == ""

    play(url, work)


def test_a_statement_that_fails_in_a_savepoint(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            with suppress(DBAPIError):
                async with session.begin_nested(), shop_context(session, 3):
                    await session.execute(text("SELECT FROM nowhere"))
            assert await current(session) == "2"
            with suppress(DBAPIError):
                async with session.begin_nested():
                    with suppress(DBAPIError):
                        await session.execute(text("SELECT FROM nowhere"))
                    async with shop_context(session, 3):
                        pytest.fail("it is entered")
            assert await current(session) == "2"
        assert await current(session) == ""

    play(url, work)


def test_an_error_that_the_block_swallows(url: str) -> None:
    """The transaction can only be rolled back, and the end of the block does not hide that."""

    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            with suppress(DBAPIError):
                await session.execute(text("SELECT FROM nowhere"))
        with pytest.raises(DBAPIError) as raised:
            await current(session)
        assert sqlstate(raised.value) == "25P02"
        await session.rollback()
        async with shop_context(session, 2):
            session.add(Note(id=1, body="one"))
            await session.flush()
            session.add(Note(id=1, body="one more"))
            with suppress(DBAPIError):
                await session.flush()
        with pytest.raises(InvalidRequestError, match="rolled back"):
            await current(session)
        await session.rollback()
        assert await current(session) == ""

    play(url, work)


def test_a_flush_at_the_end_of_the_block_that_fails(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        with pytest.raises(DBAPIError) as raised:
            async with shop_context(session, 2):
                session.add(Note(id=1))
        assert sqlstate(raised.value) == "23502"
        await session.rollback()
        assert await current(session) == ""

    play(url, work)


def test_the_error_of_the_block_is_the_one_that_comes_out(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        with suppress(ZeroDivisionError):
            async with shop_context(session, 2):
                session.add(Note(id=1))  # would fail, too
                raise ZeroDivisionError
            pytest.fail("the exception is gone")
        await session.rollback()
        assert await current(session) == ""

    play(url, work)


def test_a_connection_that_is_lost(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            savepoint = await session.begin_nested()
            execute(url, f"SELECT pg_terminate_backend({pid}, 10000)")
            with pytest.raises(DBAPIError):
                await current(session)
            with suppress(DBAPIError):
                await savepoint.rollback()
            await session.rollback()
            assert await current(session) == "2"
        assert await current(session) == ""

    play(url, work)


def test_a_task_that_is_cancelled_while_it_waits_for_the_server(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async def wait() -> None:
            async with shop_context(session, 2):
                await current(session)
                await session.execute(text("SELECT pg_sleep(600)"))

        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        waiting = asyncio.create_task(wait())
        await asyncio.to_thread(wait_until, lambda: value(url, waits), "the server works")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await session.rollback()
        assert await current(session) == ""

    play(url, work)


def test_a_session_that_is_closed_in_the_block(url: str) -> None:
    async def work(session: AsyncSession) -> None:
        async with shop_context(session, 2):
            assert await current(session) == "2"
            await session.close()
            await _nothing_is_left(session.bind)  # type: ignore[arg-type]

    play(url, work)


@pytest.mark.parametrize(
    "options", [{"isolation_level": "AUTOCOMMIT"}, {"connect_args": {"autocommit": True}}, {}]
)
def test_autocommit_is_refused(url: str, options: dict[str, Any]) -> None:
    """The context would be gone with the statement that sets it, and nobody would notice."""
    engine = create_engine(url_for("psycopg", url), **options)
    of_session = {} if options else {"isolation_level": "AUTOCOMMIT"}
    with Session(engine) as session:
        with shop_context(session, 2), pytest.raises(InvalidRequestError, match="AUTOCOMMIT"):
            session.connection(execution_options=of_session)
        session.rollback()
        session.connection(execution_options=of_session).execute(CURRENT)  # works as before
        with pytest.raises(InvalidRequestError, match="AUTOCOMMIT"), shop_context(session, 2):
            pytest.fail("it is entered")
        session.execute(CURRENT)
    engine.dispose()


@pytest.mark.parametrize("mode", ["create_savepoint", "rollback_only"])
def test_a_session_in_somebody_elses_transaction(url: str, mode: Any) -> None:
    """An application's tests do that: the session's commit ends no transaction of the server."""
    engine = create_engine(url_for("psycopg", url))
    with engine.connect() as connection, connection.begin() as outer:
        for _ in range(2):
            with Session(bind=connection, join_transaction_mode=mode) as session:
                with shop_context(session, 2):
                    session.add(Note(body="in"))
                    session.commit()
                    session.add(Note(body="in"))
                    session.commit()
                session.add(Note(body="after"))
                session.commit()
            assert connection.scalar(CURRENT) == ""
        written = "SELECT string_agg(body || ':' || shop, ' ' ORDER BY id) FROM notes"
        assert connection.scalar(text(written)) == " ".join(["in:2 in:2 after:"] * 2)
        outer.rollback()
    engine.dispose()


def test_what_is_no_session(url: str) -> None:
    engine, async_engine = (
        create_engine(url_for("psycopg", url)),
        create_async_engine(url_for("asyncpg", url)),
    )
    nobody: list[Any] = [
        scoped_session(sessionmaker(engine)),
        async_scoped_session(async_sessionmaker(async_engine), scopefunc=lambda: 1),
        sessionmaker(engine),
        engine,
        async_engine,
        None,
    ]
    for each in nobody:
        with pytest.raises(TypeError, match="expected a Session or an AsyncSession"):
            shop_context(each, 2)
        with pytest.raises(TypeError, match="expected a Session or an AsyncSession"):
            get_customer_by_email(each, "ann@example.test")
    with Session(engine) as session:
        no_factory: Any = session
        with pytest.raises(TypeError, match="expected a sessionmaker"):
            retrying(no_factory, lambda session: None)
