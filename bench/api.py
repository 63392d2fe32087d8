"""Calls of the SQL API, and whom they are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import psycopg
from psycopg.types.numeric import Int4Dumper

from convo_tenancy.queries import query

from .cluster import Connection, statement

READ, WRITE = "customer_context", "record_booking"
FUNCTIONS = (READ, WRITE)
BOOKED_AT = datetime(2040, 1, 1, 10, tzinfo=UTC)

CALLS = {name: query(f"customer_memory/{name}") for name in FUNCTIONS}


@dataclass(frozen=True)
class Known:
    """Somebody whom a shop knows, and one of its stylists."""

    customer_id: int
    shop_id: int
    stylist_id: int

    def arguments(self, function: str, booked_at: datetime = BOOKED_AT) -> tuple[object, ...]:
        """Of one of the functions."""
        if function == READ:
            return (self.customer_id, self.shop_id)
        return (self.customer_id, self.shop_id, self.stylist_id, 4500, booked_at)


def known_customers(connection: Connection, count: int) -> list[Known]:
    """So many customers of all ages."""
    rows = psycopg.RawCursor(connection).execute(statement("known_customers"), (count,))
    return [Known(*cast(tuple[int, int, int], row)) for row in rows]


def api_cursor(connection: Connection) -> psycopg.RawCursor[tuple[object, ...]]:
    """Every integer goes as the same type, so that no statement is prepared twice."""
    connection.adapters.register_dumper(int, Int4Dumper)
    return psycopg.RawCursor(connection)
