"""Out of a half state: the one command that goes forward, and the one that goes back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from .phase import PRECONDITIONS, REGISTRY, SWITCH, Change, Phase, Registry

LEGACY = "the legacy schema"
"""Where the way back from the first phase leads."""

TAGS = ("@phase1", "@phase2", "@phase3")
"""Of the plan, in order."""

_CONTRACT = TAGS[-1]

BEFORE_CONTRACT = "before-contract.plan"
"""The plan of a database that has later changes and not the contract."""

_BEFORE_CONTRACT = ("--plan-file", BEFORE_CONTRACT)

ITS_PAGE = "docs/releasing.md#a-database-before-the-contract"
"""Where that plan is made, and what is done with it."""


@dataclass(frozen=True)
class Way:
    """A command, where it leads, and what it runs: that alone says what it needs and locks.

    Args:
        command: of one part or several, with && between.
        goal: a tag, or LEGACY.
        reverts: changes that a revert script of it takes back.
        deploys: changes whose deploy script it runs, which --log-only does not; None for all those
            of the phase that it leads to.
        asks_gate: its last part is refused unless the gate of phase 3 is open.
        restarts_watch: the parts before that one begin the quiet period again.
    """

    command: str
    goal: str
    reverts: tuple[str, ...] = ()
    deploys: tuple[str, ...] | None = ()
    asks_gate: bool = False
    restarts_watch: bool = False

    @property
    def before_gate(self) -> str | None:
        """The parts after which the quiet period goes by; None where nothing begins it again."""
        return self.command.rpartition(" && ")[0] if self.restarts_watch else None


@dataclass(frozen=True)
class Ways:
    """Both ways out: each is safe, and can be run again when it was interrupted itself.

    Safe: nothing is lost. What asks the gate may be refused all the same.
    """

    forward: Way
    back: Way


def ways(phase: Phase, registry: Registry) -> Ways:
    """Out of the state that the phase and the registry are in.

    Args:
        phase: with at least one change that stands; not passed over by the later ones.
        registry: one that cannot be read is taken to have what stands, as after a script that was
            interrupted.
    """
    return _Finder(phase, registry).ways()


def forward(phase: Phase, registry: Registry) -> Way | None:
    """From a whole phase, or from the legacy schema, to the next one; None from the last."""
    number = (phase.number or 0) + 1
    if number > len(TAGS):
        return None
    goal = TAGS[number - 1]
    contract = ("--set", "contract=yes") if goal == _CONTRACT else ()
    option = _option(registry)
    command = _sqitch("deploy", goal, *contract, *option)
    if phase.is_passed_over(registry):
        # What is later stays in force, and runs again behind the contract.
        command = _sqitch("deploy", None, *contract, *option)
        if registry.changes is None or any(registry.has(each.change) for each in phase.later):
            log_only = ("--log-only", "-y", *_BEFORE_CONTRACT, *option)
            command = f"{_sqitch('revert', TAGS[number - 2], *log_only)} && {command}"
    return Way(command, goal, deploys=None, asks_gate=goal == _CONTRACT)


def back(phase: Phase, registry: Registry) -> Way | None:
    """From a whole phase to the one before it; None from the legacy schema."""
    if not phase.number:
        return None
    goal = TAGS[phase.number - 2] if phase.number > 1 else None
    plan = _BEFORE_CONTRACT if phase.is_passed_over(registry) else ()
    return Way(_sqitch("revert", goal, "-y", *plan, *_option(registry)), goal or LEGACY)


def ways_before_contract(phase: Phase, registry: Registry) -> Ways | None:
    """Where later changes stand, and Sqitch does not have all of them: so a shut gate leaves it.

    Args:
        phase: one that later changes pass over.
        registry: of it.

    Returns:
        None in any other half state: the page leads out of it.
    """
    later = [each.change for each in phase.later if each.state == "standing"]
    has = {each.change for each in registry.changes or ()}
    standing = {PRECONDITIONS, *(each.change for each in phase.standing)}
    is_whole = not any(each.is_half_way for each in phase.standing)
    missing = [change for change in later if change not in has]
    onward = forward(phase, registry)
    if onward is None or not (is_whole and missing and standing - {*missing} == has):
        return None
    command = _sqitch("deploy", None, *_BEFORE_CONTRACT, *_option(registry))
    return Ways(onward, Way(command, TAGS[-2], deploys=tuple(missing)))


def ways_without_schema() -> Ways:
    """Out of a registry that has changes while nothing of ours stands."""
    begin = _sqitch("revert", PRECONDITIONS, "-y")
    return Ways(
        Way(f"{begin} && {_sqitch('deploy', '@phase1')}", "@phase1", deploys=None),
        Way("sqitch revert -y", LEGACY),
    )


class _Finder:
    """Each script is one transaction with its row in tenancy.changes, or says that it is half-way.

    So it is enough to bring Sqitch's registry and what stands together, where they are apart, and
    then to have Sqitch go on.
    """

    def __init__(self, phase: Phase, registry: Registry) -> None:
        self._plan = phase.changes
        self._names = [each.change for each in phase.changes]
        self._option = _option(registry)
        self._half = next((each for each in phase.standing if each.is_half_way), None)
        self._has_legacy_side = phase.has_legacy_side
        self._top = self._index(phase.standing[-1])
        # Below later changes that stayed in force while the contract was deployed.
        below = [at for at in range(self._top) if self._plan[at].state != "standing"]
        self._gap = below[0] if below else None
        self._lost = registry.changes == ()
        self._registered = self._read(registry)
        extras = [at for at in sorted(self._registered) if at > self._top]
        self._extra = extras[0] if extras else None

        # What is under way, and so which tags lie on either side of it.
        pivot = self._top if self._half or self._extra is None else self._extra
        tagged = [at for at, each in enumerate(self._plan) if each.tag]
        self._goal = next((at for at in tagged if at >= pivot), len(self._plan) - 1)
        begun = pivot if self._gap is None else self._gap
        self._start = next((at for at in reversed(tagged) if at < begun), None)

    def ways(self) -> Ways:
        goal, start = self._plan[self._goal].tag, self._start
        return Ways(
            self._forward(goal or self._names[self._goal]),
            Way(" && ".join(self._back()), str(LEGACY if start is None else self._plan[start].tag)),
        )

    def _read(self, registry: Registry) -> set[int]:
        """Which changes Sqitch has, by their place in the plan."""
        if registry.changes is None:
            deploying = self._half is not None and self._half.state == "deploying"
            return set(range(self._top if deploying else self._top + 1))
        has = {each.change for each in registry.changes}
        return {at for at, name in enumerate(self._names) if name in has}

    def _index(self, change: Change) -> int:
        return self._plan.index(change)

    def _below(self, at: int) -> str:
        return self._names[at - 1] if at else PRECONDITIONS

    def _forward(self, goal: str) -> Way:
        commands: list[str] = []
        reverts: list[str] = []
        deploys: list[str] = []
        standing, registered = self._top, set(self._registered)
        if self._half is not None:
            half = self._index(self._half)
            is_registered = half in registered
            if self._half.state == "reverting":
                # A script that takes a change back has to end before another one makes it.
                commands.append(
                    self._revert(self._below(half))
                    if is_registered
                    else _script("revert", self._half)
                )
                reverts.append(self._half.change)
                standing, registered = half - 1, {at for at in registered if at < half}
            elif is_registered:
                if self._extra is not None:
                    commands.append(self._revert(self._half.change))
                    registered = {at for at in registered if at <= half}
                commands.append(_script("deploy", self._half))
                deploys.append(self._half.change)
        elif self._extra is not None:
            commands.append(self._revert(self._names[standing]))
            registered = {at for at in registered if at <= standing}
        if self._lost:
            whole = standing if self._half is None else standing - (standing == self._top)
            commands.append(self._log_only(whole))
            registered = set(range(whole + 1))
        if not set(range(self._goal + 1)) <= registered or not commands:
            deploys += [self._names[at] for at in range(self._goal + 1) if at not in registered]
            is_contract = goal == _CONTRACT or SWITCH in deploys
            contract = ("--set", "contract=yes") if is_contract else ()
            commands.append(_sqitch("deploy", goal, *contract, *self._option))
        # The contract asks where there is a legacy side; one that returns is watched from then on.
        returns = SWITCH in reverts and not self._has_legacy_side
        return Way(
            " && ".join(commands),
            goal,
            tuple(reverts),
            tuple(deploys),
            asks_gate=SWITCH in deploys and (self._has_legacy_side or returns),
            restarts_watch=SWITCH in deploys and returns,
        )

    def _back(self) -> list[str]:
        commands: list[str] = []
        standing, registered = self._top, set(self._registered)
        if self._gap is not None:
            # Only what has no absent change below it can be entered.
            above = [at for at in range(self._gap, self._top + 1) if at not in registered]
            commands += [
                _script("revert", self._plan[at])
                for at in reversed(above)
                if self._plan[at].state != "absent"
            ]
            standing = self._gap - 1
        elif self._half is not None and self._index(self._half) not in registered:
            commands.append(_script("revert", self._half))
            standing = self._index(self._half) - 1
        if standing not in registered and standing >= 0:
            commands.append(self._log_only(standing))
            registered = set(range(standing + 1))
        start = -1 if self._start is None else self._start
        if any(at > start for at in registered) or not commands:
            tag = None if self._start is None else self._plan[self._start].tag
            commands.append(self._revert(tag))
        return commands

    def _log_only(self, at: int) -> str:
        # Without verify: what is altered is not for the registry to say.
        return _sqitch("deploy", self._names[at], "--log-only", "--no-verify", *self._option)

    def _revert(self, to: str | None) -> str:
        return _sqitch("revert", to, "-y", *self._option)


def _option(registry: Registry) -> tuple[str, ...]:
    return () if registry.schema == REGISTRY else ("--registry", shlex.quote(registry.schema))


def _sqitch(command: str, to: str | None, *options: str) -> str:
    return " ".join(["sqitch", command, *(["--to", to] if to else []), *options])


def _script(direction: str, change: Change) -> str:
    variable = " -v contract=yes" if direction == "deploy" and change.change == SWITCH else ""
    return f'psql -X "$DATABASE_URL" -f {direction}/{change.change}.sql{variable}'
