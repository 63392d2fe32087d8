"""How much is tried: `make test` takes a fair share of what takes long, `make soak` all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

SOAK = os.environ.get("SOAK") == "1"

PAUSE = 0.0 if SOAK else 0.02
"""Seconds that a client under load takes between two bookings, and leaves to what is tested."""

Each = TypeVar("Each")


def share(everything: Sequence[Each], of: int) -> list[Each]:
    """One of so many, evenly, and the last; in a soak all."""
    if SOAK:
        return [*everything]
    return [*everything[: len(everything) - 1 : of], everything[-1]]
