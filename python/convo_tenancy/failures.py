"""Whatever ends a command early is one line, and an exit code that says so."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from .errors import Problem
from .signals import Stopped
from .verbosity import common_options

_PACKAGE = Path(__file__).parent


def escape_output() -> None:
    """Have an output that takes every character: what it cannot show is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def one_line_failures(exit_code: int) -> Iterator[None]:
    """Turn what nobody expected inside the block into a Problem, the end of the output included.

    Args:
        exit_code: what the process then ends with.

    Raises:
        Problem: in place of an OSError, of a signal, and of any error of a programmer. Before the
            block, if standard output is closed: what the command changes would go unsaid.
    """
    if sys.stdout is None:
        raise Problem("standard output is closed: send it to /dev/null", exit_code)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except Stopped as stopped:
        raise stopped.problem("run it again") from None
    except OSError as error:
        if error.filename is not None:
            message = f"{error.filename}: {error.strerror}"
        else:
            message = f"cannot write the output: {error.strerror or error}"
            _discard_output()
        raise Problem(message, exit_code) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # a Problem, and those of typer
            raise
        raise Problem(_describe(error), exit_code) from None


def _discard_output() -> None:
    """Or Python would try to write it once more as it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _describe(error: Exception) -> str:
    """An error that is a fault of this project, with the line where it came up."""
    places = [
        f"{Path(frame.filename).relative_to(_PACKAGE)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_PACKAGE)
    ]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a fault of convo-tenancy itself, please report it: {what} ({places[-1]})"


class _Common:
    """Of every command: it takes the options that all have."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own, those of all, and the one for help."""
        own = super().get_params(ctx)  # type: ignore[misc]
        return [*own[:-1], *common_options(), *own[-1:]]

    failure = 1
    """The exit code of a problem."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the arguments; where they ask for help and the like, that is printed here."""
        try:
            if sys.stdout is None:  # said when a command begins
                return super().parse_args(ctx, args)  # type: ignore[misc]
            with one_line_failures(self.failure):
                return super().parse_args(ctx, args)  # type: ignore[misc]
        except Exception as error:
            if hasattr(error, "format_message") and getattr(error, "ctx", None) is None:
                vars(error)["ctx"] = ctx  # the library does not say whose value is missing
            raise


class _OneLine(_Common):
    """Of a command: what it fails with is one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        with one_line_failures(self.failure):
            return super().invoke(ctx)  # type: ignore[misc]


class Command(_OneLine, TyperCommand):
    """A command of ours."""


class Group(_OneLine, TyperGroup):
    """A command that has others."""


class Root(_Common, TyperGroup):
    """What has all commands; each of them knows what it fails with."""
