"""A standby that streams from a throwaway cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from .cluster import Cluster, new_folder
from .commands import run


@contextmanager
def standby(primary: Cluster, name: str, slot: str) -> Iterator[Cluster]:
    """A hot standby of this name, which reads from a slot that is made for it."""
    made = Cluster(new_folder())
    data = made.directory / "data"
    source = f"host={primary.directory} port=5432 user=postgres application_name={name}"
    try:
        run(
            *("pg_basebackup", "--pgdata", data, "--dbname", source, "--write-recovery-conf"),
            *("--create-slot", "--slot", slot, "--checkpoint", "fast", "--no-sync"),
            env={"PATH": f"{os.environ.get('PG_BINDIR', '')}:{os.environ['PATH']}".lstrip(":")},
        )
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"unix_socket_directories = '{made.directory}'\n")
        owner = (primary.directory / "data").stat()
        for path in (made.directory, *made.directory.rglob("*")):
            shutil.chown(path, owner.st_uid, owner.st_gid)
        made.start()
        yield made
    finally:
        if data.exists():
            made.remove()
        shutil.rmtree(made.directory, ignore_errors=True)
