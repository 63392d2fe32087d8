"""scripts/release.sh freezes a release: the same bytes for the same commit, and nothing by half."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
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
NEXT = "9.10.0"
BUNDLE = f"tests/releases/{VERSION}.tar.gz"


def prepare(folder: Path, version: str) -> None:
    """What a person writes before a release."""
    project, changes = folder / "pyproject.toml", folder / "CHANGELOG.md"
    project.write_text(re.sub(r"(?m)^version = .*", f'version = "{version}"', project.read_text()))
    changes.write_text(
        re.sub(r"(?m)^## \[Unreleased\]\n", "\\g<0>\n- Something.\n", changes.read_text())
    )


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
    prepare(folder, VERSION)
    for command in ("init --quiet", "add --all", "commit --quiet --message=Begin"):
        run("git", *command.split(), cwd=folder, env=GIT)
    return folder


def release(
    folder: Path, *args: str, check: bool = True, env: Mapping[str, str | None] = GIT
) -> Completed:
    return run("scripts/release.sh", *args, check=check, cwd=folder, env=env)


@pytest.fixture(scope="module")
def of_two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One is frozen, another one prepared. Tests copy it."""
    folder = checkout(tmp_path_factory.mktemp("releases") / "project")
    release(folder, VERSION)
    prepare(folder, NEXT)
    run("git", "commit", "--quiet", "--all", "--message=Next", cwd=folder, env=GIT)
    return folder


@pytest.fixture
def folder(of_two_releases: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(of_two_releases, tmp_path / "project", symlinks=True))


def state(folder: Path) -> str:
    """What Git says of a repository."""
    seen = ("status --porcelain", "log --format=%s", "tag", "diff HEAD")
    return "".join(run("git", *command.split(), cwd=folder, env=GIT).stdout for command in seen)


def rooms(folder: Path) -> str:
    """Where the tests of each room run."""
    return run("bash", "-c", "source scripts/environment.sh; rooms", cwd=folder).stdout


def test_a_release(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "one"), checkout(tmp_path / "other")
    (other / "deploy/__pycache__").mkdir()  # Git ignores it
    (other / "deploy/__pycache__/of_an_editor.sql").touch()
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


def test_the_next_release(folder: Path) -> None:
    """What was added since: a script, and its line at the end of the plan."""
    with (folder / "sqitch.plan").open("a") as plan:
        plan.write(f"profiles/later {DAY} A <a@b.c> # Later.\n")
    (folder / "deploy/profiles/later.sql").touch()
    run("git", "add", "--all", cwd=folder, env=GIT)
    run("git", "commit", "--quiet", "--message=Later", cwd=folder, env=GIT)
    (folder / "deploy/untracked.sql").touch()
    dry = release(folder, NEXT, "--dry-run").stdout.splitlines()
    (folder / "deploy/untracked.sql").unlink()
    assert release(folder, NEXT).stdout.splitlines()[:-1] == dry[:-1]
    packed = run("tar", "-tf", folder / f"tests/releases/{NEXT}.tar.gz").stdout.splitlines()
    assert "deploy/profiles/later.sql" in packed
    assert "deploy/untracked.sql" not in packed


AS_FROZEN = f"not as release {VERSION} froze it: put it back, and add a change at the end"
USAGE = "usage: release.sh VERSION [--dry-run]"
COMMIT = "\ngit commit --quiet --all --message=Fault"

