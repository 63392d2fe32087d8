"""Who is in the way: transactions that stay open, sessions that wait for locks, deadlocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..database import Connection, rows, scalar
from ..display import duration, listed, literal
from .memory import Memory
from .model import (
    TIME,
    Check,
    LockWait,
    PreparedTransaction,
    Report,
    Session,
    Status,
    skipped,
    worst,
)

TABLES = [
    "bookings",
    "customer_booking_stats",
    "customer_service_preferences",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "customers",
    "services",
    "shops",
    "stylists",
]
"""Of schema public, those that the scripts lock."""

SEE_ALL = "GRANT pg_read_all_stats TO the role"

_SHOWN = 5


def check_long_transactions(connection: Connection, report: Report) -> Check:
    """Vacuum, the contract and every script that needs a strong lock wait for such a one."""
    name = "long_transactions"
    report.transactions = rows(connection, Session, "health/transactions", TABLES)
    judged = [
        (report.thresholds.judge("transaction", "seconds", each.seconds), each)
        for each in report.transactions
    ]
    long = [each for status, each in judged if status is not Status.OK]
    if not long:
        return _unless_hidden(connection, name, "no transaction is open for long")
    seen = listed(
        [f"{each} is open for {duration(each.seconds or 0)}, {_held(each)}" for each in long],
        _SHOWN,
    )
    return Check(
        name,
        worst(status for status, _each in judged),
        len(long),
        f"{seen}: scripts that lock these tables, the contract and vacuum wait for it: end it in"
        f" its application, {_last_resort(long)}",
    )


def _last_resort(sessions: list[Session]) -> str:
    ends = ", ".join(f"pg_terminate_backend({each.pid})" for each in sessions[:_SHOWN])
    return f"as a last resort run SELECT {ends}"


def _held(session: Session) -> str:
    holds = ["a snapshot"] if session.holds_snapshot else []
    if session.tables:
        holds.append(f"locks on {', '.join(session.tables[:_SHOWN])}")
    return f"and holds {' and '.join(holds)}"


def _unless_hidden(connection: Connection, name: str, detail: str) -> Check:
    """Nothing was found; but of the sessions of others a role may see nothing."""
    if hidden := scalar(connection, "health/hidden_sessions"):
        return skipped(name, f"{hidden} sessions of other roles cannot be seen: {SEE_ALL}")
    return Check(name, Status.OK, 0, detail)


def check_prepared_transactions(connection: Connection, report: Report) -> Check:
    """One that its transaction manager forgot keeps its locks, over a restart, too."""
    name = "prepared_transactions"
    found = rows(connection, PreparedTransaction, "health/prepared_transactions")
    report.prepared_transactions = found
    judged = [
        (report.thresholds.judge("prepared", "seconds", each.seconds), each) for each in found
    ]
    old = [each for status, each in judged if status is not Status.OK]
    if not old:
        return Check(name, Status.OK, 0, "no prepared transaction waits for its end")
    seen = listed(
        [
            f"{literal(each.gid)} of user {each.role_name} waits for its end for"
            f" {duration(each.seconds)}"
            for each in old
        ],
        _SHOWN,
    )
    gid = literal(old[0].gid)
    return Check(
        name,
        worst(status for status, _each in judged),
        len(old),
        f"{seen}: it keeps its locks, also across a restart: ask its transaction manager for the"
        f" outcome, then run COMMIT PREPARED {gid} or ROLLBACK PREPARED {gid}, as that user and in"
        " this database",
    )


def check_lock_waits(connection: Connection, report: Report) -> Check:
    """Bookings that wait for a lock on a table of ours; with whoever holds it in the end."""
    name = "lock_waits"
    waits = rows(connection, LockWait, "health/lock_waits", TABLES)
    report.lock_waits = waits
    pids = sorted({pid for wait in waits for pid in wait.blocked_by if pid})
    report.lock_holders = rows(connection, Session, "health/lock_holders", pids) if pids else []
    judged = [
        (report.thresholds.judge("lock_wait", "seconds", each.seconds), each)
        for each in waits
        if each.is_ours
    ]
    long = [each for status, each in judged if status is not Status.OK]
    if not long:
        return Check(name, Status.OK, 0, "no session waits long for a lock on these tables")
    seen = listed([_waits(each) for each in long], _SHOWN)
    ends = {pid for each in long for pid in roots(each, waits)}
    holders = [each for each in report.lock_holders if each.pid in ends]
    behind = [str(each) for each in holders]
    remedy = f"end that transaction in its application, {_last_resort(holders)}"
    if 0 in ends:
        behind.append("a prepared transaction")
        remedy = (
            f"{remedy}; or see prepared_transactions" if holders else "see prepared_transactions"
        )
    if not behind:
        behind, remedy = ["a session that has ended"], "look again"
    return Check(
        name,
        worst(status for status, _each in judged),
        len(long),
        f"{seen}; behind {listed(behind, _SHOWN)}: {remedy}",
    )


def _waits(wait: LockWait) -> str:
    return (
        f"pid {wait.pid} (user {wait.role_name or '?'}, application"
        f" {wait.application_name or '(none)'}) waits {duration(wait.seconds)} for {wait.what}"
    )


def roots(wait: LockWait, waits: Iterable[LockWait]) -> set[int]:
    """The pids at the end of the chain that a session waits in: they wait for no lock themselves.

    Args:
        wait: of that session.
        waits: all of them.
    """
    blocked_by = {each.pid: each.blocked_by for each in waits}
    found: set[int] = set()
    passed: set[int] = set()
    ahead = [*wait.blocked_by]
    while ahead:
        pid = ahead.pop()
        if pid in passed:
            continue
        passed.add(pid)
        if pid in blocked_by:
            ahead += blocked_by[pid]
        else:
            found.add(pid)
    return found


def check_deadlocks(connection: Connection, report: Report, memory: Memory) -> Check:
    """Those of the whole database, since the last look at it from this machine."""
    name = "deadlocks"
    count = scalar(connection, "health/deadlocks")
    if not isinstance(count, int):
        return skipped(name, "the server does not count them")
    report.deadlocks = count
    before = memory.recall("deadlocks", int)
    last_look = memory.recall("looked_at", float)
    if report.database is not None:
        memory.remember("deadlocks", count)
        memory.remember("looked_at", report.database.looked_at.timestamp())
    if before is None or last_look is None:
        seen = f", {count:,} by now: this is the first look" if count else ""
        return Check(name, Status.OK, 0, f"no new deadlock{seen}")
    # They are counted anew when statistics are reset, or the server crashed.
    new = count - before if count >= before else count
    report.new_deadlocks = new
    report.last_look = _moment(last_look, report)
    since = f"since the last look{f' at {report.last_look:{TIME}}' if report.last_look else ''}"
    status = report.thresholds.judge("deadlocks", "count", new)
    if status is Status.OK:
        return Check(name, status, new, f"{new:,} {since}" if new else "no new deadlock")
    return Check(
        name,
        status,
        new,
        f"{new:,} {since}: the server ended one transaction of each, which its application has to"
        " repeat; the server's log names both (deadlock detected), docs/mirror.md#locks says which"
        " are known",
    )


def _moment(seconds: float, report: Report) -> datetime | None:
    """None for a time that no calendar has."""
    zone = report.database.looked_at.tzinfo if report.database else None
    try:
        return datetime.fromtimestamp(seconds, zone)
    except (OverflowError, OSError, ValueError):
        return None
