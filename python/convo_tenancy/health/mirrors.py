"""Who writes past the mirrors."""

from __future__ import annotations

from dataclasses import dataclass

from ..database import Connection, rows
from .model import Check, Status
from .phase import Phase


@dataclass(frozen=True)
class _Trigger:
    table_name: str
    name: str
    function_name: str


@dataclass(frozen=True)
class _Exempt:
    is_everybody: bool
    who: str
    remedy: str


@dataclass(frozen=True)
class _Subscription:
    name: str
    table_names: str


def check_other_triggers(connection: Connection) -> Check:
    """Triggers of somebody else on mirrored tables may write what is not mirrored."""
    others = rows(connection, _Trigger, "health/other_triggers")
    if not others:
        return Check("other_triggers", Status.OK, 0, "none on the mirrored tables")
    named = ", ".join(f"{each.name} on {each.table_name} ({each.function_name})" for each in others)
    return Check(
        "other_triggers",
        Status.WARNING,
        len(others),
        f"{named}: such a trigger causes drift if it writes to a mirrored table while a mirror"
        " writes, or before confirm_booking has locked the customer: make it write elsewhere"
        " (docs/runbook.md#other_triggers)",
    )


def check_replication_role(connection: Connection, phase: Phase) -> Check:
    """Triggers do not fire for who has session_replication_role = replica."""
    exempt = rows(connection, _Exempt, "health/replication_role")
    if not exempt:
        return Check("replication_role", Status.OK, 0, "no setting switches the triggers off")
    return Check(
        "replication_role",
        Status.CRITICAL if any(each.is_everybody for each in exempt) else Status.WARNING,
        len(exempt),
        "session_replication_role is replica, so no trigger fires"
        f"{' and nothing is mirrored' if phase.has_legacy_side else ''}, for "
        + ", ".join(f"{each.who} ({each.remedy})" for each in exempt),
    )


def check_subscriptions(connection: Connection) -> Check:
    """Triggers do not fire for what logical replication writes."""
    found = rows(connection, _Subscription, "health/subscriptions")
    if not found:
        return Check("subscriptions", Status.OK, 0, "none writes mirrored tables")
    named = ", ".join(f"{each.name} writes {each.table_names}" for each in found)
    return Check(
        "subscriptions",
        Status.WARNING,
        len(found),
        f"{named}: replication fires no triggers, so its rows are not mirrored: take these tables"
        " out of the publication; or, if it brings one side only, ALTER TABLE ... ENABLE ALWAYS"
        " TRIGGER for the triggers of schema tenancy (docs/runbook.md#subscriptions)",
    )
