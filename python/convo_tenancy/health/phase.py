"""Which phase stands, as the database itself says, and what Sqitch has in its registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ..database import Connection, in_schema, is_lost, one, rows, scalar

SWITCH = "contract/switch"
"""The change that takes the legacy side away."""

PRECONDITIONS = "support/preconditions"
"""The first change, which makes nothing, and so does not stand."""

SCHEMA = "support/schema"
"""The second one, from which on the database knows what stands."""

REGISTRY = "sqitch"
"""Where Sqitch puts its registry unless told otherwise."""


@dataclass(frozen=True)
class Change:
    """A change of the plan (tenancy.changes)."""

    change: str
    tag: str | None
    state: str
    open_pid: int | None
    open_key: int | None
    standing_since: datetime | None = None

    @property
    def is_half_way(self) -> bool:
        """Its script was interrupted, in one direction or the other."""
        return self.state in {"deploying", "reverting"}


@dataclass(frozen=True)
class Contracted:
    """That the legacy side is gone (tenancy.contracted)."""

    contracted_at: datetime
    purged_at: datetime | None


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

    schema: str = REGISTRY
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
        """Those of them that belong to a phase which is not complete.

        What a later release adds stands behind the last phase, and belongs to none.
        """
        ends = [index for index, each in enumerate(self.changes) if each.tag is not None]
        of_phases = self.changes[: ends[-1] + 1] if ends else self.changes
        standing = [each for each in of_phases if each.state != "absent"]
        complete = [index for index, each in enumerate(standing) if _completes(each)]
        return tuple(standing[complete[-1] + 1 if complete else 0 :])

    @property
    def later(self) -> tuple[Change, ...]:
        """The changes behind the last phase, which a later release adds."""
        ends = [index for index, each in enumerate(self.changes) if each.tag is not None]
        return self.changes[ends[-1] + 1 :] if ends else ()

    def is_passed_over(self, registry: Registry) -> bool:
        """Whether the contract is not deployed and changes behind it are, by a plan without it.

        The plan that has the contract does not fit then: Sqitch refuses it, or would enter the
        contract as deployed.
        """
        later = {each.change for each in self.later}
        if any(registry.has(change) for change in later) and not registry.has(SWITCH):
            return True
        stands = any(each.state != "absent" for each in self.later)
        return stands and self.state(SWITCH) == "absent"

    @property
    def tag(self) -> str | None:
        """Of the newest complete phase; "none" before the first; None when it is not known."""
        if not self.changes:
            return None
        return next((each.tag for each in reversed(self.standing) if _completes(each)), "none")

    @property
    def since(self) -> datetime | None:
        """When the newest complete phase was; None before the first, and when it is not known."""
        return next(
            (each.standing_since for each in reversed(self.standing) if _completes(each)), None
        )

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

    @property
    def states(self) -> tuple[tuple[str, str], ...]:
        """Of each change; equal in two looks between which no script has changed what stands."""
        return tuple((each.change, each.state) for each in self.changes)

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
            schema = scalar(connection, "health/registry_schema") if is_deployed else REGISTRY
            name = str(schema or REGISTRY)
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
