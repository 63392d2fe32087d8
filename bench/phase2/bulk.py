"""One statement over many rows of each mirrored column, without the mirrors and with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from ..checks import check_drift
from ..cluster import Cluster, Connection, connect, statement
from ..scale import Scale
from ..steps import Steps
from .bookings import MIRRORS, WITHOUT
from .databases import Templates

ROWS = 100_000
_NEXT_STYLIST = """
    SET preferred_stylist_id = s.next_id
    FROM (
        SELECT id, coalesce(lead(id) OVER shop, first_value(id) OVER shop) AS next_id
        FROM public.stylists
        WINDOW shop AS (PARTITION BY shop_id ORDER BY id)
    ) AS s
    WHERE s.id = preferred_stylist_id AND
"""
# Each mirrored column, and how it changes up to the customer $1.
_ONE_MORE = "SET {0} = {0} + 1 WHERE"
_LATER = "SET last_booking_at = last_booking_at + interval '1 minute' WHERE"
_COLUMNS = (
    ("customers", "id", "no_show_count", _ONE_MORE),
    ("customers", "id", "preferred_stylist_id", _NEXT_STYLIST),
    ("customer_booking_stats", "customer_id", "total_bookings", _ONE_MORE),
    ("customer_booking_stats", "customer_id", "total_spend_cents", _ONE_MORE),
    ("customer_booking_stats", "customer_id", "last_booking_at", _LATER),
    ("customer_stylist_preferences", "customer_id", "booking_count", _ONE_MORE),
    ("customer_shop_profiles", "customer_id", "total_bookings", _ONE_MORE),
    ("customer_shop_profiles", "customer_id", "total_spend_cents", _ONE_MORE),
    ("customer_shop_profiles", "customer_id", "last_booking_at", _LATER),
    ("customer_shop_profiles", "customer_id", "no_show_count", _ONE_MORE),
    ("customer_shop_profiles", "customer_id", "preferred_stylist_id", _NEXT_STYLIST),
)
UPDATES = {
    f"{table}.{column}": (f"UPDATE public.{table} {change.format(column)} {table}.{key} <= $1")
    for table, key, column, change in _COLUMNS
}


@dataclass(frozen=True)
class BulkRun:
    """One statement on one side."""

    update: str
    pair: int
    side: str
    rows: int
    seconds: float


def _update(connection: Connection, update: str, rows: int) -> tuple[int, float]:
    cursor = psycopg.RawCursor(connection)
    cursor.execute(statement("bulk_customer"), (rows,))
    row = cursor.fetchone()
    assert row is not None
    started = time.monotonic()
    cursor.execute(UPDATES[update], (row[0],))
    seconds = time.monotonic() - started
    updated = cursor.rowcount
    # So that the next statement finds the space of the rows as they were, and autovacuum no work.
    connection.execute("VACUUM (ANALYZE)")
    return updated, seconds


def measure_bulk(
    cluster: Cluster, made: Templates, scale: Scale, steps: Steps
) -> Iterator[BulkRun]:
    """Each statement, so many times; the sides take turns in who is first."""
    steps.expect(len(UPDATES) * (scale.pairs + 1))
    with (
        cluster.warm_clone(made.phase_1, "without") as without,
        cluster.warm_clone(made.phase_2, "mirrors") as mirrors,
        connect(without) as connection_without,
        connect(mirrors) as connection_mirrors,
    ):
        connections = {WITHOUT: connection_without, MIRRORS: connection_mirrors}
        for update in UPDATES:
            # The first pair makes the tables as big as they stay, and is not counted.
            for pair in range(scale.pairs + 1):
                sides = (WITHOUT, MIRRORS) if pair % 2 else (MIRRORS, WITHOUT)
                with steps.step(f"bulk {update}, run {pair} of {scale.pairs}") as notes:
                    for side in sides:
                        rows, seconds = _update(connections[side], update, scale.share(ROWS))
                        notes.append(f"{side} {seconds / rows * 1e6:,.1f} µs a row")
                        if pair:
                            yield BulkRun(update, pair, side, rows, seconds)
        check_drift(mirrors)
