"""Whether the profiles say what the legacy side says."""

from __future__ import annotations

from ..database import Connection
from .memory import Memory
from .model import Check, Report, Status
from .phase import Phase
from .ranges import Finding, Limit, Subject
from .ranges import look as look_at

DRIFT = Subject("drift")


def look(connection: Connection, memory: Memory, seconds: float | None) -> Finding:
    """The rows of tenancy.drift by kind, as far as seen; see ranges.look().

    Args:
        connection: in a transaction, or in autocommit mode: then each range is one.
        memory: that is open; the caller saves it.
        seconds: that it may take; None for all customers at once.

    Raises:
        psycopg.Error: a table cannot be read, or the connection broke.
    """
    return look_at(connection, memory, DRIFT, None if seconds is None else Limit(seconds))


def check_drift(
    connection: Connection, phase: Phase, report: Report, memory: Memory, limit: Limit | None
) -> Check:
    """Critical once the mirrors should keep both sides in step."""
    found = look_at(connection, memory, DRIFT, limit)
    report.drift_rows, report.seen["drift"] = found.counts, found.seen
    return found.checked(_judge(found, phase, report))


def _judge(found: Finding, phase: Phase, report: Report) -> Check:
    total = sum(found.counts.values())
    if total == 0:
        return Check("drift", Status.OK, 0, "the profiles say what the legacy side says")
    seen = "; ".join(
        f"{kind} {count:,} ({'; '.join(found.examples.get(kind, [])) or 'no example now'})"
        for kind, count in found.counts.items()
        if count
    )
    if (phase.number or 0) >= 2:
        return Check("drift", Status.CRITICAL, total, f"{seen}: run convo-tenancy repair --dry-run")
    expected = (
        "profiles go stale with live traffic until sqitch deploy --to @phase2"
        if report.backfill_finished
        else "profiles are missing until the backfill is finished"
    )
    if phase.beyond:
        expected += f"; @phase{(phase.number or 0) + 1} stands in part: see phase"
    return Check("drift", Status.WARNING, total, f"{seen}: {expected}")
