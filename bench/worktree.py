"""An older state of the project, in a git worktree of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .cluster import BenchError, run, short_folder


@contextmanager
def worktree(commit: str, root: Path) -> Iterator[Path]:
    """The folder of a commit of the repository at root; it is gone afterwards."""
    folder = short_folder("wt.")
    try:
        try:
            run("git", "worktree", "add", "--detach", folder, commit, root=root)
        except (BenchError, FileNotFoundError) as error:
            raise BenchError(
                f"commit {commit} has to be compared with, and git gives no worktree of it; run"
                f" this in a clone with its whole history: {error}"
            ) from None
        try:
            yield folder
        finally:
            run("git", "worktree", "remove", "--force", folder, root=root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
