"""The calls of the backfill's SQL interface, and the loop over its batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..database import Connection, Holder, one, rows, scalar
from ..display import Display
from ..queries import query
from .workers import Helpers, batches


@dataclass(frozen=True)
class Estimate:
    """What the backfill has still to do (tenancy.backfill_estimate)."""

    customers: int
    profiles: int
    disk_bytes: int
    wal_bytes: int


@dataclass(frozen=True)
class Progress:
    """The row of tenancy.backfill_progress."""

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


def workers(connection: Connection) -> list[Holder]:
    """The sessions that work on the backfill of this database now, a Sqitch change's too."""
    return rows(connection, Holder, "backfill/workers")


def pause(connection: Connection) -> None:
    """No batch starts from now on, also in later runs, until resume()."""
    connection.execute(query("backfill/pause"))


def resume(connection: Connection) -> None:
    """Batches may start again."""
    connection.execute(query("backfill/resume"))


def join(connection: Connection) -> None:
    """Make this session one of those that work on the backfill, until it ends.

    Whoever works on it already is told in a notice.
    """
    connection.execute(query("backfill/join"))


def prepare(connection: Connection) -> Progress:
    """Begin or resume (tenancy.prepare_backfill), and say where it starts."""
    connection.execute(query("backfill/prepare"))
    return progress(connection)


def run(connections: list[Connection], batch_size: int | None, display: Display) -> None:
    """Work until no customer is left, each connection as a worker of its own.

    Args:
        connections: in autocommit mode, after join() and prepare(). The first one is the caller's.
        batch_size: customers in a batch; None takes tenancy.settings.backfill_batch_size.
        display: told what all workers did, those of other sessions too, and when this one waits.

    Raises:
        psycopg.Error, Problem: what the first worker who failed ended with. All have stopped.
    """
    first, *others = connections
    size = batch_size or int(str(scalar(first, "backfill/batch_size")))
    before = progress(first)
    with Helpers(others, size) as helpers:
        for step in batches(first, size):
            helpers.check()
            now = progress(first)
            customers = now.customers_done - before.customers_done
            profiles = now.profiles_written - before.profiles_written
            if customers or profiles:
                display.moved(customers, profiles)
            before = now
            display.waits(step.detail if step.state == "waiting" else None)
    first.execute(query("backfill/finish"))
    for connection in connections:
        connection.execute(query("backfill/leave"))
