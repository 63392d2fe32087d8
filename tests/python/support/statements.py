"""A script of the plan, statement by statement, as psql reads it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence

from .cluster import ROOT
from .commands import environment

_COMMENT = re.compile(r"--.*$")
_END = re.compile(r"(;|\\gset( \w+)?|\\g /dev/null)\s*$")
REACHED = "reached"


def statements(script: str) -> list[str]:
    r"""Its statements and psql's own commands, in order; \ir stays one."""
    found: list[str] = []
    current = ""
    in_body = False
    for line in (ROOT / script).read_text().splitlines(keepends=True):
        current += line
        code = _COMMENT.sub("", line)
        if code.count("$$") % 2:
            in_body = not in_body
        if not in_body and (_END.search(code) or code.lstrip().startswith("\\")):
            found.append(current)
            current = ""
    return found


def start_psql(
    url: str, script: str, chunks: Sequence[str], *variables: str
) -> subprocess.Popen[str]:
    """A psql that has executed these statements of the script, and waits for more."""
    process = subprocess.Popen(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *variables, "-d", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment({"PGAPPNAME": "killed"}),
        cwd=(ROOT / script).parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commands = [chunk.splitlines()[-1].strip() for chunk in chunks]
    opened = sum(one.startswith("\\if") - one.endswith("\\endif") for one in commands)
    # Within a branch that is not taken, nothing would be said.
    process.stdin.write("".join(chunks) + f"\\warn {REACHED}\n" + "\\endif\n" * opened)
    process.stdin.write(f"\\warn {REACHED}\n")
    process.stdin.flush()
    output = ""
    for line in process.stdout:
        if line.strip() == REACHED:
            return process
        output += line
    raise AssertionError(f"psql ended: {output}")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill it with -9."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
