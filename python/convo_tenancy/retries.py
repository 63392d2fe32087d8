"""Repeats a transaction that lost a race, on a connection of psycopg."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from psycopg import AsyncConnection, Connection, Error, ProgrammingError, errors
from psycopg.pq import TransactionStatus

from .races import ATTEMPTS, RETRYABLE_STATES, check_attempts, pauses, repeat, repeat_async

__all__ = ["RETRYABLE", "pauses", "retrying"]

Result = TypeVar("Result")

RETRYABLE: tuple[type[Error], ...] = tuple(
    errors.lookup(state) for state in sorted(RETRYABLE_STATES)
)
"""The classes of the errors after which a transaction is repeated."""


@overload
def retrying(
    connection: Connection[Any], transaction: Callable[[], Result], *, attempts: int = ...
) -> Result: ...


@overload
def retrying(
    connection: AsyncConnection[Any],
    transaction: Callable[[], Awaitable[Result]],
    *,
    attempts: int = ...,
) -> Awaitable[Result]: ...


def retrying(
    connection: Connection[Any] | AsyncConnection[Any],
    transaction: Callable[[], Any],
    *,
    attempts: int = ATTEMPTS,
) -> Any:
    """Run a whole transaction, again if it lost a race, a limited number of times.

        def book() -> Profile:
            with connection.transaction():
                ...
                return update_customer_stats(connection, ...)

        profile = retrying(connection, book)

    It is repeated after a deadlock (40P01), a serialization failure (40001, which also a call in
    flight gets while a phase is deployed or reverted) and a lock that could not be had (55P03).
    Pauses are random and grow, from 10 ms to 1 s at most, so that two who collided do not meet
    again. A connection that broke is no reason to repeat: the transaction may have committed.

    Args:
        connection: of psycopg, in no transaction; for an AsyncConnection, await the result.
        transaction: begins and ends the transaction, and does nothing outside the database that
            must not be done twice. For an AsyncConnection, an async function.
        attempts: how often at most, 1 or more.

    Returns:
        What `transaction` returned.

    Raises:
        ValueError: less than one attempt.
        psycopg.ProgrammingError: the connection is in a transaction before, so that not all of it
            could be repeated, or after `transaction` returned, so that it did not commit.
        psycopg.Error: as it came: that of the last attempt, and any that is not retryable.
    """
    check_attempts(attempts)
    _check_idle(connection, "it began before retrying() was called")
    if isinstance(connection, AsyncConnection):
        return repeat_async(_asynchronous(connection, transaction), attempts)
    return repeat(_synchronous(connection, transaction), attempts)


def _synchronous(
    connection: Connection[Any], transaction: Callable[[], Result]
) -> Callable[[], Result]:
    def attempt() -> Result:
        try:
            return _committed(connection, transaction())
        except RETRYABLE:
            connection.rollback()  # does nothing where a transaction block did it
            raise

    return attempt


def _asynchronous(
    connection: AsyncConnection[Any], transaction: Callable[[], Awaitable[Result]]
) -> Callable[[], Awaitable[Result]]:
    async def attempt() -> Result:
        try:
            return _committed(connection, await transaction())
        except RETRYABLE:
            await connection.rollback()
            raise

    return attempt


def _committed(connection: Connection[Any] | AsyncConnection[Any], result: Result) -> Result:
    _check_idle(connection, "the function returned before it ended")
    return result


def _check_idle(connection: Connection[Any] | AsyncConnection[Any], why: str) -> None:
    status = connection.info.transaction_status
    if status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):  # unknown: closed
        raise ProgrammingError(
            f"only a whole transaction can be repeated, and this connection is in one: {why}"
        )
