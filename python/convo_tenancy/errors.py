"""The one kind of error that a person sees."""

from __future__ import annotations


class Problem(Exception):
    """What went wrong and what to do next, in one line.

    Args:
        message: the line, without a name in front and without a full stop at its end.
        exit_code: what the process ends with; never 0.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
