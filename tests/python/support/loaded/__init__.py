"""Commands that are loaded once for all tests of a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

FOLDER = Path(__file__).parent


@contextmanager
def loaded(sqitch: str, convo_tenancy: str, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """What to add to an environment, so that its commands are the loaded ones.

    Not sqitch where /usr/bin/perl does not find its modules.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ld.", dir="/tmp"))
        servers = {
            "sqitch": [str(FOLDER / "sqitch.pl")],
            "convo-tenancy": [sys.executable, str(FOLDER / "convo_tenancy_cli.py")],
        }
        installed = {"sqitch": sqitch, "convo-tenancy": convo_tenancy}
        for name, words in servers.items():
            command = [*words, f"{folder}/{name}.socket", installed[name]]
            server = stack.enter_context(
                subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            stack.callback(server.communicate)
            assert server.stdout
            if server.stdout.readline() == b"ready\n":
                Path(folder, name).symlink_to(FOLDER / "call.pl")
        yield {"PATH": f"{folder}{os.pathsep}{env['PATH']}"}
