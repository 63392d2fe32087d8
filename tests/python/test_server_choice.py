"""Which PostgreSQL the scripts start: that of PG_BINDIR, else the newest one of Debian's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import ROOT, Cluster
from support.commands import run

# What a target does with it: it starts a server, installs one, or only calls psql.
SCRIPTS = ("up", "test", "bench", "soak", "lint", "health", "psql", "test-schema", "down", "cycle")


@pytest.fixture
def server() -> Iterator[Path]:
    """A folder with what is called as a server's programs are, where everybody may enter; 99.1."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    for name in ("initdb", "pg_ctl", "pg_dump", "psql"):
        write(folder / name, "exit 1")
    call_it(folder, "99.1")
    yield folder
    shutil.rmtree(folder)


def write(program: Path, line: str) -> None:
    """A program of one line."""
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


def call_it(server: Path, version: str) -> None:
    """Its version is this from now on."""
    write(server / "postgres", f"echo 'postgres (PostgreSQL) {version}'")


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_no_server_is_refused(tmp_path: Path, script: str) -> None:
    done = run(f"scripts/{script}.sh", env={"PG_BINDIR": str(tmp_path)}, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"{script}: PG_BINDIR is not the folder of a PostgreSQL server's programs:"
        f" no postgres in {tmp_path}\n"
    )


@pytest.mark.parametrize("script", ["up", "test", "health"])
@pytest.mark.parametrize("version", ["9.6.24", "14.22", "(nothing)"])
def test_a_server_that_is_too_old_is_refused(server: Path, script: str, version: str) -> None:
    call_it(server, version)
    done = run(f"scripts/{script}.sh", env={"PG_BINDIR": str(server)}, check=False)
    assert done.returncode == 1
    assert f"PG_BINDIR needs PostgreSQL 15 or later: postgres (PostgreSQL) {version}" in done.stderr


@pytest.mark.parametrize("version", ["15.1", "18beta1", "19.0 (Debian 19.0-1)"])
def test_the_one_that_is_named(server: Path, version: str) -> None:
    """Before and after what an installation brings; a relative path is one of now."""
    call_it(server, version)
    told = "source scripts/environment.sh; need_server tests; echo $PG_BINDIR; command -v psql"
    relative = os.path.relpath(server, ROOT)
    done = run("bash", "-c", told, "scripts/test.sh", env={"PG_BINDIR": relative})
    assert done.stdout.splitlines() == [str(server), f"{server}/psql"]


def test_it_is_chosen_in_one_place() -> None:
    """No script sets PG_BINDIR for itself: make test once did, and overwrote it."""
    setting = re.compile(r"^\s*(?:export |local )?PG_BINDIR=", re.MULTILINE)
    assert [
        path.name
        for path in sorted(ROOT.glob("scripts/*.sh"))
        if setting.search(path.read_text()) and path.name != "environment.sh"
    ] == []


def test_data_of_another_version(cluster: Cluster, server: Path) -> None:
    """Neither started nor taken for the server that is asked for, though it runs."""
    done = run(
        *("scripts/cluster.sh", "start", cluster.directory),
        env={"PG_BINDIR": str(server)},
        check=False,
    )
    assert done.returncode == 1
    major = (cluster.directory / "data/PG_VERSION").read_text().strip()
    assert f"{cluster.directory} is of PostgreSQL {major}, {server} of 99: " in done.stderr
    assert cluster.running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user start the server")
def test_a_server_that_its_user_may_not_run(server: Path) -> None:
    server.chmod(0o700)
    folder = server / "cluster"
    done = run("scripts/cluster.sh", "start", folder, env={"PG_BINDIR": str(server)}, check=False)
    assert done.returncode == 1
    assert f"postgres may not run {server}/postgres: " in done.stderr


@pytest.mark.parametrize("offered", ["15", "17", ""])
def test_debian_says_which_version_it_offers(tmp_path: Path, offered: str) -> None:
    """So a package is installed whose name has the version of a server that is still to come."""
    (tmp_path / "usr/sbin").mkdir(parents=True)
    depends = f"postgresql\n  Depends: postgresql-{offered}\n  Suggests: postgresql-doc\n"
    programs = {
        "apt-get": f'echo "$@" >>"{tmp_path}/calls"',
        "apt-cache": f"printf '{depends if offered else ''}'",
    }
    (tmp_path / "bin").mkdir()
    for name, line in programs.items():
        write(tmp_path / "bin" / name, line)
    done = subprocess.run(
        [
            ROOT / "scripts/install-packages.sh",
            f"{tmp_path}/",
            "sqitch",
            "postgresql-VERSION-pgtap",
        ],
        env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (tmp_path / "calls").read_text()
    if offered:
        assert done.returncode == 0
        assert calls.endswith(f" sqitch postgresql-{offered}-pgtap\n")
    else:
        assert "apt offers no package postgresql" in done.stderr
        assert "install" not in calls
