"""The report as text for people, as JSON, and as Prometheus text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .model import Report, Status

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.CRITICAL: "bold red",
    Status.UNKNOWN: "magenta",
}


def as_text(report: Report) -> None:
    """Print a table in a terminal, else a line a check."""
    console = Console(highlight=False, markup=False)
    phase = report.phase or "unknown"
    if console.is_terminal:
        table = Table(title=f"convo-tenancy health: {report.status.label}, phase {phase}")
        for heading in ("Check", "Status", "Value", "Detail"):
            table.add_column(heading, overflow="fold")
        for check in report.checks:
            value = "" if check.value is None else str(check.value)
            status = Text(check.status.label, _STYLES[check.status])
            table.add_row(check.name, status, value, Text(check.detail))
        console.print(table)
        return
    print(f"convo-tenancy health: {report.status.label}, phase {phase}")
    for check in report.checks:
        value = "-" if check.value is None else str(check.value)
        print(f"{check.status.label:<9} {check.name:<15} {value:<8} {check.detail}")


def as_json(report: Report) -> None:
    """Print one JSON object: status, phase, and checks with name, status, value and detail."""
    print(
        json.dumps(
            {
                "status": report.status.label,
                "phase": report.phase,
                "checks": [
                    {
                        "name": check.name,
                        "status": check.status.label,
                        "value": check.value,
                        "detail": check.detail,
                    }
                    for check in report.checks
                ],
            },
            indent=2,
        )
    )


def as_prometheus(report: Report) -> None:
    """Print gauges in Prometheus' text format; what was not measured is left out."""
    statuses = "0 ok, 1 warning, 2 critical, 3 unknown"
    families: list[tuple[str, str, str | None, Mapping[str, int | None]]] = [
        ("health_status", f"The worst of all checks: {statuses}.", None, {"": report.status}),
        (
            "check_status",
            f"One check: {statuses}.",
            "check",
            {check.name: check.status for check in report.checks},
        ),
        (
            "drift_rows",
            "Disagreements between the legacy side and the profiles.",
            "kind",
            report.drift_rows or {},
        ),
        (
            "backfill_customers_done",
            "Customers whose profiles the backfill wrote.",
            None,
            {"": report.customers_done},
        ),
        (
            "backfill_customers_estimated",
            "Customers there are, as the backfill estimates.",
            None,
            {"": report.customers_estimated},
        ),
    ]
    for name, purpose, label, samples in families:
        _print_family(f"convo_tenancy_{name}", purpose, label, samples.items())


def _print_family(
    name: str, purpose: str, label: str | None, samples: Iterable[tuple[str, int | None]]
) -> None:
    measured = [(of, number) for of, number in samples if number is not None]
    if not measured:
        return
    print(f"# HELP {name} {purpose}")
    print(f"# TYPE {name} gauge")
    for of, number in measured:
        labels = f'{{{label}="{escape(of)}"}}' if label else ""
        print(f"{name}{labels} {int(number)}")


def escape(value: str) -> str:
    """A label's value as the text format wants it between its quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


FORMATS: dict[str, Callable[[Report], None]] = {
    "text": as_text,
    "json": as_json,
    "prometheus": as_prometheus,
}
