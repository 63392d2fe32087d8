"""Who still uses the legacy side."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import errors

from ..database import Connection, in_schema, rows
from ..display import listed
from .model import TIME, Check, LegacyReader, LegacyWriter, Report, Status, skipped

_SHOWN = 5


@dataclass(frozen=True)
class _Extension:
    schema_name: str
    sees_all: bool


def check_legacy_writers(connection: Connection, report: Report) -> Check:
    """Direct writes to the legacy side, as the mirrors noted them."""
    report.legacy_writers = rows(connection, LegacyWriter, "health/legacy_writers")
    return Check(
        "legacy_writers",
        Status.OK,
        len(report.legacy_writers),
        listed(
            [
                f"application {writer.application_name or '(none)'} as role {writer.role_name}:"
                f" {writer.writes:,} rows, last at {writer.last_at:{TIME}}"
                for writer in report.legacy_writers
            ],
            _SHOWN,
        )
        or "nobody wrote to the legacy side directly in the last seven days",
    )


def check_legacy_readers(connection: Connection, report: Report) -> Check:
    """Statements that read the legacy side, as pg_stat_statements knows them."""
    for extension in rows(connection, _Extension, "health/statements_extension"):
        try:
            with in_schema(connection, extension.schema_name):
                report.legacy_readers = rows(connection, LegacyReader, "health/legacy_readers")
        except errors.ObjectNotInPrerequisiteState:
            break
        except (errors.UndefinedColumn, errors.UndefinedTable):
            return skipped("legacy_readers", "run ALTER EXTENSION pg_stat_statements UPDATE")
        return _readers(report.legacy_readers, extension.sees_all)
    return skipped(
        "legacy_readers",
        "reads are seen by pg_stat_statements alone: add it to shared_preload_libraries, restart"
        " the server, and CREATE EXTENSION pg_stat_statements",
    )


def _readers(readers: list[LegacyReader], sees_all: bool) -> Check:
    hidden = "" if sees_all else "; of other roles not seen: GRANT pg_read_all_stats"
    seen = listed(
        [
            f"role {reader.role_name}: {reader.calls:,} calls of {reader.statements:,} statements"
            f" since {reader.counted_since:{TIME}}, mostly {reader.example}"
            for reader in readers
        ],
        _SHOWN,
    )
    return Check(
        "legacy_readers",
        Status.OK,
        sum(reader.statements for reader in readers),
        (seen or "no statement names the legacy side") + hidden,
    )
