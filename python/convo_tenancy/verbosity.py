"""--quiet and --verbose: options of every command, before its name or behind it."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass
class Verbosity:
    """How much this process says.

    Args:
        quiet: only what is wrong, and errors.
        verbose: besides, on standard error, what is asked of the database.
    """

    quiet: bool = False
    verbose: bool = False


VERBOSITY = Verbosity()
"""Of this process."""


def tell(line: str) -> None:
    """A line on standard error that --verbose asks for; nothing without it."""
    if VERBOSITY.verbose:
        print(f"convo-tenancy: {line}", file=sys.stderr, flush=True)
