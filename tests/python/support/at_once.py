"""Scripts of the plan, one after the other in one psql: to start it takes longer than most of them.

For what is not about Sqitch, which gives each script a psql of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from .cluster import ROOT
from .commands import psql
from .plan import CHANGES, place
from .registry import Registry, registered

# What a script leaves to its session, and to psql, ends with it.
_END = ("ROLLBACK", "RESET SESSION AUTHORIZATION", "RESET ALL", r"\unset change")
_FRESH = [word for command in _END for word in ("-c", command)]

# What each worker adds (conftest).
REGISTRY: list[Registry] = []


def run_scripts(url: str, scripts: Iterable[str], *variables: str) -> None:
    """`run_scripts(url, ["deploy/profiles/split", "verify/profiles/split"])`; none may fail."""
    files = [word for one in scripts for word in ("-f", str(ROOT / f"{one}.sql"), *_FRESH)]
    given = ("contract=yes", "legacy_quiet_period=0", *variables)
    psql(url, *(word for each in given for word in ("-v", each)), *files)


def move_to(url: str, to: str | None, *variables: str) -> None:
    """`move_to(url, "@phase2")`: as `sqitch deploy` or `sqitch revert` leaves the database.

    Args:
        url: of the database.
        to: a change or a tag; None takes all back.
        variables: of the deploy scripts: "default_shop_id=2".
    """
    there = registered(url)
    wanted = CHANGES[: 0 if to is None else place(to) + 1]
    if new := wanted[len(there) :]:
        REGISTRY[0].make(url)
        run_scripts(url, (f"deploy/{change}" for change in new), *variables)
        REGISTRY[0].enter(url, new)
    if old := there[len(wanted) :][::-1]:
        run_scripts(url, (f"revert/{change}" for change in old))
        REGISTRY[0].remove(url, old)


def verify(url: str) -> None:
    """As `sqitch verify`: what Sqitch has is the plan so far, and each verify script passes."""
    there = registered(url)
    assert there == CHANGES[: len(there)]
    run_scripts(url, (f"verify/{change}" for change in there))
