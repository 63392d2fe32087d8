"""A throwaway PostgreSQL with fsync on, and a template database for each size."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
SQL = Path(__file__).resolve().parent / "sql"
TAG_PHASE_1, TAG_PHASE_2, TAG_PHASE_3 = "@phase1", "@phase2", "@phase3"

# fsync and full_page_writes stay on, as in production. No checkpoint falls into a measurement by
# itself: each begins with one, and max_wal_size has room for it.
SETTINGS = {
    "fsync": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}

Connection = psycopg.Connection[tuple[object, ...]]


class BenchError(Exception):
    """Something that the benchmark needs does not work; the message says what."""


def statement(name: str) -> bytes:
    """The text of bench/sql/<name>.sql."""
    return (SQL / f"{name}.sql").read_bytes()


def connect(url: str) -> Connection:
    """A connection that commits each statement."""
    return psycopg.connect(url, autocommit=True, application_name="bench")


def number(connection: Connection, query: bytes) -> int:
    """The only value of the only row, an integer."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return cast(int, row[0])


def run(*command: str | Path, root: Path = ROOT) -> str:
    """Run a command in the repository and return its output; raise with what it said."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("PG") or k == "PG_BINDIR"
    }
    environment |= {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@localhost"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=root,
    )
    if done.returncode != 0:
        words = " ".join(str(word) for word in command)
        raise BenchError(f"exit {done.returncode}: {words}\n{done.stdout.strip()}")
    return done.stdout


def deploy(url: str, change: str, root: Path = ROOT, **variables: str) -> None:
    """`sqitch deploy --to <change>` of the plan at root."""
    given = [word for k, v in variables.items() for word in ("--set", f"{k}={v}")]
    run("sqitch", "deploy", "--to", change, *given, "--target", f"db:{url}", root=root)


def revert(url: str, change: str) -> None:
    """`sqitch revert --to <change>`."""
    run("sqitch", "revert", "-y", "--to", change, "--target", f"db:{url}")


def psql_file(url: str, path: str, **variables: str | int) -> None:
    """psql runs a file of the repository."""
    given = [word for k, v in variables.items() for word in ("-v", f"{k}={v}")]
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", *given, "-d", url, "-f", path)


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL that listens on a Unix socket in its own folder only."""

    directory: Path

    def url(self, database: str = "postgres") -> str:
        """The libpq URI of a database."""
        return f"postgresql://postgres@/{database}?host={self.directory}&port=5432"

    def make_template(self, size: int) -> str:
        """A database with this many customers, to be copied; nobody connects to it afterwards."""
        name = f"size_{size}"
        with self.template(name) as url:
            psql_file(url, "tests/legacy/schema.sql")
            psql_file(url, "tests/legacy/sample.sql", customers=size)
        return name

    @contextmanager
    def template(self, name: str, parent: str = "template0") -> Iterator[str]:
        """The URL of a new database, a template once the block has filled it."""
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, parent)
        yield self.url(name)
        with connect(self.url(name)) as connection:
            # As a live database is, where autovacuum comes by.
            connection.execute("VACUUM (ANALYZE)")
        self._execute("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false", name)

    def drop_template(self, name: str) -> None:
        """Its disk is free again."""
        self._execute("ALTER DATABASE {} IS_TEMPLATE false", name)
        self._execute("DROP DATABASE {}", name)

    @contextmanager
    def clone(self, template: str, name: str = "clone") -> Iterator[str]:
        """The URL of a fresh copy, which is gone afterwards."""
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        try:
            yield self.url(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    @contextmanager
    def warm_clone(self, template: str, name: str = "clone") -> Iterator[str]:
        """As `clone`; all in shared_buffers, as in a database that is in use."""
        with self.clone(template, name) as url:
            with connect(url) as connection:
                connection.execute("CREATE EXTENSION pg_prewarm")
                connection.execute(statement("prewarm"))
            yield url

    def set_fsync(self, value: str) -> None:
        """Turn fsync on or off; for connections from now on."""
        self._execute("ALTER SYSTEM SET fsync = {}", value)
        self._execute("SELECT pg_reload_conf()")
        for _ in range(1000):
            with connect(self.url()) as connection:
                row = connection.execute("SHOW fsync").fetchone()
            if row == (value,):
                return
            time.sleep(0.01)
        raise BenchError(f"fsync does not turn {value}")

    def use_all_cores(self) -> None:
        """For connections from now on, whatever the cluster was started on."""
        pid = int((self.directory / "data/postmaster.pid").read_text().split()[0])
        os.sched_setaffinity(pid, range(os.cpu_count() or 1))

    def _execute(self, text: LiteralString, *names: str) -> None:
        with connect(self.url()) as connection:
            connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


def short_folder(prefix: str) -> Path:
    """A new folder for a socket, whose path has 107 bytes. BENCH_DIR says where."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("BENCH_DIR", "/tmp")))


@contextmanager
def throwaway_cluster(
    cores: set[int] | None = None, settings: dict[str, str] | None = None
) -> Iterator[Cluster]:
    """A new cluster in a short folder of its own, removed afterwards; on these cores alone."""
    cluster = Cluster(short_folder("cb."))
    script = ROOT / "scripts/cluster.sh"
    words = [word for k, v in (SETTINGS | (settings or {})).items() for word in ("-c", f"{k}={v}")]
    try:
        with running_on(cores or os.sched_getaffinity(0)):
            run(script, "start", cluster.directory, *words)
        yield cluster
    finally:
        run(script, "remove", cluster.directory)


@contextmanager
def running_on(cores: set[int]) -> Iterator[None]:
    """Whatever is started meanwhile runs on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def halves_of_cores() -> tuple[set[int], set[int]]:
    """Cores for clients and cores for the server: an application is on another machine.

    Else the scheduler has a client and its server process now on one core, where a request costs a
    few microseconds, now on two, where each wakes the other up, and one side may be luckier.
    """
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (set(cores[:half]), set(cores[half:])) if half else (set(cores), set(cores))
