"""Sqitch, loaded once for all tests of a worker."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parent


@contextmanager
def sqitch_loaded(installed: str, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """What to add to an environment, so that its "sqitch" is the loaded one.

    Nothing where /usr/bin/perl does not find Sqitch's modules: then the installed one does it all.
    """
    with tempfile.TemporaryDirectory(prefix="sq.", dir="/tmp") as folder:
        socket = f"{folder}/socket"
        with subprocess.Popen(
            [FOLDER / "server.pl", socket, installed],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as server:
            assert server.stdout
            path = f"{FOLDER}{os.pathsep}{env['PATH']}"
            is_ready = server.stdout.readline() == b"ready\n"
            yield {"PATH": path, "SQITCH_LOADED": socket} if is_ready else {}
            server.communicate()
