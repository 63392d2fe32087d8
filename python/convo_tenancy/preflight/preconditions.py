"""The preconditions, by the block of deploy/support/preconditions.sql that a deploy runs, too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..database import Connection, on_one_snapshot, rows, scalar
from ..health.model import Check, Report, Status
from ..health.phase import read_phase
from ..queries import query

_BLOCK = re.compile(rb"^DO \$preconditions\$\n.*?^\$preconditions\$;$", re.MULTILINE | re.DOTALL)


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


def block() -> bytes:
    """The DO statement of the script: the rest of it is for psql."""
    found = _BLOCK.search(query("preflight/preconditions"))
    if found is None:
        raise LookupError("preconditions.sql has no block $preconditions$")
    return found[0]


def look(connection: Connection, target: int, default_shop_id: str) -> Preconditions:
    """Look at all that the phases need, in one REPEATABLE READ, READ ONLY transaction.

    Args:
        connection: in autocommit mode.
        target: the number of the phase to get to.
        default_shop_id: the shop that owns what no booking places, while nothing stands.

    Raises:
        psycopg.Error: what the database refuses, a right to look among it.
    """
    with on_one_snapshot(connection):
        is_deployed = scalar(connection, "preflight/stands")
        phase = read_phase(connection) if is_deployed else None
        connection.execute(query("preflight/arguments"), (default_shop_id, str(target)))
        connection.execute(block())
        checks = [
            Check(found.name, Status[found.status.upper()], None, found.detail)
            for found in rows(connection, _Found, "preflight/checks")
        ]
    return Preconditions(
        (phase and phase.number) or 0, Report(phase=phase.tag if phase else "none", checks=checks)
    )
