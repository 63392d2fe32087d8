"""The legacy application's statements, run by psycopg."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, RawCursor
from psycopg.rows import namedtuple_row

from support.legacy_replay import statement


def legacy(connection: Connection[Any], name: str, *values: object) -> Any:
    """Run tests/legacy/statements/NAME.sql; the first row, or None if there is none."""
    cursor = RawCursor(connection, row_factory=namedtuple_row).execute(statement(name), values)
    return cursor.fetchone() if cursor.description else None
