"""convo-tenancy gate, which was convo-tenancy contract --dry-run."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import Annotated

import typer
from rich.filesize import decimal

from ..database import UrlOption, connect, problems, require_deployed, require_legacy_side
from ..display import Format, FormatOption, printable, say
from ..errors import Problem
from ..verbosity import VERBOSITY
from .gate import COLUMNS, LOCKED, Gate, ask

COMMAND = "convo-tenancy gate"
WAY_BACK = (
    "sqitch revert --to @phase2 brings the columns back as the last ones of public.customers, with"
    " their defaults, constraints, indexes and rights"
)
RESTORE_POINT = "SELECT pg_create_restore_point('before_contract')"

_DryRunOption = Annotated[bool, typer.Option("--dry-run", hidden=True)]
_QuietPeriodOption = Annotated[
    str | None,
    typer.Option(
        "--legacy-quiet-period",
        metavar="INTERVAL",
        help="How long the legacy side must have had no direct write; 0 skips the check."
        " [default: tenancy.settings.legacy_quiet_period]",
        show_default=False,
    ),
]

_DespiteOption = Annotated[
    str,
    typer.Option(
        "--contract-despite",
        metavar="NAMES",
        help="Findings to override: their names as printed here, separated by commas.",
        show_default=False,
    ),
]


def gate(
    database_url: UrlOption = None,
    quiet_period: _QuietPeriodOption = None,
    despite: _DespiteOption = "",
    output: FormatOption = Format.TEXT,
    _dry_run: _DryRunOption = False,
) -> None:
    """Check whether phase 3 can be deployed, and show what it would do. It changes nothing.

    The contract (phase 3) removes customer_booking_stats and three columns of customers from
    public. Its gate, tenancy.contract_findings(), refuses it while that is not safe. This command
    asks the gate in a read-only transaction, and prints each finding with its name and remedy.

    Exit codes: 0 the gate is open, 1 the contract would be refused, or any other problem, 2 called
    wrongly.

    \b
    Examples:
      convo-tenancy gate
      convo-tenancy gate --legacy-quiet-period '1 hour'
      convo-tenancy gate --contract-despite 'publication x, index public.fans'
      convo-tenancy gate --format json | jq .findings
    """
    deploy = _deploy(quiet_period, despite)
    with (
        problems(
            denied="run it as the owner of the legacy tables, who also runs sqitch deploy",
            undefined="run sqitch verify",
        ),
        connect(database_url, COMMAND) as connection,
    ):
        require_deployed(
            connection,
            "tenancy.contract_findings(interval, text, integer[])",
            "phase 2",
            "@phase2",
        )
        require_legacy_side(connection, "to take away")
        found = ask(connection, quiet_period, despite)
    _SHOWN[output](found, deploy)
    if not found.is_open:
        number = len(found.refused)
        raise Problem(
            f"the contract would be refused ({number} finding{'s' if number > 1 else ''}):"
            f" do what each one says, then run {COMMAND} again"
        )


def contract(
    database_url: UrlOption = None,
    quiet_period: _QuietPeriodOption = None,
    despite: _DespiteOption = "",
    output: FormatOption = Format.TEXT,
    dry_run: _DryRunOption = False,
) -> None:
    """Earlier name of convo-tenancy gate, with --dry-run.

    Exit codes: 0 the gate is open, 1 the contract would be refused, or any other problem, 2 called
    wrongly.

    \b
    Example:
      convo-tenancy contract --dry-run
    """
    if not dry_run:
        raise Problem(
            f"the contract is deployed by sqitch: see what {COMMAND} says, then run"
            f" {_deploy(quiet_period, despite)}",
            2,
        )
    gate(database_url, quiet_period, despite, output)


def _deploy(quiet_period: str | None, despite: str) -> str:
    command = "sqitch deploy --set contract=yes"
    if quiet_period is not None:
        command += f" --set legacy_quiet_period={shlex.quote(quiet_period)}"
    if despite:
        command += f" --set contract_despite={shlex.quote(despite)}"
    return command


def _print_text(found: Gate, deploy: str) -> None:
    say(f"Gate of phase 3: {'open' if found.is_open else 'shut'}")
    say(f"Legacy quiet period: {found.quiet_period}, since {found.since}")
    seen = "seen by pg_stat_statements" if found.unseen_readers is None else "not all seen: "
    say(f"Readers of the legacy side: {seen}{printable(found.unseen_readers or '')}")
    for finding in found.refused if VERBOSITY.quiet else found.findings:
        print(f"\n{printable(finding.name)}{' (overridden)' if finding.is_overridden else ''}")
        print(f"  finding:  {printable(finding.finding)}")
        print(f"  detail:   {printable(finding.detail)}")
        print(f"  remedy:   {printable(finding.remedy)}")
        if finding.may_be_overridden and not finding.is_overridden:
            print(f"  override: --contract-despite {shlex.quote(printable(finding.name))}")
    extent = found.extent
    say(
        "\nThe contract would\n"
        f"- copy these columns of {extent.customers:,} customers to tenancy_archive.customers, then"
        f" drop them from public.customers: {', '.join(COLUMNS)}\n"
        f"- move public.customer_booking_stats to tenancy_archive: {extent.statistics_rows:,} rows,"
        f" {decimal(extent.statistics_bytes)}\n"
        f"- lock for a moment, so that everybody waits: {', '.join(LOCKED)}\n"
        f"The way back: {WAY_BACK}"
    )
    say(
        f"\n{'Next' if found.is_open else 'Once the gate is open'}:\n"
        f'  psql -X "$DATABASE_URL" -c "{RESTORE_POINT}"'
        "   # where WAL is archived, else: a base backup\n"
        f"  {deploy}"
    )


def _print_json(found: Gate, deploy: str) -> None:
    fields = {"is_open": found.is_open, **asdict(found)}
    print(
        json.dumps(
            {
                **fields,
                "columns": COLUMNS,
                "locked_tables": LOCKED,
                "way_back": WAY_BACK,
                "restore_point": RESTORE_POINT,
                "deploy": deploy,
            },
            indent=2,
        )
    )


_SHOWN = {Format.TEXT: _print_text, Format.JSON: _print_json}
