"""A whole legacy booking transaction: without the mirrors, with them, with a dual write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from ..checks import check_bookings, check_drift, counted_bookings
from ..cluster import Cluster, connect
from ..scale import Scale
from ..steps import Steps
from .databases import Templates
from .legacy import Holds, PgbenchRun, pgbench
from .proxy import network

WITHOUT, MIRRORS, DUAL_WRITE = "without", "mirrors", "dual write"
DELAY = 0.0005  # seconds a round trip


@dataclass(frozen=True)
class Setting:
    """Under which circumstances bookings are made."""

    fsync: str
    clients: int
    # Seconds a round trip through the proxy; None: straight to the socket.
    delay: float | None
    transactions: int  # of each client in one full run
    sides: tuple[str, ...]

    def __str__(self) -> str:
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        if self.delay is None:
            return f"fsync {self.fsync}, {clients}"
        return f"{self.delay * 1000:g} ms delay, {clients}"


WARM_UP = Setting("on", 1, None, 500, (WITHOUT, MIRRORS, DUAL_WRITE))
SETTINGS = [
    *(
        Setting(fsync, clients, None, transactions, (WITHOUT, MIRRORS))
        for fsync in ("on", "off")
        for clients, transactions in ((1, 2000), (4, 1000))
    ),
    *(
        Setting("on", clients, delay, transactions, (WITHOUT, MIRRORS, DUAL_WRITE))
        for delay, one, each_of_four in ((0.0, 1000, 500), (DELAY, 300, 200))
        for clients, transactions in ((1, one), (4, each_of_four))
    ),
]


@dataclass(frozen=True)
class BookingRun:
    """One run of pgbench on one side."""

    setting: Setting
    pair: int
    side: str
    done: PgbenchRun


def holds_needed(scale: Scale) -> int:
    """How many bookings all runs of one side confirm."""
    in_a_pair = sum(s.clients * scale.share(s.transactions) for s in SETTINGS)
    return scale.share(WARM_UP.transactions) + scale.pairs * in_a_pair


class Bench:
    """A database for each side, all of the same bookings."""

    def __init__(self, holds: Holds, databases: dict[str, str], scale: Scale) -> None:
        self._holds, self._databases, self._scale = holds, databases, scale
        self._confirmed = dict.fromkeys(databases, 0)
        self._first = 0

    def pair(self, at: Cluster, setting: Setting, pair: int) -> Iterator[BookingRun]:
        """The same bookings on each side of a setting; they take turns in who is first."""
        turn = pair % len(setting.sides)
        transactions = self._scale.share(setting.transactions)
        for side in setting.sides[turn:] + setting.sides[:turn]:
            done = pgbench(
                at.url(self._databases[side]),
                self._holds,
                self._first,
                setting.clients,
                transactions,
                dual_write=side == DUAL_WRITE,
            )
            self._confirmed[side] += done.transactions
            yield BookingRun(setting, pair, side, done)
        self._first += setting.clients * transactions

    def check(self, at: Cluster, counted: int) -> None:
        """Every booking is counted, and on both sides."""
        for side, database in self._databases.items():
            url = at.url(database)
            check_bookings(url, counted + self._confirmed[side])
            if side != WITHOUT:
                check_drift(url)


def measure_bookings(
    cluster: Cluster, made: Templates, scale: Scale, steps: Steps
) -> Iterator[BookingRun]:
    """Each setting, so many times."""
    steps.expect(len(SETTINGS) * scale.pairs)
    with (
        cluster.warm_clone(made.phase_1, "without") as without,
        cluster.warm_clone(made.phase_2, "mirrors"),
        cluster.warm_clone(made.phase_1, "dual_write"),
    ):
        counted = counted_bookings(without)
        bench = Bench(
            made.holds,
            {WITHOUT: "without", MIRRORS: "mirrors", DUAL_WRITE: "dual_write"},
            scale,
        )
        with connect(cluster.url()) as connection:
            connection.execute("CHECKPOINT")
        for _ in bench.pair(cluster, WARM_UP, 0):
            pass
        for setting in SETTINGS:
            cluster.set_fsync(setting.fsync)
            with (
                nullcontext(cluster)
                if setting.delay is None
                else network(cluster, setting.delay) as at
            ):
                for pair in range(1, scale.pairs + 1):
                    with steps.step(f"{setting}, run {pair} of {scale.pairs}") as notes:
                        for run in bench.pair(at, setting, pair):
                            notes.append(f"{run.side} {run.done.transactions_per_second:,.0f}")
                            yield run
                        notes.append("bookings a second")
        cluster.set_fsync("on")
        bench.check(cluster, counted)
