"""What status knows: the report of the health check, and besides what decides on the next step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ..health.model import LegacyReader, Status
from ..preflight.locks import Lock


@dataclass(frozen=True)
class Patience:
    """How a deploy waits for its strong locks.

    Args:
        queue_ms: how long writers queue behind one attempt, in milliseconds.
        attempts: how often it tries each lock, before it is refused.
        seconds: what all attempts take together at most.
    """

    queue_ms: int
    attempts: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """What to run next.

    Args:
        command: None while there is nothing to run.
        goal: where it leads, for people.
        first: what has to be true or done before it, in order; empty when it is safe now.
        not_before: when the quiet period of phase 3 is over, if that is still to come.
        locks: what it locks, in the order in which it does.
        patience: how it waits for these locks; None when it takes none.
    """

    command: str | None
    goal: str
    first: list[str] = field(default_factory=list)
    not_before: datetime | None = None
    locks: list[Lock] = field(default_factory=list)
    patience: Patience | None = None


@dataclass(frozen=True)
class Back:
    """The way back.

    Args:
        command: the one to run.
        goal: where it leads.
        becomes: what becomes of what was written.
    """

    command: str
    goal: str
    becomes: str


@dataclass(frozen=True)
class Obstacle:
    """What is in the way of the next step.

    Args:
        name: of the check of health or preflight, or of the finding of the gate.
        status: ok is never in the way.
        detail: what it is.
        remedy: what to do; empty where the detail says it.
        asked: the command that shows all of it.
    """

    name: str
    status: Status
    detail: str
    remedy: str
    asked: str

    @property
    def blocks(self) -> bool:
        """The next step would be refused, or nobody knows whether it is safe; else a warning."""
        return self.status is not Status.WARNING


@dataclass(frozen=True)
class Shop:
    """Whether code for a shop still writes to the legacy side.

    Args:
        shop_id: None for writes that belong to no shop.
        writes: of the last seven days, at least: one in five minutes and application is counted.
        last_at: None when nobody was seen.
        application_count: how many applications wrote.
        applications: the last three of them.
        is_writing: somebody wrote within the quiet period.
    """

    shop_id: int | None
    writes: int
    last_at: datetime | None
    application_count: int
    applications: list[str]
    is_writing: bool


@dataclass(frozen=True)
class Code:
    """Where the code paths stand, in phase 2.

    Args:
        watched_since: from when on it is known who writes; None when nobody watches.
        quiet_period: how long nobody must have written, as an interval.
        writing_count: shops for which somebody wrote within the quiet period.
        quiet_count: all others.
        shops: the first of them, those that write first.
        readers: of the legacy side, by role.
        unseen_readers: why readers are not seen; None when they are.
    """

    watched_since: datetime | None
    quiet_period: str
    writing_count: int
    quiet_count: int
    shops: list[Shop]
    readers: list[LegacyReader]
    unseen_readers: str | None


@dataclass(frozen=True)
class Stand:
    """All that status says.

    Args:
        at: when.
        database: its name; None when nobody could connect.
        phase: as health has it: a tag, "none", or None when it is not known.
        since: when the phase was complete.
        half_state: what keeps the phase from being whole, in words; None in a whole one.
        running: who deploys or reverts now, in words.
        means: what the phase means, in words.
        backfill: how far it is; None where there is none.
        isolation: "on", "off", a state between them; None where there is none.
        code: in phase 2.
        next_step: always there; without a command where there is nothing to run.
        back: None where there is nothing to take back, or nobody knows what.
        obstacles: what is in the way, the worst first.
    """

    at: datetime
    database: str | None
    phase: str | None
    means: str
    next_step: Step
    since: datetime | None = None
    half_state: str | None = None
    running: str | None = None
    backfill: str | None = None
    isolation: str | None = None
    code: Code | None = None
    back: Back | None = None
    obstacles: list[Obstacle] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether it can tell where the migration stands."""
        return self.phase is not None
