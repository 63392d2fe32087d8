"""Whether what the scripts made is there, as the database recorded it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..database import Connection, rows
from .model import Check, Status
from .phase import Phase

KINDS = {
    "constraints": ["constraint"],
    "indexes": ["index"],
    "triggers": ["trigger"],
    "functions": ["function"],
    "parts": ["view", "table"],
}
"""The checks, and the kinds of parts that each looks at (tenancy.parts)."""

# An application may add columns to a table, and a trigger that nobody needs does no harm by itself.
_WARNINGS = {("table", "altered"), ("trigger", "left over")}


@dataclass(frozen=True)
class Part:
    """What a script made, or what is there besides and in the way."""

    kind: str
    name: str
    change: str | None
    definition: str | None
    problem: str | None

    @property
    def own_name(self) -> str:
        """Without the table that it belongs to."""
        return self.name.split(" on ")[0]

    @property
    def table(self) -> str:
        """That it belongs to."""
        return self.name.split(" on ")[-1]


def read_parts(connection: Connection) -> list[Part]:
    """Those of all kinds: half of what the query takes is its plan.

    Args:
        connection: in a transaction.
    """
    return rows(connection, Part, "health/parts")


def check_parts(name: str, parts: Callable[[], list[Part]], phase: Phase) -> Check:
    """Every part of these kinds is there and does its work.

    Args:
        name: of the check, one of KINDS.
        parts: read_parts(), which may fail.
        phase: that stands.
    """
    found = [part for part in parts() if part.kind in KINDS[name]]
    wrong = [part for part in found if part.problem]
    if not wrong:
        return Check(name, Status.OK, len(found), "all there, as deployed")
    remedies: dict[str, list[str]] = {}
    for part in wrong:
        remedies.setdefault(_remedy(part, phase), []).append(f"{part.name} {part.problem}")
    harmless = all((part.kind, part.problem) in _WARNINGS for part in wrong)
    return Check(
        name,
        Status.WARNING if harmless else Status.CRITICAL,
        len(found) - len(wrong),
        "; ".join(f"{', '.join(names)}: run {remedy}" for remedy, names in remedies.items()),
    )


def _remedy(part: Part, phase: Phase) -> str:
    table = f"ALTER TABLE {part.table}"
    match part.kind, part.problem:
        case "trigger", "left over":
            return f"DROP TRIGGER {part.own_name} ON {part.table}"
        case "trigger", "disabled":
            return f"{table} ENABLE TRIGGER {part.own_name}"
        case "constraint", "not validated":
            return f"{table} VALIDATE CONSTRAINT {part.own_name}"
        case "constraint", "altered":
            return f"{table} DROP CONSTRAINT {part.own_name}, and look again"
        case "index", "invalid":
            return f"REINDEX INDEX CONCURRENTLY {part.name}"
        case "index", "altered":
            return f"DROP INDEX CONCURRENTLY {part.name}, and look again"
        case "table", "altered":
            return "SELECT tenancy.accept_parts(), if you altered it on purpose"
    return _statement(part, phase) or f"psql -f deploy/{part.change}.sql again"


def _statement(part: Part, phase: Phase) -> str | None:
    """What makes it again; None where its script does."""
    if part.name == "tenancy.has_legacy_side()":
        return (
            "CREATE OR REPLACE FUNCTION tenancy.has_legacy_side() RETURNS boolean LANGUAGE sql"
            f" STABLE PARALLEL SAFE RETURN {str(phase.has_legacy_side).upper()}"
        )
    definition = part.definition or ""
    if definition.startswith("CREATE TRIGGER "):
        return definition.replace("CREATE", "CREATE OR REPLACE", 1)
    if part.kind == "index":
        return definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
    if part.kind == "constraint" and not definition.startswith("FOREIGN KEY "):
        return f"ALTER TABLE {part.table} ADD CONSTRAINT {part.own_name} {definition}"
    return None
