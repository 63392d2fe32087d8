"""One client for each driver, all with the same methods: a test of what they share is written once.

Its methods are async for the drivers that are not as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Protocol, TypeVar

from convo_tenancy.races import sqlstate

Result = TypeVar("Result")


class Client(Protocol):
    """What can be done on a connection, or with a session."""

    async def value(self, statement: str) -> Any:
        """The one value of a statement, or None if it returns none."""

    async def call(self, name: str, *arguments: object) -> Any:
        """A function of customer memory, in the transaction that is open."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A transaction, or a savepoint in the one that is open."""

    def shop(self, shop_id: int) -> AbstractAsyncContextManager[object]:
        """The same in the context of a shop."""

    async def retrying(
        self, transaction: Callable[[], Awaitable[Result]], attempts: int = 10
    ) -> Result:
        """Repeat a whole transaction."""

    def is_idle(self) -> bool:
        """Whether no transaction is open."""


Connect = Callable[[str], AbstractAsyncContextManager[Client]]


def drive(coroutine: Awaitable[Result]) -> Result:
    """The result of a coroutine that waits for nothing, as those of a synchronous driver do."""
    assert isinstance(coroutine, Coroutine)
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise AssertionError("it waits")


@asynccontextmanager
async def entered(block: AbstractContextManager[Result]) -> AsyncIterator[Result]:
    """A block of a synchronous driver."""
    with block as value:
        yield value


@contextmanager
def raises(state: str) -> Iterator[None]:
    """Fail unless an error of the server with this SQLSTATE ends the block."""
    try:
        yield
    except Exception as error:
        if sqlstate(error) != state:
            raise
    else:
        raise AssertionError(f"expected {state}")
