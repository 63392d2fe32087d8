"""The workflow of GitHub and the hooks of pre-commit call what is there, on every version."""

from __future__ import annotations

import re
import tomllib
from itertools import product
from typing import Any

import pytest
import yaml

from support.cluster import ROOT
from support.commands import run

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/tests.yaml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]
HOOKS: list[dict[str, Any]] = [
    hook
    for source in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in source["hooks"]
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHECKS = re.findall(r"^check ([a-z-]+) ", (ROOT / "scripts/lint.sh").read_text(), re.MULTILINE)
MINORS = [
    found[1]
    for each in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
]


def commands(job: str) -> list[str]:
    """The commands of a job's steps."""
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


@pytest.mark.parametrize("job", sorted(JOBS))
def test_each_step_is_a_make_target_or_of_the_page(job: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    page = (ROOT / "docs/installing.md").read_text().splitlines()
    for command in commands(job):
        found = re.fullmatch(r"make ([a-z-]+)", command)
        if found:
            assert found[1] in targets, command
        else:
            assert command in page or command.startswith("apt-get update && apt-get install "), (
                command
            )


def test_the_matrix_is_complete() -> None:
    matrix = JOBS["matrix"]["strategy"]["matrix"]
    pairs = set(product(matrix["postgresql"], matrix["python"]))
    assert pairs == set(product(("15", "16", "17", "18"), MINORS))
    assert MINORS[0] == PROJECT["requires-python"].removeprefix(">=")
    assert JOBS["lint"]["strategy"]["matrix"]["python"] == MINORS
    assert JOBS["container"]["strategy"]["matrix"]["postgresql"] == matrix["postgresql"]
    [step] = [step for step in JOBS["matrix"]["steps"] if "run" in step]
    assert step["env"] == {"VERSIONS": "${{ matrix.postgresql }}"}


def test_it_may_read_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in JOBS.values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_each_hook_is_a_part_of_lint(hook: dict[str, Any]) -> None:
    script, *checks = hook["entry"].split()
    assert (script, hook["language"], hook["pass_filenames"]) == (
        "scripts/lint.sh",
        "system",
        False,
    )
    assert checks
    assert set(checks) <= set(CHECKS)
    tracked = run("git", "ls-files").stdout.splitlines()
    assert any(re.search(hook["files"], name) for name in tracked)


def test_each_check_is_of_one_hook() -> None:
    checks = [check for hook in HOOKS for check in hook["entry"].split()[1:]]
    assert sorted(checks) == sorted(CHECKS)
