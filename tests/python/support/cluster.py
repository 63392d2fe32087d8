"""A throwaway PostgreSQL cluster, run by scripts/cluster.sh."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

ROOT = Path(__file__).resolve().parents[3]

# What a crash of the machine would lose may be lost: the tests crash PostgreSQL, not the machine.
# And nothing runs in the background that a test did not ask for.
SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_connections": "100",
    "max_prepared_transactions": "10",
    "max_wal_size": "256MB",
    "shared_buffers": "256MB",
}

# In memory a copy of a database costs a third. Each worker of pytest has a cluster, or two.
MEMORY = Path("/dev/shm")
NEEDED = 2 * 1024**3 * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _place() -> Path:
    """Where a cluster's folder goes: into memory where there is enough of it, else to /tmp."""
    try:
        free = shutil.disk_usage(MEMORY).free
        available = re.search(r"^MemAvailable: *(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    except OSError:
        return Path("/tmp")
    enough = available and min(free, 1024 * int(available[1])) >= NEEDED
    return MEMORY if enough and os.access(MEMORY, os.W_OK) else Path("/tmp")


def new_folder() -> Path:
    """An empty folder for a cluster. Its name is short: a socket's path has 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="ct.", dir=_place()))


def _cluster_script(command: str, directory: Path, *args: str) -> None:
    done = subprocess.run(
        [ROOT / "scripts/cluster.sh", command, directory, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"cluster.sh {command} {directory} failed")


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has collected yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """The processes that this one started, and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


# What makes and drops databases, by the cluster's folder: each test does both.
_maintenance: dict[Path, psycopg.Connection[TupleRow]] = {}


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL that listens on a Unix socket in `directory` only."""

    directory: Path

    @classmethod
    def create(cls, **settings: str) -> Cluster:
        """A new, running cluster in a short folder of its own, with these settings besides."""
        cluster = cls(new_folder())
        try:
            cluster.start(*(f"{name}={value}" for name, value in (SETTINGS | settings).items()))
        except BaseException:
            shutil.rmtree(cluster.directory, ignore_errors=True)
            raise
        return cluster

    def url(self, dbname: str = "postgres") -> str:
        """The libpq URI of a database."""
        return f"postgresql://postgres@/{dbname}?host={self.directory}&port=5432"

    def start(self, *settings: str) -> None:
        """Start it, or find it running; settings are NAME=VALUE and replace the earlier ones."""
        if not settings and self.running():
            return
        options = [word for setting in settings for word in ("-c", setting)]
        _cluster_script("start", self.directory, *options)

    def stop(self) -> None:
        """Stop it in order; connections are cut."""
        _cluster_script("stop", self.directory)

    def remove(self) -> None:
        """Stop it and delete it."""
        if connection := _maintenance.pop(self.directory, None):
            connection.close()
        _cluster_script("remove", self.directory)

    def running(self) -> bool:
        """Whether it answers."""
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Kill the server and its children with -9, and wait until nothing of them is left."""
        postmaster = int((self.directory / "data/postmaster.pid").read_text().split()[0])
        family = [postmaster, *children(postmaster)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_alive(pid) for pid in family):
            time.sleep(0.02)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of another one if named, and return its URL."""
        self._execute(
            # Half as long as block by block: a checkpoint costs nothing without fsync.
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database or template, whoever is connected to it, if it is there."""
        own = sql.Identifier(name)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(own)
        try:
            self._execute(drop)
        except psycopg.errors.WrongObjectType:
            self._execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(own))
            self._execute(drop)

    def mark_template(self, name: str) -> None:
        """Nobody connects to it from now on: a copy fails while somebody is connected."""
        self._execute(
            sql.SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(
                sql.Identifier(name)
            )
        )

    def _execute(self, statement: sql.Composed) -> None:
        connection = _maintenance.get(self.directory)
        if connection is not None:
            try:
                connection.execute(statement)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
            else:
                return
        try:
            connection = psycopg.connect(self.url(), autocommit=True)
        except psycopg.OperationalError:  # an earlier test may have crashed it
            self.start()
            connection = psycopg.connect(self.url(), autocommit=True)
        _maintenance[self.directory] = connection
        connection.execute(statement)
