"""The shop context is there inside its transaction, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from convo_tenancy.shop_context import shop_context

CURRENT = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"
ADD_SHOP = "INSERT INTO public.shops (name) VALUES ('another')"
ADDED = "SELECT count(*) FROM public.shops WHERE name = 'another'"


@pytest.fixture(params=[False, True], ids=["transactional", "autocommit"])
def connection(
    request: pytest.FixtureRequest, legacy_database: str
) -> Iterator[psycopg.Connection]:
    with psycopg.connect(legacy_database, autocommit=request.param) as connection:
        yield connection


def _current(connection: psycopg.Connection[Any]) -> object:
    return _value(connection, CURRENT)


def _value(connection: psycopg.Connection[Any], statement: str) -> object:
    row = connection.cursor(row_factory=psycopg.rows.tuple_row).execute(statement).fetchone()
    assert row is not None
    return row[0]


def _committed(url: str) -> bool:
    with psycopg.connect(url) as other:
        return _value(other, ADDED) == 1


def _idle(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


def test_it_is_a_transaction_and_leaves_nothing_behind(
    connection: psycopg.Connection, legacy_database: str
) -> None:
    with shop_context(connection, 2):
        assert _current(connection) == "2"
        connection.execute(ADD_SHOP)
        assert not _committed(legacy_database)
    assert _idle(connection)
    assert _committed(legacy_database)
    assert _current(connection) == ""


@pytest.mark.parametrize("error", [ZeroDivisionError, psycopg.Rollback])
def test_an_exception_rolls_back_and_leaves_nothing_behind(
    connection: psycopg.Connection, legacy_database: str, error: type[Exception]
) -> None:
    caught = None
    try:
        with shop_context(connection, 2):
            connection.execute(ADD_SHOP)
            raise error
    except ZeroDivisionError as raised:
        caught = raised
    assert (caught is None) == (error is psycopg.Rollback)  # which ends the block, as in psycopg
    assert _idle(connection)
    assert not _committed(legacy_database)
    assert _current(connection) == ""


def test_an_error_of_the_server_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), shop_context(connection, 2):
        connection.execute("SELECT FROM nowhere")
    assert _idle(connection)
    assert _current(connection) == ""


def test_nested(connection: psycopg.Connection, legacy_database: str) -> None:
    with shop_context(connection, 2):
        with shop_context(connection, 3):
            assert _current(connection) == "3"
            with shop_context(connection, 4):
                assert _current(connection) == "4"
            assert _current(connection) == "3"
        assert _current(connection) == "2"
        with suppress(ZeroDivisionError), shop_context(connection, 3):
            connection.execute(ADD_SHOP)
            raise ZeroDivisionError
        assert _current(connection) == "2"
        assert _value(connection, ADDED) == 0
        connection.execute(ADD_SHOP)
    assert _committed(legacy_database)
    assert _current(connection) == ""


def test_in_an_open_transaction(connection: psycopg.Connection, legacy_database: str) -> None:
    with connection.transaction():
        connection.execute(ADD_SHOP)
        with shop_context(connection, 2):
            assert _current(connection) == "2"
        assert _current(connection) == ""
        assert not _committed(legacy_database)
    assert _committed(legacy_database)


def test_in_a_transaction_that_nobody_opened_by_name(legacy_database: str) -> None:
    """Without autocommit the first statement begins it, and the context must not end it."""
    with psycopg.connect(legacy_database) as connection:
        connection.execute(ADD_SHOP)
        with shop_context(connection, 2):
            assert _current(connection) == "2"
        assert _current(connection) == ""
        assert not _committed(legacy_database)
        connection.rollback()
    assert not _committed(legacy_database)


def test_in_a_transaction_that_has_failed(connection: psycopg.Connection) -> None:
    with connection.transaction():
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT FROM nowhere")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction), shop_context(connection, 2):
            pytest.fail("it is entered")
        raise psycopg.Rollback


def test_the_context_of_the_session_comes_back(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("SET app.current_shop_id = '7'")
    with connection.transaction():
        with shop_context(connection, 2):
            assert _current(connection) == "2"
        assert _current(connection) == "7"
    with shop_context(connection, 2):
        assert _current(connection) == "2"
    assert _current(connection) == "7"


@pytest.mark.parametrize("shop", ["2", None, 2.0, True])
def test_a_shop_is_an_integer(connection: psycopg.Connection, shop: Any) -> None:
    with pytest.raises(TypeError, match="a shop is an integer"):
        shop_context(connection, shop)
    assert _idle(connection)


def test_whatever_cursors_and_rows_the_connection_has(legacy_database: str) -> None:
    with (
        psycopg.connect(
            legacy_database, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
        ) as connection,
        connection.transaction(),
    ):
        for _ in range(10):  # prepared from the sixth on
            with shop_context(connection, 2):
                assert _current(connection) == "2"
            assert _current(connection) == ""


@pytest.mark.parametrize("autocommit", [False, True])
def test_asynchronous(legacy_database: str, autocommit: bool) -> None:
    async def current(connection: psycopg.AsyncConnection) -> object:
        row = await (await connection.execute(CURRENT)).fetchone()
        assert row is not None
        return row[0]

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(
            legacy_database, autocommit=autocommit
        ) as connection:
            async with shop_context(connection, 2):
                await connection.execute(ADD_SHOP)
                async with shop_context(connection, 3):
                    assert await current(connection) == "3"
                assert await current(connection) == "2"
                with pytest.raises(ZeroDivisionError):
                    async with shop_context(connection, 3):
                        raise ZeroDivisionError
                assert await current(connection) == "2"
            assert connection.info.transaction_status == TransactionStatus.IDLE
            assert _committed(legacy_database)
            assert await current(connection) == ""

    asyncio.run(scenario())
