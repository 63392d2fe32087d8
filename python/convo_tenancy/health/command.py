"""convo-tenancy health."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..database import UrlOption, connect, database_name, problems
from ..errors import Problem
from ..failures import Command
from .checks import DAY, DENIED, examine
from .formats import FORMATS
from .memory import Memory
from .model import Check, Report, Status
from .plan import find_plan
from .thresholds import Thresholds, read_thresholds

APPLICATION_NAME = "convo-tenancy health"

# Of whatever makes these checks.
TimeoutOption = Annotated[
    float,
    typer.Option(
        min=0.001,
        max=DAY,
        metavar="SECONDS",
        help="Time limit of one SQL statement; beyond it, the result is unknown.",
    ),
]
PlanDirectoryOption = Annotated[
    Path | None,
    typer.Option(
        envvar="CONVO_TENANCY_PLAN_DIRECTORY",
        help="The folder of sqitch.plan. [default: the current folder, else the package's]",
        show_default=False,
    ),
]
ThresholdsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A TOML file of limits for warning and critical: NAME = VALUE in each line.",
        show_default=False,
    ),
]


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    PROMETHEUS = "prometheus"
    NAGIOS = "nagios"


class HealthCommand(Command):
    """What ends a monitoring plugin is unknown (3): 1 would be a warning, 2 critical."""

    failure = int(Status.UNKNOWN)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if getattr(error, "exit_code", None) == Status.CRITICAL:
                vars(error)["exit_code"] = int(Status.UNKNOWN)
            raise


def health(
    database_url: UrlOption = None,
    output: Annotated[
        Format,
        typer.Option(
            "--format", help="text for people, json for programs, or for Prometheus or Nagios."
        ),
    ] = Format.TEXT,
    timeout: TimeoutOption = 60.0,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="Time limit of all checks. Those that read every customer stop there, and the next"
            " run goes on from there; inf reads all customers. [default: half a second for those,"
            " in a big database]",
            show_default=False,
        ),
    ] = None,
    plan_directory: PlanDirectoryOption = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A limit for warning or critical; may be repeated. A wrong name lists all names.",
            show_default=False,
        ),
    ] = None,
    thresholds: ThresholdsOption = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file that one run leaves for the next. [default: one for each database, in"
            " $XDG_STATE_HOME/convo-tenancy or ~/.local/state/convo-tenancy]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check that every profile is right, and all that keeps it right.

    It writes nothing to the database and blocks nobody.

    Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown (cannot connect, not deployed, no right to
    look, called wrongly), as for monitoring plugins.

    \b
    Examples:
      convo-tenancy health
      convo-tenancy health --format json | jq .status
      convo-tenancy health --format prometheus > convo_tenancy.prom
      convo-tenancy health --format nagios --threshold lag_warning_seconds=30
      convo-tenancy health --max-seconds 1
    """
    judged_by, memory = Thresholds(), Memory(state)
    step = "thresholds"
    try:
        judged_by = read_thresholds(thresholds, threshold or [])
        step = "connection"
        with (
            problems(denied=DENIED, undefined="run sqitch verify", slow="raise --timeout"),
            connect(database_url, APPLICATION_NAME) as connection,
        ):
            report = examine(
                connection, timeout, find_plan(plan_directory), judged_by, memory, max_seconds
            )
    except Problem as problem:
        if problem.exit_code > Status.UNKNOWN:  # a signal
            raise
        report = Report(
            checks=[Check(step, Status.UNKNOWN, None, str(problem))],
            thresholds=judged_by,
            database_name=database_name(database_url),
        )
    else:
        memory.save()
        report.note = memory.problem
    FORMATS[output](report)
    raise typer.Exit(report.status)
