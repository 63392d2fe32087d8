"""The SQL API as the owner of the tables and as a role that is bound to the shop context."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median

import psycopg

from ..api import CALLS, FUNCTIONS, Known, api_cursor, known_customers
from ..checks import check_drift
from ..cluster import Cluster, connect, statement
from ..scale import Scale
from ..steps import Steps
from .databases import Templates

OWNER, MEMBER = "owner", "member of convo_shop"
LOGIN = "bench_shop"
CUSTOMERS = 500  # a call of each function for each of them, on each side in one run

SET_CONTEXT = statement("set_shop_context")


@dataclass(frozen=True)
class IsolationRun:
    """Some calls on one side; the median."""

    function: str
    pair: int
    side: str
    calls: int
    milliseconds: float


class Caller:
    """A connection of one of the two; every statement is prepared."""

    def __init__(self, url: str, user: str | None = None) -> None:
        connection = psycopg.connect(url, user=user) if user else psycopg.connect(url)
        self._cursor = api_cursor(connection)

    def close(self) -> None:
        """End the connection."""
        self._cursor.connection.close()

    def call(self, function: str, known: Known) -> float:
        """Milliseconds of a call in the context of its shop; the transaction around it is not."""
        self._cursor.execute(SET_CONTEXT, (str(known.shop_id),), prepare=True)
        started = time.monotonic()
        self._cursor.execute(CALLS[function], known.arguments(function), prepare=True)
        self._cursor.fetchall()
        seconds = time.monotonic() - started
        self._cursor.connection.commit()
        return seconds * 1000


def measure_isolation(
    cluster: Cluster, made: Templates, scale: Scale, steps: Steps
) -> Iterator[IsolationRun]:
    """Each function, so many times; the sides take turns, call by call, and in who is first."""
    steps.expect(len(FUNCTIONS) * (scale.pairs + 1))
    with cluster.warm_clone(made.phase_2) as url:
        customers = _prepare(url, scale.share(CUSTOMERS))
        with closing(Caller(url)) as owner, closing(Caller(url, LOGIN)) as member:
            callers = {OWNER: owner.call, MEMBER: member.call}
            for function in FUNCTIONS:
                # Before the first pair all is prepared and read; it is not counted.
                for pair in range(scale.pairs + 1):
                    with steps.step(f"isolation, {function}, run {pair} of {scale.pairs}") as notes:
                        for side, times in _take_turns(callers, function, customers).items():
                            notes.append(f"{side} {median(times):.3f} ms")
                            if pair:
                                yield IsolationRun(function, pair, side, len(times), median(times))
        check_drift(url)


def _prepare(url: str, customers: int) -> list[Known]:
    """The role of the application, and whom the calls are about."""
    with connect(url) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {LOGIN}".encode())
        connection.execute(f"CREATE ROLE {LOGIN} LOGIN IN ROLE convo_shop".encode())
        return known_customers(connection, customers)


def _take_turns(
    callers: Mapping[str, Callable[[str, Known], float]], function: str, customers: list[Known]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {side: [] for side in callers}
    sides = list(callers)
    for known in customers:
        for side in sides:
            times[side].append(callers[side](function, known))
        sides.reverse()
    return times
