"""The shop context is there inside its transaction, and nowhere else: with every driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import support.drivers.asyncpg
import support.drivers.psycopg
import support.drivers.sqlalchemy
from convo_tenancy.shop_context import shop_context
from support.commands import value
from support.drivers import Client, Connect, raises

CURRENT = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"
ADD_SHOP = "INSERT INTO public.shops (name) VALUES ('another')"
ADDED = "SELECT count(*) FROM public.shops WHERE name = 'another'"

DRIVERS: dict[str, Connect] = {
    "psycopg": support.drivers.psycopg.synchronous(),
    "psycopg-autocommit": support.drivers.psycopg.synchronous(autocommit=True),
    "psycopg-async": support.drivers.psycopg.asynchronous(),
    "psycopg-async-autocommit": support.drivers.psycopg.asynchronous(autocommit=True),
    "asyncpg": support.drivers.asyncpg.connection,
    "asyncpg-pool": support.drivers.asyncpg.pool,
    "session": support.drivers.sqlalchemy.synchronous("psycopg"),
    "asyncsession": support.drivers.sqlalchemy.asynchronous("asyncpg"),
}

Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture(params=[*DRIVERS])
def play(request: pytest.FixtureRequest, legacy_database: str) -> Callable[[Scenario], None]:
    """Run a scenario with a client of this driver."""

    def play(scenario: Scenario) -> None:
        async def run() -> None:
            async with DRIVERS[request.param](legacy_database) as client:
                await scenario(client)

        asyncio.run(run())

    return play


async def _current(client: Client) -> object:
    """In a transaction of its own, if none is open."""
    async with client.transaction():
        return await client.value(CURRENT)


def _committed(url: str) -> bool:
    return value(url, ADDED) == "1"


def test_it_is_a_transaction_and_leaves_nothing_behind(
    play: Callable[[Scenario], None], legacy_database: str
) -> None:
    async def scenario(client: Client) -> None:
        async with client.shop(2):
            assert await client.value(CURRENT) == "2"
            await client.value(ADD_SHOP)
            assert not _committed(legacy_database)
        assert client.is_idle()
        assert _committed(legacy_database)
        assert await _current(client) == ""

    play(scenario)


def test_an_exception_rolls_back_and_leaves_nothing_behind(
    play: Callable[[Scenario], None], legacy_database: str
) -> None:
    async def scenario(client: Client) -> None:
        with suppress(ZeroDivisionError):
            async with client.shop(2):
                await client.value(ADD_SHOP)
                raise ZeroDivisionError
            pytest.fail("the exception is gone")
        assert client.is_idle()
        assert not _committed(legacy_database)
        assert await _current(client) == ""

    play(scenario)


def test_an_error_of_the_server_leaves_nothing_behind(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client) -> None:
        with raises("42P01"):
            async with client.shop(2):
                await client.value("SELECT FROM nowhere")
        assert client.is_idle()
        assert await _current(client) == ""

    play(scenario)


def test_nested(play: Callable[[Scenario], None], legacy_database: str) -> None:
    async def scenario(client: Client) -> None:
        async with client.shop(2):
            async with client.shop(3):
                assert await client.value(CURRENT) == "3"
                async with client.shop(4):
                    assert await client.value(CURRENT) == "4"
                assert await client.value(CURRENT) == "3"
            assert await client.value(CURRENT) == "2"
            with suppress(ZeroDivisionError):
                async with client.shop(3):
                    await client.value(ADD_SHOP)
                    raise ZeroDivisionError
            assert await client.value(CURRENT) == "2"
            with raises("42P01"):
                async with client.shop(3):
                    await client.value("SELECT FROM nowhere")
            assert await client.value(CURRENT) == "2"
            assert await client.value(ADDED) == 0
            await client.value(ADD_SHOP)
        assert _committed(legacy_database)
        assert await _current(client) == ""

    play(scenario)


def test_in_an_open_transaction(play: Callable[[Scenario], None], legacy_database: str) -> None:
    async def scenario(client: Client) -> None:
        async with client.transaction():
            await client.value(ADD_SHOP)
            async with client.shop(2):
                assert await client.value(CURRENT) == "2"
            assert await client.value(CURRENT) == ""
            assert not _committed(legacy_database)
        assert _committed(legacy_database)

    play(scenario)


def test_in_a_transaction_that_has_failed(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client) -> None:
        with suppress(ZeroDivisionError):
            async with client.transaction():
                with raises("42P01"):
                    await client.value("SELECT FROM nowhere")
                with raises("25P02"):
                    async with client.shop(2):
                        pytest.fail("it is entered")
                raise ZeroDivisionError
        assert await _current(client) == ""

    play(scenario)


def test_the_context_of_the_session_comes_back(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client) -> None:
        async with client.transaction():
            await client.value("SET app.current_shop_id = '7'")
        async with client.transaction():
            async with client.shop(2):
                assert await client.value(CURRENT) == "2"
            assert await client.value(CURRENT) == "7"
        async with client.shop(2):
            assert await client.value(CURRENT) == "2"
        assert await _current(client) == "7"

    play(scenario)


def test_a_shop_is_an_integer(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: Client) -> None:
        shops: list[Any] = ["2", None, 2.0, True]
        for shop in shops:
            with pytest.raises(TypeError, match="a shop is an integer"):
                async with client.shop(shop):
                    pytest.fail("it is entered")
        assert client.is_idle()

    play(scenario)


def test_a_task_that_is_cancelled(play: Callable[[Scenario], None], legacy_database: str) -> None:
    """It leaves the connection to others, who find no context there."""

    async def scenario(client: Client) -> None:
        async def stay() -> None:
            async with client.shop(3):
                await client.value(ADD_SHOP)
                entered.set()
                await asyncio.Event().wait()

        entered = asyncio.Event()
        request = asyncio.create_task(stay())
        await entered.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert client.is_idle()
        assert await _current(client) == ""
        assert not _committed(legacy_database)

    play(scenario)


def test_psycopg_in_a_transaction_that_nobody_opened_by_name(legacy_database: str) -> None:
    """Without autocommit the first statement begins it, and the context must not end it."""
    with psycopg.connect(legacy_database) as connection:
        connection.execute(ADD_SHOP)
        with shop_context(connection, 2):
            assert connection.execute(CURRENT).fetchone() == ("2",)
        assert connection.execute(CURRENT).fetchone() == ("",)
        assert not _committed(legacy_database)
        connection.rollback()
    assert not _committed(legacy_database)


def test_psycopg_rollback_ends_the_block(legacy_database: str) -> None:
    with psycopg.connect(legacy_database) as connection:
        with shop_context(connection, 2):
            connection.execute(ADD_SHOP)
            raise psycopg.Rollback
        assert connection.execute(CURRENT).fetchone() == ("",)
    assert not _committed(legacy_database)


def test_psycopg_whatever_cursors_and_rows_the_connection_has(legacy_database: str) -> None:
    with (
        psycopg.connect(
            legacy_database, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
        ) as connection,
        connection.transaction(),
    ):
        for _ in range(10):  # prepared from the sixth on
            with shop_context(connection, 2):
                assert connection.execute(f"{CURRENT} AS shop").fetchone() == {"shop": "2"}
            assert connection.execute(f"{CURRENT} AS shop").fetchone() == {"shop": ""}
