"""convo-tenancy deploy-files: the Sqitch project, which the package carries."""

from __future__ import annotations

import shlex
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from .display import say
from .errors import Problem
from .failures import Command

PROJECT = Path(__file__).parent / "project"
"""The Sqitch project: in a checkout links to its files, in a wheel the files themselves."""

# The plan comes last: without it Sqitch runs nothing, so half a copy deploys nothing.
_NAMES = ("scripts", "deploy", "revert", "verify", "sqitch.conf", "sqitch.plan")


def _copy(source: Path, target: Path) -> None:
    """A file or a folder. The first failure ends it: shutil.copytree would go on and list all."""
    if source.is_dir():
        target.mkdir()
        for each in source.iterdir():
            _copy(each, target / each.name)
    else:
        shutil.copyfile(source, target)


class DeployFilesCommand(Command):
    """An empty name, as of a variable that is not set, would mean the folder at hand."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the arguments."""
        if "" in args:
            raise Problem("DIR is empty: name a folder, or . for the one at hand", 2)
        return super().parse_args(ctx, args)


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
    try:
        for name in _NAMES:
            _copy(PROJECT / name, directory / name)
    except OSError as error:
        where = error.filename2 or error.filename
        raise Problem(
            f"{where}: {error.strerror}: mend that, delete what {directory} holds, then try again"
        ) from None
    say(f"{directory} has the Sqitch project of convo-tenancy {version('convo-tenancy')}.")
    # A name that begins with - would be an option of cd.
    folder = f"./{directory}" if str(directory).startswith("-") else str(directory)
    say(f"Next: cd {shlex.quote(folder)} && convo-tenancy preflight")
