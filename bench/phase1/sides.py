"""What fills the profiles: the statement of ADR-0001, or so many sessions of our backfill."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..cluster import ROOT, TAG_PHASE_1, BenchError, Connection, statement

ADR, OURS, WORKERS = "adr", "ours", "two workers"
SIDES = (ADR, OURS, WORKERS)
SESSIONS = {ADR: 1, OURS: 1, WORKERS: 2}
BACKFILL_CHANGE = "profiles/backfill_profiles"


def backfill(connections: Sequence[Connection], side: str) -> None:
    """Each session does what it can of it."""
    text = statement("adr_backfill") if side == ADR else b"CALL tenancy.run_backfill()"
    with ThreadPoolExecutor(len(connections)) as pool:
        for _ in pool.map(lambda connection: connection.execute(text), connections):
            pass


def planned_changes() -> tuple[str, list[str]]:
    """The change before the backfill, and those from it up to the tag."""
    words = [line.split()[0] for line in (ROOT / "sqitch.plan").read_text().splitlines() if line]
    names = [word for word in words if not word.startswith(("%", "#"))]
    try:
        filled, tag = names.index(BACKFILL_CHANGE), names.index(TAG_PHASE_1)
    except ValueError:
        raise BenchError(f"sqitch.plan has no {BACKFILL_CHANGE} or no {TAG_PHASE_1}") from None
    return names[filled - 1], [name for name in names[filled:tag] if name[0] != "@"]
