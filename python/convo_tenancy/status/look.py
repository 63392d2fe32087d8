"""Looks where the migration stands, and decides as health, preflight and gate do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import errors

from ..backfill.control import workers
from ..database import (
    Connection,
    Row,
    is_lost,
    is_undefined,
    on_one_snapshot,
    one,
    one_line,
    rows,
)
from ..gate.gate import ask_quickly
from ..health.checks import DENIED, examine
from ..health.model import Check, LegacyWatch, Report, Status, severity
from ..health.parts import KINDS
from ..health.phase import SWITCH, Phase, Registry
from ..health.stands import running, said
from ..health.ways import BEFORE_CONTRACT, ITS_PAGE, LEGACY, TAGS, Way, back, forward
from ..preflight.locks import Lock, locks, locks_of
from ..preflight.preconditions import look as look_before
from .stand import Back, Code, Obstacle, Patience, Shop, Stand, Step

WHOLE_TABLES = ("drift", "shops", "last_bookings")
"""The checks that read the rows of all customers: status leaves them to health."""

SHOPS_SHOWN = 10

MEANS = {
    "none": "the legacy schema, and nothing of this project",
    "@phase1": "profiles go stale with traffic",
    "@phase2": "both sides are kept in step",
    "@phase3": "profiles alone",
}

BECOMES = {
    "@phase2": "the legacy side comes back, with all that was booked since",
    "@phase1": "both sides agree; profiles stay, and go stale from then on",
    LEGACY: "the legacy side keeps everything; profiles are dropped if a deploy can make them"
    " again, else archived",
}
"""What becomes of what was written, by where a way back leads: as docs/rollback.md has it."""

_BEFORE = {
    "@phase1": "a backup; no transaction that stays open for minutes",
    "@phase2": "a backup; no transaction that stays open for minutes",
    "@phase3": "convo-tenancy gate says open; a restore point",
}

_RELAX = 'psql -X "$DATABASE_URL" -c "CALL tenancy.relax_isolation()"'
_SECONDS = 10.0
_DEPLOYER, _GATE_TO_COME = "deployer", "gate_to_come"
_HEALTH, _PREFLIGHT, _GATE = (
    f"convo-tenancy {command}" for command in ("health", "preflight", "gate")
)


@dataclass(frozen=True)
class _Moment:
    at: datetime
    queue_ms: int
    pauses_seconds: float


@dataclass(frozen=True)
class _Settings:
    lock_timeout_ms: int = 100
    lock_attempts: int = 40
    quiet_period: str | None = None


@dataclass(frozen=True)
class _Deployer:
    detail: str


@dataclass(frozen=True)
class _Shop(Shop):
    writing_count: int
    quiet_count: int


def look(connection: Connection, plan_folder: Path | None) -> Stand:
    """Look at everything but the rows of all customers.

    Args:
        connection: in autocommit mode.
        plan_folder: where sqitch.plan is; None when there is none at hand.

    Raises:
        psycopg.OperationalError: the connection broke.
    """
    report = examine(connection, _SECONDS, plan_folder, without=WHOLE_TABLES)
    return _Looker(connection, report).stand()


class _Looker:
    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._phase = report.stands or Phase()
        self._registry = report.registry or Registry()
        database = report.database
        self._can_begin = (
            database is not None
            and database.is_legacy
            and not (database.has_schema or database.is_deployed)
        )
        self._obstacles: list[Obstacle] = []
        with on_one_snapshot(connection):
            self._running = running(connection, self._phase)
            # Somebody works on it, or has paused it: a deploy would end no sooner.
            stand = report.backfill
            self._is_backfill_held = stand is not None and (
                stand.paused or bool(workers(connection))
            )
        self._forward = self._way_forward()

    def stand(self) -> Stand:
        report = self._report
        self._add_health()
        self._add_preconditions()
        way = self._forward
        with on_one_snapshot(self._connection):
            is_deployed = report.stands is not None
            settings = (
                self._one(_Settings, "status/settings") if is_deployed else None
            ) or _Settings()
            moment = one(
                self._connection,
                _Moment,
                "status/moment",
                settings.lock_timeout_ms,
                settings.lock_attempts,
            )
            in_phase_2 = self._phase.number == 2 and self._phase.has_legacy_side
            quiet = self._one(LegacyWatch, "health/watch") if in_phase_2 else None
            if way:
                self._add_deployer()
            if way and way.before_gate:
                self._add_gate_to_come(way.before_gate)
            elif way and way.asks_gate and in_phase_2:
                self._add_gate(quiet)
            code = self._code(quiet) if in_phase_2 else None
        patience = Patience(
            moment.queue_ms,
            settings.lock_attempts,
            settings.lock_attempts * moment.queue_ms / 2000 + moment.pauses_seconds,
        )
        self._obstacles.sort(key=lambda each: -severity(each.status))
        return Stand(
            at=moment.at,
            database=str(report.checks[0].value),
            phase=self._known_phase(),
            means=self._means(),
            since=self._phase.since,
            half_state=self._half_state(),
            running=self._running,
            backfill=self._backfill(),
            isolation=report.isolation,
            code=code,
            next_step=self._next_step(moment, settings, quiet, patience),
            back=self._back(),
            obstacles=self._obstacles,
        )

    def _known_phase(self) -> str | None:
        report = self._report
        if report.phase == "none" and not (self._can_begin or report.stands or report.ways):
            return None
        return report.phase

    def _means(self) -> str:
        """Of a phase; where more than it stands, only what is known."""
        if self._report.ways and (self._phase.beyond or not self._phase.number):
            is_contracted = self._phase.number == 2 and not self._phase.has_legacy_side
            return MEANS["@phase3"] if is_contracted else ""
        return MEANS.get(self._known_phase() or "", "")

    def _backfill(self) -> str | None:
        check = self._report.check("backfill")
        if check is None or check.value is None:
            return None
        return "finished" if check.status is Status.OK else check.detail

    def _half_state(self) -> str | None:
        check, ways = self._report.check("phase"), self._report.ways
        return check.detail.removesuffix(f": {said(ways)}") if check and ways else None

    # The ways

    def _way_forward(self) -> Way | None:
        report = self._report
        if self._running:
            return None
        if report.ways:
            return report.ways.forward
        if report.stands is None:
            return forward(Phase(), self._registry) if self._can_begin else None
        return forward(self._phase, self._registry) if self._is_whole() else None

    def _is_whole(self) -> bool:
        check = self._report.check("phase")
        return check is not None and check.status is Status.OK

    def _next_step(
        self, moment: _Moment, settings: _Settings, quiet: LegacyWatch | None, patience: Patience
    ) -> Step:
        way = self._forward
        if self._running:
            return Step(None, self._running)
        if way is None:
            return Step(None, self._nothing_to_run())
        wait = None
        if way.asks_gate and quiet and quiet.over_at and quiet.over_at > moment.at:
            wait = quiet.over_at
        taken = self._locks(way)
        return Step(
            way.command,
            way.goal,
            [*self._first(way, settings)],
            wait,
            taken,
            patience if taken else None,
        )

    def _first(self, way: Way, settings: _Settings) -> Iterator[str]:
        """What its command needs: that, and not the phase, decides."""
        others = []
        for each in self._obstacles:
            if each.name == _DEPLOYER:
                yield each.remedy
            elif each.blocks and each.name != _GATE_TO_COME:
                others.append(each)
        if others:
            yield "remove the obstacles"
        if BEFORE_CONTRACT in way.command:
            yield f"{BEFORE_CONTRACT}, made as {ITS_PAGE} says"
        if way.before_gate:
            yield f"run its beginning alone: {way.before_gate}"
            yield f"wait for {_quiet_period(settings)}, which begins again then"
        if (way.asks_gate or not self._report.ways) and way.goal in _BEFORE:
            yield _BEFORE[way.goal]

    def _locks(self, way: Way) -> list[Lock]:
        number = self._target(way)
        if way.deploys is None:
            return locks(number, number) if number else []
        # Its script passes over what the contract has done already.
        deploys = (each for each in way.deploys if each != SWITCH or way.asks_gate)
        return locks_of(way.reverts, tuple(deploys))

    def _nothing_to_run(self) -> str:
        if self._report.stands is None or not self._is_whole():
            return "nothing, until the obstacles are removed"
        archive = self._report.archive
        if archive is None or not archive.tables:
            return "nothing: all phases are deployed"
        name = str(self._report.checks[0].value).replace("'", "''")
        return (
            "nothing must be done. The archive keeps the way back exact; once you want none:"
            f" SELECT tenancy.purge_archive('{name}')"
        )

    def _target(self, way: Way) -> int | None:
        """The number of the phase to which it leads."""
        return TAGS.index(way.goal) + 1 if way.goal in TAGS else None

    def _back(self) -> Back | None:
        report = self._report
        if self._running or self._known_phase() is None:
            return None
        if report.ways:
            way: Way | None = report.ways.back
        else:
            way = back(self._phase, self._registry) if self._is_whole() else None
        if way is None:
            return None
        off = ("off", None) if report.ways else ("off",)
        relax = way.goal == "@phase1" and self._phase.number == 2 and report.isolation not in off
        command = f"{_RELAX} && {way.command}" if relax else way.command
        becomes = BECOMES.get(way.goal, "")
        if report.ways and way.goal == "@phase1":  # half of phase 2 need not keep both in step
            becomes = becomes.partition("; ")[2]
        if BEFORE_CONTRACT in way.command and way.goal == self._phase.tag:
            becomes = "both sides stay; the scripts of the later changes run once more"
        return Back(command, way.goal, becomes)

    # What is in the way

    def _add_health(self) -> None:
        database = self._report.database
        if database and database.is_standby:
            what = "this is a standby, where nothing can be deployed or reverted"
            self._obstacles.append(
                Obstacle("standby", Status.CRITICAL, what, "connect to the primary", _HEALTH)
            )
        for check in self._report.checks:
            if check.status is not Status.OK and not self._is_of_the_state(check):
                detail, remedy = _divided(check.detail)
                self._obstacles.append(Obstacle(check.name, check.status, detail, remedy, _HEALTH))

    def _is_of_the_state(self, check: Check) -> bool:
        """What the state explains and the next step ends is not in its way."""
        report = self._report
        if check.name == "phase":
            return bool(report.ways or self._running or self._can_begin)
        if check.name == "backfill":
            return bool(report.ways) and not self._is_backfill_held
        return bool(report.ways) and check.detail.endswith("see phase")

    def _add_preconditions(self) -> None:
        number = self._forward and self._target(self._forward)
        if not number or (self._phase.number or 0) >= number:
            return
        if self._forward and self._forward.deploys == ():
            return
        with self._obstacle("preflight", DENIED, _PREFLIGHT):
            found = look_before(self._connection, number, "1").report.checks
            self._obstacles = [each for each in self._obstacles if each.name != "preconditions"]
            known = {_DEPLOYER, *(each.name for each in self._obstacles)}
            for check in found:
                if check.status is not Status.OK and check.name not in known:
                    detail, remedy = _divided(check.detail)
                    self._obstacles.append(
                        Obstacle(check.name, check.status, detail, remedy, _PREFLIGHT)
                    )

    def _add_deployer(self) -> None:
        """To preflight a warning, for whoever looks; here it would refuse the step."""
        found = self._one(_Deployer, "status/deployer")
        if found is not None:
            detail, remedy = _divided(found.detail)
            self._obstacles.append(Obstacle(_DEPLOYER, Status.CRITICAL, detail, remedy, _PREFLIGHT))

    def _add_gate_to_come(self, before: str) -> None:
        """Nobody can ask it yet, and after a revert it is shut at first."""
        detail = (
            "the deploy asks the gate, after a new quiet period; the way back waits for nothing"
        )
        remedy = f"run {before}, then ask convo-tenancy gate"
        self._obstacles.append(Obstacle(_GATE_TO_COME, Status.CRITICAL, detail, remedy, _GATE))

    def _add_gate(self, quiet: LegacyWatch | None) -> None:
        known = any(each.name in KINDS for each in self._obstacles)
        remedy = "ask it as the owner of the legacy tables: convo-tenancy gate"
        with self._obstacle("gate", remedy, _GATE), self._connection.transaction():
            for finding in ask_quickly(self._connection):
                if finding.name == "watch" and quiet and quiet.over_at:
                    continue  # to wait is no obstacle
                if known and finding.remedy.startswith(_HEALTH):
                    continue
                self._obstacles.append(
                    Obstacle(
                        finding.name,
                        Status.CRITICAL,
                        f"{finding.finding} ({finding.detail})",
                        finding.remedy,
                        _GATE,
                    )
                )

    @contextmanager
    def _obstacle(self, name: str, remedy: str, asked: str) -> Iterator[None]:
        """What cannot be asked is in the way: anything may hide behind it."""
        try:
            yield
        except psycopg.Error as error:
            if is_lost(error):
                raise
            if not isinstance(error, errors.InsufficientPrivilege):
                remedy = f"run {asked}"
            self._obstacles.append(Obstacle(name, Status.UNKNOWN, one_line(error), remedy, asked))

    # Who still uses the legacy side

    def _code(self, quiet: LegacyWatch | None) -> Code | None:
        if quiet is None:
            return None
        found = self._rows(_Shop, "status/shops", SHOPS_SHOWN)
        if found is None:
            return None
        check = self._report.check("legacy_readers")
        unseen = check.detail.removeprefix("skipped: ") if check and check.value is None else None
        return Code(
            watched_since=quiet.since,
            quiet_period=quiet.quiet_period,
            writing_count=found[0].writing_count if found else 0,
            quiet_count=found[0].quiet_count if found else 0,
            shops=[
                Shop(
                    each.shop_id,
                    each.writes,
                    each.last_at,
                    each.application_count,
                    each.applications,
                    each.is_writing,
                )
                for each in found
            ],
            readers=self._report.legacy_readers,
            unseen_readers=unseen,
        )

    def _one(self, kind: type[Row], name: str) -> Row | None:
        return next(iter(self._rows(kind, name) or ()), None)

    def _rows(self, kind: type[Row], name: str, *parameters: object) -> list[Row] | None:
        """None where this role may not look: health says so, too."""
        try:
            with self._connection.transaction():
                return rows(self._connection, kind, name, *parameters)
        except psycopg.Error as error:
            if is_lost(error):
                raise
            if isinstance(error, errors.InsufficientPrivilege | errors.QueryCanceled):
                return None
            if isinstance(error, psycopg.DataError) or is_undefined(error):
                return None
            raise


def _quiet_period(settings: _Settings) -> str:
    return "the quiet period" + (f" of {settings.quiet_period}" if settings.quiet_period else "")


def _divided(detail: str) -> tuple[str, str]:
    """What is wrong, and what to do: the last part, behind a colon."""
    what, _, remedy = detail.rpartition(": ")
    return (what, remedy) if what else (remedy, "")
