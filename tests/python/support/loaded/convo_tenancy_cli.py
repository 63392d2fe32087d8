"""The command line convo-tenancy, loaded once: to import it takes longer than most commands do.

Each one runs in a fork of this process. Arguments: the socket where it listens until its standard
input ends, and the installed command.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import redirect_stdout
from io import StringIO

import convo_tenancy.report.page  # noqa: F401  # what draws pictures, else once for each report
from convo_tenancy.cli import main


def command() -> int:
    """Run the command in sys.argv: its exit code."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve(caller: socket.socket, installed: str) -> None:
    """In the fork: what call.pl asks for, with its streams, folder and environment."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with caller.makefile("rb") as request:
        pid, folder, count, *words = map(os.fsdecode, request.read().split(b"\0"))
    sys.argv = [installed, *words[: int(count)]]
    variables = words[int(count) :]
    os.environ.clear()
    os.environ.update(zip(variables[::2], variables[1::2], strict=True))
    os.chdir(folder)
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        os.dup2(os.open(f"/proc/{pid}/fd/{number}", flags), number)
    # Anew: those of before may be files, and these pipes.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    status = command()
    caller.send(str(status).encode())
    os._exit(status)


def listen(path: str, installed: str) -> None:
    """Until standard input ends, a fork for each caller."""
    sys.argv = [installed, "--version"]
    with redirect_stdout(StringIO()):
        command()  # imports what is imported at the first call
    gc.collect()
    gc.freeze()  # a fork that looked through all of this would copy it
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(20)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        caller = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            serve(caller, installed)
        caller.close()


if __name__ == "__main__":
    listen(*sys.argv[1:])
