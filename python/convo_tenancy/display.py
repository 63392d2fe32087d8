"""What a person sees: results as text or JSON; batches as a bar in a terminal, else as lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Protocol

import typer
from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn, Task
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from .verbosity import VERBOSITY

LINE_SECONDS = 5.0
"""Between two lines of progress where there is no terminal."""


class Format(StrEnum):
    """How a command prints what it found."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="text for people, json for programs.")
]


class Display(Protocol):
    """Whoever shows how it goes on."""

    def moved(self, customers: int, written: int) -> None:
        """A batch is done: so many customers and things written more."""

    def waits(self, detail: str | None) -> None:
        """It waits for this; None when it goes on."""


def printable(text: str) -> str:
    """What others named or wrote, as a terminal or a log may have it.

    A ? stands for each character that they would obey and not show, as tenancy.printable() does it.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def say(text: str, *, only_if_quiet: bool = False) -> None:
    """Print what is not wrong: --quiet leaves it out.

    Args:
        text: for people.
        only_if_quiet: it stands for more that --quiet leaves out.
    """
    if VERBOSITY.quiet == only_if_quiet:
        print(text)


def duration(seconds: float) -> str:
    """A time for people: "42 s", "3 min 05 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def listed(all_of_them: list[str], shown: int) -> str:
    """The first of them, and how many more there are."""
    more = len(all_of_them) - shown
    return "; ".join(all_of_them[:shown]) + (f"; and {more:,} more" if more > 0 else "")


def plural(number: int, thing: str, things: str = "") -> str:
    """ "1 shop", "2 shops"."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def literal(text: str) -> str:
    """A string of SQL's, to be run as it is printed."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


class Meter:
    """Counts what this run has done, and derives rate and time left.

    Args:
        done: customers who were done when the run began.
        estimated: customers there are.
        things: what is written of them, in the plural.
    """

    def __init__(self, done: int, estimated: int, things: str) -> None:
        self.started = time.monotonic()
        self.done = done
        self.estimated = estimated
        self.things = things
        self.customers = 0
        self.written = 0

    def add(self, customers: int, written: int) -> None:
        """A batch more."""
        self.customers += customers
        self.written += written
        self.done += customers

    @property
    def total(self) -> int:
        """Customers there are; more than estimated, once more are done."""
        return max(self.estimated, self.done)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    @property
    def customers_text(self) -> str:
        """How many of how many customers."""
        return f"{self.done:,} of {self.total:,} customers"

    @property
    def speed_text(self) -> str:
        """What was written a second."""
        return f"{self.written / max(self.elapsed, 0.001):,.0f}/s"

    @property
    def left_text(self) -> str:
        """The time left; empty before this run can tell."""
        rate = self.customers / self.elapsed if self.elapsed else 0.0
        return f"{duration((self.total - self.done) / rate)} left" if rate else ""

    @property
    def rate_text(self) -> str:
        """What was written, its rate and the time left, as far as this run can tell."""
        parts = (f"{self.written:,} {self.things}", self.speed_text, self.left_text)
        return ", ".join(part for part in parts if part)

    def parts(self, width: int) -> list[str]:
        """What stands beside one another in a line of that width: the rate and the time left last.

        Args:
            width: in columns; what is less needed goes first when it is small.
        """
        percent = f"{100 * self.done / max(self.total, 1):.0f}%"
        short = ", ".join(part for part in (self.speed_text, self.left_text) if part)
        for parts in (
            [self.customers_text, percent, self.rate_text],
            [percent, self.rate_text],
            [percent, short],
        ):
            if len("  ".join(parts)) <= width:
                return parts
        return [percent, self.left_text or self.speed_text]


class LineDisplay:
    """Lines of text: one every few seconds, and one for each new reason to wait."""

    def __init__(self, console: Console, meter: Meter) -> None:
        self._console = console
        self._meter = meter
        self._line_at = meter.started + LINE_SECONDS
        self._detail: str | None = None

    def moved(self, customers: int, written: int) -> None:
        """A batch is done."""
        self._meter.add(customers, written)
        if time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + LINE_SECONDS
            self.say(f"{self._meter.customers_text}, {self._meter.rate_text}")

    def waits(self, detail: str | None) -> None:
        """It waits, or goes on."""
        if detail != self._detail:
            self._detail = detail
            self.say(f"waiting: {detail}" if detail else "goes on")

    def say(self, line: str) -> None:
        """One line, at once: whoever reads a pipe wants to see it now."""
        self._console.print(Text(printable(line)), soft_wrap=True)
        self._console.file.flush()


_BAR = 10  # the least that is worth its columns


class _Line(ProgressColumn):
    """One line: the meter, and a bar in what is left of the width."""

    def __init__(self, console: Console, meter: Meter) -> None:
        super().__init__(Column(no_wrap=True))
        self._console = console
        self._meter = meter

    def render(self, task: Task) -> RenderableType:
        """As wide as the terminal is now."""
        del task
        width = self._console.width
        parts = self._meter.parts(width)
        room = min(width - len("  ".join(parts)) - 2, 40)
        if room < _BAR:
            return Text("  ".join(parts), no_wrap=True, overflow="ellipsis")
        line = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(self._meter.total, self._meter.done, width=room)
        line.add_row(*parts[:-2], bar, *parts[-2:])
        return line


class BarDisplay(LineDisplay):
    """A bar with customers, profiles, rate and time left; waits are lines above it."""

    def __init__(self, console: Console, meter: Meter, bar: Progress) -> None:
        super().__init__(console, meter)
        self._bar = bar

    def moved(self, customers: int, written: int) -> None:
        """A batch is done."""
        self._meter.add(customers, written)
        self._bar.refresh()


@contextmanager
def shown(console: Console, meter: Meter) -> Iterator[Display]:
    """The display that fits the console: the bar in a terminal, else lines."""
    if VERBOSITY.quiet:
        yield LineDisplay(Console(quiet=True), meter)
        return
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineDisplay(console, meter)
        return
    with Progress(_Line(console, meter), console=console) as bar:
        bar.add_task("batches")
        yield BarDisplay(console, meter, bar)
