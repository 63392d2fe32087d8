"""Which Python is refused, and what each list of packages brings."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.cluster import ROOT
from support.commands import run

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST = PROJECT["requires-python"].removeprefix(">=")
LISTS = ("requirements.txt", "requirements-tests.txt", "requirements-lint.txt")
PAGE = (ROOT / "docs/installing.md").read_text()


def pinned(name: str) -> set[str]:
    """The packages of a list; each has one version."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [line.partition("==") for line in lines if not line.startswith("#")]
    assert all(version for _package, _equals, version in pins), name
    return {canonicalize_name(package) for package, _equals, _version in pins}


def named(name: str) -> set[str]:
    """The packages that the comment of a list names as direct."""
    comment = " ".join(re.findall(r"^# (.*)", (ROOT / name).read_text(), re.MULTILINE))
    words = comment.rpartition(":")[2].split()
    return {canonicalize_name(Requirement(word).name) for word in words}


def brought(*wanted: str) -> set[str]:
    """These packages and all that they require here, directly or not."""
    found: set[tuple[str, frozenset[str]]] = set()
    todo = [Requirement(each) for each in wanted]
    while todo:
        requirement = todo.pop()
        node = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if node in found:
            continue
        found.add(node)
        todo += [
            each
            for each in map(Requirement, requires(node[0]) or [])
            if each.marker is None
            or any(each.marker.evaluate({"extra": extra}) for extra in ["", *node[1]])
        ]
    return {name for name, _extras in found}


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.14"])
@pytest.mark.parametrize("level", ["venv", "client", "server", "tests"])
def test_an_older_python_is_refused_in_one_line(version: str, level: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    real = run("bash", "-c", "command -v python3").stdout.strip()
    python.write_text(
        f'#!/bin/sh\n[ "$1" != -V ] || exec echo "Python {version}"\nexec {real} "$@"\n'
    )
    python.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run(ROOT / "scripts/install.sh", level, check=False, env={"PATH": path})
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"install: python3 is Python {version}, too old: convo-tenancy needs Python {OLDEST} or"
        " later, as python3 in PATH\n",
    )
    assert (ROOT / ".venv/bin/python").exists()


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_pip_finds_nothing_for_an_older_python(extra: str) -> None:
    """It looks for what an extra names before it refuses the Python: for a minute, in pip 23."""
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        assert str(requirement.marker) == f'python_version >= "{OLDEST}"', requirement


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 6, 15)])
def test_the_source_names_the_python_it_needs(version: tuple[int, ...]) -> None:
    """A pip that asks setup.py before it has read requires-python."""
    program = (
        f"import sys; sys.version_info = {version}; sys.modules['tomllib'] = None\n"
        "import runpy; runpy.run_path('setup.py')"
    )
    done = run(ROOT / ".venv/bin/python", "-c", program, check=False)
    major, minor, _patch = version
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"convo-tenancy needs Python {OLDEST} or later; this is Python {major}.{minor}\n",
    )


def test_the_page_makes_its_environment_with_the_python_it_brings() -> None:
    """What Homebrew and Fedora call python3 is later than what is tested."""
    found = re.findall(r"^(?:brew|sudo dnf) install .*\bpython@?(\S+)$", PAGE, re.MULTILINE)
    assert len(found) == 2
    [used] = re.findall(r"On macOS and Fedora, the first line begins with `python(\S+)`", PAGE)
    assert set(found) == {used}
    assert f"Programming Language :: Python :: {used}" in PROJECT["classifiers"]


def test_the_page_names_a_tap_with_its_formula() -> None:
    """Homebrew 6 refuses the short name of a formula whose tap nobody has trusted."""
    assert "brew tap" not in PAGE
    [formula] = re.findall(r"^brew install (\S+) --with", PAGE, re.MULTILINE)
    assert re.fullmatch(r"\w+/\w+/sqitch", formula)


def test_operators_get_the_command_line_alone() -> None:
    """What the extra brings, and setuptools, which puts the checkout's package into place."""
    command_line = brought("convo-tenancy[cli]") - {"convo-tenancy"}
    assert pinned("requirements.txt") == command_line | {"setuptools"}
    tools = {"mypy", "sqlfluff", "ruff", "pytest", "playwright", "matplotlib", "sqlalchemy"}
    assert not tools & pinned("requirements.txt")


def test_each_package_is_in_one_list() -> None:
    pins = [package for name in LISTS for package in pinned(name)]
    assert len(pins) == len(set(pins))


def test_the_extras_are_in_the_lists() -> None:
    """Whatever an extra brings is there for the tests."""
    everything = brought(f"convo-tenancy[{','.join(PROJECT['optional-dependencies'])}]")
    assert everything - {"convo-tenancy"} <= pinned(LISTS[0]) | pinned(LISTS[1])


@pytest.mark.parametrize("name", LISTS[1:])
def test_the_direct_ones_are_named(name: str) -> None:
    """A package is in a list since its comment names it, or since another one needs it."""
    assert named(name) <= pinned(name)
