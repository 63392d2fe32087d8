"""The contract and its revert by Sqitch, under clients of the SQL API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise, product
from typing import cast

import psycopg

from ..checks import check_bookings, check_drift, counted_bookings
from ..cluster import (
    TAG_PHASE_2,
    TAG_PHASE_3,
    Cluster,
    connect,
    deploy,
    revert,
    statement,
)
from ..steps import Steps
from ..writers import Observed, longest, under_writers
from .client import ApiClient
from .holder import Holder
from .locks import LockSampler, TableLock, table_oids

DEPLOY, REVERT = "deploy", "revert"
DIRECTIONS = (DEPLOY, REVERT)


@dataclass(frozen=True)
class ChangeRun:
    """One change of the plan."""

    change: str
    # From the change before to the verify script; Sqitch's own start is in the first one.
    seconds: float
    longest_seconds: float


@dataclass(frozen=True)
class ContractRun:
    """The contract or its revert, once."""

    size: int
    pair: int
    direction: str
    # Whether somebody held each of the tables in turn.
    is_held: bool
    seconds: float
    changes: list[ChangeRun]
    longest_seconds: float
    # The same clients, before: what the machine does by itself.
    quiet_longest_seconds: float
    calls: int
    # Transactions that came through at another attempt, and the attempts that they took.
    retried: int
    retries: int
    # All, not only during the change, and those that were tried in vain to the last.
    errors: list[str]
    locks: dict[str, TableLock]
    longest_gap_seconds: float


def make_template(cluster: Cluster, size: int) -> str:
    """A database at @phase2 with this many customers."""
    name = f"phase_2_{size}"
    sample = cluster.make_template(size)
    with cluster.template(name, sample) as url:
        deploy(url, TAG_PHASE_2)
    cluster.drop_template(sample)
    return name


def measure_contract(
    cluster: Cluster, template: str, size: int, pair: int, title: str, steps: Steps
) -> Iterator[ContractRun]:
    """Both ways, one after the other in a fresh copy; then everything is checked."""
    with cluster.warm_clone(template) as url:
        oids = table_oids(url)
        before = counted_bookings(url)
        booked = 0
        works: dict[str, Callable[[], None]] = {
            DEPLOY: lambda: deploy(url, TAG_PHASE_3, contract="yes", legacy_quiet_period="0"),
            REVERT: lambda: revert(url, TAG_PHASE_2),
        }
        for is_held, (direction, work) in product((False, True), works.items()):
            beside = ", with each table held in turn" if is_held else ""
            with steps.step(f"{title}, {direction}{beside}") as notes:
                with (
                    LockSampler(url, oids) as sampler,
                    Holder(url) if is_held else nullcontext(),
                ):
                    observed = under_writers(url, ApiClient, work)
                done = _contract_run(url, size, pair, direction, is_held, observed, sampler)
                notes.append(f"{done.seconds:.1f} s")
                notes.append(f"longest {done.longest_seconds * 1000:,.0f} ms")
                notes.append(f"{done.calls:,} calls, {len(done.errors)} errors")
            booked += len(observed.log.writes)
            yield done
        check_bookings(url, before + booked)
        check_drift(url)


def _contract_run(
    url: str,
    size: int,
    pair: int,
    direction: str,
    is_held: bool,
    observed: Observed,
    sampler: LockSampler,
) -> ContractRun:
    during = observed.during()
    return ContractRun(
        size=size,
        pair=pair,
        direction=direction,
        is_held=is_held,
        seconds=observed.seconds,
        changes=_changes(url, direction, observed),
        longest_seconds=longest(during).seconds,
        quiet_longest_seconds=longest(observed.at_rest()).seconds,
        calls=len(during),
        retried=sum(write.retries > 0 for write in during),
        retries=sum(write.retries for write in during),
        errors=observed.log.errors,
        locks=sampler.tables,
        longest_gap_seconds=sampler.longest_gap_seconds,
    )


def _changes(url: str, direction: str, observed: Observed) -> list[ChangeRun]:
    """Each change as Sqitch logged it; its clock is the wall's."""
    with connect(url) as connection:
        offset = time.time() - time.monotonic()
        wanted = (direction, observed.started + offset)
        cursor = psycopg.RawCursor(connection).execute(statement("changes"), wanted)
        rows = [(cast(str, name), cast(float, at)) for name, at in cursor]
    names = [name for name, _ in rows]
    moments = [observed.started, *(at - offset for _, at in rows)]
    return [
        ChangeRun(
            name,
            end - start,
            # A change may be over before any client is at work again.
            max((write.seconds for write in observed.log.between(start, end)), default=0.0),
        )
        for name, (start, end) in zip(names, pairwise(moments), strict=True)
    ]
