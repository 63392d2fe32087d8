"""Scripts of the plan, one after the other in one psql: to start it takes longer than most of them.

For what is not about Sqitch, which gives each script a psql of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from .cluster import ROOT
from .commands import psql, value
from .plan import CHANGES

# What a script leaves to its session, and to psql, ends with it.
_END = ("ROLLBACK", "RESET SESSION AUTHORIZATION", "RESET ALL", r"\unset change")
_FRESH = [word for command in _END for word in ("-c", command)]


def run_scripts(url: str, scripts: Iterable[str], *variables: str) -> None:
    """`run_scripts(url, ["deploy/profiles/split", "verify/profiles/split"])`; none may fail."""
    files = [word for one in scripts for word in ("-f", str(ROOT / f"{one}.sql"), *_FRESH)]
    psql(url, "-v", "contract=yes", "-v", "legacy_quiet_period=0", *variables, *files)


def verify(url: str) -> None:
    """As `sqitch verify`: what Sqitch has is the plan so far, and each verify script passes."""
    query = "SELECT change FROM sqitch.changes ORDER BY committed_at"
    registered = value(url, query).splitlines()
    assert registered == CHANGES[: len(registered)]
    run_scripts(url, (f"verify/{change}" for change in registered))
