"""A throwaway PostgreSQL with fsync on, and a template database for each size."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
SQL = Path(__file__).resolve().parent / "sql"
TAG = "@phase1"
BACKFILL_CHANGE = "expand/backfill_profiles"

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


def run(*command: str | Path) -> str:
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
        cwd=ROOT,
    )
    if done.returncode != 0:
        words = " ".join(str(word) for word in command)
        raise BenchError(f"exit {done.returncode}: {words}\n{done.stdout.strip()}")
    return done.stdout


def deploy(url: str, change: str) -> None:
    """`sqitch deploy --to <change>`."""
    run("sqitch", "deploy", "--to", change, "--target", f"db:{url}")


def psql_file(url: str, path: str, **variables: str | int) -> None:
    """psql runs a file of the repository."""
    given = [word for k, v in variables.items() for word in ("-v", f"{k}={v}")]
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", *given, "-d", url, "-f", path)


def planned_changes() -> tuple[str, list[str]]:
    """The change before the backfill, and those after it up to the tag."""
    words = [line.split()[0] for line in (ROOT / "sqitch.plan").read_text().splitlines() if line]
    names = [word for word in words if not word.startswith(("%", "#"))]
    try:
        backfill, tag = names.index(BACKFILL_CHANGE), names.index(TAG)
    except ValueError:
        raise BenchError(f"sqitch.plan has no {BACKFILL_CHANGE} or no {TAG}") from None
    return names[backfill - 1], [name for name in names[backfill + 1 : tag] if name[0] != "@"]


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
        url = self.url(name)
        self._execute("CREATE DATABASE {} TEMPLATE template0", name)
        psql_file(url, "tests/legacy/schema.sql")
        psql_file(url, "tests/legacy/sample.sql", customers=size)
        with connect(url) as connection:
            # As a live database is, where autovacuum comes by.
            connection.execute("VACUUM (ANALYZE)")
        self._execute("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false", name)
        return name

    def drop_template(self, name: str) -> None:
        """Its disk is free again."""
        self._execute("ALTER DATABASE {} IS_TEMPLATE false", name)
        self._execute("DROP DATABASE {}", name)

    @contextmanager
    def clone(self, template: str) -> Iterator[str]:
        """The URL of a fresh copy, which is gone afterwards."""
        name = f"{template}_clone"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        try:
            yield self.url(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, text: LiteralString, *names: str) -> None:
        with connect(self.url()) as connection:
            connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


@contextmanager
def throwaway_cluster() -> Iterator[Cluster]:
    """A new cluster in a short folder of its own, removed afterwards. BENCH_DIR says where."""
    parent = os.environ.get("BENCH_DIR", "/tmp")  # a socket's path has 107 bytes
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="cb.", dir=parent)))
    script = ROOT / "scripts/cluster.sh"
    settings = [word for k, v in SETTINGS.items() for word in ("-c", f"{k}={v}")]
    try:
        run(script, "start", cluster.directory, *settings)
        yield cluster
    finally:
        run(script, "remove", cluster.directory)
