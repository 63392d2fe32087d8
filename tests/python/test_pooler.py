"""Behind a pooler in transaction mode the shop context ends with its transaction.

Two clients share one server connection here: what one leaves behind there, the other one has.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import NullPool

import support.drivers.asyncpg
import support.drivers.sqlalchemy
from convo_tenancy.customer_memory import get_customer_context
from convo_tenancy.shop_context import shop_context
from support.cluster import Cluster
from support.commands import execute
from support.drivers import Client, Connect, raises
from support.pooler import pooler

LOGIN = "pooled_shop"  # a member of convo_shop
PID = "SELECT pg_backend_pid()"
CONTEXT = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"
SHOPS = "SELECT array_agg(DISTINCT shop_id ORDER BY shop_id) FROM public.bookings"


@pytest.fixture(scope="module")
def login(cluster: Cluster, isolated_template: str) -> Iterator[str]:
    """A role of an application that is bound to the shop context."""
    execute(cluster.url(), f"CREATE ROLE {LOGIN} LOGIN IN ROLE convo_shop")
    yield LOGIN
    cluster.start()
    execute(cluster.url(), f"DROP ROLE {LOGIN}")


@contextmanager
def _pooled(cluster: Cluster, login: str, database: str, *, connections: int) -> Iterator[str]:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with pooler(cluster, [login], connections=connections) as started:
        yield started.url(str(name), login)


@pytest.fixture
def pooled(cluster: Cluster, login: str, isolated_database: str) -> Iterator[str]:
    """URL of a pooler with one server connection, as the application's role."""
    with _pooled(cluster, login, isolated_database, connections=1) as url:
        yield url


def _connect(url: str) -> psycopg.Connection:
    # A prepared statement would be the server connection's, which is somebody else's next.
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


