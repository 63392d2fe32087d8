"""docs/monitoring.md has every check, threshold and figure that there is, and no other."""

from __future__ import annotations

import math
import re
from dataclasses import asdict

import pytest

from convo_tenancy.health.measures import MEASURES
from convo_tenancy.health.thresholds import Thresholds
from support.cluster import ROOT
from support.health import health

PAGE = (ROOT / "docs/monitoring.md").read_text()
SKIPPED = ("skipped: the legacy side is gone", "skipped: checked once @phase2 is deployed")


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _rows(heading: str) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in _section(heading).splitlines()]
    return [[cell.strip() for cell in row] for row in rows if row[0].startswith(" `")]


@pytest.mark.parametrize("phase", ["none", "1", "2", "3"])
def test_checks(phase: str, request: pytest.FixtureRequest) -> None:
    """In the order of the page; those of a phase are made in it, and no others."""
    fixture = "legacy_database" if phase == "none" else f"phase{phase}_database"
    found = health(request.getfixturevalue(fixture))
    listed = {row[0].strip("`"): row[1].split(", ") for row in _rows("Checks")}
    assert len(listed) == len(_rows("Checks"))
    assert [name for name in listed if name in found.checks] == list(found.checks)
    made = [name for name, check in found.checks.items() if not check["detail"].startswith(SKIPPED)]
    assert made == [name for name, phases in listed.items() if {"all", phase} & {*phases}]


def test_thresholds() -> None:
    listed = {row[0].strip("`"): float(row[1]) for row in _rows("Thresholds")}
    assert listed == asdict(Thresholds())
    named = {name for row in _rows("Checks") for name in re.findall(r"`(\w+)`", str(row[2:]))}
    assert {name for name in named if "_warning_" in name or "_critical_" in name} == {*listed}


def test_figures() -> None:
    names = {f"convo_tenancy_{measure.name}" for measure in MEASURES}
    assert len(names) == len(MEASURES)
    shown = re.findall(r"^(convo_tenancy_\w+)\{", _section("Formats"), re.MULTILINE)
    assert len(shown) > 5
    assert {*shown} <= names
    figures = {measure.name for measure in MEASURES if measure.is_figure}
    for figure in re.findall(r"'(\w+)'=", _section("Formats")):
        assert any(figure.startswith(name) for name in figures), figure


def test_each_figure_has_the_thresholds_of_its_check() -> None:
    defaults = Thresholds()
    for measure in MEASURES:
        if measure.threshold:
            levels = defaults.levels(measure.threshold, measure.unit)
            assert levels != (math.inf, math.inf), measure.name
