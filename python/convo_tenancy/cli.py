"""The command line: convo-tenancy."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated

import typer

from .deploy_files import deploy_files
from .display import printable
from .errors import Problem
from .failures import Command, Group, Root, escape_output
from .scan import command as scan
from .signals import stoppable
from .usage import usage_problem

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
if find_spec("psycopg"):  # those that work on a database
    from .backfill import commands as backfill
    from .gate import command as gate
    from .health import command as health
    from .preflight import command as preflight
    from .repair import command as repair
    from .report import command as report
    from .status import command as status
    from .watch import command as watch

    app.command(
        cls=health.HealthCommand, short_help="Where it stands, and what is the next safe step"
    )(status.status)
    app.add_typer(
        backfill.app,
        name="backfill",
        cls=Group,
        short_help="Give every customer their profiles, beforehand",
    )
    app.command(cls=health.HealthCommand, short_help="Is every profile right?")(health.health)
    app.command(
        cls=health.HealthCommand, short_help="Can the phases be deployed, and what they lock"
    )(preflight.preflight)
    app.command(cls=Command, short_help="Look on while it goes on")(watch.watch)
    app.command(cls=Command, short_help="Make both sides agree again")(repair.repair)
    app.command(cls=Command, short_help="May phase 3 be deployed, and what would it do?")(gate.gate)
    app.command(cls=Command, short_help="All that is known, as a page for the change review")(
        report.report
    )
    app.command(hidden=True, cls=Command)(gate.contract)
app.command(
    name="deploy-files", cls=Command, short_help="Write out the scripts that sqitch deploys"
)(deploy_files)
app.command(cls=scan.ScanCommand, short_help="What code still uses the legacy side")(scan.scan)


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
    """Move customer statistics to per-shop profiles, online.

    Each command has its own -h, with examples. --quiet and --verbose stand before a command or
    behind it.

    Exit codes: 0 well, 1 a problem, 2 called wrongly. Those of status, health and preflight are a
    monitoring plugin's, with 3 for what cannot be told. A signal ends any with 128 and its number.

    \b
    Examples:
      export DATABASE_URL=postgresql://user@host:5432/database
      convo-tenancy deploy-files DIR    the scripts that sqitch deploys
      convo-tenancy status              where it stands, and what is next
      convo-tenancy preflight           can the phases be deployed?
      convo-tenancy health              is every profile right?
      convo-tenancy watch               look on while it goes on
      convo-tenancy backfill --dry-run  how much there is to do
      convo-tenancy repair --dry-run    what drifted, once @phase2 is deployed
      convo-tenancy scan app            what code still uses the legacy side?
      convo-tenancy gate                may @phase3 be deployed?
      convo-tenancy report              a page for the change review
    """


def _run() -> int:
    """The exit code of the command that the arguments name.

    Raises:
        Problem: it failed, or the arguments are wrong.
    """
    try:
        ended = typer.main.get_command(app).main(prog_name="convo-tenancy", standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # those of the library that reads the arguments
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.message, file=sys.stderr)  # type: ignore[attr-defined]
            return 2
        raise usage_problem(error) from None
    return int(ended or 0)


def main() -> None:
    """Run the command line; a Problem is one line on stderr and its exit code."""
    # Whoever reads the output and has enough (| head) ends the command, as they do any other.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        escape_output()
        with stoppable():
            sys.exit(_run())
    except Problem as problem:
        print(f"convo-tenancy: {printable(str(problem))}", file=sys.stderr)
        sys.exit(problem.exit_code)
