"""The private cluster: whoever else has been in its folder, or shares the machine, gets nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cluster import ROOT, Cluster, new_folder
from support.commands import Completed, run
from support.noting import IN_URL, Noting
from support.waiting import wait_until

SCRIPT = ROOT / "scripts/cluster.sh"
IS_ROOT = os.geteuid() == 0
# Whom the server's folder belongs to, and somebody else
OWNER = "postgres" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
STRANGER = "nobody"

# What only root can set the stage for: processes and files of two other users
as_root = pytest.mark.skipif(not IS_ROOT, reason="takes root: processes of other users")


def as_user(name: str) -> list[str]:
    """Before a command that this user shall run."""
    if not IS_ROOT:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """The path of a folder that is not there, in one where all may make files."""
    place = new_folder()
    place.chmod(0o1777)
    yield place / "own"
    run(SCRIPT, "stop", place / "own", check=False)
    shutil.rmtree(place)


def script(command: str, folder: Path, *args: str) -> Completed:
    return run(SCRIPT, command, folder, *args, check=False)


# It says that it is ready for any query, and keeps what it got.
FAKE = """
import os, socket, sys
path = sys.argv[1]
os.makedirs(path, mode=0o755, exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path + "/.s.PGSQL.5432")
os.chmod(path + "/.s.PGSQL.5432", 0o777)
listener.listen()
print("listening", flush=True)
while True:
    client, _ = listener.accept()
    got = client.recv(4096)
    client.sendall(b"R\\0\\0\\0\\x08\\0\\0\\0\\0" + b"Z\\0\\0\\0\\x05I")
    if got:
        print("believed", flush=True)
    client.close()
"""


@contextmanager
def fake_server(user: str, folder: Path) -> Iterator[list[str]]:
    """Somebody's program that listens where the private server would; then: who believed it."""
    process = subprocess.Popen(
        [*as_user(user), "/usr/bin/python3", "-c", FAKE, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    believed: list[str] = []
    try:
        yield believed
    finally:
        process.kill()
        believed += process.communicate()[0].splitlines()


@as_root
def test_a_server_that_somebody_else_started(folder: Path) -> None:
    """In a folder that was cleaned away, say. Nothing is sent to it."""
    url = script("url", folder, "convo").stdout.strip()
    with fake_server(STRANGER, folder) as believed:
        asked = run("psql", "-X", "-d", url, "-c", "SELECT 1", check=False)
        assert asked.returncode != 0
        assert 'requirepeer specifies "postgres"' in asked.stderr
        assert script("status", folder).returncode != 0
        for command in ("start", "stop", "remove"):
            done = script(command, folder)
            assert done.returncode == 1
            assert "belongs to somebody else" in done.stderr
    assert believed == []
    assert (folder / ".s.PGSQL.5432").exists()


@as_root
def test_its_socket_in_our_folder(folder: Path) -> None:
    """Left from a time when others could write there: the server takes its place."""
    assert script("start", folder).returncode == 0
    script("stop", folder)
    folder.chmod(0o777)
    with fake_server(STRANGER, folder):
        assert script("status", folder).returncode != 0
        refused = script("start", folder)
        assert refused.returncode == 1
        assert "others may enter it" in refused.stderr
        folder.chmod(0o700)
        assert script("start", folder).returncode == 0
        assert script("status", folder).returncode == 0


@pytest.mark.parametrize("command", ["start", "stop", "remove"])
def test_a_link_in_place_of_the_folder(folder: Path, tmp_path: Path, command: str) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o700)
    (kept / "file").write_text("kept")
    folder.symlink_to(kept)
    done = script(command, folder)
    assert done.returncode == 1
    assert "belongs to somebody else" in done.stderr
    assert (kept / "file").read_text() == "kept"


@as_root
def test_a_link_in_the_folder(folder: Path, tmp_path: Path) -> None:
    """The server's user may plant one. Root, who runs the script, does not write through it."""
    own = tmp_path / "roots own"
    own.write_text("root's own\n")
    own.chmod(0o644)
    for parent in own.parents[:3]:
        parent.chmod(0o755)
    folder.mkdir(mode=0o700)
    shutil.chown(folder, OWNER)
    _refuses_a_link(folder / "initdb.log", own, "start")
    assert script("start", folder).returncode == 0
    _refuses_a_link(folder / "stop.log", own, "stop")
    script("stop", folder)
    for name, *settings in (["settings.conf", "-c", "work_mem=8MB"], ["start.log"], ["log"]):
        _refuses_a_link(folder / name, own, "start", *settings)


def _refuses_a_link(link: Path, own: Path, command: str, *settings: str) -> None:
    """Without a write to what it leads to."""
    link.unlink(missing_ok=True)
    run(*as_user(OWNER), "ln", "-s", str(own), str(link))
    done = script(command, link.parent, *settings)
    assert own.read_text() == "root's own\n"
    assert oct(own.stat().st_mode)[-3:] == "644"
    assert own.owner() == "root"
    assert done.returncode != 0
    link.unlink()


def test_a_process_that_is_no_server(folder: Path) -> None:
    """A crash leaves postmaster.pid behind, and the number may be another program's by now."""
    assert script("start", folder).returncode == 0
    server = Cluster(folder)
    server.kill()
    innocent = subprocess.Popen([*as_user(OWNER), "sleep", "600"], cwd="/")
    try:
        path = folder / "data/postmaster.pid"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([str(innocent.pid), *lines[1:]]) + "\n")
        assert script("stop", folder).returncode == 0
        assert script("remove", folder).returncode == 0
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_what_it_leaves(folder: Path) -> None:
    """A start makes all, a second one finds it, a removal leaves nothing."""
    assert script("start", folder, "-c", "work_mem=8MB").returncode == 0
    assert script("start", folder).returncode == 0
    url = script("url", folder, "postgres").stdout.strip()
    assert run("psql", "-XAtd", url, "-c", "SHOW work_mem").stdout == "8MB\n"
    assert {path.owner() for path in folder.iterdir()} == {OWNER}
    assert script("remove", folder).returncode == 0
    assert not folder.exists()


