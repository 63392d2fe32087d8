"""scripts/release.sh freezes a release: the same bytes for the same commit, and nothing by half."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.cluster import ROOT
from support.commands import Completed, run
from support.releases import TREES, edited, unpack

DAY = "2026-12-24T18:00:00Z"
GIT = {
    "GIT_AUTHOR_NAME": "Convo Tenancy",
    "GIT_AUTHOR_EMAIL": "tenancy@convo.example",
    "GIT_COMMITTER_NAME": "Convo Tenancy",
    "GIT_COMMITTER_EMAIL": "tenancy@convo.example",
    "GIT_COMMITTER_DATE": DAY,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
VERSION = "9.8.7"


def checkout(folder: Path) -> Path:
    """A repository of what a release is made of."""
    folder.mkdir()
    for name in ("sqitch.plan", "sqitch.conf", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for tree in (*TREES, "scripts"):
        shutil.copytree(ROOT / tree, folder / tree)
    (folder / "python/convo_tenancy").mkdir(parents=True)
    shutil.copy(ROOT / "python/convo_tenancy/conninfo.py", folder / "python/convo_tenancy")
    (folder / ".gitignore").write_text("__pycache__/\n")
    project = folder / "pyproject.toml"
    project.write_text(re.sub(r"(?m)^version = .*", f'version = "{VERSION}"', project.read_text()))
    changes = folder / "CHANGELOG.md"
    changes.write_text(
        re.sub(r"(?m)^## \[Unreleased\]\n", "\\g<0>\n- Something.\n", changes.read_text())
    )
    for command in ("init --quiet", "add --all", "commit --quiet --message=Begin"):
        run("git", *command.split(), cwd=folder, env=GIT)
    return folder


def release(folder: Path, *args: str, check: bool = True) -> Completed:
    return run("scripts/release.sh", *args, check=check, cwd=folder, env=GIT)


def state(folder: Path) -> str:
    """What Git says of a repository."""
    seen = ("status --porcelain", "log --format=%s", "tag", "diff HEAD")
    return "".join(run("git", *command.split(), cwd=folder, env=GIT).stdout for command in seen)


def rooms(folder: Path) -> str:
    """Where the tests of each room run."""
    return run("bash", "-c", "source scripts/environment.sh; rooms", cwd=folder).stdout


def test_a_release(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "one"), checkout(tmp_path / "other")
    before, plan, rooms_before = state(one), (one / "sqitch.plan").read_text(), rooms(one)
    dry = release(one, VERSION, "--dry-run").stdout
    assert state(one) == before
    assert dry.endswith("Nothing was changed\n")

    done = [release(folder, VERSION).stdout for folder in (one, other)]
    bundles = [folder / f"tests/releases/{VERSION}.tar.gz" for folder in (one, other)]
    assert bundles[0].read_bytes() == bundles[1].read_bytes()
    # The dry run showed what was done.
    assert dry.removesuffix("Nothing was changed\n") in done[0]

    line = f"@v{VERSION} {DAY} Convo Tenancy <tenancy@convo.example> # Release {VERSION}.\n"
    assert (one / "sqitch.plan").read_text() == plan + line
    assert f"## [Unreleased]\n\n## [{VERSION}] - {DAY[:10]}\n" in (one / "CHANGELOG.md").read_text()
    assert "working tree clean" in run("git", "status", cwd=one, env=GIT).stdout
    assert run("git", "tag", cwd=one, env=GIT).stdout == f"v{VERSION}\n"
    assert rooms(one) == rooms_before
    assert edited(unpack(bundles[0], tmp_path / "bundle"), one) == []
    tags = run("sqitch", "plan", "--format", "format:%t", cwd=one).stdout
    assert f"@v{VERSION}" in tags.replace(",", " ").split()


REFUSED = {
    "no version": ([], "usage: release.sh VERSION [--dry-run]"),
    "a word": (["soon"], "usage: release.sh VERSION [--dry-run]"),
    "another option": ([VERSION, "--dry"], "usage: release.sh VERSION [--dry-run]"),
    "another version": (["9.8.8"], "pyproject.toml has another version than 9.8.8"),
    "again": ([VERSION], f"tests/releases/{VERSION}.tar.gz is there"),
    "the tag is there": ([VERSION], f"sqitch.plan has the tag @v{VERSION} already"),
    "nothing new": ([VERSION], "CHANGELOG.md has nothing under [Unreleased]"),
    "not committed": ([VERSION], "the working tree has changes: commit them first"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(tmp_path: Path, why: str) -> None:
    folder = checkout(tmp_path / "project")
    if why == "again":
        (folder / "tests/releases").mkdir(parents=True)
        (folder / f"tests/releases/{VERSION}.tar.gz").touch()
    elif why == "the tag is there":
        with (folder / "sqitch.plan").open("a") as plan:
            plan.write(f"@v{VERSION} {DAY} A <a@b.c> # Release.\n")
    elif why == "nothing new":
        (folder / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.0.0]\n\n- Old.\n")
    elif why == "not committed":
        (folder / "deploy/more.sql").touch()
    before = state(folder)
    args, message = REFUSED[why]
    done = release(folder, *args, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert state(folder) == before
