"""Customer memory for SQLAlchemy's sessions: the legacy module's names.

    profile = update_customer_stats(session, ...)          # a Session
    profile = await update_customer_stats(session, ...)    # an AsyncSession

Names and arguments are those of `convo_tenancy.customer_memory`, and what is said there of
customers, shops, amounts and checks holds here, too.

Each function flushes the session first: a booking is confirmed in the database before it is
counted. It runs in the session's transaction and ends it in no case. Objects that the session has
loaded show what was before the call, until they are refreshed. Errors of the server are
`sqlalchemy.exc.DBAPIError`; `convo_tenancy.sqlalchemy.sqlstate` tells them apart:

    23503               unknown customer, shop, stylist or booking, or a stylist or booking of
                        another shop
    55000               the booking has expired, or is no hold
    22023               a negative amount, a value that lacks
    22003               an integer that is too large
    40P01, 40001, 55P03 lost a race: see convo_tenancy.sqlalchemy.retrying
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from .. import calls
from ..calls import Call
from .statements import check_session, run

P = ParamSpec("P")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class _OfSession(Protocol[P, Result_co]):
    """A function of a session of either kind."""

    @overload
    def __call__(
        self, session: AsyncSession, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Result_co]: ...

    @overload
    def __call__(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> Result_co: ...


def _function(call: Callable[P, Call[Result]]) -> _OfSession[P, Result]:
    @calls.like(call, "session")
    def function(session: Session | AsyncSession, *args: P.args, **kwargs: P.kwargs) -> Any:
        check_session(session)
        made = call(*args, **kwargs)
        if isinstance(session, AsyncSession):
            return session.run_sync(_run, made)
        return _run(session, made)

    return function


def _run(session: Session, call: Call[Result]) -> Result:
    session.flush()
    return run(session.connection(), call)


get_customer_by_email = _function(calls.get_customer_by_email)
get_customer_by_phone = _function(calls.get_customer_by_phone)
get_or_create_customer_by_identity = _function(calls.get_or_create_customer_by_identity)
confirm_booking = _function(calls.confirm_booking)
update_customer_stats = _function(calls.update_customer_stats)
get_customer_context = _function(calls.get_customer_context)
get_customers_by_preferred_stylist = _function(calls.get_customers_by_preferred_stylist)
