"""convo-tenancy backfill, and its pause, resume and status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal

from ..database import (
    Connection,
    UrlOption,
    connect,
    problems,
    require_deployed,
    require_legacy_side,
    require_triggers,
)
from ..display import Format, FormatOption, Meter, duration, printable, say, shown
from ..failures import Command
from . import control

APPLICATION_NAME = "convo-tenancy backfill"
_CHANGE = "profiles/run_backfill"
_TIME = "%Y-%m-%d %H:%M:%S %Z"

app = typer.Typer(rich_markup_mode=None)


@contextmanager
def _session(url: str | None) -> Iterator[Connection]:
    with (
        problems(
            denied="run it as the owner of the legacy tables, who also runs sqitch deploy",
            undefined=f"run sqitch deploy --to {_CHANGE} first",
            lost="run again to go on",
        ),
        connect(url, APPLICATION_NAME) as connection,
    ):
        require_deployed(connection, "tenancy.run_backfill(integer)", "the backfill", _CHANGE)
        require_legacy_side(connection, "to backfill from")
        yield connection


def _print_json(value: dict[str, object]) -> None:
    print(json.dumps(value, indent=2, default=str))


@app.callback(invoke_without_command=True)
def backfill(
    context: typer.Context,
    database_url: UrlOption = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            metavar="CUSTOMERS",
            help="Customers per transaction. [default: tenancy.settings.backfill_batch_size]",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="Sessions that share the work; each uses one processor core.",
        ),
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the estimate and change nothing.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Give every customer their profiles, in small transactions, while the application runs.

    It does the work of the Sqitch change profiles/backfill_profiles ahead of the deploy, and shows
    the progress: for big databases. First run sqitch deploy --to profiles/run_backfill. You can
    stop it at any moment; run it again to go on. Several runs share the work.

    Exit codes: 0 done, 1 a problem, 2 called wrongly.

    \b
    Examples:
      convo-tenancy backfill --dry-run            how much there is to do
      convo-tenancy backfill --batch-size 500     smaller transactions
      convo-tenancy backfill --workers 2          two sessions share the work
      convo-tenancy backfill pause                from another terminal
      convo-tenancy backfill resume
      convo-tenancy backfill status --format json
    """
    context.obj = database_url
    if context.invoked_subcommand is not None:
        if batch_size is not None or workers != 1 or dry_run or output is not Format.TEXT:
            raise typer.BadParameter(
                f"only --database-url may stand before {context.invoked_subcommand}"
            )
        return
    if output is Format.JSON and not dry_run:
        raise typer.BadParameter("--format json goes with --dry-run, or with backfill status")
    if dry_run:
        with _session(database_url) as connection:
            _show_estimate(connection, output)
        return
    with _session(database_url) as connection, ExitStack() as more:
        others = [more.enter_context(_session(database_url)) for _ in range(workers - 1)]
        _run(connection, others, batch_size)


def _show_estimate(connection: Connection, output: Format) -> None:
    estimate = control.estimate(connection)
    if output is Format.JSON:
        _print_json(asdict(estimate))
    else:
        say(describe_estimate(estimate))


def describe_estimate(estimate: control.Estimate) -> str:
    """The estimate as one line."""
    return (
        f"To do: about {estimate.customers:,} customers, {estimate.profiles:,} profiles;"
        f" {decimal(estimate.disk_bytes)} of disk, {decimal(estimate.wal_bytes)} of WAL"
    )


def _run(connection: Connection, others: list[Connection], batch_size: int | None) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    connection.add_notice_handler(
        lambda notice: console.print(f"Note: {printable(notice.message_primary or '')}")
    )
    require_triggers(connection)
    control.join(connection)
    finished_at = control.progress(connection).finished_at
    if finished_at is not None:
        say(f"The backfill finished at {finished_at:{_TIME}}; looking for customers who came since")
    say(describe_estimate(control.estimate(connection)))
    console.file.flush()
    stand = control.prepare(connection)
    for other in others:
        control.join(other)
    meter = Meter(stand.customers_done, stand.customers_estimated, "profiles")
    with shown(console, meter) as display:
        control.run([connection, *others], batch_size, display)
    say(
        f"Backfill finished: {meter.customers:,} customers got {meter.written:,} profiles"
        f" in {duration(meter.elapsed)}\n"
        "Next: sqitch deploy --to @phase1, unless it is deployed; then convo-tenancy health"
    )


@app.command(cls=Command)
def pause(context: typer.Context, database_url: UrlOption = None) -> None:
    """Pause the backfill after the current batch, in every terminal and in Sqitch.

    Exit codes: 0 done, 1 a problem, 2 called wrongly.

    \b
    Example:
      convo-tenancy backfill pause
    """
    with _session(database_url or context.obj) as connection:
        control.pause(connection)
        if not control.workers(connection):
            stand = "Paused. No backfill runs now; the next one waits until"
        else:
            stand = "Paused after the batch at hand, until"
        say(f"{stand}: convo-tenancy backfill resume")


@app.command(cls=Command)
def resume(context: typer.Context, database_url: UrlOption = None) -> None:
    """Let a paused backfill go on.

    Exit codes: 0 done, 1 a problem, 2 called wrongly.

    \b
    Example:
      convo-tenancy backfill resume
    """
    with _session(database_url or context.obj) as connection:
        control.resume(connection)
        if not control.workers(connection):
            say("Resumed. No backfill runs now; start one: convo-tenancy backfill")
        else:
            say("Resumed: the running backfill goes on")


@app.command(cls=Command)
def status(
    context: typer.Context, database_url: UrlOption = None, output: FormatOption = Format.TEXT
) -> None:
    """Show how far the backfill is, and which sessions work on it.

    Exit codes: 0 done, 1 a problem, 2 called wrongly.

    \b
    Examples:
      convo-tenancy backfill status
      convo-tenancy backfill status --format json
    """
    with _session(database_url or context.obj) as connection:
        stand = control.progress(connection)
        workers = control.workers(connection)
    if output is Format.JSON:
        _print_json(
            {
                **{
                    name: value.isoformat() if hasattr(value, "isoformat") else value
                    for name, value in asdict(stand).items()
                },
                "percent": stand.percent,
                "running": asdict(workers[0]) if workers else None,
                "workers": [asdict(worker) for worker in workers],
            }
        )
        return
    if stand.started_at is None:
        headline = "not started"
    elif stand.finished_at is not None:
        headline = f"finished at {stand.finished_at:{_TIME}}"
    else:
        headline = f"{stand.percent} %" + (", looking for leftovers" if stand.sweeping else "")
    say(f"Backfill:  {headline}{', paused' if stand.paused else ''}")
    say(f"Customers: {stand.customers_done:,} of about {stand.customers_estimated:,}")
    say(f"Profiles:  {stand.profiles_written:,}")
    if stand.updated_at is not None:
        say(f"Moved at:  {stand.updated_at:{_TIME}}")
    say(f"Running:   {printable('; '.join(map(str, workers))) or 'no'}")
