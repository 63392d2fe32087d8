"""docs/tutorial.md is walked in its order on a real database, and each output is compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import ROOT, Cluster
from support.commands import execute, run
from test_documentation import plan, section, strong_locks

PAGE = ROOT / "docs/tutorial.md"
_BLOCK = re.compile(
    r"(?:^<!-- exit code (\d) -->\n)?^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    yield cluster.create_database("tutorial")
    cluster.drop_database("tutorial")
    execute(cluster.url(), "DROP ROLE IF EXISTS front_desk")


def follows(sample: str, said: str) -> str:
    """The first part of a sample that was not said after the one before it; or nothing.

    A line of `...` stands for others; `...` at the end of a line, for its rest.
    """
    for part in map(str.strip, re.split(r"^\.\.\.\n|\.\.\.$", sample, flags=re.MULTILINE)):
        if part:
            _, found, said = said.partition(part)
            if not found:
                return part
    return ""


def test_the_page_in_its_order(empty_database: str, tmp_path: Path) -> None:
    state, said, compared = tmp_path / "environment", "", 0
    env = {"DATABASE_URL": empty_database, "COLUMNS": "80", "PGOPTIONS": None}
    for code, language, text in _BLOCK.findall(PAGE.read_text()):
        if language == "sh":
            script = f"exec 2>&1\ntest ! -e {state} || source {state}\n{text}export -p >{state}"
            done = run("bash", "-eo", "pipefail", "-c", script, env=env, check=False)
            assert done.returncode == int(code or 0), f"{text}\n{done.stdout}"
            said = re.sub(r" +$", "", done.stdout, flags=re.MULTILINE)
        else:
            missing = follows(text, said)
            assert text.strip(), said
            assert not missing, f"{missing}\nis not in\n{said}"
            compared += 1
    assert compared >= 10


def test_the_picture_of_the_readme() -> None:
    """It shows the customer of the tutorial, whose outputs are compared."""
    readme = (ROOT / "README.md").read_text()
    [total] = re.findall(r"^ +7 \| +(\d+) \| (\d+) ", readme, re.MULTILINE)
    rows = re.findall(r" 7 \| +(\d) \| +(\d+) \| +(\d+)$", readme, re.MULTILINE)
    shown = section(PAGE, "## One customer, before and after")
    numbers = [tuple(re.findall(r"\d+", line)) for line in shown.splitlines() if " | " in line]
    assert [total, *rows] == [each for each in numbers if each]


@pytest.mark.parametrize("tag", ["@phase1", "@phase2", "@phase3"])
def test_locks(tag: str) -> None:
    """The table has the tables of the application that the scripts of each phase lock."""
    [row] = [
        line.split("|")
        for line in section(PAGE, "## What a deploy locks").splitlines()
        if line.startswith(f"| phase {tag[-1]} ")
    ]
    for mode, cell in (("SHARE ROW EXCLUSIVE", row[2]), ("ACCESS EXCLUSIVE", row[3])):
        locked = {
            table
            for change, its_tag in plan().items()
            if its_tag == tag
            for its_mode, tables in strong_locks(ROOT / f"deploy/{change}.sql")
            if its_mode == mode
            for table in tables
        }
        assert set(re.findall(r"`(\w+)`", cell)) == locked, mode
