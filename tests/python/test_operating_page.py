"""docs/operating.md, from the top to the bottom, as the owner of the tables."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from support.cluster import ROOT
from support.commands import environment, execute, run, value
from support.isolation import OWNER, as_role
from support.walk import marked_steps
from support.wheel import Installed

PAGE = ROOT / "docs/operating.md"
SAMPLES = ("convo-tenancy status: ",)
"""Outputs, which other tests compare."""
STEPS = marked_steps(PAGE, others=len(SAMPLES))


@pytest.fixture
def path(installed: Installed, tmp_path: Path) -> str:
    """PATH with what is installed, and a pip that takes the wheel for the published package."""
    pip = tmp_path / "bin/pip"
    pip.parent.mkdir()
    words = [str(ROOT / ".venv/bin/pip"), "--python", str(installed.environment / "bin/python")]
    words += ["--disable-pip-version-check", "--no-index"]
    words += ["--find-links", str(installed.wheel.parent)]
    pip.write_text(f'#!/bin/sh\nexec {shlex.join(words[:3])} "$@" {shlex.join(words[3:])}\n')
    pip.chmod(0o755)
    return f"{pip.parent}:{installed.environment}/bin:{os.environ['PATH']}"


def until_ctrl_c(commands: str, env: dict[str, str | None], folder: Path) -> tuple[int, str, str]:
    """The exit code, the first line, and standard error of what goes on until Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", commands],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
        cwd=folder,
        start_new_session=True,
    )
    assert process.stdout
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    return process.returncode, first, error


def test_each_command_of_the_page(isolated_database: str, path: str, tmp_path: Path) -> None:
    url = isolated_database
    text = PAGE.read_text()
    assert all(f"```\n{sample}" in text for sample in SAMPLES)
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    owner = as_role(url, OWNER)
    env: dict[str, str | None] = {
        "DATABASE_URL": owner,
        "SQITCH_TARGET": f"db:{owner}",
        "HOME": str(home),
        "PATH": path,
    }
    said: dict[str, str] = {}
    before = value(url, "SELECT count(*) FROM tenancy.drift")
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER ROLE {OWNER} LOGIN; GRANT CREATE ON DATABASE {name} TO {OWNER}")
    try:
        for kind, commands in STEPS:
            if kind == "endless":
                code, first, error = until_ctrl_c(commands, env, work)
                assert (code, "@phase2" in first) == (130, True), (first, error)
                continue
            done = run("bash", "-euo", "pipefail", "-c", commands, check=False, env=env, cwd=work)
            assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
            assert "does not provide the extra" not in done.stderr
            said[commands.split("\n")[0]] = done.stdout
    finally:
        execute(url, f"ALTER ROLE {OWNER} NOLOGIN")
    assert "In the way    nothing" in said["convo-tenancy status"]
    [report] = work.iterdir()
    assert report.read_text().count("<h1") == 1
    assert report.stat().st_mode & 0o777 == 0o600
    [line] = filter(None, (home / ".bashrc").read_text().splitlines())
    assert line.startswith("source "), line
    assert Path(shlex.split(line)[1]).is_relative_to(home)
    assert value(url, "SELECT count(*) FROM tenancy.drift") == before
