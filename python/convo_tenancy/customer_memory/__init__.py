"""Customer memory by shop: the legacy module's names over the SQL API of schema `tenancy`.

Each function is one statement, with the same names for asynchronous connections in
`convo_tenancy.customer_memory.aio`. They take any psycopg connection, whatever its cursors and rows
are, and run in the transaction that is open on it, or begin one as `connection.execute()` does. For
other drivers, the same functions are in `convo_tenancy.asyncpg` and `convo_tenancy.sqlalchemy`.

Customers are of all shops (ADR-0001), so who somebody is needs no shop; what a shop knows of them
does: `confirm_booking`, `update_customer_stats` and `get_customer_context` take `shop_id`. A
stylist works in one shop, so `get_customers_by_preferred_stylist` has its shop from there.

Amounts are integer cents. Times are aware datetimes, those that come back in the time zone of the
session. A value of a wrong type is a TypeError, a time without a zone a ValueError, and nothing was
sent. Rules and all other checks are in the database; its errors come as they are:

    psycopg.errors.ForeignKeyViolation (23503)      unknown customer, shop, stylist or booking, or a
                                                    stylist or booking of another shop
    psycopg.errors.ObjectNotInPrerequisiteState (55000)  the booking has expired, or is no hold
    psycopg.errors.InvalidParameterValue (22023)    a negative amount, a value that lacks
    psycopg.errors.NumericValueOutOfRange (22003)   an integer that is too large
    psycopg.errors.DeadlockDetected (40P01), SerializationFailure (40001), LockNotAvailable (55P03)
                                                    lost a race: see convo_tenancy.retries

After an error nothing of the call is written on either side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from psycopg import Connection, RawCursor
from psycopg.rows import dict_row

from .. import calls
from ..calls import Call, Confirmation, Customer, CustomerContext, Profile
from ..queries import query

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
    "update_customer_stats",
]

P = ParamSpec("P")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class _OfConnection(Protocol[P, Result_co]):
    def __call__(
        self, connection: Connection[Any], *args: P.args, **kwargs: P.kwargs
    ) -> Result_co: ...


def run(connection: Connection[Any], call: Call[Result]) -> Result:
    """Run a call on a connection."""
    cursor = RawCursor(connection, row_factory=dict_row)
    return call.result(cursor.execute(query(call.query), call.parameters).fetchall())


def _function(call: Callable[P, Call[Result]]) -> _OfConnection[P, Result]:
    @calls.like(call, "connection")
    def function(connection: Connection[Any], *args: P.args, **kwargs: P.kwargs) -> Result:
        return run(connection, call(*args, **kwargs))

    return function


get_customer_by_email = _function(calls.get_customer_by_email)
get_customer_by_phone = _function(calls.get_customer_by_phone)
get_or_create_customer_by_identity = _function(calls.get_or_create_customer_by_identity)
confirm_booking = _function(calls.confirm_booking)
update_customer_stats = _function(calls.update_customer_stats)
get_customer_context = _function(calls.get_customer_context)
get_customers_by_preferred_stylist = _function(calls.get_customers_by_preferred_stylist)
