"""The preconditions, by the blocks of deploy/support/preconditions.sql that a deploy runs, too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..database import Connection, on_one_snapshot, rows, scalar
from ..health.model import Check, Report, Status
from ..health.phase import read_phase
from ..queries import query

LAST_PHASE = 3

_LASTING = {
    *("legacy_schema", "inserts", "indexes", "inheritance", "row_security", "names", "owner"),
}
_BLOCKS = re.compile(rb"^DO \$(\w+)\$\n.*?^\$\1\$;$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class _Found:
    name: str
    status: str
    detail: str


@dataclass(frozen=True)
class Preconditions:
    """What was found.

    Args:
        stands: the number of the newest complete phase; 0 before the first.
        report: the checks; its phase is the tag of what stands.
    """

    stands: int
    report: Report


def blocks() -> dict[bytes, bytes]:
    """The DO statements of the script, by the name in their quotes: the rest of it is for psql."""
    return {found[1]: found[0] for found in _BLOCKS.finditer(query("preflight/preconditions"))}


def read_checks(connection: Connection, target: int, default_shop_id: str = "1") -> list[Check]:
    """All checks of the block; as look(), in a transaction of the caller."""
    connection.execute(query("preflight/arguments"), (default_shop_id, str(target)))
    connection.execute(blocks()[b"preconditions"])
    return [
        Check(found.name, Status[found.status.upper()], None, found.detail)
        for found in rows(connection, _Found, "preflight/checks")
    ]


def check_preconditions(connection: Connection) -> Check:
    """What the application may alter at any time, after the deploy as well as before it."""
    problems = [
        check.detail
        for check in read_checks(connection, LAST_PHASE)
        if check.name in _LASTING and check.status is Status.CRITICAL
    ]
    if problems:
        return Check("preconditions", Status.CRITICAL, len(problems), "; ".join(problems))
    return Check(
        "preconditions", Status.OK, 0, "the application's tables are as the plan needs them"
    )


def look(connection: Connection, target: int, default_shop_id: str) -> Preconditions:
    """Look at all that the phases need, in one REPEATABLE READ, READ ONLY transaction.

    Args:
        connection: in autocommit mode.
        target: the number of the phase to get to.
        default_shop_id: the shop of counts that no booking ties to a shop, while nothing stands.

    Raises:
        psycopg.Error: what the database refuses, a right to look among it.
    """
    with on_one_snapshot(connection):
        is_deployed = scalar(connection, "preflight/stands")
        phase = read_phase(connection) if is_deployed else None
        connection.execute(blocks()[b"adoption"])
        checks = read_checks(connection, target, default_shop_id)
    return Preconditions(
        (phase and phase.number) or 0, Report(phase=phase.tag if phase else "none", checks=checks)
    )
