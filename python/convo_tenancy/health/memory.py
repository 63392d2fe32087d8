"""What one run of the health check tells the next: a small file on the machine that runs it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from copy import deepcopy
from errno import EISDIR, ELOOP
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """What is kept of one database; of several that share a file, each has its own.

    Whatever cannot be read or written costs what was remembered, and no check: `problem` says it.

    Args:
        path: the file, or None for one of its own for each database, in
            $XDG_STATE_HOME/convo-tenancy.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.problem: str | None = None
        self._given = path
        self._database = ""
        self._before: dict[str, Any] = {}
        self._after: dict[str, Any] = {}

    def open(self, database: str) -> None:
        """Read what was kept of this database.

        Args:
            database: a word that no other database has, fit for the name of a file.
        """
        self._database = database
        try:
            self._before = _of(self._read(), database)
        except (OSError, ValueError, RuntimeError) as error:
            self._fail("read", error)

    @property
    def keeps(self) -> bool:
        """Whether the next run will know, as far as can be seen before the file is written."""
        if not self._database or self.problem:
            return False
        try:
            path = self._path()
            if path.exists():
                return path.is_file() and os.access(path.parent, os.W_OK)
            there = next(folder for folder in path.parents if folder.exists())
            return there.is_dir() and os.access(there, os.W_OK)
        except (OSError, RuntimeError):
            return False

    def recall(self, name: str, kind: type[T]) -> T | None:
        """What an earlier run remembered by this name; None when there is nothing of this kind."""
        value = self._before.get(name)
        return value if isinstance(value, kind) and not isinstance(value, bool) else None

    def latest(self, name: str) -> dict[str, Any] | None:
        """What this run remembered last by this name, or else an earlier one."""
        value = self._after.get(name, self._before.get(name))
        return deepcopy(value) if isinstance(value, dict) else None

    def remember(self, name: str, value: object) -> None:
        """For the next run, once this one is saved; None forgets it.

        Args:
            name: of one use, which no other use has.
            value: as JSON can have it.
        """
        self._after[name] = value

    def save(self) -> None:
        """Write it, all of it or nothing; what others wrote meanwhile stays as it is."""
        if not self._database or not self._after:
            return
        try:
            path = self._path()
            if path.is_dir():
                raise IsADirectoryError(EISDIR, "it is a folder")
            if path.exists() and not path.is_file():  # /dev/null, say
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                kept = self._read()
            except ValueError:
                kept = {}
            kept[self._database] = {**_of(kept, self._database), **self._after}
            _replace(path, json.dumps(kept, indent=1) + "\n")
        except (OSError, ValueError, RuntimeError) as error:
            self._fail("write", error)

    def _path(self) -> Path:
        home = os.environ.get("XDG_STATE_HOME", "")
        folder = Path(home) if home.startswith("/") else Path.home() / ".local/state"
        given = self._given or folder / "convo-tenancy" / f"health-{self._database}.json"
        path = given.resolve()
        if path.is_symlink():  # Python 3.13 gives back a link that leads to itself
            raise OSError(ELOOP, "a link that leads to itself", str(path))
        return path

    def _read(self) -> dict[str, Any]:
        path = self._path()
        if not path.is_file():
            return {}
        kept = json.loads(path.read_text(encoding="utf-8") or "{}")
        if not isinstance(kept, dict):
            raise ValueError("it is not a file of convo-tenancy health")
        return kept

    def _fail(self, what: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        if isinstance(error, json.JSONDecodeError | UnicodeError):
            reason = "it is not JSON"
        try:
            place = str(self._path())
        except (OSError, RuntimeError):
            place = "the state file"
        self.problem = (
            f"cannot {what} {place}: {reason}; the next run learns nothing from this one"
            " (--state names another file)"
        )


def _of(kept: dict[str, Any], database: str) -> dict[str, Any]:
    own = kept.get(database)
    return own if isinstance(own, dict) else {}


def _replace(path: Path, text: str) -> None:
    """A reader sees the old file or the new one."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as new:
        try:
            new.write(text)
            new.close()
            os.replace(new.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(new.name)
            raise
