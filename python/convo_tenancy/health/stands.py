"""Whether a phase stands as a whole, and Sqitch knows it; else the ways out."""

from __future__ import annotations

from ..database import Connection, Holder, holder
from .model import Check, Status, skipped
from .phase import PRECONDITIONS, Phase, Registry
from .ways import ITS_PAGE, Ways, ways, ways_before_contract

_SQITCH_LOCK = 75474063  # of the advisory lock that Sqitch holds as long as it runs


def check_phase(
    connection: Connection, phase: Phase, registry: Registry
) -> tuple[Check, Ways | None]:
    """A phase that is half-way is to be completed or taken back, and Sqitch is to know what stands.

    Returns:
        The check, and both ways out of a half state, unless they are not known, a page has them, or
        somebody is on one of them.
    """
    if not phase.standing:  # the script that made tenancy.changes ends at this moment
        return skipped("phase", running_sqitch(connection) or "not deployed yet"), None
    other_plan, half_state = _other_plan(phase, registry), _half_state(phase, registry)
    is_wrong = other_plan is not None or half_state is not None
    obstacle = (
        running_script(connection, phase)
        or (running_sqitch(connection) if is_wrong else None)
        or other_plan
    )
    if obstacle is not None:
        return Check("phase", Status.WARNING, phase.tag, obstacle), None
    if half_state is None:
        return Check("phase", Status.OK, phase.tag, f"{len(phase.standing)} changes stand"), None
    find = ways_before_contract if phase.is_passed_over(registry) else ways
    out = find(phase, registry)
    if out is None:
        what = f"{half_state}, in a database before the contract that has later changes"
        return Check("phase", Status.WARNING, phase.tag, f"{what}: see {ITS_PAGE}"), None
    return Check("phase", Status.WARNING, phase.tag, f"{half_state}: {said(out)}"), out


def said(out: Ways) -> str:
    """Both ways in words."""
    gate = ""
    if out.forward.asks_gate:
        gate = ", but to go forward the gate of phase 3 must be open"
        gate += ", and the quiet period begins again" if out.forward.before_gate else ""
    return (
        f"to go forward to {out.forward.goal}, run {out.forward.command}; to go back to"
        f" {out.back.goal}, run {out.back.command}; both are safe{gate}"
    )


def running_script(connection: Connection, phase: Phase) -> str | None:
    """The script of several transactions that runs now, in words; None when none does."""
    for change in phase.changes:
        session = change.open_key and holder(connection, change.open_key, change.open_pid)
        if session:
            return _runs(f"the script of {change.change}", session)
    return None


def running_sqitch(connection: Connection) -> str | None:
    """The deploy or revert by Sqitch that runs now, in words; None when none does."""
    session = holder(connection, _SQITCH_LOCK, pid=None)
    return _runs("sqitch", session) if session else None


def running(connection: Connection, phase: Phase) -> str | None:
    """Whatever changes now what stands, in words; None when nothing does."""
    return running_script(connection, phase) or running_sqitch(connection)


def _runs(what: str, session: Holder) -> str:
    return f"{what} runs now ({session}): wait for it"


def _other_plan(phase: Phase, registry: Registry) -> str | None:
    known = {PRECONDITIONS, *(each.change for each in phase.changes)}
    for each in registry.changes or ():
        if each.change not in known:
            return (
                f"Sqitch's registry (schema {registry.schema}) is of another plan, {each.change} is"
                " not in that of this database: use the checkout that it was deployed from"
            )
    return None


def _half_state(phase: Phase, registry: Registry) -> str | None:
    """The first thing that keeps the phase from being whole."""
    last = phase.standing[-1].change
    standing = {PRECONDITIONS, *(each.change for each in phase.standing)}
    if registry.changes == ():
        return (
            f"Sqitch's registry (schema {registry.schema}) is missing or knows nothing of project"
            " convo_tenancy"
        )
    for change in phase.standing:
        if change.is_half_way:
            return f"{change.change} was interrupted while {change.state}"
    if registry.changes is not None and not registry.has(last):
        return f"{last} stands, and Sqitch's registry does not have it"
    for registered in registry.changes or ():
        if registered.change not in standing:
            return f"{registered.change} does not stand, and Sqitch's registry has it"
    if phase.beyond:
        following = f"@phase{(phase.number or 0) + 1}"
        return f"{len(phase.beyond)} changes of {following} stand, the last is {last}"
    return None
