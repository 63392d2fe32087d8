"""convo-tenancy status."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from ..database import UrlOption, connect, problems
from ..display import Format, FormatOption, say
from ..errors import Problem
from ..health.checks import DENIED
from ..health.model import Status
from ..health.plan import find_plan
from .look import look
from .stand import Obstacle, Stand, Step
from .text import lines, wrong_lines

APPLICATION_NAME = "convo-tenancy status"


def status(database_url: UrlOption = None, output: FormatOption = Format.TEXT) -> None:
    """Show where the migration stands, the next safe step, and the way back.

    One screen shows the phase, or what was interrupted in it; the shops whose code still writes to
    the legacy side; the next command, with its locks and what must be true first; the command that
    leads back; and each obstacle, with the command that helps. It applies the rules of health,
    preflight and gate, but no check that reads all customers: health does those.

    Exit codes: 0 it found where the migration stands, whatever is in the way; 3 it could not
    (cannot connect, no legacy schema, no right to look), or called wrongly.

    \b
    Examples:
      convo-tenancy status
      convo-tenancy --quiet status               only the obstacles
      convo-tenancy status --format json | jq -r .next.command
    """
    try:
        with (
            problems(denied=DENIED, undefined="run sqitch verify"),
            connect(database_url, APPLICATION_NAME) as connection,
        ):
            stand = look(connection, find_plan(None))
    except Problem as problem:
        if problem.exit_code > Status.UNKNOWN:  # a signal
            raise
        if output is Format.TEXT:
            raise Problem(str(problem), int(Status.UNKNOWN)) from None
        stand = _unknown(str(problem))
    if output is Format.JSON:
        _print_json(stand)
    else:
        _print_text(stand)
    raise typer.Exit(Status.OK if stand.is_known else Status.UNKNOWN)


def _unknown(problem: str) -> Stand:
    """Of a database that does not answer."""
    return Stand(
        at=datetime.now(UTC),
        database=None,
        phase=None,
        means="",
        next_step=Step(None, "nothing, until the obstacle is removed"),
        obstacles=[Obstacle("connection", Status.UNKNOWN, problem, "", "convo-tenancy health")],
    )


def _print_text(stand: Stand) -> None:
    for line in lines(stand):
        say(line)
    if stand.obstacles:
        for line in wrong_lines(stand):
            say(line, only_if_quiet=True)


def _print_json(stand: Stand) -> None:
    """One JSON object; times are in UTC, as ISO 8601 has them."""
    step = stand.next_step
    code = stand.code and {
        **asdict(stand.code),
        "shops": [{**asdict(each), "last_at": _iso(each.last_at)} for each in stand.code.shops],
        "readers": [
            {**asdict(each), "counted_since": _iso(each.counted_since)}
            for each in stand.code.readers
        ],
        "watched_since": _iso(stand.code.watched_since),
    }
    print(
        json.dumps(
            {
                "at": _iso(stand.at),
                "database": stand.database,
                "phase": stand.phase,
                "since": _iso(stand.since),
                "half_state": stand.half_state,
                "running": stand.running,
                "backfill": stand.backfill,
                "isolation": stand.isolation,
                "code": code,
                "next": {
                    **asdict(step),
                    "not_before": _iso(step.not_before),
                    "is_safe": step.command is not None
                    and step.not_before is None
                    and not any(each.blocks for each in stand.obstacles),
                },
                "back": stand.back and asdict(stand.back),
                "in_the_way": [
                    {**asdict(each), "status": each.status.label, "blocks": each.blocks}
                    for each in stand.obstacles
                ],
            },
            indent=2,
        )
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
