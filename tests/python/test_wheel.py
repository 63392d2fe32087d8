"""From the wheel alone: what it holds, what it says of itself, and the whole way there and back."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from support.cluster import ROOT
from support.commands import pg_dump_schema, run
from support.history import legacy_history
from support.plan import CONTRACT
from support.wheel import Installed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = ("deploy", "revert", "verify")
BY_HAND = {"scripts/change-owner.sql", "scripts/leave.sql"}
[WRITE_AND_DEPLOY] = re.findall(
    r"```\n(export SQITCH_TARGET[^`]*deploy-files[^`]*)```",
    (ROOT / "docs/installing.md").read_text(),
)
[CONVERT] = re.findall(
    r"step: sqlalchemy -->\n +```\n +(.*)\n +```", (ROOT / "docs/phase-1.md").read_text()
)
SCRIPTS = {
    str(script.relative_to(ROOT)) for name in FOLDERS for script in (ROOT / name).rglob("*.sql")
} | BY_HAND


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty one."""
    made = tmp_path / "somewhere else"
    made.mkdir()
    return made


def files(folder: Path) -> dict[str, bytes]:
    """All that is below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- What it holds


def test_the_wheel_and_the_source_distribution_hold_the_project(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name.partition("/project/")[2]: name for name in wheel.namelist()}
        del names[""]
        assert names.keys() == {*SCRIPTS, "sqitch.conf", "sqitch.plan"}
        for name, stored in names.items():
            assert wheel.read(stored) == (ROOT / name).read_bytes(), name
    with tarfile.open(installed.sdist) as sdist:
        held = {member.name.partition("/")[2]: member for member in sdist.getmembers()}
        assert all(held[f"python/convo_tenancy/project/{name}"].isreg() for name in names)


def test_no_second_copy(installed: Installed) -> None:
    """In the checkout the package has links to the one place where they are."""
    project = ROOT / "python/convo_tenancy/project"
    links = {
        str(path.relative_to(project)): path for path in project.rglob("*") if path.is_symlink()
    }
    assert links.keys() == {*FOLDERS, "sqitch.conf", "sqitch.plan", *BY_HAND}
    for name, link in links.items():
        assert link.resolve() == ROOT / name


def test_what_it_says_of_itself(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_string(wheel.read(name).decode())
        licences = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
    assert len(licences) == 1
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", ">=3.11")
    assert metadata["Author"] == "The convo-tenancy authors"
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier", [])))
    assert versions == ["3.11", "3.12", "3.13"]
    assert all(metadata.get(field) for field in ("Project-URL", "Keywords", "Summary"))

    description = str(metadata.get_payload())
    readme = (ROOT / "README.md").read_text()
    targets, expected = (
        re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
        for text in (description, readme)
    )
    assert len(targets) == len(expected) > 5
    source = PROJECT["urls"]["Source"]
    for link, written in zip(map("".join, targets), map("".join, expected), strict=True):
        if "://" in written or written.startswith("#"):
            assert link == written
        else:
            kind = "raw" if written.endswith((".png", ".svg")) else "blob"
            assert link == f"{source}/{kind}/v{PROJECT['version']}/{written}"


def test_one_version(installed: Installed, folder: Path) -> None:
    """pyproject.toml has it; no release notes are of a later one."""
    said = installed.run("convo-tenancy", "--version", cwd=folder).stdout
    assert said == f"convo-tenancy {PROJECT['version']}\n"
    [first, *released] = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert first == "Unreleased"
    for version in released:
        assert [*map(int, version.split("."))] <= [*map(int, PROJECT["version"].split("."))]


def test_what_is_not_committed_is_said(folder: Path) -> None:
    """Of what goes into the wheel; without Git, nothing."""
    [parts] = re.findall(r"^parts=\((.*)\)$", (ROOT / "scripts/wheel.sh").read_text(), re.M)
    for part in parts.split():
        if (ROOT / part).is_dir():
            (folder / part).mkdir()
        else:
            (folder / part).touch()
    for script in ("scripts/wheel.sh", "scripts/environment.sh"):
        shutil.copy(ROOT / script, folder / script)
    (folder / "python/convo_tenancy").mkdir()
    conninfo = "python/convo_tenancy/conninfo.py"
    shutil.copy(ROOT / conninfo, folder / conninfo)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)

    def said() -> str:
        return run("scripts/wheel.sh", folder / "dist", cwd=folder, env=no_git).stderr

    no_git = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_GLOBAL": "/dev/null"}
    assert said() == ""
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    for words in ("init --quiet", "add --all", "commit --quiet --message=Begin"):
        run("git", *who, *words.split(), cwd=folder, env=no_git)
    (folder / "a note").touch()  # is not packed
    assert said() == ""
    (folder / "setup.py").write_text("# changed\n")
    (folder / "deploy/one.sql").touch()
    assert said() == (
        "wheel: warning: 2 files are packed that are not as committed: see git status\n"
    )


# --- deploy-files


def test_it_writes_what_the_repository_has(installed: Installed, folder: Path) -> None:
    done = installed.run("convo-tenancy", "deploy-files", "new/one", cwd=folder)
    written = files(folder / "new/one")
    assert written.keys() == {*SCRIPTS, "sqitch.conf", "sqitch.plan"}
    for name, text in written.items():
        assert text == (ROOT / name).read_bytes(), name
    assert done.stdout.splitlines() == [
        f"new/one has the Sqitch project of convo-tenancy {PROJECT['version']}.",
        "Next: cd new/one && convo-tenancy preflight",
    ]


def test_the_folder_at_hand(installed: Installed, folder: Path) -> None:
    done = installed.run("convo-tenancy", "--quiet", "deploy-files", ".", cwd=folder)
    assert (done.stdout, done.stderr) == ("", "")
    assert (folder / "sqitch.plan").exists()


@pytest.mark.parametrize("found", ["sqitch.plan", ".git", "deploy", "a note"])
def test_a_folder_that_holds_anything_is_left_alone(
    found: str, installed: Installed, folder: Path
) -> None:
    (folder / found).write_text("somebody's")
    done = installed.run("convo-tenancy", "deploy-files", folder, cwd=folder, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"convo-tenancy: {folder} holds {found}: name a folder that is empty, or a new one\n"
    )
    assert files(folder) == {found: b"somebody's"}


@pytest.mark.parametrize(
    ("name", "said"), [("file", "File exists"), ("file/in it", "Not a directory")]
)
def test_no_folder(name: str, said: str, installed: Installed, folder: Path) -> None:
    (folder / "file").write_text("")
    done = installed.run("convo-tenancy", "deploy-files", name, cwd=folder, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"convo-tenancy: {name}: {said}\n",
    )


def test_a_full_disk(installed: Installed, folder: Path) -> None:
    """Here, one that takes no file of more than 8 KB."""
    done = installed.run(
        "bash", "-c", "ulimit -f 8; convo-tenancy deploy-files new", cwd=folder, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"convo-tenancy: new/deploy/\S+\.sql: File too large: mend that, delete what new holds,"
        r" then try again\n",
        done.stderr,
    )
    assert not (folder / "new/sqitch.plan").exists()


@pytest.mark.parametrize("name", ["-", "-x", "-x/y", "--", "a b"])
def test_the_next_step_goes_to_the_folder(name: str, installed: Installed, folder: Path) -> None:
    done = installed.run("convo-tenancy", "deploy-files", "--", name, cwd=folder)
    [step] = re.findall(r"^Next: (cd .*) && convo-tenancy preflight$", done.stdout, re.M)
    there = installed.run("bash", "-ec", f"{step}\npwd", cwd=folder).stdout
    assert there == f"{folder / name}\n"


def test_no_name(installed: Installed, folder: Path) -> None:
    """As of a variable that is not set."""
    done = installed.run("convo-tenancy", "deploy-files", "", cwd=folder, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "convo-tenancy: DIR is empty: name a folder, or . for the one at hand\n",
    )
    assert not files(folder)


def test_without_a_driver(installed: Installed, folder: Path) -> None:
    """It needs no psycopg: whoever only deploys with Sqitch has none."""
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "import importlib.util; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: name != 'psycopg' and find(name, *rest)\n"
        "from convo_tenancy.command_line import main; main()"
    )
    installed.run("python", "-c", program, "deploy-files", "new", cwd=folder)
    assert (folder / "new/sqitch.plan").exists()


def test_a_url_of_sqlalchemy_becomes_one_for_sqitch(installed: Installed, folder: Path) -> None:
    """The command of docs/phase-1.md, where there is no checkout."""
    theirs = {"DATABASE_URL": "postgresql+asyncpg://convo@db.example:5432/convo"}
    done = installed.run("bash", "-ec", f'{CONVERT}\necho "$DATABASE_URL"', cwd=folder, env=theirs)
    assert done.stdout == "postgresql://convo@db.example:5432/convo\n"


# --- The whole way


def test_there_and_back(installed: Installed, recorded_database: str, folder: Path) -> None:
    """It begins with the commands of docs/installing.md."""
    env = {"DATABASE_URL": recorded_database, "SQITCH_TARGET": f"db:{recorded_database}"}

    def call(
        *command: str, cwd: Path = folder / "convo-deploy", least: tuple[int, ...] = (0,)
    ) -> str:
        done = installed.run(*command, cwd=cwd, check=False, env=env)
        assert done.returncode in least, (command, done.stdout, done.stderr)
        return done.stdout

    def health(tag: str, cwd: Path = folder / "convo-deploy") -> None:
        report = json.loads(
            call("convo-tenancy", "health", "--format", "json", cwd=cwd, least=(0, 1))
        )
        assert report["phase"] == tag
        [plan] = [check for check in report["checks"] if check["name"] == "plan"]
        assert plan["detail"].startswith("deployed from this plan"), plan

    where = "import convo_tenancy, sys; print(convo_tenancy.__file__, *sys.path)"
    paths = call("python", "-c", where, cwd=folder)
    assert str(installed.environment) in paths.split()[0]
    assert f"{ROOT}/python" not in paths

    before = pg_dump_schema(recorded_database, "public"), legacy_history(recorded_database)
    call("bash", "-c", WRITE_AND_DEPLOY, cwd=folder, least=(0, 1))
    for tag in ("@phase1", "@phase2"):
        call("sqitch", "deploy", "--to", tag)
        health(tag)
    health("@phase2", cwd=folder)  # by the plan that the package carries
    call("sqitch", "deploy", *CONTRACT)
    health("@phase3")
    for tag in ("@phase2", "@phase1"):
        call("sqitch", "revert", "--to", tag, "-y")
        health(tag)
    call("sqitch", "revert", "-y")
    after = pg_dump_schema(recorded_database, "public"), legacy_history(recorded_database)
    assert after == before
