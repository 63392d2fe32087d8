"""The figures in words: the same on a screen and in lines."""

from __future__ import annotations

from datetime import datetime

from ..backfill.control import Progress
from ..display import duration, listed, printable
from ..health.model import Status
from .figures import Figures
from .looks import Look

_MIRRORS = "mirror/mirrors"
_RECONCILE = "mirror/reconcile_profiles"
_NAMES = 8  # of checks


def rate(value: float | None) -> str:
    """A rate: "8,512/s", "0.4/s"; "?/s" before it is known."""
    if value is None:
        return "?/s"
    return f"{value + 0.0:,.{0 if abs(value) >= 100 else 1}f}/s".replace("-0.0/", "0.0/")


def where(look: Look) -> str:
    """The database, and who looks."""
    database = look.report.database
    if database is None:
        return ""
    on_standby = ", a standby" if database.is_standby else ""
    return printable(f"{database.database_name} as {database.role_name}{on_standby}")


def clock(moment: datetime) -> str:
    """The time of day."""
    return f"{moment:%H:%M:%S} UTC"


def phase(look: Look) -> tuple[str, Status]:
    """Where it stands, with who runs a script, or both ways out of a half state."""
    check = next((each for each in look.report.checks if each.name == "phase"), None)
    tag = look.report.phase or "not known"
    if check is None:
        return tag, Status.UNKNOWN
    return f"{tag}: {printable(check.detail)}", check.status


def backfill(figures: Figures) -> tuple[str, float | None]:
    """Rate and time left, and the share that is done; empty, None where there is none to show."""
    progress = figures.look and figures.look.report.backfill
    if not progress or progress.started_at is None or figures.look is None:
        return "", None
    done = f"{progress.customers_done:,}"
    if progress.finished_at is not None:
        return f"finished: {done} customers, {progress.profiles_written:,} profiles", None
    total = max(progress.customers_estimated, progress.customers_done)
    words = f"{done} of {total:,} customers, {_pace(figures, progress)}"
    if workers := [str(worker) for worker in figures.look.workers]:
        words += f" ({printable(listed(workers, 1))})"
    return words, progress.percent


def _pace(figures: Figures, progress: Progress) -> str:
    if progress.paused:
        return "paused: convo-tenancy backfill resume"
    if progress.sweeping:
        return f"{rate(figures.backfill)}, looks for who was left out"
    if figures.backfill is None:
        return "?/s"
    if figures.backfill_left is None:
        still = f" since {clock(progress.updated_at)}" if progress.updated_at is not None else ""
        return f"does not move{still}"
    return f"{rate(figures.backfill)}, {duration(figures.backfill_left)} left"


def drift(figures: Figures) -> str:
    """How many rows disagree, and while the reconcile runs, how fast that falls."""
    if figures.drift is None:
        return ""
    words = f"{figures.drift:,} rows"
    if figures.drift_share < 1:
        words += f" so far, {int(figures.drift_share * 100)} % of this pass"
    if figures.drift and is_reconciling(figures):
        words += f", {rate(figures.drift_falls)} less by the reconcile"
        if figures.drift_left is not None:
            words += f", about {duration(figures.drift_left)} left"
    return words


def is_reconciling(figures: Figures) -> bool:
    """Whether the mirrors are there, and what was written before them is still caught up."""
    stands = figures.look and figures.look.report.stands
    return bool(
        stands
        and stands.state(_MIRRORS) == "standing"
        and stands.state(_RECONCILE) in ("absent", "deploying")
    )


def bookings(figures: Figures) -> str:
    """All shops together, by what tells the sides apart."""
    look = figures.look
    if look is None or look.counters is None:
        return ""
    words = [f"{rate(figures.counted)} counted"]
    if figures.confirmed is not None:
        words.insert(0, f"{rate(figures.confirmed)} confirmed")
    if look.counters.legacy_rows is not None:
        words.append(f"legacy code wrote {rate(figures.legacy_rows)} rows")
    if figures.api_calls is not None:
        words.append(f"SQL API {rate(figures.api_calls)}")
    return ", ".join(words)


def not_ok(figures: Figures) -> str:
    """How many checks are not ok, and which."""
    names = [check.name for check in figures.wrong]
    words = f"{len(names)} {'check' if len(names) == 1 else 'checks'} not ok"
    if not names:
        return words
    more = ", ..." if len(names) > _NAMES else ""
    return f"{words} ({', '.join(names[:_NAMES])}{more})"


def window(figures: Figures) -> str:
    """Over which time, and which bookings, rates of shops are."""
    span = f"over {duration(figures.span)}"
    if figures.until is None:
        return span
    return f"{span}, bookings that begin before {figures.until[:10]}"
