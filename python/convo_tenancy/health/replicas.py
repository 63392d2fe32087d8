"""Who follows this server, how far behind, and what it keeps for those who do not."""

from __future__ import annotations

from rich.filesize import decimal

from ..database import Connection, rows
from ..display import duration, listed, literal
from .blockers import SEE_ALL
from .model import Check, Replica, Report, Status, skipped, worst

_SHOWN = 5


def check_replicas(connection: Connection, report: Report) -> Check:
    """Standbys that are behind, and slots that keep WAL which nobody reads."""
    name = "replicas"
    found = rows(connection, Replica, "health/replicas")
    report.replicas = found
    judged = [(_judge(each, report), each) for each in found]
    wrong = [
        f"{_said(each)}: {_remedy(each)}" for status, each in judged if status is not Status.OK
    ]
    hidden = sum(each.state is None for each in found)
    if wrong:
        status = worst(status for status, _each in judged)
        return Check(name, status, len(found), listed(wrong, _SHOWN))
    if hidden:
        return skipped(name, f"how far {hidden} of them are cannot be seen: {SEE_ALL}")
    return Check(
        name,
        Status.OK,
        len(found),
        listed([_said(each) for each in found], _SHOWN) or "no standby, no replication slot",
    )


def _judge(replica: Replica, report: Report) -> Status:
    if replica.kind == "slot":
        if replica.state == "lost":
            return Status.CRITICAL
        return report.thresholds.judge("slot", "bytes", replica.lag_bytes)
    return worst(
        [
            report.thresholds.judge("lag", "bytes", replica.lag_bytes),
            report.thresholds.judge("lag", "seconds", replica.lag_seconds),
        ]
    )


def _said(replica: Replica) -> str:
    size = "" if replica.lag_bytes is None else decimal(replica.lag_bytes)
    if replica.kind == "slot":
        if replica.state == "lost":
            return f"slot {replica.name} has lost WAL that its reader needs"
        return f"slot {replica.name} is inactive and keeps {size or 'no WAL'}"
    behind = [size] if size else []
    if replica.lag_seconds is not None:
        behind.append(duration(replica.lag_seconds))
    how_far = f"{' and '.join(behind)} behind" if behind else "at an unknown position"
    who = replica.name if replica.kind == "this server" else f"standby {replica.name}"
    return f"{who} ({replica.state or 'state not known'}) is {how_far}"


def _remedy(replica: Replica) -> str:
    if replica.kind == "slot":
        return (
            "start its reader; if the reader is gone for good, run SELECT"
            f" pg_drop_replication_slot({literal(replica.name)})"
        )
    if replica.kind == "this server":
        return "see the log of this server, and look at the primary meanwhile"
    return "see the log of that server; convo-tenancy backfill pause holds the backfill meanwhile"
