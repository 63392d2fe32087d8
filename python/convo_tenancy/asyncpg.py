"""Customer memory, shop context and retries for asyncpg, 0.29 or later.

The functions have the names and arguments of `convo_tenancy.customer_memory`, and what is said
there of customers, shops, amounts and checks holds here, too. They take a connection of
`asyncpg.connect()` or one that a pool lent, and run in the transaction that is open on it, else in
one of their own. Times come back in UTC. The server's errors come as asyncpg's, by SQLSTATE:

    asyncpg.ForeignKeyViolationError (23503), InvalidParameterValueError (22023),
    NumericValueOutOfRangeError (22003), ObjectNotInPrerequisiteStateError (55000);
    DeadlockDetectedError (40P01), SerializationError (40001), LockNotAvailableError (55P03), which
    `retrying` is for

Behind a pooler in transaction mode, connect with `statement_cache_size=0`, and make every call in a
transaction: `shop_context` is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar

import asyncpg

from . import calls
from .calls import (
    Call,
    Confirmation,
    Customer,
    CustomerContext,
    Profile,
    set_shop,
    set_shop_back,
)
from .queries import query
from .races import ATTEMPTS, check_attempts, repeat_async

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy

__all__ = [
    "Confirmation",
    "Customer",
    "CustomerContext",
    "Profile",
    "confirm_booking",
    "get_customer_by_email",
    "get_customer_by_phone",
    "get_customer_context",
    "get_customers_by_preferred_stylist",
    "get_or_create_customer_by_identity",
    "retrying",
    "shop_context",
    "update_customer_stats",
]

P = ParamSpec("P")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class _OfConnection(Protocol[P, Result_co]):
    def __call__(
        self, connection: Connection, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Result_co]: ...


async def _run(connection: Connection, call: Call[Result]) -> Result:
    statement = query(call.query).decode()
    rows = await connection.fetch(statement, *call.parameters, record_class=asyncpg.Record)
    return call.result(rows)


def _function(call: Callable[P, Call[Result]]) -> _OfConnection[P, Result]:
    @calls.like(call, "connection")
    async def function(connection: Connection, *args: P.args, **kwargs: P.kwargs) -> Result:
        return await _run(connection, call(*args, **kwargs))

    return function


get_customer_by_email = _function(calls.get_customer_by_email)
get_customer_by_phone = _function(calls.get_customer_by_phone)
get_or_create_customer_by_identity = _function(calls.get_or_create_customer_by_identity)
confirm_booking = _function(calls.confirm_booking)
update_customer_stats = _function(calls.update_customer_stats)
get_customer_context = _function(calls.get_customer_context)
get_customers_by_preferred_stylist = _function(calls.get_customers_by_preferred_stylist)


def shop_context(connection: Connection, shop_id: int) -> AbstractAsyncContextManager[None]:
    """A transaction whose legacy writes belong to a shop: rule 1 of the attribution.

        async with shop_context(connection, 2):
            await connection.execute("UPDATE public.customer_booking_stats SET ...")

    It begins and ends like `connection.transaction()`: commit at the end, rollback on an exception,
    a savepoint in a transaction that is already open. The context is local to the transaction and
    set by its first statement, so it is safe behind a transaction pooler. Afterwards it is what it
    was before; contexts may be nested.

    Args:
        connection: of asyncpg, or one that a pool lent.
        shop_id: the shop. Whether it exists shows in the first write that needs it.

    Raises:
        TypeError: the shop is no integer; nothing was sent to the server.
        asyncpg.InvalidParameterValueError: from a write inside, if there is no such shop.
    """
    return _shop_context(connection, set_shop(shop_id))


@asynccontextmanager
async def _shop_context(connection: Connection, call: Call[str]) -> AsyncIterator[None]:
    is_savepoint = connection.is_in_transaction()
    async with connection.transaction():
        before = await _run(connection, call)
        yield
        if is_savepoint:  # a released one keeps what was set in it
            await _run(connection, set_shop_back(before))


async def retrying(
    connection: Connection,
    transaction: Callable[[], Awaitable[Result]],
    *,
    attempts: int = ATTEMPTS,
) -> Result:
    """Run a whole transaction, again if it lost a race, a limited number of times.

        async def book() -> Profile:
            async with shop_context(connection, 2):
                ...
                return await update_customer_stats(connection, ...)

        profile = await retrying(connection, book)

    It is repeated after a deadlock (40P01), a serialization failure (40001, which also a call in
    flight gets while a phase is deployed or reverted) and a lock that could not be had (55P03).
    Pauses are random and grow, from 10 ms to 1 s at most, so that two who collided do not meet
    again. A connection that broke is no reason to repeat: the transaction may have committed.
    `confirm_booking` may be called again, on another connection.

    Args:
        connection: in no transaction.
        transaction: begins and ends the transaction, and does nothing outside the database that
            must not be done twice.
        attempts: how often at most, 1 or more.

    Returns:
        What `transaction` returned.

    Raises:
        ValueError: less than one attempt.
        asyncpg.InterfaceError: the connection is in a transaction before, so that not all of it
            could be repeated, or after `transaction`, so that it did not commit.
        asyncpg.PostgresError: as it came: that of the last attempt, and any that is not retryable.
    """
    check_attempts(attempts)
    _check_idle(connection, "it began before retrying() was called")

    async def attempt() -> Result:
        try:
            result = await transaction()
        except asyncpg.PostgresConnectionError:
            raise  # it broke: nothing can be asked of one that a pool lent
        except asyncpg.PostgresError:
            _check_idle(connection, "the function failed and did not end it")
            raise
        _check_idle(connection, "the function returned before it ended")
        return result

    return await repeat_async(attempt, attempts)


def _check_idle(connection: Connection, why: str) -> None:
    if not connection.is_closed() and connection.is_in_transaction():
        raise asyncpg.InterfaceError(
            f"only a whole transaction can be repeated, and this connection is in one: {why}"
        )
