"""The report as text for people, as JSON, and as Prometheus text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..display import printable
from .model import DoubleWriter, LegacyWriter, Report, Status

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
    if console.is_terminal:
        table = Table(title=f"convo-tenancy health: {report.status.label}, phase {phase}")
        for heading in ("Check", "Status", "Value", "Detail"):
            table.add_column(heading, overflow="fold")
        for check in report.checks:
            value = "" if check.value is None else str(check.value)
            status = Text(check.status.label, STYLES[check.status])
            table.add_row(check.name, status, value, Text(printable(check.detail)))
        console.print(table)
        return
    print(f"convo-tenancy health: {report.status.label}, phase {phase}")
    width = max(16, *(len(check.name) for check in report.checks))
    for check in report.checks:
        value = "-" if check.value is None else str(check.value)
        line = f"{check.status.label:<9} {check.name:<{width}} {value:<8} {check.detail}"
        print(printable(line))


def as_json(report: Report) -> None:
    """Print one JSON object.

    It has status, phase, forward and back (the commands out of a half state, else null), and checks
    with name, status, value and detail.
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
            },
            indent=2,
        )
    )


def as_prometheus(report: Report) -> None:
    """Print gauges in Prometheus' text format; what was not measured is left out."""
    statuses = "0 ok, 1 warning, 2 critical, 3 unknown"
    families: list[tuple[str, str, list[tuple[dict[str, str], int | None]]]] = [
        ("health_status", f"The worst of all checks: {statuses}.", [({}, report.status)]),
        (
            "check_status",
            f"One check: {statuses}.",
            [({"check": check.name}, check.status) for check in report.checks],
        ),
        (
            "drift_rows",
            "Disagreements between the legacy side and the profiles.",
            [({"kind": kind}, number) for kind, number in (report.drift_rows or {}).items()],
        ),
        (
            "backfill_customers_done",
            "Customers whose profiles the backfill wrote.",
            [({}, report.backfill.customers_done if report.backfill else None)],
        ),
        (
            "backfill_customers_estimated",
            "Customers there are, as the backfill estimates.",
            [({}, report.backfill.customers_estimated if report.backfill else None)],
        ),
        (
            "shop_profiles",
            "Profiles by what bookings and stylists' counts say of them.",
            [({"class": name}, number) for name, number in (report.shop_profiles or {}).items()],
        ),
        (
            "double_writes",
            "How often somebody wrote both sides in one transaction, at least.",
            [({**_writer(each), "kind": each.kind}, each.writes) for each in report.double_writers],
        ),
        (
            "legacy_writes",
            "Rows that somebody wrote to the legacy side directly, at least.",
            [(_legacy_writer(each), each.writes) for each in report.legacy_writers],
        ),
        (
            "legacy_last_write_seconds",
            "When they last did, in Unix time.",
            [
                (_legacy_writer(each), int(each.last_at.timestamp()))
                for each in report.legacy_writers
            ],
        ),
        (
            "legacy_read_calls",
            "Calls of statements that name the legacy side.",
            [({"role": each.role_name}, each.calls) for each in report.legacy_readers],
        ),
    ]
    for name, purpose, samples in families:
        _print_family(f"convo_tenancy_{name}", purpose, samples)


def _writer(writer: LegacyWriter | DoubleWriter) -> dict[str, str]:
    return {"application": writer.application_name, "role": writer.role_name}


def _legacy_writer(writer: LegacyWriter) -> dict[str, str]:
    shop = "" if writer.shop_id is None else str(writer.shop_id)
    return {**_writer(writer), "shop": shop}


def _print_family(
    name: str, purpose: str, samples: Iterable[tuple[dict[str, str], int | None]]
) -> None:
    measured = [(labels, number) for labels, number in samples if number is not None]
    if not measured:
        return
    print(f"# HELP {name} {purpose}")
    print(f"# TYPE {name} gauge")
    for labels, number in measured:
        pairs = ",".join(f'{label}="{escape(value)}"' for label, value in labels.items())
        print(f"{name}{f'{{{pairs}}}' if pairs else ''} {int(number)}")


def escape(value: str) -> str:
    """A label's value as the text format wants it between its quotes."""
    return printable(value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


FORMATS: dict[str, Callable[[Report], None]] = {
    "text": as_text,
    "json": as_json,
    "prometheus": as_prometheus,
}
