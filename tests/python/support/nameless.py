"""Sqitch as a user whose name nobody knows: it dies half-way through making its registry."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from .cluster import ROOT
from .commands import SQITCH, Completed, run

IGNORED = shutil.ignore_patterns(".git", ".venv", "python", "tests", "bench", ".*")


def deploy_without_a_name(url: str) -> Completed:
    """What it says; the registry is in the database, incomplete.

    Args:
        url: of the superuser, by the cluster's socket.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can run as a user whom the system does not know")
    folder = Path(url.split("host=")[1].split("&")[0])
    tree = Path(tempfile.mkdtemp(prefix="ct.nameless.", dir="/tmp"))
    try:
        shutil.copytree(ROOT, tree, ignore=IGNORED, dirs_exist_ok=True)
        for path, mode in ((tree, 0o755), (folder, 0o711), (folder / ".s.PGSQL.5432", 0o777)):
            path.chmod(mode)
        deploy = [SQITCH, "deploy", "--target", f"db:{url}", "--to", "support/schema"]
        nameless = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *deploy]
        hidden = {**dict.fromkeys(("SQITCH_FULLNAME", "USER", "LOGNAME")), "HOME": "/tmp"}
        return run(*nameless, check=False, env=hidden, cwd=tree)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(tree)
