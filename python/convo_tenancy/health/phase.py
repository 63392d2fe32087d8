"""Which phase stands, as the database itself says, and how Sqitch's registry differs from it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors

from ..database import (
    Connection,
    Holder,
    holder,
    in_schema,
    is_lost,
    is_undefined,
    one,
    rows,
    scalar,
)
from .model import Check, Status

SWITCH = "contract/switch"
"""The change that takes the legacy side away."""

PRECONDITIONS = "support/preconditions"
"""The first change, which makes nothing, and so does not stand."""

SCHEMA = "support/schema"
"""The second one, from which on the database knows what stands."""

_REGISTRY = "sqitch"  # where Sqitch puts its registry unless told otherwise
_SQITCH_LOCK = 75474063  # of the advisory lock that Sqitch holds as long as it runs

_HALF_WAY = {"deploying": "deploy", "reverting": "revert"}

# Half-way into phase 3, only the operator knows where to.
_AGAIN = {
    "@phase3": "sqitch deploy --set contract=yes, or, to go back, sqitch revert --to @phase2,"
}


@dataclass(frozen=True)
class Change:
    """A change of the plan (tenancy.changes)."""

    change: str
    tag: str | None
    state: str
    open_key: int | None


@dataclass(frozen=True)
class Contracted:
    """That the legacy side is gone (tenancy.contracted)."""

    contracted_at: datetime


@dataclass(frozen=True)
class Registered:
    """A change that Sqitch has in its registry."""

    change_id: str
    change: str


@dataclass(frozen=True)
class Registry:
    """What Sqitch has of this project; of a registry that cannot be read, nothing is known.

    Args:
        schema: where it is.
        changes: in order; None when they are not known.
    """

    schema: str = _REGISTRY
    changes: tuple[Registered, ...] | None = None

    def has(self, change: str) -> bool:
        """Whether Sqitch is known to have this change."""
        return any(each.change == change for each in self.changes or ())


@dataclass(frozen=True)
class Phase:
    """How much of the plan stands.

    Args:
        changes: of the plan, in order; none when they are not known.
        has_legacy_side: the contract has not taken it away, or its revert has brought it back.
    """

    changes: tuple[Change, ...] = ()
    has_legacy_side: bool = True

    @property
    def standing(self) -> tuple[Change, ...]:
        """The changes that stand, or stand half-way."""
        return tuple(each for each in self.changes if each.state != "absent")

    @property
    def beyond(self) -> tuple[Change, ...]:
        """Those of them that belong to a phase which is not complete."""
        complete = [index for index, each in enumerate(self.standing) if _completes(each)]
        return self.standing[complete[-1] + 1 if complete else 0 :]

    @property
    def tag(self) -> str | None:
        """Of the newest complete phase; "none" before the first; None when it is not known."""
        if not self.changes:
            return None
        return next((each.tag for each in reversed(self.standing) if _completes(each)), "none")

    @property
    def number(self) -> int | None:
        """1 for @phase1, 0 before it, None when it is not known."""
        if self.tag is None:
            return None
        digits = re.search(r"\d+$", self.tag)
        return int(digits[0]) if digits else 0

    @property
    def is_complete(self) -> bool:
        """Whether @phase1 at least is known to stand, so that all its parts must be there."""
        return bool(self.number)

    def state(self, change: str) -> str:
        """Of a change; "absent" when the plan does not have it."""
        return next((each.state for each in self.changes if each.change == change), "absent")


def _completes(change: Change) -> bool:
    return change.tag is not None and change.state == "standing"


def read_phase(connection: Connection) -> Phase:
    """What stands.

    Args:
        connection: in a transaction, to a database that has tenancy.changes.
    """
    phase = Phase(tuple(rows(connection, Change, "health/changes")))
    state = phase.state(SWITCH)
    if state == "reverting":
        return Phase(phase.changes, not rows(connection, Contracted, "health/contracted"))
    return Phase(phase.changes, state == "absent")


@dataclass(frozen=True)
class _Schema:
    is_there: bool
    is_readable: bool


def read_registry(connection: Connection, is_deployed: bool) -> Registry:
    """What Sqitch has; nothing of it is known to who may not read it.

    Args:
        connection: in a transaction.
        is_deployed: the settings are there, which name its schema.

    Raises:
        psycopg.OperationalError: the connection broke.
    """
    try:
        with connection.transaction():
            schema = scalar(connection, "health/registry_schema") if is_deployed else _REGISTRY
            name = str(schema or _REGISTRY)
            found = one(connection, _Schema, "health/registry", name)
            if not found.is_there:
                return Registry(name, ())
            if not found.is_readable:
                return Registry(name)
            with in_schema(connection, name):
                return Registry(name, tuple(rows(connection, Registered, "health/registered")))
    except psycopg.Error as error:
        if is_lost(error):
            raise
        return Registry()


def check_phase(connection: Connection, phase: Phase, registry: Registry) -> Check:
    """A phase that is half-way is to be completed, and Sqitch is to know what stands."""
    problem = _running_script(connection, phase)
    if problem is None:
        problem = _problem(connection, phase, registry)
        sqitch = problem and holder(connection, _SQITCH_LOCK)
        if sqitch:
            problem = _runs("sqitch", sqitch)
    if problem is None:
        return Check("phase", Status.OK, phase.tag, f"{len(phase.standing)} changes stand")
    return Check("phase", Status.WARNING, phase.tag, problem)


def _running_script(connection: Connection, phase: Phase) -> str | None:
    """The script of several transactions that runs now."""
    for change in phase.changes:
        session = change.open_key and holder(connection, change.open_key)
        if session:
            return _runs(f"the script of {change.change}", session)
    return None


def _runs(what: str, session: Holder) -> str:
    return f"{what} runs now ({session}): wait for it"


def _problem(connection: Connection, phase: Phase, registry: Registry) -> str | None:
    """The first thing that is to be done, with the one command that does it."""
    last = phase.standing[-1].change
    known = {each.change for each in phase.changes}
    standing = {each.change for each in phase.standing}
    registered = [each.change for each in registry.changes or () if each.change != PRECONDITIONS]

    if registry.changes == ():
        name = "" if registry.schema == _REGISTRY else f" --registry {shlex.quote(registry.schema)}"
        whole = next(each for each in reversed(phase.standing) if each.state == "standing").change
        return (
            f"Sqitch's registry (schema {registry.schema}) is missing or knows nothing of project"
            f" convo_tenancy: run sqitch deploy --log-only --to {whole}{name}"
        )
    for change in registered:
        if change not in known:
            return (
                f"Sqitch's registry (schema {registry.schema}) is of another plan, {change} is not"
                " in that of this database: use the checkout that it was deployed from"
            )
    for each in phase.standing:
        if each.state in _HALF_WAY:
            return (
                f"{each.change} was interrupted while {each.state}: run"
                f" {_command(connection, each.change, _HALF_WAY[each.state])}"
            )
    if registry.changes is not None and not registry.has(last):
        return (
            f"{last} stands, and Sqitch's registry does not have it: run"
            f" {_command(connection, last, 'deploy')}"
        )
    for change in registered:
        if change not in standing:
            return (
                f"{change} does not stand, and Sqitch's registry has it: run"
                f" {_command(connection, change, 'revert')}"
            )
    if phase.beyond:
        following = f"@phase{(phase.number or 0) + 1}"
        again = _AGAIN.get(following, f"sqitch deploy --to {following}")
        number = len(phase.beyond)
        return f"{number} changes of {following} stand, the last is {last}: run {again} again"
    return None


def _command(connection: Connection, change: str, direction: str) -> str:
    """What tenancy.command_for() says, or who can ask it."""
    try:
        with connection.transaction():
            return str(scalar(connection, "health/command_for", change, direction))
    except errors.InsufficientPrivilege:
        return f"what SELECT tenancy.command_for('{change}', '{direction}') says to the owner"
    except psycopg.Error as error:
        if not is_undefined(error):
            raise
        return f"sqitch revert --to {SCHEMA} -y"  # the next change, which makes it, is gone
