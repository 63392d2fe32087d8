"""A throwaway PgBouncer, before a cluster of the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from .cluster import Cluster
from .waiting import wait_until

# It refuses to run as root; cluster.sh lends the same user to PostgreSQL.
AS_POSTGRES = (
    *("setpriv", "--reuid=postgres", "--regid=postgres"),
    *("--init-groups", "--reset-env", "--"),
)

# Without listen_addr it has no TCP socket. Nothing is reset between clients but in session mode, as
# is its default; it is said here because the tests depend on it.
SETTINGS = """\
[databases]
* = host={server} port=5432

[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {directory}
unix_socket_mode = 0700
auth_type = trust
auth_file = {directory}/users
pool_mode = {mode}
default_pool_size = {connections}
server_reset_query_always = 0
server_round_robin = {round_robin}
"""


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that listens on a Unix socket in `directory` only."""

    directory: Path

    def url(self, dbname: str, user: str) -> str:
        """The libpq URI of a database, through the pooler."""
        return f"postgresql://{user}@/{dbname}?host={self.directory}&port=6432"


@contextmanager
def pooler(
    cluster: Cluster,
    users: list[str],
    *,
    connections: int,
    mode: str = "transaction",
    round_robin: int = 0,
) -> Iterator[Pooler]:
    """One with so many server connections for each database and user; ended and deleted after."""
    directory = Path(tempfile.mkdtemp(prefix="pb.", dir="/tmp"))
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        SETTINGS.format(
            server=cluster.directory,
            directory=directory,
            connections=connections,
            mode=mode,
            round_robin=round_robin,
        )
    )
    (directory / "users").write_text("".join(f'"{user}" ""\n' for user in users))
    if os.geteuid() == 0:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, "postgres", "postgres")
    started = Pooler(directory)
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*(AS_POSTGRES if os.geteuid() == 0 else ()), _program(), settings],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: _answers(started, users[0], process, log), "PgBouncer answers")
        yield started
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)


def _program() -> str:
    """Where it is: Debian's place is not on everybody's PATH."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "no pgbouncer: run scripts/install.sh tests"
    return found


def _answers(started: Pooler, user: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(started.url("postgres", user)).close()
        return True
    return False
