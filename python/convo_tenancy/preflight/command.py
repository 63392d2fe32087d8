"""convo-tenancy preflight."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..database import UrlOption, connect, problems, set_timeouts
from ..display import Format, FormatOption, printable, say
from ..errors import Problem
from ..health.checks import DENIED
from ..health.formats import STYLES, unless_quiet
from ..health.model import Check, Status
from ..verbosity import VERBOSITY
from .locks import Lock, locks
from .preconditions import Preconditions, look

COMMAND = "convo-tenancy preflight"


class Phase(StrEnum):
    """The tags of the plan."""

    PHASE_1 = "@phase1"
    PHASE_2 = "@phase2"
    PHASE_3 = "@phase3"

    @property
    def number(self) -> int:
        """1 for @phase1."""
        return [*Phase].index(self) + 1


def preflight(
    database_url: UrlOption = None,
    to: Annotated[
        Phase, typer.Option("--to", help="The last phase to deploy.", metavar="TAG")
    ] = Phase.PHASE_3,
    default_shop_id: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The default shop, as in sqitch deploy --set default_shop_id=ID."
        ),
    ] = "1",
    output: FormatOption = Format.TEXT,
) -> None:
    """Check whether the next phases can be deployed, and list their locks. It changes nothing.

    The first change of a deploy checks the same, and refuses whatever is critical here. Run this as
    the role that will deploy; for any other role it only names who may. Phase 3 also has a gate:
    convo-tenancy gate.

    Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown (cannot connect, no right to look, called
    wrongly); as health has them.

    \b
    Examples:
      convo-tenancy preflight
      convo-tenancy preflight --to @phase1
      convo-tenancy preflight --format json | jq .locks
    """
    try:
        with (
            problems(denied=DENIED, undefined="run sqitch verify"),
            connect(database_url, COMMAND) as connection,
        ):
            set_timeouts(connection, "60s", "5s")
            found = look(connection, to.number, default_shop_id)
    except Problem as problem:
        raise Problem(str(problem), int(Status.UNKNOWN)) from None
    _SHOWN[output](found, to, locks(found.stands + 1, to.number))
    raise typer.Exit(found.report.status)


def _title(found: Preconditions, to: Phase) -> str:
    report = found.report
    start = "the legacy schema" if report.phase == "none" else report.phase
    way = f"from {start} to {to}" if found.stands < to.number else f"{report.phase} stands"
    return f"{COMMAND}: {report.status.label}, {way}"


def _print_text(found: Preconditions, to: Phase, taken: list[Lock]) -> None:
    console = Console(highlight=False, markup=False)
    checks = unless_quiet(found.report.checks)
    if not checks:
        return
    if console.is_terminal:
        _print_tables(console, _title(found, to), checks, [] if VERBOSITY.quiet else taken)
        return
    print(_title(found, to))
    for check in checks:
        print(printable(f"{check.status.label:<9} {check.name:<16} {check.detail}"))
    for lock in taken:
        say(f"lock      {lock.change:<32} {lock.lock} | {lock.tables} | {lock.duration}")


def _print_tables(console: Console, title: str, checks: list[Check], taken: list[Lock]) -> None:
    table = Table(title=title)
    for heading in ("Check", "Status", "Detail"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        status = Text(check.status.label, STYLES[check.status])
        table.add_row(check.name, status, Text(printable(check.detail)))
    console.print(table)
    if not taken:
        return
    table = Table(title="Locks to expect")
    for heading in ("Change", "Lock", "On", "How long"):
        table.add_column(heading, overflow="fold")
    for lock in taken:
        table.add_row(lock.change, lock.lock, lock.tables, lock.duration)
    console.print(table)


def _print_json(found: Preconditions, to: Phase, taken: list[Lock]) -> None:
    print(
        json.dumps(
            {
                "status": found.report.status.label,
                "phase": found.report.phase,
                "to": to,
                "checks": [
                    {"name": each.name, "status": each.status.label, "detail": each.detail}
                    for each in found.report.checks
                ],
                "locks": [{**asdict(lock), "phase": f"@phase{lock.phase}"} for lock in taken],
            },
            indent=2,
        )
    )


_SHOWN = {Format.TEXT: _print_text, Format.JSON: _print_json}
