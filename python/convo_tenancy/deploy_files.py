"""convo-tenancy deploy-files: the Sqitch project, which the package carries."""

from __future__ import annotations

import shlex
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from .display import say
from .errors import Problem

PROJECT = Path(__file__).parent / "project"
"""The Sqitch project: in a checkout links to its files, in a wheel the files themselves."""

# The plan comes last: without it Sqitch runs nothing, so half a copy deploys nothing.
_NAMES = ("scripts", "deploy", "revert", "verify", "sqitch.conf", "sqitch.plan")


def deploy_files(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="An empty folder, or one to make.")
    ],
) -> None:
    """Write the Sqitch project of this version to a folder, where you can run sqitch deploy.

    The project is the plan, the settings and the scripts. The command needs no database, and
    refuses a folder that is not empty.

    Exit codes: 0 written, 1 a problem, 2 called wrongly.

    \b
    Example:
      convo-tenancy deploy-files convo-deploy
    """
    directory.mkdir(parents=True, exist_ok=True)
    if found := next(directory.iterdir(), None):
        raise Problem(f"{directory} holds {found.name}: name a folder that is empty, or a new one")
    for name in _NAMES:
        source = PROJECT / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, directory / name)
    say(f"{directory} has the Sqitch project of convo-tenancy {version('convo-tenancy')}.")
    say(f"Next: cd {shlex.quote(str(directory))} && convo-tenancy preflight")
