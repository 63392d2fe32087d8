"""What was booked after the contract is on the legacy side that comes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import pg_dump_schema, psql, run, value
from support.history import legacy_history
from support.shop_calls import make
from support.sides import drift
from support.soak import share

SEED = 20261123
TIMES = ("created_at", "updated_at")


@pytest.mark.parametrize(
    ("kinds", "but"),
    share(
        [
            (("booking",), ()),
            # Of several shops that were written since, the profiles do not tell in which order.
            (("booking", "no-show"), ("last_booking_at", "preferred_stylist_id")),
            (("booking", "choice", "no choice"), ("last_booking_at", "preferred_stylist_id")),
        ],
        2,
    ),
)
def test_as_if_it_had_never_gone(
    cluster: Cluster, phase2_template: str, kinds: Sequence[str], but: Sequence[str]
) -> None:
    print(f"seed {SEED}")
    stayed, contracted = (
        cluster.create_database(name, phase2_template) for name in ("stayed", "contracted")
    )
    try:
        move_to(contracted, "@phase3")
        # Who calls, sees no difference.
        assert make(contracted, SEED, kinds) == make(stayed, SEED, kinds)
        move_to(contracted, "@phase2")

        assert drift(contracted) == []
        but = (*TIMES, *but)
        expected, found = legacy_history(stayed, *but), legacy_history(contracted, *but)
        for table, rows in expected.items():
            assert found[table] == rows, table

        # All the way back, it stays.
        history = legacy_history(contracted)
        move_to(contracted, None)
        assert legacy_history(contracted) == history
    finally:
        for name in ("stayed", "contracted"):
            cluster.drop_database(name)


def test_in_another_cluster(tmp_path: Path, phase3_database: str) -> None:
    """Written after the contract, dumped and restored elsewhere: the way back is the same."""
    print(f"seed {SEED}")
    url = phase3_database
    make(url, SEED)
    # Transaction ids are others there, and small.
    elsewhere = Cluster.create()
    try:
        moved = elsewhere.create_database("moved")
        psql(moved, stdin=run("pg_dumpall", "--roles-only", "-d", url).stdout, check=False)
        dump = str(tmp_path / "dump")
        run("pg_dump", "--format=custom", "-d", url, "-f", dump)
        run("pg_restore", "--exit-on-error", "-d", moved, dump)
        for each in (moved, url):
            move_to(each, "@phase2")
            assert drift(each) == []
        assert legacy_history(moved, *TIMES) == legacy_history(url, *TIMES)
        assert pg_dump_schema(moved, "public") == pg_dump_schema(url, "public")
        problems = "SET search_path = pg_catalog; SELECT name, problem FROM tenancy.part_problems"
        assert value(moved, problems) == ""
        history = legacy_history(moved)
        move_to(moved, None)
        assert legacy_history(moved) == history
    finally:
        elsewhere.remove()
