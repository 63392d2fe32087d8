"""Whether each booking counts for its shop, which no sum over shops shows."""

from __future__ import annotations

from ..database import Connection
from .memory import Memory
from .model import Check, Report, Status
from .phase import Phase
from .ranges import Finding, Limit, Subject
from .ranges import look as look_at

MISPLACED = "misplaced"
SHOPS = Subject("shops", frozenset({MISPLACED}))


def look(connection: Connection, memory: Memory, seconds: float | None) -> Finding:
    """The rows of tenancy.shop_check by class, as far as seen; see drift.look()."""
    return look_at(connection, memory, SHOPS, None if seconds is None else Limit(seconds))


def check_shops(
    connection: Connection, phase: Phase, report: Report, memory: Memory, limit: Limit | None
) -> Check:
    """Profiles beside bookings and stylists' counts; it warns of what a repair can move alone."""
    found = look_at(connection, memory, SHOPS, limit)
    report.shop_profiles, report.seen["shops"] = found.counts, found.seen
    return found.checked(_judge(found, phase))


def _judge(found: Finding, phase: Phase) -> Check:
    misplaced = found.counts.get(MISPLACED, 0)
    examples = found.examples
    seen = "; ".join(
        f"{name} {profiles:,}" + (f" ({'; '.join(examples[name])})" if examples.get(name) else "")
        for name, profiles in found.counts.items()
        if profiles
    )
    if misplaced and phase.has_legacy_side and (phase.number or 0) >= 2:
        return Check(
            "shops",
            Status.WARNING,
            misplaced,
            f"{seen}: run convo-tenancy repair --shops --dry-run",
        )
    return Check("shops", Status.OK, misplaced, seen or "no customer has a profile or a booking")
