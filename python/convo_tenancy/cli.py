"""The command line: convo-tenancy."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated

import typer

from .deploy_files import DeployFilesCommand, deploy_files
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
        cls=health.HealthCommand, short_help="Show where the migration stands, and the next step"
    )(status.status)
    app.add_typer(
        backfill.app,
        name="backfill",
        cls=Group,
        short_help="Run the backfill ahead of the deploy",
    )
    app.command(cls=health.HealthCommand, short_help="Check that every profile is right")(
        health.health
    )
    app.command(
        cls=health.HealthCommand,
        short_help="Check that the phases can be deployed; show their locks",
    )(preflight.preflight)
    app.command(cls=Command, short_help="Follow the migration live")(watch.watch)
    app.command(cls=Command, short_help="Mend drift: make both sides agree again")(repair.repair)
    app.command(cls=Command, short_help="Check that phase 3 can be deployed")(gate.gate)
    app.command(cls=Command, short_help="Write an HTML page for a change review")(report.report)
    app.command(hidden=True, cls=Command)(gate.contract)
app.command(
    name="deploy-files",
    cls=DeployFilesCommand,
    short_help="Write the scripts that sqitch deploys to a folder",
)(deploy_files)
app.command(cls=scan.ScanCommand, short_help="Find code that still uses the legacy side")(scan.scan)


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

    Each command has its own -h, with examples. You can write --quiet and --verbose before or after
    a command.

    Exit codes: 0 success, 1 a problem, 2 wrong usage. status, health and preflight exit like
    monitoring plugins: 3 means unknown. After a signal, the exit code is 128 plus its number.

    \b
    Examples:
      export DATABASE_URL=postgresql://user@host:5432/database
      convo-tenancy deploy-files DIR    the scripts that sqitch deploys
      convo-tenancy status              where the migration stands, next step
      convo-tenancy preflight           can the phases be deployed?
      convo-tenancy health              is every profile right?
      convo-tenancy watch               follow the migration live
      convo-tenancy backfill --dry-run  how much the backfill has to do
      convo-tenancy repair --dry-run    what a repair would change
      convo-tenancy scan app            which code still uses the legacy side?
      convo-tenancy gate                can @phase3 be deployed?
      convo-tenancy report              an HTML page for a change review
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
