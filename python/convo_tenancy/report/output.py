"""Where the report goes: the whole of it or nothing, and in the place of no other file."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from ..errors import Problem

STDOUT = "-"
_MODE = 0o600  # it names roles and applications: whom it is for is for its owner to say


def check_target(name: str, mark: str) -> None:
    """Refuse a file that the report must not replace, before anything is read.

    Args:
        name: of the file; "-" is standard output.
        mark: what every report has near its beginning.

    Raises:
        Problem: it is a folder, or a file that is no report, or its folder is not there.
    """
    if name == STDOUT:
        return
    path = Path(name)
    if path.is_dir():
        raise Problem(f"{name} is a folder: name a file in it")
    if not path.resolve().parent.is_dir():
        raise Problem(f"the folder of {name} does not exist: make it first")
    if path.is_file() and path.stat().st_size > 0:
        with path.open("rb") as file:
            if mark.encode() not in file.read(200):
                raise Problem(f"{name} exists, and is not a report: give --output another name")


def write(name: str, page: str) -> None:
    """Write it, or replace the report of before, which keeps its mode.

    Args:
        name: as check_target() has it.
        page: the whole file.
    """
    if name == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(page.encode())
        sys.stdout.flush()
        return
    path = Path(name).resolve()  # of a link, what it points to
    if path.exists() and not path.is_file():  # a pipe, say
        path.write_text(page, encoding="utf-8")
        return
    number, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(page)
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
