"""--quiet and --verbose: options of every command, before its name or behind it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import typer


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


def _be_quiet(wanted: bool) -> None:
    VERBOSITY.quiet |= wanted


def _be_verbose(wanted: bool) -> None:
    VERBOSITY.verbose |= wanted


def _options(
    _quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            callback=_be_quiet,
            expose_value=False,
            help="Only what is wrong, and errors.",
        ),
    ] = False,
    _verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            callback=_be_verbose,
            expose_value=False,
            help="Also print each statement that is sent, with its time, on standard error.",
        ),
    ] = False,
) -> None:
    """Only its options are of use."""


@cache
def common_options() -> list[Any]:
    """The options of every command, as the library has them that reads the arguments."""
    app = typer.Typer(add_completion=False)
    app.command()(_options)
    return [*typer.main.get_command(app).params]
