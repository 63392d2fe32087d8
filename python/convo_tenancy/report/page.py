"""The page: one HTML file that needs nothing else, and runs no script."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..display import plural, printable
from ..health.model import Check, Database, Report, Status
from .facts import Facts
from .sections import moment, sections, skipped, text

MARK = "<!-- A report of convo-tenancy -->"
"""How every report begins, behind its doctype."""

SIGNS = {"ok": "✓", "warning": "!", "critical": "✕", "unknown": "?", "skipped": "–"}  # noqa: RUF001
"""Beside the word, and the colour."""

_MEANS = {
    Status.OK: "Every check is ok.",
    Status.WARNING: "Nothing is broken. Look at the warnings below.",
    Status.CRITICAL: "Something is broken. What helps is below.",
    Status.UNKNOWN: "Something could not be looked at. What helps is below.",
}
_PHASES = {
    None: "The phase is not known",
    "none": "Before phase 1",
    "@phase1": "Phase 1: profiles filled",
    "@phase2": "Phase 2: both sides in step",
    "@phase3": "Phase 3: profiles alone",
}
_WORST_FIRST = (Status.CRITICAL, Status.UNKNOWN, Status.WARNING)


def page(report: Report, database: Database, facts: Facts) -> str:
    """The whole file.

    Args:
        report: what the checks found.
        database: where.
        facts: what was read besides.
    """
    environment = Environment(
        loader=PackageLoader("convo_tenancy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["svg"] = Markup  # pictures.py escapes what is in it
    style = environment.get_template("style.css").render()
    return environment.get_template("page.html").render(
        mark=Markup(MARK),  # noqa: S704
        style=Markup(style),  # noqa: S704  # ours, without a variable
        database=text(database.database_name),
        role_name=text(database.role_name),
        server=database.version.split()[0],
        taken_at=moment(database.looked_at),
        report=report,
        means=_MEANS[report.status],
        phase=_PHASES.get(report.phase, report.phase),
        version=version("convo-tenancy"),
        counted=_counted(report.checks),
        alarms=[
            check for status in _WORST_FIRST for check in report.checks if check.status is status
        ],
        sections=sections(report, facts, database.looked_at),
        label=_label,
        signs=SIGNS,
    )


def _label(check: Check) -> str:
    return "skipped" if skipped(check) else check.status.label


def _counted(checks: list[Check]) -> str:
    labels = [_label(check) for check in checks]
    return (
        ", ".join(f"{labels.count(label)} {label}" for label in SIGNS if label in labels)
        + f" of {plural(len(checks), 'check')}"
    )


def _shown(value: Any) -> Any:
    """What each expression of the template becomes, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return printable(str(value))
