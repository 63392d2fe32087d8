"""Which phase is deployed, as Sqitch's registry says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .model import Check, Status

_CONTRACT = "contract/archive"  # its first change

# Of the contract, the registry does not tell a deploy that stopped from a revert that did.
_AGAIN = {
    "@phase3": "sqitch deploy --set contract=yes, or, to go back, sqitch revert --to @phase2,"
}


@dataclass(frozen=True)
class Change:
    """A change that Sqitch has deployed, with the tag of the phase that it completes."""

    change_id: str
    change: str
    tag: str | None


@dataclass(frozen=True)
class Phase:
    """How far the plan is deployed.

    Args:
        tag: of the newest complete phase; "none" before the first; None when it is not known.
        changes: deployed, in order.
        beyond: the names of those deployed after the tag: a deploy that stopped half-way.
        has_legacy_side: the contract has not taken it away, or its revert has brought it back.
    """

    tag: str | None = None
    changes: tuple[Change, ...] = ()
    beyond: tuple[str, ...] = ()
    has_legacy_side: bool = True

    @property
    def number(self) -> int | None:
        """1 for @phase1, 0 before it, None when it is not known."""
        if self.tag is None:
            return None
        digits = re.search(r"\d+$", self.tag)
        return int(digits[0]) if digits else 0

    def has(self, change: str) -> bool:
        """Whether this change is deployed."""
        return any(each.change == change for each in self.changes)

    @property
    def is_complete(self) -> bool:
        """Whether @phase1 at least is known to be deployed, so that all its parts must be there."""
        return bool(self.number)


def phase_of(changes: list[Change], has_legacy_side: bool) -> Phase:
    """The phase that these changes amount to.

    Args:
        changes: deployed, in order.
        has_legacy_side: what the function of that name says; wrong before the contract is begun.
    """
    tagged = [index for index, change in enumerate(changes) if change.tag]
    last = tagged[-1] if tagged else -1
    return Phase(
        tag=changes[last].tag if tagged else "none",
        changes=tuple(changes),
        beyond=tuple(change.change for change in changes[last + 1 :]),
        has_legacy_side=has_legacy_side or all(each.change != _CONTRACT for each in changes),
    )


def check_phase(phase: Phase) -> Check:
    """A phase that is half-way deployed is to be completed."""
    if phase.tag is None or not phase.changes:
        return Check(
            "phase",
            Status.UNKNOWN,
            None,
            "schema tenancy is there, but Sqitch's registry (schema sqitch) is missing or knows"
            " nothing of project convo_tenancy: deploy with sqitch, not by hand",
        )
    if phase.beyond:
        following = f"@phase{(phase.number or 0) + 1}"
        again = _AGAIN.get(following, f"sqitch deploy --to {following}")
        return Check(
            "phase",
            Status.WARNING,
            phase.tag,
            f"{len(phase.beyond)} changes of {following} are deployed, the last is"
            f" {phase.beyond[-1]}: run {again} again",
        )
    return Check("phase", Status.OK, phase.tag, f"{len(phase.changes)} changes deployed")
