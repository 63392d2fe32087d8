"""Sqitch's registry, for what runs the scripts of the plan without Sqitch."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from .cluster import Cluster
from .commands import psql, run, sqitch, value

Rows = list[dict[str, Any]]

# In place of a number for each change, Sqitch orders them by this moment.
_ENTER = """
    INSERT INTO sqitch.{0}
    SELECT r.*
    FROM jsonb_array_elements(%s) WITH ORDINALITY AS e (row, n)
    CROSS JOIN LATERAL jsonb_populate_record(
        NULL::sqitch.{0},
        e.row || jsonb_build_object('committed_at', now() + e.n * interval '1 microsecond')
    ) AS r
"""


@dataclass(frozen=True)
class Registry:
    """What Sqitch enters, as it did once: it takes twice as long for that as the scripts do."""

    schema: str
    """SQL that makes it, with no change in it."""

    changes: Rows
    tags: Rows
    dependencies: Rows

    @classmethod
    def shared(cls, cluster: Cluster, folder: Path) -> Registry:
        """Made by the first worker of pytest that asks, in a folder that they share."""
        file = folder / "registry.json"
        with (folder / "registry.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                file.write_text(json.dumps(_made_by_sqitch(cluster)))
        return cls(**json.loads(file.read_text()))

    def make(self, url: str) -> None:
        """Where it is missing: Sqitch makes it before it runs a script."""
        if value(url, "SELECT to_regclass('sqitch.changes')") == "":
            psql(url, stdin=self.schema)

    def enter(self, url: str, changes: Sequence[str]) -> None:
        """These changes were deployed."""
        own = sorted(
            (row for row in self.changes if row["change"] in changes),
            key=lambda row: changes.index(row["change"]),
        )
        ids = {row["change_id"] for row in own}
        with psycopg.connect(url) as connection:
            connection.execute(_ENTER.format("changes"), [Jsonb(own)])
            for table, rows in (("tags", self.tags), ("dependencies", self.dependencies)):
                of_these = [row for row in rows if row["change_id"] in ids]
                connection.execute(_ENTER.format(table), [Jsonb(of_these)])

    def remove(self, url: str, changes: Sequence[str]) -> None:
        """These changes were reverted."""
        ids = [row["change_id"] for row in self.changes if row["change"] in changes]
        with psycopg.connect(url) as connection:
            for table in ("tags", "dependencies", "changes"):
                connection.execute(f"DELETE FROM sqitch.{table} WHERE change_id = ANY (%s)", [ids])


def registered(url: str) -> list[str]:
    """The changes that Sqitch has, in their order."""
    if value(url, "SELECT to_regclass('sqitch.changes')") == "":
        return []
    return value(url, "SELECT change FROM sqitch.changes ORDER BY committed_at").splitlines()


def _made_by_sqitch(cluster: Cluster) -> dict[str, Any]:
    url = cluster.create_database("registry")
    sqitch(url, "deploy", "--log-only", "--no-verify")
    tables = ("changes", "tags", "dependencies")
    made: dict[str, Any] = {
        table: json.loads(value(url, f"SELECT json_agg(r) FROM sqitch.{table} AS r"))
        for table in tables
    }
    empty = [f"--exclude-table-data=sqitch.{table}" for table in (*tables, "events")]
    made["schema"] = run("pg_dump", "--schema=sqitch", *empty, "-d", url).stdout
    cluster.drop_database("registry")
    return made