# Instead of apt: it stays in the middle of the installation.
APT = """#!/bin/bash
if [[ $1 == install ]]; then
    touch "{0}/inside"
    until [[ -e "{0}/go on" ]]; do sleep 0.02; done
fi
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The files of a Debian that matter here, with an apt-get that waits."""
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    disable = f'#!/bin/sh\necho "$@" >>"{tmp_path}/services"\n'
    for name, text in {"apt-get": APT.format(tmp_path), "update-rc.d": disable}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def install(machine: Path, *packages: str) -> subprocess.Popen[bytes]:
    """It installs, and is in the middle of that."""
    running = subprocess.Popen(
        [ROOT / "scripts/install-packages.sh", f"{machine}/", *packages],
        env={**os.environ, "PATH": f"{machine}/bin:{os.environ['PATH']}"},
        start_new_session=True,
    )
    wait_until((machine / "inside").exists, "apt installs")
    return running


def told_to_debian(machine: Path) -> set[str]:
    """The files that keep services and clusters away."""
    folders = ("usr/sbin", "etc/postgresql-common/createcluster.d")
    return {path.name for folder in folders for path in (machine / folder).glob("*")}


@pytest.mark.parametrize("killed", ["nobody", "the script", "the script and apt"])
def test_an_installation(machine: Path, killed: str) -> None:
    """What it tells Debian is there while apt works, and not any longer."""
    running = install(machine, "pgbouncer", "postgresql-15", "prometheus")
    assert told_to_debian(machine) == {"policy-rc.d", "convo-tenancy.conf"}
    policy = machine / "usr/sbin/policy-rc.d"
    assert subprocess.run([policy], check=False).returncode == 101
    if killed == "the script":
        running.kill()
        running.wait()
        assert told_to_debian(machine) == {"policy-rc.d", "convo-tenancy.conf"}
    if killed == "the script and apt":
        os.killpg(running.pid, signal.SIGKILL)
    (machine / "go on").touch()
    assert running.wait() == (0 if killed == "nobody" else -signal.SIGKILL)
    if killed != "nobody":
        folder = machine / "etc/postgresql-common"
        wait_until(lambda: not folder.exists(), "what an installation leaves goes")
    assert not told_to_debian(machine)
    assert not (machine / "etc/postgresql-common").exists()
    # And at the next boot, too, nothing of what was installed for the tests listens.
    services, expected = machine / "services", "pgbouncer disable\nprometheus disable\n"
    wait_until(lambda: services.exists() and services.read_text() == expected, "they are disabled")


def test_what_a_crash_of_the_machine_left(machine: Path) -> None:
    """The next installation takes it for its own; somebody else's it leaves alone."""
    (machine / "go on").touch()
    policy = machine / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\n# of convo-tenancy, while it installs packages\nexit 101\n")
    install(machine, "sqitch").wait()
    assert not told_to_debian(machine)

    policy.write_text("#!/bin/sh\nexit 104\n")
    install(machine, "sqitch").wait()
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"


@pytest.mark.parametrize("command", ["health.sh", "psql.sh -Atc 'SELECT 1'", "test-schema.sh"])
def test_no_password_in_arguments(phase1_database: str, tmp_path: Path, command: str) -> None:
    """Of whatever a script calls; all of them find it where libpq looks."""
    noting = Noting(tmp_path)
    run(
        "bash",
        "-c",
        f"scripts/{command}",
        env=noting.env(phase1_database),
        check=command != "health.sh",
    )
    noting.check()


def test_no_password_in_the_process_list(cluster: Cluster) -> None:
    """As everybody on the machine sees it."""
    url = f"postgresql://postgres@/postgres?host={cluster.directory}&password={IN_URL}&port=5432"
    running = subprocess.Popen(
        ["bash", "-c", "scripts/psql.sh -c 'SELECT pg_sleep(600)'"],
        env={**os.environ, "DATABASE_URL": url},
        cwd=ROOT,
        start_new_session=True,
    )

    def shown() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return found

    try:
        # Other tests, in other clusters, have a psql that sleeps as long.
        own = ("psql", "pg_sleep(600)", str(cluster.directory))
        wait_until(lambda: any(all(word in line for word in own) for line in shown()), "psql runs")
        assert not [line for line in shown() if "p%40ss" in line or "p@ss" in line]
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def test_an_sslpassword_is_refused() -> None:
    done = run(
        "scripts/health.sh",
        env={"DATABASE_URL": "postgresql://h/d?sslpassword=s3cret"},
        check=False,
    )
    assert done.returncode == 1
    assert "sslpassword" in done.stderr
    assert "s3cret" not in done.stderr
