"""docs/monitoring.md has every check, threshold and figure that there is, and no other."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from convo_tenancy.health.measures import MEASURES
from convo_tenancy.health.thresholds import Thresholds
from support.cluster import ROOT
from support.commands import execute, run, value
from support.health import health
from support.isolation import as_role
from support.walk import marked_steps
from test_tutorial import follows

FILE = ROOT / "docs/monitoring.md"
PAGE = FILE.read_text()
SKIPPED = ("skipped: the legacy side is gone", "skipped: checked once @phase2 is deployed")


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _rows(heading: str) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in _section(heading).splitlines()]
    return [[cell.strip() for cell in row] for row in rows if len(row) > 1][1:]


def _phases(cell: str) -> set[str]:
    first, _, last = cell.partition("-")
    return {str(phase) for phase in range(int(first), int(last or first) + 1)}


@pytest.mark.parametrize("phase", ["none", "1", "2", "3"])
def test_checks(phase: str, request: pytest.FixtureRequest) -> None:
    """In the order of the page; those of a phase are made in it, and no others."""
    fixture = "legacy_database" if phase == "none" else f"phase{phase}_database"
    found = health(request.getfixturevalue(fixture))
    rows = [(re.findall(r"`(\w+)`", row[0]), row[1]) for row in _rows("Checks")]
    phases = {name: phases for names, phases in rows for name in names}
    assert len(phases) == sum(len(names) for names, _ in rows)
    listed = {
        name: {"none", "1", "2", "3"} if cell == "all" else _phases(cell)
        for name, cell in phases.items()
    }
    assert [name for name in listed if name in found.checks] == list(found.checks)
    made = [name for name, check in found.checks.items() if not check["detail"].startswith(SKIPPED)]
    assert made == [name for name, its_phases in listed.items() if phase in its_phases]


def test_thresholds() -> None:
    cells = [found for row in _rows("Checks") for found in re.findall(r"`(\w+)` (\d+|inf)", row[2])]
    listed = {name: float(default) for name, default in cells}
    assert (len(cells), listed) == (len(listed), asdict(Thresholds()))
    named = {name for row in _rows("Checks") for name in re.findall(r"`(\w+)`", row[2])}
    assert {name for name in named if "_warning_" in name or "_critical_" in name} == {*listed}


def test_figures() -> None:
    names = {f"convo_tenancy_{measure.name}" for measure in MEASURES}
    assert len(names) == len(MEASURES)
    shown = re.findall(r"^(convo_tenancy_\w+)\{", _section("Formats"), re.MULTILINE)
    assert len(shown) > 3
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


PRINTS = re.compile(r"^```\n([^`]*)```\n\n<!-- prints -->\n```\n(.*?)^```$", re.M | re.S)
ROLE = "monitor"
DATABASE = "postgresql://monitor@db.example:5432/convo"


def test_each_command_of_the_page(phase2_database: str, tmp_path: Path) -> None:
    """Those for the superuser, then as the role that they make; each sample is what is printed."""
    url = phase2_database
    monitor = as_role(url, ROLE)
    name = value(url, "SELECT current_database()")
    samples = dict(PRINTS.findall(PAGE))
    assert len(samples) == PAGE.count("<!-- prints -->")
    env = {"SUPERUSER_URL": url, "XDG_STATE_HOME": str(tmp_path)}
    try:
        for _, block in marked_steps(FILE, others=len(samples)):
            if f"DATABASE_URL={DATABASE}\n" in block:
                env["DATABASE_URL"] = monitor
            commands = block.replace(DATABASE, monitor)
            shell = ("bash", "-euo", "pipefail", "-c")
            done = run(*shell, commands, check=False, env=env, cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, ""), f"{commands}\n{done.stdout}"
            if block in samples:
                said = done.stdout.replace(f'"{name}"', '"convo"')
                assert not follows(samples[block], said), said
    finally:
        execute(url, f"DROP ROLE IF EXISTS {ROLE}")
    assert env["DATABASE_URL"] == monitor
    assert (tmp_path / "thresholds.toml").exists()
