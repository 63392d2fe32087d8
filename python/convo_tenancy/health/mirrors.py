"""Whether the triggers and functions do their work, and who keeps them from it."""

from __future__ import annotations

from dataclasses import dataclass

from ..database import Connection, rows
from .model import Check, Status, skipped
from .phase import Phase
from .shipped import Shipped, ShippedTrigger, shipped

_FIRES = ("O", "A")  # for everybody but replication; always
_CATCH_UP = "tenancy.catch_up_customer"

# Scripts that do not run again where they have done their work.
_REMEDIES = {
    "deploy/contract/legacy_side.sql": (
        "CREATE OR REPLACE FUNCTION tenancy.has_legacy_side() RETURNS boolean"
        " LANGUAGE sql STABLE PARALLEL SAFE RETURN FALSE"
    )
}


@dataclass(frozen=True)
class _Function:
    name: str
    fingerprint: str


@dataclass(frozen=True)
class _Trigger:
    table_name: str
    name: str
    function_name: str
    is_ours: bool
    is_beside_mirrors: bool
    enabled: str
    definition: str


@dataclass(frozen=True)
class _Exempt:
    is_everybody: bool
    who: str
    remedy: str


@dataclass(frozen=True)
class _Subscription:
    name: str
    table_names: str


def check_functions(connection: Connection, phase: Phase) -> Check:
    """Every function of the deployed phase does what it does in the plan."""
    expected = _expected(phase)
    if expected is None:
        return _not_known("functions", phase)
    found = {
        each.name: each.fingerprint for each in rows(connection, _Function, "health/functions")
    }
    scripts: dict[str, list[str]] = {}
    for function in expected.functions:
        if found.get(function.name) != function.fingerprint:
            what = "not as shipped" if function.name in found else "missing"
            scripts.setdefault(function.script, []).append(f"{function.name} {what}")
    if not scripts:
        return Check("functions", Status.OK, len(expected.functions), "all there and as shipped")
    wrong = sum(map(len, scripts.values()))
    return Check(
        "functions",
        Status.CRITICAL,
        len(expected.functions) - wrong,
        "; ".join(
            f"{', '.join(names)}: run {_REMEDIES.get(script, f'psql -f {script} again')}"
            for script, names in scripts.items()
        ),
    )


def check_triggers(connection: Connection, phase: Phase) -> Check:
    """Every trigger of the deployed phase is there, as in the plan, and fires."""
    expected = _expected(phase)
    if expected is None:
        return _not_known("triggers", phase)
    found = {(each.table_name, each.name): each for each in _triggers(connection)}
    wrong = []
    for wanted in expected.triggers:
        problem = _problem(wanted, found.get((wanted.table_name, wanted.name)))
        if problem:
            wrong.append(f"{wanted.name} on {wanted.table_name} {problem}")
    right = len(expected.triggers) - len(wrong)
    left_over = _left_over([*found.values()], phase)
    if wrong or left_over:
        status = Status.CRITICAL if wrong else Status.WARNING
        return Check("triggers", status, right, "; ".join([*wrong, *left_over]))
    return Check("triggers", Status.OK, right, "all there, as shipped and enabled")


def _problem(wanted: ShippedTrigger, found: _Trigger | None) -> str | None:
    if found is None:
        return f"missing: run {wanted.statement}"
    if found.definition != wanted.definition:
        return f"not as shipped: run {wanted.statement}"
    if found.enabled not in _FIRES:
        state = "disabled" if found.enabled == "D" else "enabled for replication only"
        return f"{state}: run ALTER TABLE {wanted.table_name} ENABLE TRIGGER {wanted.name}"
    return None


def _left_over(found: list[_Trigger], phase: Phase) -> list[str]:
    """Triggers of the reconcile, which takes them away at its end."""
    triggers = [each for each in found if each.function_name == _CATCH_UP]
    if triggers and not phase.has("migrate/reconcile_profiles"):
        return ["the reconcile is not finished: run sqitch deploy --to @phase2 again"]
    return [
        f"{each.name} on {each.table_name} left over from the reconcile:"
        f" run DROP TRIGGER {each.name} ON {each.table_name}"
        for each in triggers
    ]


def check_other_triggers(connection: Connection, _phase: Phase) -> Check:
    """Triggers of somebody else on mirrored tables may write what is not mirrored."""
    others = [
        each
        for each in _triggers(connection)
        if each.is_beside_mirrors and not each.is_ours and each.enabled != "D"
    ]
    if not others:
        return Check("other_triggers", Status.OK, 0, "none on the mirrored tables")
    named = ", ".join(f"{each.name} on {each.table_name} ({each.function_name})" for each in others)
    return Check(
        "other_triggers",
        Status.WARNING,
        len(others),
        f"{named}: what such a trigger writes to a mirrored table while a mirror writes, or before"
        " confirm_booking has locked the customer, is not carried to the other side: see that it"
        " writes elsewhere",
    )


def check_replication_role(connection: Connection, phase: Phase) -> Check:
    """Triggers do not fire for who has session_replication_role = replica."""
    exempt = rows(connection, _Exempt, "health/replication_role")
    if not exempt:
        return Check("replication_role", Status.OK, 0, "nobody writes past the triggers by setting")
    return Check(
        "replication_role",
        Status.CRITICAL if any(each.is_everybody for each in exempt) else Status.WARNING,
        len(exempt),
        "session_replication_role is replica, so no trigger fires"
        f"{' and nothing is mirrored' if phase.has_legacy_side else ''}, for "
        + ", ".join(f"{each.who} ({each.remedy})" for each in exempt),
    )


def check_subscriptions(connection: Connection, _phase: Phase) -> Check:
    """Triggers do not fire for what logical replication writes."""
    found = rows(connection, _Subscription, "health/subscriptions")
    if not found:
        return Check("subscriptions", Status.OK, 0, "none writes mirrored tables")
    named = ", ".join(f"{each.name} writes {each.table_names}" for each in found)
    return Check(
        "subscriptions",
        Status.WARNING,
        len(found),
        f"{named}: replication fires no trigger, so what it brings is not mirrored: leave these"
        " tables out, or, unless it brings both sides, ALTER TABLE ... ENABLE ALWAYS TRIGGER for"
        " those of tenancy",
    )


def _triggers(connection: Connection) -> list[_Trigger]:
    return rows(connection, _Trigger, "health/triggers")


def _expected(phase: Phase) -> Shipped | None:
    found = None if phase.tag is None else shipped().get(phase.tag)
    if found is None or phase.has_legacy_side or phase.number != 2:
        return found
    # Half-way into the contract, or back: no mirrors any more, and not yet all of the rest.
    contracted = shipped()["@phase3"]
    names = {function.name for function in found.functions}
    return Shipped(
        tuple(function for function in contracted.functions if function.name in names),
        contracted.triggers,
    )


def _not_known(name: str, phase: Phase) -> Check:
    if phase.number == 0:
        return skipped(name, "checked once @phase1 is deployed")
    if phase.number is None:
        return skipped(name, "the deployed phase is not known")
    return Check(
        name,
        Status.UNKNOWN,
        None,
        f"this convo-tenancy does not know {phase.tag}: use that of the checkout that deployed it",
    )
