"""A session that began when the tables were small: whether it keeps plans that were made then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from ..checks import check_drift
from ..cluster import TAG_PHASE_1, TAG_PHASE_2, Cluster, deploy, psql_file
from ..scale import Scale
from ..steps import Steps
from .bookings import MIRRORS, WITHOUT
from .legacy import Holds
from .loop import WALL, Loop

TAGS = {WITHOUT: TAG_PHASE_1, MIRRORS: TAG_PHASE_2}
CUSTOMERS = 20  # at first
SMALL, GROWN, NEW = "small tables", "grown tables", "grown tables, a new session"
WHEN = (SMALL, GROWN, NEW)
BOOKINGS = 500  # of each session in one run
VISIT = 500  # bookings of a session that comes and goes while the tables grow


@dataclass(frozen=True)
class YoungRun:
    """Some bookings of one session on one side."""

    when: str
    pair: int
    side: str
    bookings: int
    microseconds: dict[str, float]  # of one, by each clock


def measure_young(cluster: Cluster, scale: Scale, steps: Steps) -> Iterator[YoungRun]:
    """Some bookings, then growth that nothing analyzes, then the same session and a new one."""
    pairs, bookings, customers = scale.pairs, scale.share(BOOKINGS), scale.young_customers
    steps.expect(len(TAGS) + 2 * (pairs + 1) + 1)
    small = Holds(CUSTOMERS, (pairs + 1) * bookings)
    grown = Holds(customers, small.count + customers + 2 * (pairs + 1) * bookings)
    with ExitStack() as stack:
        urls = {
            side: stack.enter_context(cluster.clone("template0", f"young_{tag[1:]}"))
            for side, tag in TAGS.items()
        }
        for side, url in urls.items():
            with steps.step(f"a young shop, {side}") as notes:
                psql_file(url, "tests/legacy/schema.sql")
                psql_file(url, "tests/legacy/sample.sql", customers=CUSTOMERS)
                small.make(url)
                deploy(url, TAGS[side])
                notes.append(f"deployed to {TAGS[side]}")
        old = {side: stack.enter_context(Loop(url, CUSTOMERS)) for side, url in urls.items()}
        yield from _take_turns({SMALL: old}, 0, pairs, bookings, steps)
        with steps.step(f"{customers:,} customers come") as notes:
            for side, url in urls.items():
                psql_file(url, "bench/sql/grow.sql", first=CUSTOMERS, customers=customers)
                grown.make(url, small.count)
                for first in range(0, customers, VISIT):
                    with Loop(url, customers) as visitor:
                        visitor.book(small.count + first, min(VISIT, customers - first))
                # Whatever the application itself would keep, is no matter of the mirrors.
                old[side].plan(customers)
            notes.append("each booked once")
        new = {side: stack.enter_context(Loop(url, customers)) for side, url in urls.items()}
        first = small.count + customers
        yield from _take_turns({GROWN: old, NEW: new}, first, pairs, bookings, steps)
        check_drift(urls[MIRRORS])


def _take_turns(
    sessions: dict[str, dict[str, Loop]], first: int, pairs: int, bookings: int, steps: Steps
) -> Iterator[YoungRun]:
    """The same holds on both sides; the first pair, in which plans are made, is not counted."""
    for pair in range(pairs + 1):
        with steps.step(f"{next(iter(sessions))}, run {pair} of {pairs}") as notes:
            for when, loops in sessions.items():
                for side in TAGS if pair % 2 else reversed(TAGS):
                    microseconds = loops[side].book(first, bookings)
                    notes.append(f"{when}, {side} {microseconds[WALL]:,.0f} µs")
                    if pair:
                        yield YoungRun(when, pair, side, bookings, microseconds)
                first += bookings
