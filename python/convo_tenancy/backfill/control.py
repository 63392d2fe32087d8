"""The calls of the backfill's SQL interface, and the loop over its batches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from ..database import Connection, Holder, holder, one, scalar
from ..display import Display
from ..errors import Problem
from ..queries import query

WAIT_SECONDS = 0.3
"""Between two looks at whether a waiting backfill may go on."""


@dataclass(frozen=True)
class Estimate:
    """What the backfill has still to do (tenancy.backfill_estimate)."""

    customers: int
    profiles: int
    disk_bytes: int
    wal_bytes: int


@dataclass(frozen=True)
class Claimed:
    """Which session runs the backfill, or ran it last, and the key that it holds while it does."""

    key: int | None
    pid: int | None


@dataclass(frozen=True)
class Step:
    """The outcome of one batch (tenancy.backfill_step)."""

    state: str
    detail: str | None
    customers: int
    profiles: int


@dataclass(frozen=True)
class Progress:
    """The row of tenancy.backfill_progress."""

    last_customer_id: int | None
    sweeping: bool
    paused: bool
    customers_estimated: int
    customers_done: int
    profiles_written: int
    started_at: datetime | None
    updated_at: datetime | None
    finished_at: datetime | None

    @property
    def percent(self) -> float:
        """How far it is, by the estimate: 100 only when it is finished."""
        if self.finished_at is not None:
            return 100.0
        share = 100 * self.customers_done / max(self.customers_estimated, 1)
        return min(round(share, 1), 99.9)


def estimate(connection: Connection) -> Estimate:
    """What the backfill has still to do; writes nothing but planner statistics."""
    return one(connection, Estimate, "backfill/estimate")


def progress(connection: Connection) -> Progress:
    """Where the backfill stands."""
    return one(connection, Progress, "backfill/progress")


def runner(connection: Connection) -> Holder | None:
    """The session that runs a backfill in this database now, a Sqitch change's too."""
    claimed = one(connection, Claimed, "backfill/claimed")
    return holder(connection, claimed.key, claimed.pid)


def pause(connection: Connection) -> None:
    """No batch starts from now on, also in later runs, until resume()."""
    connection.execute(query("backfill/pause"))


def resume(connection: Connection) -> None:
    """Batches may start again."""
    connection.execute(query("backfill/resume"))


def begin(connection: Connection) -> None:
    """Make this session the one that runs the backfill, until it ends.

    Raises:
        Problem: another session runs it.
    """
    if not scalar(connection, "backfill/claim"):
        other = runner(connection)
        raise Problem(
            f"another backfill is running ({other or 'it ended just now'}): wait for it,"
            " or look at convo-tenancy backfill status"
        )


def prepare(connection: Connection) -> Progress:
    """Begin or resume (tenancy.prepare_backfill), and say where it starts."""
    connection.execute(query("backfill/prepare"))
    return progress(connection)


def run(connection: Connection, batch_size: int | None, display: Display) -> None:
    """Call batch after batch, each a transaction of its own, until no customer is left.

    Args:
        connection: in autocommit mode, after begin() and prepare().
        batch_size: customers in a batch; None takes tenancy.settings.backfill_batch_size.
        display: told of every batch and of every wait.
    """
    size = batch_size or scalar(connection, "backfill/batch_size")
    while True:
        step = one(connection, Step, "backfill/step", size)
        if step.profiles or step.customers:
            display.moved(step.customers, step.profiles)
        display.waits(step.detail if step.state == "waiting" else None)
        if step.state == "finished":
            break
        if step.state == "waiting":
            time.sleep(WAIT_SECONDS)
    connection.execute(query("backfill/finish"))
