"""How a person sees the backfill go on: a bar in a terminal, lines of text elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from .control import Display, Estimate
from .control import Progress as Stand

LINE_SECONDS = 5.0
"""Between two lines of progress where there is no terminal."""


def duration(seconds: float) -> str:
    """A time for people: "42 s", "3 min 05 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def describe_estimate(estimate: Estimate) -> str:
    """The estimate as one line."""
    return (
        f"To do: about {estimate.customers:,} customers, {estimate.profiles:,} profiles;"
        f" {decimal(estimate.disk_bytes)} of disk, {decimal(estimate.wal_bytes)} of WAL"
    )


class Meter:
    """Counts what this run has done, and derives rate and time left.

    Args:
        stand: where the backfill stood when the run began.
    """

    def __init__(self, stand: Stand) -> None:
        self.started = time.monotonic()
        self.done = stand.customers_done
        self.estimated = stand.customers_estimated
        self.customers = 0
        self.profiles = 0

    def add(self, customers: int, profiles: int) -> None:
        """A batch more."""
        self.customers += customers
        self.profiles += profiles
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
    def rate_text(self) -> str:
        """Profiles, their rate and the time left, as far as this run can tell."""
        rate = self.customers / self.elapsed if self.elapsed else 0.0
        left = f", {duration((self.total - self.done) / rate)} left" if rate else ""
        return (
            f"{self.profiles:,} profiles, {self.profiles / max(self.elapsed, 0.001):,.0f}/s{left}"
        )


class LineDisplay:
    """Lines of text: one every few seconds, and one for each new reason to wait."""

    def __init__(self, console: Console, meter: Meter) -> None:
        self._console = console
        self._meter = meter
        self._line_at = meter.started + LINE_SECONDS
        self._detail: str | None = None

    def moved(self, customers: int, profiles: int) -> None:
        """A batch is done."""
        self._meter.add(customers, profiles)
        if time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + LINE_SECONDS
            self.say(f"{self._meter.customers_text}, {self._meter.rate_text}")

    def waits(self, detail: str | None) -> None:
        """The backfill waits, or goes on."""
        if detail != self._detail:
            self._detail = detail
            self.say(f"waiting: {detail}" if detail else "goes on")

    def say(self, line: str) -> None:
        """One line, at once: whoever reads a pipe wants to see it now."""
        self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()


class BarDisplay(LineDisplay):
    """A bar with customers, profiles, rate and time left; waits are lines above it."""

    def __init__(self, console: Console, meter: Meter, bar: Progress, task: TaskID) -> None:
        super().__init__(console, meter)
        self._bar = bar
        self._task = task

    def moved(self, customers: int, profiles: int) -> None:
        """A batch is done."""
        self._meter.add(customers, profiles)
        self._bar.update(
            self._task,
            completed=self._meter.done,
            total=self._meter.total,
            customers=self._meter.customers_text,
            rate=self._meter.rate_text,
        )


@contextmanager
def shown(console: Console, meter: Meter) -> Iterator[Display]:
    """The display that fits the console: the bar in a terminal, else lines."""
    if not console.is_terminal:
        yield LineDisplay(console, meter)
        return
    with Progress(
        TextColumn("{task.fields[customers]}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%", markup=False),
        TextColumn("{task.fields[rate]}", markup=False),
        console=console,
    ) as bar:
        task = bar.add_task(
            "backfill",
            completed=meter.done,
            total=meter.total,
            customers=meter.customers_text,
            rate=meter.rate_text,
        )
        yield BarDisplay(console, meter, bar, task)
