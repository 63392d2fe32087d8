"""convo-tenancy watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from ..database import UrlOption, connect, one_line
from ..errors import Problem
from ..health.plan import find_plan
from ..signals import Stopped
from ..verbosity import VERBOSITY
from .figures import Figures, Watcher
from .lines import Lines
from .looks import Looker
from .screen import Screen
from .view import view

APPLICATION_NAME = "convo-tenancy watch"
_SIZE_SECONDS = 0.2  # between two looks at the size of the terminal


def watch(
    database_url: UrlOption = None,
    every: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Time between two looks.")
    ] = 2.0,
) -> None:
    """Follow the migration live: phase, backfill, drift, bookings per second, lock waits.

    In a terminal it shows one screen. A file or pipe gets one line per look, and a line for each
    new problem. It writes nothing to the database and blocks nobody. If the connection breaks, it
    says so and connects again. Ctrl-C ends it.

    Exit codes: 0 never, because it runs until you end it; 1 cannot connect, or any other problem;
    2 called wrongly; 130 after Ctrl-C, 143 after SIGTERM.

    \b
    Examples:
      convo-tenancy watch
      convo-tenancy watch --every 10        over a slow line
      convo-tenancy watch | tee watch.log   lines
    """
    console = Console(highlight=False, markup=False)
    plan = find_plan(None)
    looker: Looker | None = Looker(connect(database_url, APPLICATION_NAME), plan, every)
    watcher = Watcher(every)
    try:
        with _shown(console, every) as show:
            while True:
                try:
                    looker = looker or Looker(connect(database_url, APPLICATION_NAME), plan, every)
                    figures = watcher.see(looker.look())
                except (psycopg.Error, Problem) as error:
                    why = one_line(error) if isinstance(error, psycopg.Error) else str(error)
                    figures = watcher.lose(why)
                    if looker:
                        looker.close()
                    looker = None
                show(figures)
                _pause(every, partial(show, figures, True))
    except Stopped as stopped:
        raise stopped.problem("it changed nothing") from None
    finally:
        if looker:
            looker.close()


@contextmanager
def _shown(console: Console, every: float) -> Iterator[Callable[..., None]]:
    """What shows figures: the screen in a terminal that can move its cursor, else lines.

    Called again with the same figures, it draws them only where the terminal got another size.
    With --verbose, lines: what that says on standard error would stand all over the screen.
    """
    if console.is_terminal and not console.is_dumb_terminal and not VERBOSITY.verbose:
        with Screen(console) as screen:
            ascii_only = console.options.ascii_only

            def draw(figures: Figures, again: bool = False) -> None:
                if not again or screen.is_resized:
                    screen.draw(lambda size: view(figures, size, every, ascii_only=ascii_only))

            yield draw
        return
    lines = Lines()

    def say(figures: Figures, again: bool = False) -> None:
        for line in () if again else lines.of(figures, quiet=VERBOSITY.quiet):
            print(line)
        sys.stdout.flush()

    yield say


def _pause(seconds: float, show_again: Callable[[], None]) -> None:
    """Wait; and look now and then whether the terminal got another size, in which all is drawn."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SIZE_SECONDS))
        show_again()
