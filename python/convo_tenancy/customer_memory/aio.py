"""`convo_tenancy.customer_memory` for asynchronous connections: the same names and arguments."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import dict_row

from .. import calls
from ..calls import Call
from ..queries import query

P = ParamSpec("P")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class _OfConnection(Protocol[P, Result_co]):
    def __call__(
        self, connection: AsyncConnection[Any], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Result_co]: ...


async def run(connection: AsyncConnection[Any], call: Call[Result]) -> Result:
    """Run a call on a connection."""
    cursor = AsyncRawCursor(connection, row_factory=dict_row)
    await cursor.execute(query(call.query), call.parameters)
    return call.result(await cursor.fetchall())


def _function(call: Callable[P, Call[Result]]) -> _OfConnection[P, Result]:
    @calls.like(call, "connection")
    async def function(
        connection: AsyncConnection[Any], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        return await run(connection, call(*args, **kwargs))

    return function


get_customer_by_email = _function(calls.get_customer_by_email)
get_customer_by_phone = _function(calls.get_customer_by_phone)
get_or_create_customer_by_identity = _function(calls.get_or_create_customer_by_identity)
confirm_booking = _function(calls.confirm_booking)
update_customer_stats = _function(calls.update_customer_stats)
get_customer_context = _function(calls.get_customer_context)
get_customers_by_preferred_stylist = _function(calls.get_customers_by_preferred_stylist)
