"""convo-tenancy repair."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from ..backfill.control import progress
from ..database import (
    Connection,
    UrlOption,
    connect,
    problems,
    require_deployed,
    require_legacy_side,
    require_triggers,
    scalar,
)
from ..display import Format, FormatOption, Meter, listed, plural, say, shown
from ..errors import Problem
from .control import SHOPS, Change, Drift, Outcome, Repair

APPLICATION_NAME = "convo-tenancy repair"
_EXAMPLES = 3
_TEXT_LIMIT = 100


class Source(StrEnum):
    """The side that is right."""

    LEGACY = "legacy"
    PROFILES = "profiles"


_OTHER = {Source.LEGACY: Source.PROFILES, Source.PROFILES: Source.LEGACY}
_IS_WRONG = {
    Source.LEGACY: "the legacy side is wrong itself",
    Source.PROFILES: "the profiles are wrong themselves",
}
_OPTIONS = {Source.LEGACY: "", Source.PROFILES: " --source profiles", SHOPS: " --shops"}
_NOTHING = {
    Source.LEGACY: "No drift: nothing to repair",
    Source.PROFILES: "No drift: nothing to repair",
    SHOPS: "No booking in a wrong shop, as far as bookings and counts show: nothing to repair",
}


def repair(
    database_url: UrlOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    side: Annotated[
        Source | None,
        typer.Option(
            "--source",
            help="The side that is right; the repair changes the other one. [default: legacy]",
            show_default=False,
        ),
    ] = None,
    shops: Annotated[
        bool,
        typer.Option(
            "--shops",
            help="Instead of mending drift, move bookings to the shop that both bookings and"
            " stylists' counts show.",
        ),
    ] = False,
    batch_size: Annotated[
        int,
        typer.Option(min=1, max=10_000, metavar="CUSTOMERS", help="Customers in one transaction."),
    ] = 50,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="VALUES",
            help=f"Changes to list; all are counted. [default: {_TEXT_LIMIT}; all in JSON]",
            show_default=False,
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Make both sides agree again: mend drift (tenancy.drift), and change nothing else.

    It prints each changed value, before and after. With --source legacy, profiles get what
    customer_booking_stats and customers hold, by the rules of the mirrors. With --source profiles,
    the legacy side gets the sums of the profiles. With --shops, it moves misplaced bookings and
    their money between a customer's profiles (tenancy.misplaced_bookings); sums stay the same. Try
    --dry-run first: it does the same and rolls back. The application can go on; the repair waits
    for customers that another session locks. You can stop it at any moment and run it again.

    Exit codes: 0 both sides agree (dry run: they would), 1 something drifts that it cannot repair,
    or any other problem, 2 called wrongly.

    \b
    Examples:
      convo-tenancy repair --dry-run
      convo-tenancy repair
      convo-tenancy repair --dry-run --source profiles --limit 20
      convo-tenancy repair --dry-run --shops
      convo-tenancy repair --format json > repaired.json
    """
    if shops and side is not None:
        raise Problem("--shops changes no side: leave --source out")
    source = SHOPS if shops else side or Source.LEGACY
    if limit is None and output is Format.TEXT:
        limit = _TEXT_LIMIT
    with (
        problems(
            denied="run it as the owner of the legacy tables, who also runs sqitch deploy",
            undefined="run sqitch deploy --to @phase2 first",
            lost="run it again to go on",
        ),
        connect(database_url, APPLICATION_NAME) as connection,
    ):
        require_deployed(
            connection, "tenancy.repair(integer[], text, boolean)", "phase 2", "@phase2"
        )
        require_legacy_side(connection, "to repair")
        require_triggers(connection)
        if progress(connection).finished_at is None:
            raise Problem("the backfill is not complete: run convo-tenancy backfill first")
        outcome = Outcome(limit)
        try:
            _run(Repair(connection, source, dry_run, outcome), batch_size)
        finally:
            if outcome.finished or outcome.changed_values:
                _SHOWN[output](outcome, source, dry_run)
        remaining = [*_held(connection, outcome), *_unrepaired(outcome, source)]
    if remaining:
        raise Problem("; ".join(remaining))


def _run(run: Repair, batch_size: int) -> None:
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    customers = run.find()
    with shown(console, Meter(0, len(customers), "values")) as display:
        run.run(customers, batch_size, display)


def _print_text(outcome: Outcome, source: str, dry_run: bool) -> None:
    for change in outcome.changes:
        say(_change(change))
    unlisted = outcome.changed_values - len(outcome.changes)
    if unlisted:
        say(f"... and {unlisted:,} more (--limit)")
    values = plural(outcome.changed_values, "value")
    counted = f"{values} of {plural(outcome.changed_customers, 'customer')}"
    if outcome.finished and not outcome.drifted_customers:
        say(_NOTHING[source])
    elif dry_run:
        say(f"Dry run: {counted} would change")
        if outcome.changed_values:
            say(f"Next: convo-tenancy repair{_OPTIONS[source]}")
    else:
        say(f"Changed {counted}")


def _change(change: Change) -> str:
    shop = "" if change.shop_id is None else f", shop {change.shop_id}"
    before, after = ("none" if each is None else each for each in (change.before, change.after))
    return f"customer {change.customer_id}{shop}: {change.field}: {before} -> {after}"


def _print_json(outcome: Outcome, source: str, dry_run: bool) -> None:
    fields = asdict(outcome)
    del fields["limit"]
    print(json.dumps({"source": source, "dry_run": dry_run, **fields}, indent=2))


_SHOWN = {Format.TEXT: _print_text, Format.JSON: _print_json}


def _held(connection: Connection, outcome: Outcome) -> list[str]:
    held = outcome.held_customers
    if not held:
        return []
    holders = scalar(connection, "repair/holders", held) or "a session that has ended"
    customers = listed([str(customer) for customer in held], _EXAMPLES)
    return [
        f"{len(held):,} customers are held by other transactions (customer {customers}):"
        f" wait for them or end them, then run it again: {holders}"
    ]


def _unrepaired(outcome: Outcome, source: str) -> list[str]:
    left = outcome.unrepaired
    if not left:
        return []
    side = Source(source)
    customers = len({drift.customer_id for drift in left})
    return [
        f"{customers:,} customers still drift, for {_IS_WRONG[side]}"
        f" ({listed([_drift(drift) for drift in left], _EXAMPLES)}): correct it there, or look at"
        f" convo-tenancy repair --dry-run --source {_OTHER[side]}"
    ]


def _drift(drift: Drift) -> str:
    shop = "" if drift.shop_id is None else f" in shop {drift.shop_id}"
    sides = [("legacy", drift.legacy_value), ("profiles", drift.profile_value)]
    values = ", ".join(f"{side} {value}" for side, value in sides if value is not None)
    return f"{drift.kind}: customer {drift.customer_id}{shop}: {values}"
