"""Repeats a transaction that lost a race, each time in a new session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, overload

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from ..races import ATTEMPTS, check_attempts, repeat, repeat_async

Result = TypeVar("Result")
OfSession = TypeVar("OfSession", bound=Session)
OfAsyncSession = TypeVar("OfAsyncSession", bound=AsyncSession)


@overload
def retrying(
    sessions: async_sessionmaker[OfAsyncSession],
    transaction: Callable[[OfAsyncSession], Awaitable[Result]],
    *,
    attempts: int = ...,
) -> Coroutine[Any, Any, Result]: ...


@overload
def retrying(
    sessions: sessionmaker[OfSession],
    transaction: Callable[[OfSession], Result],
    *,
    attempts: int = ...,
) -> Result: ...


def retrying(
    sessions: async_sessionmaker[Any] | sessionmaker[Any],
    transaction: Callable[[Any], Any],
    *,
    attempts: int = ATTEMPTS,
) -> Any:
    """Run a whole transaction, again if it lost a race, a limited number of times.

        async def confirm(session: AsyncSession) -> Profile:
            async with shop_context(session, 2):
                ...
                return await update_customer_stats(session, ...)

        profile = await retrying(sessions, confirm)

    Each attempt has a new session, so that nothing of an attempt that failed is left in it, and a
    transaction that begins before the function and commits after it. It is repeated after a
    deadlock (40P01), a serialization failure (40001, which also a call in flight gets while a phase
    is deployed or reverted) and a lock that could not be had (55P03). Pauses are random and grow,
    from 10 ms to 1 s at most, so that two who collided do not meet again. A connection that broke
    is no reason to repeat: the transaction may have committed.

    Args:
        sessions: a sessionmaker, or an async_sessionmaker; for the latter, await the result.
        transaction: does the work, and nothing outside the database that must not be done twice.
            For an async_sessionmaker, an async function.
        attempts: how often at most, 1 or more.

    Returns:
        What `transaction` returned.

    Raises:
        TypeError: what should make the sessions is none of the two.
        ValueError: less than one attempt.
        sqlalchemy.exc.InvalidRequestError: `transaction` went on after a COMMIT or ROLLBACK
            of its own.
        sqlalchemy.exc.DBAPIError: as it came: that of the last attempt, and any that is not
            retryable.
    """
    check_attempts(attempts)
    if isinstance(sessions, async_sessionmaker):

        async def asynchronous() -> Any:
            async with sessions.begin() as session:
                return await transaction(session)

        return repeat_async(asynchronous, attempts)
    if not isinstance(sessions, sessionmaker):
        raise TypeError(
            "a transaction is repeated in new sessions: expected a sessionmaker or an"
            f" async_sessionmaker, not {type(sessions).__name__}"
        )

    def synchronous() -> Any:
        with sessions.begin() as session:
            return transaction(session)

    return repeat(synchronous, attempts)
