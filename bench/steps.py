"""What is under way: a line for each step that is done, and on a terminal a bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Steps:
    """A line for each step that is done, and on a terminal a bar."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False, soft_wrap=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._total = 0
        self._task = self._progress.add_task("", total=0)

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def expect(self, count: int) -> None:
        """So many more steps will come."""
        self._total += count
        self._progress.update(self._task, total=self._total)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """One step; what is put into the list stands at the end of its line."""
        self._progress.update(self._task, description=name)
        notes: list[str] = []
        started = time.monotonic()
        yield notes
        seconds = time.monotonic() - started
        line = ", ".join(notes)
        self._progress.console.print(f"{name}: {line} [dim]({seconds:.0f} s in all)[/]")
        self._progress.advance(self._task)
