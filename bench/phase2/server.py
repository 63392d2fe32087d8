"""The server's time of a legacy booking: without the mirrors, with them, and with older ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from ..checks import check_bookings, check_drift, counted_bookings
from ..cluster import ROOT, TAG_PHASE_2, Cluster, deploy
from ..scale import Scale
from ..steps import Steps
from ..worktree import worktree
from .bookings import MIRRORS, WITHOUT
from .databases import Templates
from .loop import WALL, Loop

# The mirrors as they were before their usual case got a way of its own.
COMMIT = "b33bd55"
BEFORE = f"mirrors of {COMMIT}"
SIDES = (WITHOUT, MIRRORS, BEFORE)
BOOKINGS = 3000  # on each side in one run


def holds_needed(scale: Scale) -> int:
    """How many bookings all runs of one side confirm."""
    return (scale.pairs + 1) * scale.share(BOOKINGS)


@dataclass(frozen=True)
class ServerRun:
    """Some bookings on one side."""

    pair: int
    side: str
    bookings: int
    microseconds: dict[str, float]  # of one, by each clock


def measure_server(
    cluster: Cluster, made: Templates, scale: Scale, steps: Steps
) -> Iterator[ServerRun]:
    """So many runs of a loop in the server; the sides take turns in who is first."""
    pairs, bookings = scale.pairs, scale.share(BOOKINGS)
    steps.expect(pairs + 2)
    templates = {WITHOUT: made.phase_1, MIRRORS: made.phase_2, BEFORE: "before"}
    with steps.step(BEFORE) as notes, worktree(COMMIT, ROOT) as root:
        with cluster.template(templates[BEFORE], made.legacy) as url:
            deploy(url, TAG_PHASE_2, root)
        notes.append(f"deployed to {TAG_PHASE_2}")
    with ExitStack() as stack:
        urls = {
            side: stack.enter_context(cluster.warm_clone(template, f"server_{template}"))
            for side, template in templates.items()
        }
        counted = counted_bookings(urls[WITHOUT])
        loops = {
            side: stack.enter_context(Loop(url, made.holds.customers)) for side, url in urls.items()
        }
        # In the first pair all is planned and read; it is not counted.
        for pair in range(pairs + 1):
            with steps.step(f"in the server, run {pair} of {pairs}") as notes:
                turn = pair % len(SIDES)
                for side in SIDES[turn:] + SIDES[:turn]:
                    microseconds = loops[side].book(pair * bookings, bookings)
                    notes.append(f"{side} {microseconds[WALL]:,.0f} µs")
                    if pair:
                        yield ServerRun(pair, side, bookings, microseconds)
        for side, url in urls.items():
            check_bookings(url, counted + (pairs + 1) * bookings)
            if side != WITHOUT:
                check_drift(url)
    cluster.drop_template(templates[BEFORE])
