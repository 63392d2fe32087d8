"""convo-tenancy as a person calls it, with what is never allowed to happen ruled out each time."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from .commands import CONVO_TENANCY, Completed, convo_tenancy, environment, start_convo_tenancy

LIBRARY = re.compile(
    r"^Usage|^Try |Error: |Invalid value|Missing (option|argument)|No such (command|option)"
    r"|psycopg|click|typer"
)


def call(url: str, *args: str, env: Mapping[str, str | None] | None = None) -> Completed:
    """Run it to its end: no traceback, no word of a library, and at most one line of error."""
    done = convo_tenancy(url, *args, env=env)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert not LIBRARY.search(done.stderr), done.stderr
    assert len(done.stderr.splitlines()) <= 1, done.stderr
    return done


def refusal(url: str, *args: str, exit_code: int = 1) -> str:
    """The one line in which it refuses."""
    done = call(url, *args)
    assert (done.returncode, done.stdout) == (exit_code, ""), (done.stdout, done.stderr)
    assert done.stderr.startswith("convo-tenancy: "), done.stderr
    return done.stderr


def in_terminal(url: str, *args: str) -> tuple[int, str]:
    """Run it in a terminal of 140 columns: exit code and all that it shows."""
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [CONVO_TENANCY, *args],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env=environment({"DATABASE_URL": url, "TERM": "xterm", "COLUMNS": "140", "NO_COLOR": "1"}),
    )
    os.close(side)
    seen = b""
    with suppress(OSError):  # how a terminal says that nobody writes to it any more
        while chunk := os.read(terminal, 65536):
            seen += chunk
    os.close(terminal)
    output = seen.decode()
    assert "Traceback" not in output
    return process.wait(), output


class Running:
    """It runs in the background, and does not outlive the with statement that it stands in."""

    def __init__(self, url: str, *args: str) -> None:
        self.process: subprocess.Popen[str] = start_convo_tenancy(url, *args)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def read_until(self, words: str) -> str:
        """Read its output until a line holds these words; the line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return line
        raise AssertionError(f"it ended without a word of: {words}")

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code and the rest of what it said."""
        output, _ = self.process.communicate(timeout=60)
        assert "Traceback" not in output, output
        return self.process.returncode, output
