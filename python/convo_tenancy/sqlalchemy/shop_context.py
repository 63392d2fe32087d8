"""The shop context of a session: which shop the statements of its transactions are about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from typing import overload

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, InvalidRequestError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from ..calls import Call, set_shop, set_shop_back
from ..races import sqlstate
from .statements import check_session, run


@overload
def shop_context(session: AsyncSession, shop_id: int) -> AbstractAsyncContextManager[None]: ...


@overload
def shop_context(session: Session, shop_id: int) -> AbstractContextManager[None]: ...


def shop_context(
    session: Session | AsyncSession, shop_id: int
) -> AbstractContextManager[None] | AbstractAsyncContextManager[None]:
    """A block in which the transactions of a session are about a shop.

        async with sessions() as session, shop_context(session, 2):
            ...
            await session.commit()

    It begins and ends no transaction. Each one that the session begins in the block has the context
    from its first statement on, and one that is open already has it from here on. The context is
    local to the transaction, so it is safe behind a transaction pooler. After the block it is what
    it was before; contexts may be nested.

    The session is flushed before the block and at its end, so that each change is written in the
    context in which it was made. Objects that were loaded for one shop stay in the session: a
    session that goes on to another shop needs `session.expunge_all()` in between.

    Args:
        session: a Session, or an AsyncSession (`async with`).
        shop_id: the shop. Whether it exists shows in the first write that needs it.

    Raises:
        TypeError: the shop is no integer, or the session is none; nothing was sent to the server.
        sqlalchemy.exc.InvalidRequestError: the session is in AUTOCOMMIT, where each statement is a
            transaction of its own, and a context would end with the statement that sets it.
        sqlalchemy.exc.DBAPIError: 22023 from a write inside, if there is no such shop.
    """
    check_session(session)
    call = set_shop(shop_id)
    if isinstance(session, AsyncSession):
        return _asynchronous(session, call)
    return _synchronous(session, call)


@contextmanager
def _synchronous(session: Session, call: Call[str]) -> Iterator[None]:
    _enter(session, call)
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # what has failed is rolled back, the context with it
            _leave(session)
        raise
    _leave(session)


@asynccontextmanager
async def _asynchronous(session: AsyncSession, call: Call[str]) -> AsyncIterator[None]:
    await session.run_sync(_enter, call)
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            await session.run_sync(_leave)
        raise
    await session.run_sync(_leave)


@dataclass
class _Contexts:
    """The blocks of a session that are open, and what they did in the transaction at hand."""

    calls: list[Call[str]] = field(default_factory=list)
    """What sets the shop of each block, the innermost last."""
    before: list[str] = field(default_factory=list)
    """What each of them found in this transaction; empty before it has begun."""
    wanted: _Wanted | None = None
    """None where nothing was set in this transaction."""


@dataclass(frozen=True)
class _Wanted:
    """What the setting is to be now, and where it was set to that."""

    call: Call[str]
    connection: Connection
    transaction: SessionTransaction | None
    """The savepoint, or else the transaction."""


def _wanted(session: Session, connection: Connection, call: Call[str]) -> _Wanted:
    within = session.get_nested_transaction() or session.get_transaction()
    return _Wanted(call, connection, within)


_KEY = "convo_tenancy.shop_context"


def _of(session: Session) -> _Contexts:
    """What is kept of a session, from its first block on."""
    if _KEY not in session.info:
        session.info[_KEY] = _Contexts()
        event.listen(session, "after_begin", _begun)
        event.listen(session, "after_soft_rollback", _rolled_back)
        event.listen(session, "after_transaction_end", _ended)
    contexts: _Contexts = session.info[_KEY]
    return contexts


def _set(session: Session, connection: Connection, call: Call[str]) -> str:
    if getattr(connection.connection.dbapi_connection, "autocommit", False):
        raise InvalidRequestError(
            "a shop context holds for a transaction, and this session is in AUTOCOMMIT:"
            " give it an engine without isolation_level AUTOCOMMIT"
        )
    before = run(connection, call)
    _of(session).wanted = _wanted(session, connection, call)
    return before


def _set_back(session: Session, connection: Connection, call: Call[str]) -> None:
    _of(session).wanted = _wanted(session, connection, call)
    if not connection.in_transaction():
        return  # a flush that failed has rolled it back
    try:
        run(connection, call)
    except PendingRollbackError:
        pass  # nothing but a rollback is possible, and that sets it back
    except DBAPIError as error:
        if sqlstate(error) != "25P02":  # as above
            raise


def _enter(session: Session, call: Call[str]) -> None:
    session.flush()
    contexts = _of(session)
    contexts.calls.append(call)
    try:
        if session.in_transaction():
            connection = session.connection()  # which it may get only now, and so be set already
            if len(contexts.before) < len(contexts.calls):
                contexts.before.append(_set(session, connection, call))
    except BaseException:
        contexts.calls.pop()
        raise


def _leave(session: Session) -> None:
    contexts = _of(session)
    try:
        session.flush()
    finally:
        contexts.calls.pop()
        if len(contexts.before) > len(contexts.calls):
            call = set_shop_back(contexts.before.pop())
            if contexts.wanted:
                _set_back(session, contexts.wanted.connection, call)


def _begun(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    contexts = _of(session)
    if contexts.calls and not transaction.nested:
        before = _set(session, connection, contexts.calls[-1])
        contexts.before = [before, *(str(call.parameters[0]) for call in contexts.calls[:-1])]


def _rolled_back(session: Session, ended: SessionTransaction) -> None:
    """A savepoint that is rolled back takes along what was set behind it."""
    wanted = _of(session).wanted
    within = wanted.transaction if wanted else None
    while within is not None and within is not ended:
        within = within.parent
    if wanted and within and ended.nested and session.is_active:
        _set_back(session, wanted.connection, wanted.call)


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        contexts = _of(session)
        connection = contexts.wanted.connection if contexts.wanted else None
        # One that goes on is in the transaction of whoever gave it to the session.
        if contexts.before and connection and not connection.closed and connection.in_transaction():
            run(connection, set_shop_back(contexts.before[0]))
        contexts.before, contexts.wanted = [], None
