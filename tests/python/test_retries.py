"""Transactions that lose a real race, and win it the next time: with every driver."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import create_engine, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, sessionmaker

import convo_tenancy.asyncpg
import convo_tenancy.sqlalchemy
import support.drivers.asyncpg
import support.drivers.psycopg
import support.drivers.sqlalchemy
from convo_tenancy import retries
from convo_tenancy.retries import retrying
from support.commands import execute, value
from support.drivers import Client, Connect, raises
from support.drivers.sqlalchemy import url_for

INCREMENT = "UPDATE public.counters SET n = n + 1 WHERE id = %s"
INCREMENT_ONE, INCREMENT_TWO = INCREMENT.replace("%s", "1"), INCREMENT.replace("%s", "2")
LOCK_NOWAIT = "SELECT id FROM public.counters WHERE id = 1 FOR UPDATE NOWAIT"

DRIVERS: dict[str, Connect] = {
    "psycopg": support.drivers.psycopg.synchronous(),
    "psycopg-autocommit": support.drivers.psycopg.synchronous(autocommit=True),
    "psycopg-async": support.drivers.psycopg.asynchronous(),
    "asyncpg": support.drivers.asyncpg.connection,
    "asyncpg-pool": support.drivers.asyncpg.pool,
    "session": support.drivers.sqlalchemy.synchronous("psycopg"),
    "asyncsession": support.drivers.sqlalchemy.asynchronous("asyncpg"),
}

Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture
def url(legacy_database: str) -> str:
    execute(
        legacy_database,
        "CREATE TABLE public.counters (id integer PRIMARY KEY, n integer NOT NULL)",
        "INSERT INTO public.counters VALUES (1, 0), (2, 0)",
    )
    return legacy_database


@pytest.fixture(params=[*DRIVERS])
def play(request: pytest.FixtureRequest, url: str) -> Callable[[Scenario], None]:
    """Run a scenario with a client of this driver."""

    def play(scenario: Scenario) -> None:
        async def run() -> None:
            async with DRIVERS[request.param](url) as client:
                await scenario(client)

        asyncio.run(run())

    return play


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        yield connection


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        yield connection


def _counters(url: str) -> str:
    return value(url, "SELECT string_agg(n::text, ' ' ORDER BY id) FROM public.counters")


def _isolate(url: str, level: str) -> None:
    """Of each session that is connected from now on."""
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")


def _increments(connection: psycopg.Connection, log: list[str]) -> Callable[[], str]:
    """A transaction that wants counter 1 at once."""

    def transaction() -> str:
        log.append("attempt")
        with connection.transaction():
            connection.execute(LOCK_NOWAIT)
            connection.execute(INCREMENT, (1,))
            return "done"

    return transaction


def test_a_deadlock(play: Callable[[Scenario], None], url: str) -> None:
    both_hold_one = threading.Barrier(2, timeout=60)

    def both(first: str, second: str) -> int:
        attempts = 0

        async def scenario(client: Client) -> None:
            async def transaction() -> None:
                nonlocal attempts
                attempts += 1
                async with client.transaction():
                    await client.value("SET LOCAL deadlock_timeout = '20ms'")
                    await client.value(first)
                    if attempts == 1:
                        both_hold_one.wait()
                    await client.value(second)

            await client.retrying(transaction)

        play(scenario)
        return attempts

    with ThreadPoolExecutor() as threads:
        one = threads.submit(both, INCREMENT_ONE, INCREMENT_TWO)
        two = threads.submit(both, INCREMENT_TWO, INCREMENT_ONE)
        assert sorted([one.result(), two.result()])[0] == 1
        assert one.result() + two.result() >= 3
    assert _counters(url) == "2 2"


def test_a_serialization_failure(
    play: Callable[[Scenario], None], url: str, other: psycopg.Connection
) -> None:
    _isolate(url, "repeatable read")
    reads: list[object] = []

    async def scenario(client: Client) -> None:
        async def transaction() -> None:
            async with client.transaction():
                reads.append(await client.value("SELECT n FROM public.counters WHERE id = 1"))
                if len(reads) == 1:
                    with other.transaction():
                        other.execute(INCREMENT, (1,))
                await client.value(INCREMENT_ONE)

        await client.retrying(transaction)

    play(scenario)
    assert reads == [0, 1]
    assert _counters(url) == "2 0"


def test_a_serialization_failure_at_commit(
    play: Callable[[Scenario], None], url: str, other: psycopg.Connection
) -> None:
    """Each writes what the other reads: whoever commits last is refused when it commits."""
    _isolate(url, "serializable")
    other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    reached: list[str] = []

    async def scenario(client: Client) -> None:
        async def transaction() -> None:
            async with client.transaction():
                await client.value("SELECT n FROM public.counters WHERE id = 1")
                await client.value(INCREMENT_TWO)
                if not reached:
                    with other.transaction():
                        other.execute("SELECT n FROM public.counters WHERE id = 2")
                        other.execute(INCREMENT, (1,))
                reached.append("commit")

        await client.retrying(transaction)

    play(scenario)
    assert reached == ["commit", "commit"]
    assert _counters(url) == "1 1"


def test_a_lock_that_is_not_available(
    play: Callable[[Scenario], None], url: str, other: psycopg.Connection
) -> None:
    other.execute(LOCK_NOWAIT)
    log: list[str] = []

    async def scenario(client: Client) -> None:
        async def transaction() -> str:
            if len(log) == 2:
                other.rollback()
            log.append("attempt")
            async with client.transaction():
                await client.value(LOCK_NOWAIT)
                await client.value(INCREMENT_ONE)
                return "done"

        assert await client.retrying(transaction) == "done"
        assert client.is_idle()

    play(scenario)
    assert log == ["attempt"] * 3
    assert _counters(url) == "1 0"


def test_not_without_end(
    play: Callable[[Scenario], None], url: str, other: psycopg.Connection
) -> None:
    other.execute(LOCK_NOWAIT)
    log: list[str] = []

    async def scenario(client: Client) -> None:
        async def transaction() -> None:
            log.append("attempt")
            async with client.transaction():
                await client.value(INCREMENT_TWO)
                await client.value(LOCK_NOWAIT)

        for limit in (1, 3):
            log.clear()
            with raises("55P03"):
                await client.retrying(transaction, limit)
            assert log == ["attempt"] * limit
            assert client.is_idle()
        log.clear()
        with pytest.raises(ValueError, match="at least 1"):
            await client.retrying(transaction, 0)
        assert log == []

    play(scenario)
    assert _counters(url) == "0 0"


def test_what_is_wrong_with_the_transaction_itself(
    play: Callable[[Scenario], None], url: str
) -> None:
    attempts = 0

    async def scenario(client: Client) -> None:
        async def transaction() -> None:
            nonlocal attempts
            attempts += 1
            async with client.transaction():
                await client.value("INSERT INTO public.counters VALUES (1, 0)")

        with raises("23505"):
            await client.retrying(transaction)

    play(scenario)
    assert attempts == 1


def test_the_error_is_the_servers_own(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    other.execute(LOCK_NOWAIT)
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        retrying(connection, _increments(connection, []), attempts=3)
    assert caught.value.__context__ is None  # and no story around it


def test_a_function_that_commits_by_itself(
    url: str, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    """What failed is rolled back before the next attempt, whoever opened the transaction."""
    other.execute(LOCK_NOWAIT)
    statuses: list[TransactionStatus] = []

    def transaction() -> None:
        statuses.append(connection.info.transaction_status)
        if len(statuses) == 2:
            other.rollback()
        connection.execute(INCREMENT, (2,))
        connection.execute(LOCK_NOWAIT)
        connection.commit()

    retrying(connection, transaction)
    assert statuses == [TransactionStatus.IDLE] * 2
    assert _counters(url) == "0 1"


def test_in_a_transaction_it_refuses(connection: psycopg.Connection) -> None:
    log: list[str] = []
    increment = _increments(connection, log)
    with (
        connection.transaction(),
        pytest.raises(psycopg.ProgrammingError, match="it began before"),
    ):
        retrying(connection, increment)
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT FROM nowhere")
    with pytest.raises(psycopg.ProgrammingError, match="it began before"):
        retrying(connection, increment)
    assert log == []


def test_a_transaction_that_nobody_ends_is_refused(connection: psycopg.Connection) -> None:
    """Its failure could still come, at a commit that is not repeated."""
    with pytest.raises(psycopg.ProgrammingError, match="returned before it ended"):
        retrying(connection, lambda: connection.execute(INCREMENT, (1,)))


def test_a_connection_that_is_closed(connection: psycopg.Connection) -> None:
    log: list[str] = []
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="closed"):
        retrying(connection, _increments(connection, log))
    assert log == ["attempt"]


def test_pauses_are_random_grow_and_stay_below_a_limit() -> None:
    seed = 3
    print(f"seed {seed}")
    random.seed(seed)
    rounds = [list(retries.pauses(12)) for _ in range(500)]
    assert {len(pauses) for pauses in rounds} == {11}
    longest = [max(pauses) for pauses in zip(*rounds, strict=True)]
    shortest = [min(pauses) for pauses in zip(*rounds, strict=True)]
    limits = [min(1.0, 0.01 * 2**n) for n in range(11)]
    assert all(0.9 * limit < pause <= limit for pause, limit in zip(longest, limits, strict=True))
    assert all(0 <= pause < 0.1 * limit for pause, limit in zip(shortest, limits, strict=True))
    assert list(retries.pauses(1)) == []


def test_asynchronous(url: str, other: psycopg.Connection) -> None:
    other.execute(LOCK_NOWAIT)
    attempts = 0

    async def scenario() -> str:
        async with await psycopg.AsyncConnection.connect(url) as connection:

            async def transaction() -> str:
                nonlocal attempts
                attempts += 1
                if attempts == 3:
                    other.rollback()
                await connection.execute(LOCK_NOWAIT)
                await connection.execute(INCREMENT, (1,))
                await connection.commit()
                return "done"

            with pytest.raises(psycopg.errors.LockNotAvailable):
                await retrying(connection, transaction, attempts=2)
            await connection.rollback()
            result = await retrying(connection, transaction)
            async with connection.transaction():
                with pytest.raises(psycopg.ProgrammingError, match="it began before"):
                    await retrying(connection, transaction)
            return result

    assert asyncio.run(scenario()) == "done"
    assert attempts == 3
    assert _counters(url) == "1 0"


def test_asyncpg_wants_the_whole_transaction(url: str, other: psycopg.Connection) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(url)

        async def begins() -> None:
            await connection.execute("BEGIN")
            await connection.execute(INCREMENT_ONE)

        async def fails() -> None:
            await begins()
            await connection.execute("SELECT FROM public.counters WHERE id = 1 FOR UPDATE NOWAIT")

        for transaction, why in ((begins, "returned before it ended"), (fails, "did not end it")):
            if transaction is fails:
                await connection.execute("SET lock_timeout = '10ms'")
                other.execute(LOCK_NOWAIT)
            with pytest.raises(asyncpg.InterfaceError, match=why):
                await convo_tenancy.asyncpg.retrying(connection, transaction)
            with pytest.raises(asyncpg.InterfaceError, match="it began before"):
                await convo_tenancy.asyncpg.retrying(connection, transaction)
            await connection.execute("ROLLBACK")
        await connection.close()
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            await convo_tenancy.asyncpg.retrying(connection, begins)

    asyncio.run(scenario())
    other.rollback()
    assert _counters(url) == "0 0"


def test_sqlalchemy_has_a_new_session_each_time(url: str, other: psycopg.Connection) -> None:
    other.execute(LOCK_NOWAIT)
    engine = create_engine(url_for("psycopg", url))
    sessions: list[Session] = []

    def transaction(session: Session) -> None:
        assert session not in sessions
        sessions.append(session)
        session.execute(text(INCREMENT_TWO))
        if len(sessions) == 2:
            other.rollback()
        session.execute(text(LOCK_NOWAIT))

    convo_tenancy.sqlalchemy.retrying(sessionmaker(engine), transaction)
    assert len(sessions) == 2
    assert _counters(url) == "0 1"
    engine.dispose()


def test_sqlalchemy_and_a_function_that_commits_by_itself(
    url: str, other: psycopg.Connection
) -> None:
    """At its end, as a legacy handler does: that is the transaction. Nothing may follow."""
    other.execute(LOCK_NOWAIT)
    engine = create_engine(url_for("psycopg", url))
    attempts = 0

    def transaction(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            other.rollback()
        session.execute(text(LOCK_NOWAIT))
        session.execute(text(INCREMENT_ONE))
        session.commit()

    convo_tenancy.sqlalchemy.retrying(sessionmaker(engine), transaction)
    assert attempts == 2
    assert _counters(url) == "1 0"

    def two(session: Session) -> None:
        transaction(session)
        session.execute(text(INCREMENT_ONE))

    with pytest.raises(InvalidRequestError, match="closed transaction"):
        convo_tenancy.sqlalchemy.retrying(sessionmaker(engine), two)
    assert attempts == 3
    assert _counters(url) == "2 0"
    engine.dispose()


def test_sqlalchemy_wants_a_maker_of_sessions(url: str) -> None:
    engine = create_engine(url_for("psycopg", url))
    with Session(engine) as session:
        makers: list[Any] = [session, engine, lambda: session]
        for maker in makers:
            with pytest.raises(TypeError, match="expected a sessionmaker"):
                convo_tenancy.sqlalchemy.retrying(maker, lambda session: None)
    engine.dispose()
