"""The report as text for people, as JSON, and in the formats that monitoring systems read."""

from __future__ import annotations

import json
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..display import printable
from ..verbosity import VERBOSITY
from .model import Check, Report, Status
from .nagios import as_nagios
from .prometheus import as_prometheus

STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.CRITICAL: "bold red",
    Status.UNKNOWN: "magenta",
}


def as_text(report: Report) -> None:
    """Print a table in a terminal, else a line a check."""
    console = Console(highlight=False, markup=False)
    phase = report.phase or "unknown"
    checks = unless_quiet(report.checks)
    if not checks:
        return
    if console.is_terminal:
        table = Table(title=f"convo-tenancy health: {report.status.label}, phase {phase}")
        for heading in ("Check", "Status", "Value", "Detail"):
            table.add_column(heading, overflow="fold")
        for check in checks:
            value = "" if check.value is None else str(check.value)
            status = Text(check.status.label, STYLES[check.status])
            table.add_row(check.name, status, value, Text(printable(check.detail)))
        console.print(table)
        if report.note:
            console.print(Text(printable(f"note: {report.note}")))
        return
    print(f"convo-tenancy health: {report.status.label}, phase {phase}")
    width = max(16, *(len(check.name) for check in report.checks))
    for check in checks:
        value = "-" if check.value is None else str(check.value)
        line = f"{check.status.label:<9} {check.name:<{width}} {value:<8} {check.detail}"
        print(printable(line))
    if report.note:
        print(printable(f"note: {report.note}"))


def unless_quiet(checks: list[Check]) -> list[Check]:
    """All of them; with --quiet those that are not ok."""
    return [check for check in checks if not VERBOSITY.quiet or check.status is not Status.OK]


def as_json(report: Report) -> None:
    """Print one JSON object.

    It has status, phase, forward and back (the commands out of a half state, else null), checks
    with name, status, value and detail, and seen: by check the share of the customers that it has
    seen, from 0 to 1, and when the last whole pass ended (or null).
    """
    print(
        json.dumps(
            {
                "status": report.status.label,
                "phase": report.phase,
                "forward": report.ways and report.ways.forward.command,
                "back": report.ways and report.ways.back.command,
                "checks": [
                    {
                        "name": check.name,
                        "status": check.status.label,
                        "value": check.value,
                        "detail": check.detail,
                    }
                    for check in report.checks
                ],
                "seen": {
                    name: {
                        "share": round(seen.share, 3),
                        "whole_at": seen.whole_at and seen.whole_at.isoformat(timespec="seconds"),
                    }
                    for name, seen in report.seen.items()
                },
            },
            indent=2,
        )
    )


FORMATS: dict[str, Callable[[Report], None]] = {
    "text": as_text,
    "json": as_json,
    "prometheus": as_prometheus,
    "nagios": as_nagios,
}
