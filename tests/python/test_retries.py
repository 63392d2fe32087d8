"""Transactions that lose a real race, and win it the next time."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from convo_tenancy import retries
from convo_tenancy.retries import retrying
from support.commands import psql, value

INCREMENT = "UPDATE public.counters SET n = n + 1 WHERE id = %s"
LOCK_NOWAIT = "SELECT FROM public.counters WHERE id = 1 FOR UPDATE NOWAIT"


@pytest.fixture
def url(legacy_database: str) -> str:
    psql(
        legacy_database,
        "-c",
        "CREATE TABLE public.counters (id integer PRIMARY KEY, n integer NOT NULL)",
        "-c",
        "INSERT INTO public.counters VALUES (1, 0), (2, 0)",
    )
    return legacy_database


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


def _increments(connection: psycopg.Connection, log: list[str]) -> Callable[[], str]:
    """A transaction that wants counter 1 at once."""

    def transaction() -> str:
        log.append("attempt")
        with connection.transaction():
            connection.execute(LOCK_NOWAIT)
            connection.execute(INCREMENT, (1,))
            return "done"

    return transaction


def test_a_deadlock(url: str) -> None:
    both_hold_one = threading.Barrier(2, timeout=60)

    def both(first: int, second: int) -> int:
        attempts = 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET deadlock_timeout = '20ms'")

            def transaction() -> None:
                nonlocal attempts
                attempts += 1
                with connection.transaction():
                    connection.execute(INCREMENT, (first,))
                    if attempts == 1:
                        both_hold_one.wait()
                    connection.execute(INCREMENT, (second,))

            retrying(connection, transaction)
        return attempts

    with ThreadPoolExecutor() as threads:
        one, two = threads.submit(both, 1, 2), threads.submit(both, 2, 1)
        assert sorted([one.result(), two.result()])[0] == 1
        assert one.result() + two.result() >= 3
    assert _counters(url) == "2 2"


def test_a_serialization_failure(
    url: str, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    reads: list[object] = []

    def transaction() -> None:
        with connection.transaction():
            reads.append(
                connection.execute("SELECT n FROM public.counters WHERE id = 1").fetchone()
            )
            if len(reads) == 1:
                with other.transaction():
                    other.execute(INCREMENT, (1,))
            connection.execute(INCREMENT, (1,))

    retrying(connection, transaction)
    assert reads == [(0,), (1,)]
    assert _counters(url) == "2 0"


def test_a_serialization_failure_at_commit(
    url: str, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    """Each writes what the other reads: whoever commits last is refused when it commits."""
    for each in (connection, other):
        each.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    reached: list[str] = []

    def transaction() -> None:
        with connection.transaction():
            connection.execute("SELECT n FROM public.counters WHERE id = 1")
            connection.execute(INCREMENT, (2,))
            if not reached:
                with other.transaction():
                    other.execute("SELECT n FROM public.counters WHERE id = 2")
                    other.execute(INCREMENT, (1,))
            reached.append("commit")

    retrying(connection, transaction)
    assert reached == ["commit", "commit"]
    assert _counters(url) == "1 1"


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_lock_that_is_not_available(
    url: str, connection: psycopg.Connection, other: psycopg.Connection, autocommit: bool
) -> None:
    connection.autocommit = autocommit
    other.execute(LOCK_NOWAIT)
    log: list[str] = []
    increment = _increments(connection, log)

    def transaction() -> str:
        if len(log) == 2:
            other.rollback()
        return increment()

    assert retrying(connection, transaction) == "done"
    assert log == ["attempt"] * 3
    assert _counters(url) == "1 0"


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


@pytest.mark.parametrize("attempts", [1, 3])
def test_not_without_end(
    url: str, connection: psycopg.Connection, other: psycopg.Connection, attempts: int
) -> None:
    other.execute(LOCK_NOWAIT)
    log: list[str] = []
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        retrying(connection, _increments(connection, log), attempts=attempts)
    assert len(log) == attempts
    assert caught.value.__context__ is None  # the server's own error, and no story around it
    assert connection.info.transaction_status == TransactionStatus.IDLE
    assert _counters(url) == "0 0"


def test_no_attempt_at_all(connection: psycopg.Connection) -> None:
    log: list[str] = []
    with pytest.raises(ValueError, match="at least 1"):
        retrying(connection, _increments(connection, log), attempts=0)
    assert log == []


def test_what_is_wrong_with_the_transaction_itself(connection: psycopg.Connection) -> None:
    attempts = 0

    def transaction() -> None:
        nonlocal attempts
        attempts += 1
        with connection.transaction():
            connection.execute("INSERT INTO public.counters VALUES (1, 0)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        retrying(connection, transaction)
    assert attempts == 1


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
