"""What the reports of all phases share: thresholds, facts of the machine, tables, the JSON file."""

from __future__ import annotations

import json
import operator
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import cast

from rich.console import Console
from rich.table import Table

from .cluster import Connection, run, statement

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Threshold:
    """A promise on the median of some runs or pairs, or on their worst."""

    name: str
    comparison: str
    limit: float
    values: list[float]  # none where it was not measured
    of_all: Callable[[list[float]], float] = median

    @property
    def value(self) -> float | None:
        """What the promise is about."""
        return self.of_all(self.values) if self.values else None

    @property
    def passed(self) -> bool | None:
        """Whether the value is within its limit; None when it was not measured."""
        if self.value is None:
            return None
        return COMPARISONS[self.comparison](self.value, self.limit)

    def summary(self, is_judged: bool) -> dict[str, object]:
        """For the file."""
        return {
            "name": self.name,
            "comparison": self.comparison,
            "limit": self.limit,
            "value": self.value,
            "values": self.values,
            "passed": self.passed if is_judged else None,
        }


@dataclass
class Report:
    """What was measured for one phase. Each phase adds its measurements, and how to show them."""

    file: Path
    # A quick run is too small to judge by.
    is_quick: bool = False
    facts: dict[str, object] = field(default_factory=dict)

    def begin(self, connection: Connection, parameters: dict[str, object]) -> None:
        """Note what the figures depend on."""
        self.facts = {
            "benchmark": self.file.stem,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "finished_at": None,
            **_machine(connection),
            "parameters": {"quick": self.is_quick, **parameters},
        }

    def thresholds(self) -> list[Threshold]:
        """The promises of the phase."""
        raise NotImplementedError

    def measurements(self) -> dict[str, object]:
        """Summaries and every single run, for the file."""
        raise NotImplementedError

    def tables(self) -> list[Table]:
        """The same for a person."""
        raise NotImplementedError

    def write(self) -> None:
        """The file as it is by now."""
        self.facts["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        content = {
            **self.facts,
            "thresholds": [t.summary(not self.is_quick) for t in self.thresholds()],
            **self.measurements(),
        }
        self.file.write_text(json.dumps(content, indent=2) + "\n")

    def show(self, console: Console) -> None:
        """The tables, and whether the promises were kept."""
        tables = [table for table in self.tables() if table.rows]
        console.print(*tables, _threshold_table(self.thresholds(), self.is_quick))
        console.print(f"Every run: {self.file}", soft_wrap=True, highlight=False)

    def failed(self) -> bool:
        """Whether a promise was measured and not kept; a quick run judges none."""
        return not self.is_quick and any(t.passed is False for t in self.thresholds())


def new_table(title: str, *columns: str, texts: int = 0) -> Table:
    """An empty table; the first columns may be texts, the others are numbers."""
    table = Table(title=title)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < texts else "right")
    return table


def _threshold_table(thresholds: list[Threshold], is_quick: bool) -> Table:
    title = "Thresholds, which the full run judges" if is_quick else "Thresholds"
    table = new_table(title, "what", "limit", "measured", "lowest", "highest", "", texts=1)
    words = {True: "[green]pass[/]", False: "[red]FAIL[/]", None: "not measured"}
    for threshold in thresholds:
        values = threshold.values
        figures = (threshold.value, min(values), max(values)) if values else ()
        table.add_row(
            threshold.name,
            f"{threshold.comparison} {threshold.limit:g}",
            *([f"{figure:.3g}" for figure in figures] or [""] * 3),
            "" if is_quick and values else words[threshold.passed],
        )
    return table


def _machine(connection: Connection) -> dict[str, object]:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    settings = connection.execute(statement("settings")).fetchall()
    return {
        "machine": {
            "cores": os.cpu_count(),
            "processor": models[0] if models else platform.machine(),
            "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "kernel": platform.release(),
            "load_average_before": round(os.getloadavg()[0], 2),
            "python": platform.python_version(),
            "sqitch": run("sqitch", "--version").split()[-1].lstrip("v"),
        },
        "postgresql": {cast(str, row[0]): row[1] for row in settings},
    }
