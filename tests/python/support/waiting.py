"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], what: str, *, seconds: float = 60, pause: float = 0.02
) -> None:
    """Return once the condition holds; fail, saying what was waited for, if it never does.

    Args:
        condition: is asked again and again; it often costs a connection.
        what: is waited for.
        seconds: until it fails.
        pause: in seconds, between the first two looks; it grows up to five times that.
    """
    deadline = time.monotonic() + seconds
    longest = 5 * pause
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, longest)
