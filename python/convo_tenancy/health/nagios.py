"""The report as monitoring plugins print it: a line with the worst, its figures, then the rest."""

from __future__ import annotations

import math

from ..display import printable
from .measures import MEASURES, Labels, Measure, number
from .model import Check, Report, Status, by_severity

_UNITS = {"seconds": "s", "bytes": "B"}
_FIRST_LINE = 300
"""Characters of a detail that the first line shows; all of it is below."""


def as_nagios(report: Report) -> None:
    """Print it by the guidelines of monitoring plugins, for Nagios, Icinga, Naemon, Checkmk.

    A | would begin performance data: in a text it becomes a /.
    """
    wrong = [check for check in by_severity(report.checks) if check.status is not Status.OK]
    line = f"CONVO_TENANCY {report.status.label.upper()} - {_said(report, wrong)}"
    figures = [_data(report, measure) for measure in MEASURES if measure.is_figure]
    print(" | ".join(filter(None, [line, " ".join(filter(None, figures))])))
    for check in by_severity(report.checks):
        print(_text(f"{check.status.label.upper()} {check.name}: {check.detail}"))
    if report.note:
        print(_text(f"note: {report.note}"))


def _said(report: Report, wrong: list[Check]) -> str:
    if not wrong:
        return f"phase {report.phase}, {len(report.checks)} checks are ok"
    text = _text(f"{wrong[0].name}: {wrong[0].detail}")
    if len(text) > _FIRST_LINE:
        text = text[:_FIRST_LINE].rstrip() + "..."
    more = len(wrong) - 1
    return f"{text} (and {more} more)" if more else text


def _text(text: str) -> str:
    return printable(text).replace("|", "/")


def _data(report: Report, measure: Measure) -> str:
    unit = "c" if measure.is_counter else _UNITS.get(measure.unit, "")
    levels = (math.inf, math.inf)
    if measure.threshold:
        levels = report.thresholds.levels(measure.threshold, measure.unit)
    limits = ";".join("" if math.isinf(level) else number(level) for level in levels)
    return " ".join(
        f"{_label(measure, labels)}={number(value)}{unit};{limits};0"
        for labels, value in measure.measured(report)
    )


def _label(measure: Measure, labels: Labels) -> str:
    words = "_".join([measure.name, *labels.values()])
    return "'" + _text(words).replace("=", "_").replace("'", "''") + "'"
