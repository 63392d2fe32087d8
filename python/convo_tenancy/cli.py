"""The command line: convo-tenancy."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated

import typer

from .display import printable
from .errors import Problem
from .failures import Command, Group, escape_output
from .scan import command as scan
from .signals import stoppable

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(cls=scan.ScanCommand)(scan.scan)
if find_spec("psycopg"):  # all but the scan work on a database
    from .backfill import commands as backfill
    from .gate import command as gate
    from .health import command as health
    from .preflight import command as preflight
    from .repair import command as repair
    from .report import command as report

    app.add_typer(backfill.app, name="backfill", cls=Group)
    app.command(cls=health.HealthCommand)(health.health)
    app.command(cls=health.HealthCommand)(preflight.preflight)
    app.command(cls=Command)(repair.repair)
    app.command(cls=Command)(gate.gate)
    app.command(cls=Command)(report.report)
    app.command(hidden=True, cls=Command)(gate.contract)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"convo-tenancy {version('convo-tenancy')}")
        raise typer.Exit


@app.callback()
def convo_tenancy(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Move customer statistics to per-shop profiles, online: look at it, backfill, repair,
    see what code still uses the legacy side, and whether it may go.

    \b
    Examples:
      export DATABASE_URL=postgresql://user@host:5432/database
      convo-tenancy preflight                can the phases be deployed?
      convo-tenancy health                   is every profile right?
      convo-tenancy backfill --dry-run       how much there is to do
      convo-tenancy backfill                 do it, before sqitch deploy --to @phase1
      convo-tenancy repair --dry-run         what drifted, once @phase2 is deployed
      convo-tenancy scan app                 what of the code still uses the legacy side?
      convo-tenancy report                   all that is known, as a page for the change review
      convo-tenancy gate                     may @phase3 be deployed, and what would it do?
    """


def main() -> None:
    """Run the command line; a Problem is one line on stderr and its exit code."""
    # Whoever reads the output and has enough (| head) ends the command, as they do any other.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        escape_output()
        with stoppable():
            app()
    except Problem as problem:
        print(f"convo-tenancy: {printable(str(problem))}", file=sys.stderr)
        sys.exit(problem.exit_code)
