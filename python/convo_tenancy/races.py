"""A transaction that lost a race is repeated: when, how often and after which pauses."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

Result = TypeVar("Result")

# Somebody else was first, and nothing is wrong with the transaction: deadlock, serialization
# failure, lock not available.
RETRYABLE_STATES = frozenset({"40P01", "40001", "55P03"})

ATTEMPTS = 10

_FIRST_PAUSE = 0.01  # seconds; at most, and twice as long each time
_LONGEST_PAUSE = 1.0


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error; None if it has none.

    Args:
        error: of psycopg, asyncpg or psycopg2, or what SQLAlchemy made of it.
    """
    raised = getattr(error, "orig", None) or error  # SQLAlchemy keeps the driver's error there
    state = getattr(raised, "sqlstate", None) or getattr(raised, "pgcode", None)
    return state if isinstance(state, str) else None


def lost_race(error: BaseException) -> bool:
    """Whether the transaction lost a race, and is worth repeating."""
    return sqlstate(error) in RETRYABLE_STATES


def pauses(attempts: int) -> Iterator[float]:
    """Seconds between the attempts: one less than the attempts.

    They are random and grow, so that two who collided do not meet again.
    """
    for earlier in range(attempts - 1):
        yield random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**earlier))  # noqa: S311


def check_attempts(attempts: int) -> None:
    """Raises:
    ValueError: less than one attempt.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")


def repeat(attempt: Callable[[], Result], attempts: int) -> Result:
    """Call it until it wins, or has lost so often.

    Args:
        attempt: leaves nothing behind when it fails.
        attempts: how often at most.

    Raises:
        Exception: that of the last attempt, and any that is not a lost race, as it came.
    """
    for pause in pauses(attempts):
        try:
            return attempt()
        except Exception as error:
            if not lost_race(error):
                raise
        time.sleep(pause)
    return attempt()


async def repeat_async(attempt: Callable[[], Awaitable[Result]], attempts: int) -> Result:
    """`repeat` for an async function."""
    for pause in pauses(attempts):
        try:
            return await attempt()
        except Exception as error:
            if not lost_race(error):
                raise
        await asyncio.sleep(pause)
    return await attempt()
