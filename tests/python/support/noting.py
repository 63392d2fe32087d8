"""Programs that note how they are called, and with which password."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from .cluster import ROOT

DECODED = "p@ss/w\\ord%41"
IN_URL = "p%40ss%2Fw%5Cord%2541"


class Noting:
    """A folder with programs that go on as those that they are.

    Args:
        folder: a new one of the test's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("psql", "sqitch", "convo-tenancy", "pg_prove"):
            path = shutil.which(name) or str(ROOT / ".venv/bin" / name)
            self._write(
                name,
                f"""#!/bin/bash
{{ printf '%q ' {name} "$@"; echo; }} >>{shlex.quote(str(folder))}/calls
printf %s "${{PGPASSWORD-}}" >{shlex.quote(str(folder))}/password
exec {path} "$@"
""",
            )
        for name in ("initdb", "pg_ctl", "pg_dump", "postgres"):
            self._write(name, "#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n")

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)
        (self._folder / name).chmod(0o755)

    def env(self, url: str) -> dict[str, str]:
        """Of a script that calls them, with a password in the URL of its database."""
        return {
            "DATABASE_URL": url.replace("postgres@", f"postgres:{IN_URL}@"),
            "PG_BINDIR": str(self._folder),
            "PATH": f"{self._folder}:{os.environ['PATH']}",
        }

    def check(self) -> None:
        """No argument had the password; it was where libpq looks."""
        calls = (self._folder / "calls").read_text()
        assert "psql" in calls
        assert "p%40ss" not in calls
        assert "p@ss" not in calls
        assert (self._folder / "password").read_text() == DECODED