# The fault, as commands that make it; what the script is called with; what it says.
REFUSED = {
    "no version": ("", [], USAGE),
    "a word": ("", ["soon"], USAGE),
    "another option": ("", [NEXT, "--dry"], USAGE),
    "leading zeros": (
        f"sed -i 's/^version = .*/version = \"09.10.0\"/' pyproject.toml {COMMIT}",
        ["09.10.0"],
        "09.10.0 has a number that begins with 0: write it without",
    ),
    "another version": ("", ["9.10.1"], "pyproject.toml has another version than 9.10.1"),
    "again": (
        f"sed -i 's/^version = .*/version = \"{VERSION}\"/' pyproject.toml {COMMIT}",
        [VERSION],
        f"{BUNDLE} is there: release {VERSION} is frozen already",
    ),
    "an older version": (
        f"sed -i 's/^version = .*/version = \"9.8.0\"/' pyproject.toml {COMMIT}",
        ["9.8.0"],
        f"release {VERSION} is frozen, which is newer than 9.8.0: choose a later version",
    ),
    "the tag is in the plan": (
        f"echo '@v{NEXT} {DAY} A <a@b.c> # Release.' >>sqitch.plan {COMMIT}",
        [NEXT],
        f"sqitch.plan has the tag @v{NEXT} already",
    ),
    "the tag is in Git": (f"git tag v{NEXT}", [NEXT], f"Git has the tag v{NEXT} already: if"),
    "nothing new": (
        f"sed -i '/^- Something/d' CHANGELOG.md {COMMIT}",
        [NEXT],
        "CHANGELOG.md has nothing under [Unreleased]: say what changed",
    ),
    "a heading that stays": (
        f"sed -i 's/^## .Unreleased.$/& /' CHANGELOG.md {COMMIT}",
        [NEXT],
        'CHANGELOG.md has no line "## [Unreleased]", without a space at its end: write it so',
    ),
    "CR in the plan": (
        rf"sed -i '$s/$/\r/' sqitch.plan {COMMIT}",
        [NEXT],
        r"sqitch.plan has lines that end with CR LF: sed -i 's/\r$//' sqitch.plan",
    ),
    "half a line in the plan": (
        f"truncate -s -1 sqitch.plan {COMMIT}",
        [NEXT],
        "sqitch.plan ends without a newline: echo >>sqitch.plan",
    ),
    "a frozen line edited": (
        f"sed -i '/^profiles\\/split /s/#/# Well:/' sqitch.plan {COMMIT}",
        [NEXT],
        AS_FROZEN,
    ),
    "a frozen line moved": (
        "line=$(grep ^profiles/split sqitch.plan)\nsed -i '/^profiles\\/split /d' sqitch.plan\n"
        f'echo "$line" >>sqitch.plan {COMMIT}',
        [NEXT],
        AS_FROZEN,
    ),
    "a line amid the frozen ones": (
        f"sed -i '/^profiles\\/split /i# A comment' sqitch.plan {COMMIT}",
        [NEXT],
        AS_FROZEN,
    ),
    "no frozen tag": (f"sed -i '/^@v{VERSION} /d' sqitch.plan {COMMIT}", [NEXT], AS_FROZEN),
    "a frozen script edited": (
        f"echo >>verify/profiles/split.sql {COMMIT}",
        [NEXT],
        f"verify/profiles/split.sql: {AS_FROZEN}",
    ),
    "frozen scripts gone": (
        f"rm deploy/mirror/watch.sql revert/mirror/watch.sql {COMMIT}",
        [NEXT],
        f"deploy/mirror/watch.sql, revert/mirror/watch.sql: {AS_FROZEN}",
    ),
    "a frozen script that Git does not have": (
        "git rm --quiet --cached deploy/mirror/watch.sql\n"
        f"echo /deploy/mirror/watch.sql >>.gitignore\ngit add .gitignore {COMMIT}",
        [NEXT],
        f"deploy/mirror/watch.sql: {AS_FROZEN}",
    ),
    "the bundle is ignored": (
        f"echo '*.gz' >>.gitignore {COMMIT}",
        [NEXT],
        f"Git ignores tests/releases/{NEXT}.tar.gz: see git check-ignore -v",
    ),
    "a file gone": (
        "rm deploy/mirror/watch.sql",
        [NEXT],
        "not there, though Git has it: deploy/mirror/watch.sql. Put it back with git restore",
    ),
}


def refused(folder: Path, *args: str, env: Mapping[str, str | None] = GIT) -> str:
    """What it says in one line; nothing changes."""
    before = state(folder)
    done = release(folder, *args, check=False, env=env)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert state(folder) == before
    [line] = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("why", REFUSED)
def test_refused(folder: Path, why: str) -> None:
    fault, args, message = REFUSED[why]
    run("bash", "-ec", fault, cwd=folder, env=GIT)
    assert message in refused(folder, *args)
    assert message in refused(folder, *args, "--dry-run")


@pytest.mark.parametrize("fault", ["edited", "moved"])
def test_a_frozen_line_is_named(folder: Path, fault: str) -> None:
    """With its number: the first line that is not where it was."""
    lines = (folder / "sqitch.plan").read_text().splitlines()
    [at] = (at for at, line in enumerate(lines) if line.startswith("profiles/split "))
    changed = [*lines]
    if fault == "edited":
        changed[at] += " Well."
    else:
        changed.append(changed.pop(at))
    (folder / "sqitch.plan").write_text("\n".join([*changed, ""]))
    assert f"sqitch.plan, line {at + 1}, {lines[at]}: " in refused(folder, NEXT, "--dry-run")


def test_not_committed(folder: Path) -> None:
    (folder / "deploy/more.sql").touch()
    assert "the working tree has changes: commit them first" in refused(folder, NEXT)


@pytest.mark.parametrize("who", ["AUTHOR", "COMMITTER"])
def test_nobody_commits(folder: Path, who: str) -> None:
    run("git", "config", "user.useConfigOnly", "true", cwd=folder, env=GIT)
    nobody = {**GIT, f"GIT_{who}_NAME": None, f"GIT_{who}_EMAIL": None}
    said = refused(folder, NEXT, env=nobody)
    assert said.endswith("who commits: set user.name and user.email with git config")
    assert refused(folder, NEXT, "--dry-run", env=nobody) == said


@pytest.mark.parametrize(
    ("fault", "mended"),
    [
        (
            "printf '#!/bin/sh\\necho no; exit 1\\n' >.git/hooks/pre-commit\n"
            "chmod +x .git/hooks/pre-commit",
            "rm .git/hooks/pre-commit",
        ),
        (
            "git config tag.gpgSign true\ngit config gpg.program false",
            "git config tag.gpgSign false",
        ),
    ],
    ids=["the commit", "the tag"],
)
def test_what_fails_is_put_back(folder: Path, fault: str, mended: str) -> None:
    """So that the same command works after that."""
    (folder / ".git/hooks").mkdir(exist_ok=True)
    run("bash", "-ec", fault, cwd=folder, env=GIT)
    before = state(folder)
    done = release(folder, NEXT, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("release: Git did not make the commit")
    assert state(folder) == before
    assert not (folder / f"tests/releases/{NEXT}.tar.gz").exists()
    run("bash", "-ec", mended, cwd=folder, env=GIT)
    release(folder, NEXT)
