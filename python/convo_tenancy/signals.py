"""Ctrl-C and SIGTERM end what runs in order; a second one ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .errors import Problem

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal came. A KeyboardInterrupt, for which psycopg cancels the statement at hand.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def problem(self, advice: str) -> Problem:
        """What the command ends with.

        Args:
            advice: what to do next.
        """
        return Problem(f"cancelled; {advice}", 128 + self.number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside the block, the first signal raises Stopped.

    Raises:
        Stopped: wherever the block is.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in _NUMBERS:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
