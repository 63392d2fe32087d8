"""Whether members of convo_shop are bound to one shop: off, on, half-way, or broken and how."""

from __future__ import annotations

from dataclasses import dataclass

from ..database import Connection, rows
from ..display import listed
from .model import Check, Report, Status

_SHOWN = 5
_MEANS = {
    "off": "no member of convo_shop has a right on a table: CALL tenancy.enforce_isolation() binds"
    " them to one shop",
    "on": "members of convo_shop see and write the rows of one shop",
}


@dataclass(frozen=True)
class _Finding:
    state: str
    kind: str | None
    finding: str | None
    name: str | None
    detail: str | None
    remedy: str | None
    may_be_overridden: bool | None

    @property
    def said(self) -> str:
        """In words, with what to do."""
        remedy = self.remedy or ""
        run = "run " if remedy.startswith("psql ") or remedy.split()[0].isupper() else ""
        return f"{self.finding} ({self.detail}): {run}{remedy}"

    @property
    def lets_nobody_in(self) -> bool:
        """Rights come last, and go first, so nobody has one that no policy limits."""
        return (
            bool(self.may_be_overridden)
            or self.name == "the switch"
            or self.finding == "the group lacks a right"
        )


def check_isolation(connection: Connection, report: Report) -> Check:
    """What the database says of itself (tenancy.isolation_findings)."""
    name = "isolation"
    found = rows(connection, _Finding, "health/isolation")
    if not found:
        return Check(
            name,
            Status.CRITICAL,
            None,
            "tenancy.isolation is empty: run INSERT INTO tenancy.isolation (state)"
            " VALUES ('relaxing'), then CALL tenancy.relax_isolation()",
        )
    report.isolation = state = found[0].state
    wrong = [finding for finding in found if finding.kind]
    if not wrong:
        return Check(name, Status.OK, state, _MEANS[state])
    names: dict[str, list[str]] = {}
    for each in wrong:
        names.setdefault(each.said, []).append(str(each.name))
    return Check(
        name,
        Status.WARNING if all(each.lets_nobody_in for each in wrong) else Status.CRITICAL,
        state,
        listed([f"{', '.join(of)}: {said}" for said, of in names.items()], _SHOWN),
    )
