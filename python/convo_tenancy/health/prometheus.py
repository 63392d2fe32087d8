"""The report as Prometheus' text."""

from __future__ import annotations

from ..display import printable
from .measures import MEASURES, number
from .model import Report


def as_prometheus(report: Report) -> None:
    """Print what was measured in Prometheus' text format; what was not is left out.

    Each sample names the database, so that the files of several can be in one folder. Where nothing
    was looked at, a comment says why.
    """
    if report.database is None:
        for check in report.checks:
            print(printable(f"# {check.name} {check.status.label}: {check.detail}"))
    for measure in MEASURES:
        if not (samples := measure.measured(report)):
            continue
        name = f"convo_tenancy_{measure.name}"
        print(f"# HELP {name} {measure.purpose}")
        print(f"# TYPE {name} {'counter' if measure.is_counter else 'gauge'}")
        values: dict[str, float] = {}
        for labels, value in samples:
            pairs = {"database": report.database_name, **labels}
            text = ",".join(f'{label}="{escape(each)}"' for label, each in pairs.items())
            # Two names that differ in what is not shown are one here: twice the same is an error.
            values[text] = max(value, values.get(text, value))
        for text, value in values.items():
            print(f"{name}{{{text}}} {number(value)}")


def escape(value: str) -> str:
    """A label's value as the text format wants it between its quotes."""
    return printable(value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
