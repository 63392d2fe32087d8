"""How long it takes to look for drift, beside a plain query for the totals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..cluster import TAG_PHASE_2, BenchError, Cluster, connect, deploy, number, statement
from ..scale import Scale
from ..steps import Steps

REFERENCE, ALL = "reference", "all"  # bench/sql/drift_<query>.sql
QUERIES = (REFERENCE, ALL)


@dataclass(frozen=True)
class DriftRun:
    """One query."""

    customers: int
    pair: int
    side: str  # the query
    seconds: float


def measure_drift(cluster: Cluster, scale: Scale, steps: Steps) -> Iterator[DriftRun]:
    """Each query on one core, so many times; they take turns in who is first."""
    customers, pairs = scale.drift_customers, scale.pairs
    steps.expect(pairs + 3)
    with steps.step(f"{customers:,} customers") as notes:
        sample = cluster.make_template(customers)
        notes.append("sample loaded")
    with cluster.clone(sample) as url, connect(url) as connection:
        with steps.step(f"{customers:,} customers") as notes:
            deploy(url, TAG_PHASE_2)
            connection.execute("VACUUM (ANALYZE)")
            notes.append(f"deployed to {TAG_PHASE_2}")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        # Before the first pair, which is not counted, the disk has been read.
        for pair in range(pairs + 1):
            with steps.step(f"drift, run {pair} of {pairs}") as notes:
                turn = pair % len(QUERIES)
                for query in QUERIES[turn:] + QUERIES[:turn]:
                    started = time.monotonic()
                    found = number(connection, statement(f"drift_{query}"))
                    seconds = time.monotonic() - started
                    # The reference also finds customers without statistics: NULL is not 0 there.
                    if found and query != REFERENCE:
                        raise BenchError(f"drift_{query}: {found} rows of drift")
                    notes.append(f"{query} {seconds:.2f} s")
                    if pair:
                        yield DriftRun(customers, pair, query, seconds)
    cluster.drop_template(sample)
