"""convo-tenancy report."""

from __future__ import annotations

from typing import Annotated

import typer

from ..database import UrlOption, connect, on_one_snapshot, problems
from ..display import printable, say
from ..errors import Problem
from ..health.checks import DENIED, examine
from ..health.command import PlanDirectoryOption, ThresholdsOption, TimeoutOption
from ..health.model import Status
from ..health.plan import find_plan
from ..health.thresholds import read_thresholds
from .facts import read_facts
from .output import STDOUT, check_target, write

COMMAND = "convo-tenancy report"
DEFAULT = "convo-tenancy-report.html"


def report(
    database_url: UrlOption = None,
    output: Annotated[
        str,
        typer.Option("--output", metavar="FILE", help="The file to write; - is standard output."),
    ] = DEFAULT,
    timeout: TimeoutOption = 60.0,
    plan_directory: PlanDirectoryOption = None,
    thresholds: ThresholdsOption = None,
) -> None:
    """Write one HTML file on the state of the migration, for a change review.

    It shows when each phase was deployed, profiles and bookings by shop, the right-shop check,
    drift, code that still uses the legacy side, and every health check. The page loads nothing,
    runs no script, and names no customer. A new file is readable only by you. The command replaces
    an earlier report, but no other file.

    Exit codes: 0 written, whatever it says, 1 a problem, 2 called wrongly, 3 a package is missing.

    \b
    Examples:
      convo-tenancy report
      convo-tenancy report --output review.html
      convo-tenancy report --output - > review.html
    """
    try:
        from .page import MARK, page
    except ImportError as error:
        if (error.name or "").startswith("convo_tenancy"):
            raise
        reason = str(error).splitlines()[0]
        raise Problem(
            f"the report lacks a package ({reason}): pip install 'convo-tenancy[report]'", 3
        ) from None
    check_target(output, MARK)
    judged_by = read_thresholds(thresholds, [])
    with (
        problems(denied=DENIED, undefined="run sqitch verify"),
        connect(database_url, COMMAND) as connection,
        on_one_snapshot(connection),
    ):
        found = examine(connection, timeout, find_plan(plan_directory), judged_by)
        facts = read_facts(connection, found)
    if found.database is None:
        raise Problem("the report does not know which database it read: run it again")
    write(output, page(found, found.database, facts))
    if output != STDOUT:
        line = f"wrote {printable(output)}: {found.status.label}, phase {found.phase or 'unknown'}"
        if found.status is Status.OK:
            say(line)
        else:
            print(line)
