"""The oldest SQLAlchemy and asyncpg that are promised, and what each extra brings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest

from support.cluster import ROOT
from support.commands import environment

OLDEST = ROOT / ".venv/oldest"


def _run(*arguments: str, libraries: bool = True) -> subprocess.CompletedProcess[str]:
    """Python with the oldest libraries, or with none, and nothing else that is installed."""
    path = [*([str(OLDEST)] if libraries else []), f"{ROOT}/python", f"{ROOT}/tests/python"]
    return subprocess.run(
        [sys.executable, "-S", "-W", "error", *arguments],
        env=environment({"PYTHONPATH": os.pathsep.join(path)}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def _pinned() -> dict[str, str]:
    """The versions in requirements-oldest.txt."""
    text = (ROOT / "requirements-oldest.txt").read_text()
    return dict(reversed(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE)))


def test_an_application_with_the_oldest_libraries(phase2_database: str) -> None:
    done = _run("-m", "support.oldest_libraries", phase2_database)
    assert done.returncode == 0, done.stderr
    versions, *clients = done.stdout.splitlines()
    assert clients == ["asyncpg", "AsyncSession", "Session", "done"]
    if sys.version_info < (3, 13):  # for later ones there is no asyncpg that old
        pins = _pinned()
        assert versions == f"SQLAlchemy {pins['SQLAlchemy']}, asyncpg {pins['asyncpg']}"


def test_what_is_promised_is_tested() -> None:
    """The extras ask for no older version than that."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []
    extras = project["optional-dependencies"]
    pins = _pinned()
    [sqlalchemy], [asyncpg] = extras["sqlalchemy"], extras["asyncpg"]
    assert sqlalchemy.partition(";")[0] == f"sqlalchemy[asyncio]>={pins['SQLAlchemy']}"
    assert asyncpg.partition(";")[0] == f"asyncpg>={pins['asyncpg'].removesuffix('.0')}"
    assert "sqlalchemy" not in str(extras["cli"])


def test_what_needs_nothing() -> None:
    names = ("calls", "command_line", "errors", "queries", "races")
    done = _run("-c", f"from convo_tenancy import {', '.join(names)}", libraries=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["health"], ["--version"], []])
def test_the_command_line_without_its_packages(arguments: list[str]) -> None:
    program = "from convo_tenancy.command_line import main; main()"
    done = _run("-c", program, *arguments)
    assert done.returncode == 3
    assert done.stdout == ""
    line = "convo-tenancy: the command line lacks a package (No module named '{}'):"
    line += " pip install 'convo-tenancy[cli]'\n"
    assert done.stderr in {line.format("typer"), line.format("psycopg")}