@pytest.fixture
def clients(pooled: str) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Two clients; both have the same server connection, in turns."""
    with _connect(pooled) as first, _connect(pooled) as second:
        assert _value(first, PID) == _value(second, PID)
        yield first, second


def _value(connection: psycopg.Connection, statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def _sees_nothing(connection: psycopg.Connection) -> bool:
    return (_value(connection, CONTEXT), _value(connection, SHOPS)) == ("", None)


def test_in_turns(clients: tuple[psycopg.Connection, psycopg.Connection]) -> None:
    first, second = clients
    for _ in range(10):
        with shop_context(first, 1):
            assert _value(first, SHOPS) == [1]
        assert _sees_nothing(second)
        with shop_context(second, 2):
            assert _value(second, SHOPS) == [2]
        assert _sees_nothing(first)
        assert _value(first, PID) == _value(second, PID)


def test_without_autocommit(pooled: str) -> None:
    with (
        psycopg.connect(pooled, prepare_threshold=None) as first,
        psycopg.connect(pooled, prepare_threshold=None) as second,
    ):
        for connection, shop in ((first, 1), (second, 2), (first, 3)):
            assert _sees_nothing(connection)
            connection.rollback()
            with shop_context(connection, shop):
                assert _value(connection, SHOPS) == [shop]


def _fail(connection: psycopg.Connection, statement: str) -> None:
    with shop_context(connection, 1):
        assert _value(connection, SHOPS) == [1]
        connection.execute(statement)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("statement", "error"),
    [("SELECT 1", ZeroDivisionError), ("SELECT 1 / 0", psycopg.errors.DivisionByZero)],
)
def test_after_an_exception(
    clients: tuple[psycopg.Connection, psycopg.Connection], statement: str, error: type[Exception]
) -> None:
    """The client's own, or the server's."""
    first, second = clients
    with pytest.raises(error):
        _fail(first, statement)
    assert _sees_nothing(second)
    assert _sees_nothing(first)


def test_after_a_client_that_vanishes(
    clients: tuple[psycopg.Connection, psycopg.Connection], pooled: str
) -> None:
    first, second = clients
    gone = _connect(pooled)
    with suppress(psycopg.OperationalError), shop_context(gone, 1):
        assert _value(gone, SHOPS) == [1]
        with socket.socket(fileno=gone.fileno()) as wire:
            wire.shutdown(socket.SHUT_RDWR)
            wire.detach()  # libpq closes it
    assert gone.closed
    assert _sees_nothing(second)  # once the pooler has noticed
    assert _sees_nothing(first)


def test_with_savepoints(clients: tuple[psycopg.Connection, psycopg.Connection]) -> None:
    first, second = clients
    with first.transaction():
        with shop_context(first, 1):
            with shop_context(first, 2):
                assert _value(first, SHOPS) == [2]
            assert _value(first, SHOPS) == [1]
            with suppress(ZeroDivisionError), shop_context(first, 3):
                raise ZeroDivisionError
            assert _value(first, SHOPS) == [1]
        assert _sees_nothing(first)
    assert _sees_nothing(second)


def test_asynchronous(pooled: str) -> None:
    async def value(connection: psycopg.AsyncConnection, statement: str) -> Any:
        row = await (await connection.execute(statement)).fetchone()
        assert row is not None
        return row[0]

    async def sees_nothing(connection: psycopg.AsyncConnection) -> bool:
        return (await value(connection, CONTEXT), await value(connection, SHOPS)) == ("", None)

    async def stay(connection: psycopg.AsyncConnection, entered: asyncio.Event) -> None:
        async with shop_context(connection, 3):
            entered.set()
            await asyncio.Event().wait()

    async def scenario() -> None:
        connect = psycopg.AsyncConnection.connect
        async with (
            await connect(pooled, autocommit=True, prepare_threshold=None) as first,
            await connect(pooled, autocommit=True, prepare_threshold=None) as second,
        ):
            assert await value(first, PID) == await value(second, PID)
            async with shop_context(first, 1):
                assert await value(first, SHOPS) == [1]
                # The second one waits for the server connection, and then finds no context there.
                waiting = asyncio.create_task(sees_nothing(second))
                async with shop_context(first, 2):
                    assert await value(first, SHOPS) == [2]
                assert await value(first, SHOPS) == [1]
            assert await waiting
            with pytest.raises(ZeroDivisionError):
                async with shop_context(first, 1):
                    raise ZeroDivisionError
            assert await sees_nothing(second)
            entered = asyncio.Event()
            request = asyncio.create_task(stay(first, entered))
            await entered.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert await sees_nothing(second)
            assert await sees_nothing(first)

    asyncio.run(scenario())


def test_the_api(
    clients: tuple[psycopg.Connection, psycopg.Connection], isolated_database: str
) -> None:
    first, second = clients
    with psycopg.connect(isolated_database) as owner:
        customer = _value(
            owner, "SELECT min(customer_id) FROM public.customer_shop_profiles WHERE shop_id = 1"
        )
    with shop_context(first, 1):
        context = get_customer_context(first, customer, 1)
        assert context
        assert context.customer_id == customer
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not the shop context"):
        get_customer_context(second, customer, 1)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="not the shop context"),
        shop_context(second, 2),
    ):
        get_customer_context(second, customer, 1)


# What docs/drivers.md says to set behind a pooler.
UNNAMED = {"statement_cache_size": 0}
OTHER_DRIVERS: dict[str, Connect] = {
    "asyncpg": support.drivers.asyncpg.connecting(**UNNAMED),
    "asyncsession": support.drivers.sqlalchemy.asynchronous(
        "asyncpg",
        poolclass=NullPool,
        connect_args={
            **UNNAMED,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",
        },
    ),
    "session": support.drivers.sqlalchemy.synchronous(
        "psycopg", poolclass=NullPool, connect_args={"prepare_threshold": None}
    ),
}


@pytest.mark.parametrize("driver", OTHER_DRIVERS)
def test_other_drivers(pooled: str, isolated_database: str, driver: str) -> None:
    """Two clients in turns, each statement many times, with errors in between."""
    profile = "FROM public.customer_shop_profiles WHERE shop_id = {}"
    with psycopg.connect(isolated_database) as owner:
        customers = [
            _value(owner, f"SELECT min(customer_id) {profile.format(shop)}") for shop in (1, 2)
        ]

    async def sees_nothing(client: Client) -> bool:
        async with client.transaction():
            return (await client.value(CONTEXT), await client.value(SHOPS)) == ("", None)

    async def scenario() -> None:
        connect = OTHER_DRIVERS[driver]
        async with connect(pooled) as first, connect(pooled) as second:
            for turn in range(8):
                for client, other, shop in ((first, second, 1), (second, first, 2)):
                    with suppress(ZeroDivisionError):
                        async with client.shop(shop):
                            assert await client.value(SHOPS) == [shop]
                            customer = customers[shop - 1]
                            context = await client.call("get_customer_context", customer, shop)
                            assert context.customer_id == customer
                            with suppress(ZeroDivisionError):
                                async with client.transaction():
                                    raise ZeroDivisionError
                            assert await client.value(CONTEXT) == str(shop)
                            if turn % 3 == 0:
                                raise ZeroDivisionError
                    assert await sees_nothing(other)
                    with raises("42501"):
                        async with client.transaction():
                            await client.call("get_customer_context", customers[0], 1)

    asyncio.run(scenario())
    # The next client may be another process, which gives its statements the same names.
    with _connect(pooled) as next_client:
        assert _value(next_client, "SELECT count(*) FROM pg_prepared_statements") == 0


def test_many_clients(cluster: Cluster, login: str, isolated_database: str) -> None:
    """Four shops at once over two server connections; each third transaction fails."""

    def work(url: str, shop: int) -> set[int]:
        pids = set()
        with _connect(url) as connection:
            for turn in range(60):
                with suppress(ZeroDivisionError), shop_context(connection, shop):
                    pids.add(_value(connection, PID))
                    assert _value(connection, SHOPS) == [shop]
                    if turn % 3 == 0:
                        raise ZeroDivisionError
                assert _sees_nothing(connection)
        return pids

    with (
        _pooled(cluster, login, isolated_database, connections=2) as url,
        ThreadPoolExecutor(4) as threads,
    ):
        pids = [threads.submit(work, url, shop) for shop in (1, 2, 3, 4)]
        assert len(set().union(*(done.result() for done in pids))) <= 2


def test_what_a_session_sets_is_the_next_clients(
    clients: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    """Why the context is local to the transaction."""
    first, second = clients
    first.execute("SET app.current_shop_id = '1'")
    assert _value(second, SHOPS) == [1]
    with shop_context(second, 2):  # in a context of its own the leak does no harm
        assert _value(second, SHOPS) == [2]
    assert _value(second, SHOPS) == [1]
