"""What the legacy side says of everybody, column by column."""

from __future__ import annotations

from typing import Any

import psycopg

TABLES = (
    "shops",
    "stylists",
    "services",
    "bookings",
    "customers",
    "customer_booking_stats",
    "customer_stylist_preferences",
    "customer_service_preferences",
)


def legacy_history(url: str, *but: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each legacy table, as values by column: their order tells nothing.

    Args:
        but: columns to leave out.
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = ''")
        return {
            table: [
                row[0]
                for row in connection.execute(
                    f"""
                    SELECT to_jsonb(t) - %s::text[] AS columns
                    FROM public.{table} AS t
                    ORDER BY to_jsonb(t) ->> 'id', to_jsonb(t) ->> 'customer_id'
                    """,
                    ([*but],),
                )
            ]
            for table in TABLES
        }
