"""What was booked after the contract is on the legacy side that comes back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.cluster import Cluster
from support.commands import pg_dump_schema, psql, run, sqitch, value
from support.history import legacy_history
from support.sides import drift

SEED = 20261123
CALLS = 400
TIMES = ("created_at", "updated_at")
KINDS = ("booking", "no-show", "choice", "no choice")

Call = tuple[str, tuple[Any, ...]]


def calls(url: str, seed: int, kinds: Sequence[str]) -> Iterator[Call]:
    """What the application calls for a few customers, at random."""
    dice = random.Random(seed)  # noqa: S311
    with psycopg.connect(url) as connection:
        stylists = connection.execute("SELECT id, shop_id FROM public.stylists ORDER BY id")
        chairs = stylists.fetchall()
        rows = connection.execute("SELECT id FROM public.customers ORDER BY id").fetchall()
    customers = [row[0] for row in dice.sample(rows, 40)]
    customers += [max(rows)[0] + n for n in (1, 2, 3)]
    for n in (1, 2, 3):
        name = f"new{n}@example.test"
        yield "SELECT * FROM tenancy.get_or_create_customer(%s, NULL, 'New')", (name,)
    for n in range(CALLS):
        customer = dice.choice(customers)
        stylist, shop = dice.choice(chairs)
        match dice.choice(kinds):
            case "booking":
                price, day = dice.randrange(1000, 9000), dice.randrange(1, 28)
                yield (
                    "SELECT * FROM tenancy.record_booking(%s, %s, %s, %s, %s)",
                    (customer, shop, stylist, price, f"2041-03-{day:02} {n % 24:02}:00+00"),
                )
            case "no-show":
                yield "SELECT * FROM tenancy.record_no_show(%s, %s)", (customer, shop)
            case "choice":
                yield (
                    "SELECT * FROM tenancy.set_preferred_stylist(%s, %s, %s)",
                    (customer, shop, stylist),
                )
            case "no choice":
                yield "SELECT * FROM tenancy.set_preferred_stylist(%s, %s, NULL)", (customer, shop)


def make(url: str, seed: int, kinds: Sequence[str]) -> list[Any]:
    """Each call in a transaction of its own: what they return, but for times of writing."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [
            connection.execute(
                f"SELECT to_jsonb(r) - '{{created_at,updated_at}}'::text[] FROM ({call}) AS r",
                values,
            ).fetchall()
            for call, values in calls(url, seed, kinds)
        ]


@pytest.mark.parametrize(
    ("kinds", "but"),
    [
        (("booking",), ()),
        # Of several shops that were written since, the profiles do not tell in which order.
        (("booking", "no-show"), ("last_booking_at", "preferred_stylist_id")),
        (("booking", "choice", "no choice"), ("last_booking_at", "preferred_stylist_id")),
    ],
)
def test_as_if_it_had_never_gone(
    cluster: Cluster, phase2_template: str, kinds: Sequence[str], but: Sequence[str]
) -> None:
    print(f"seed {SEED}")
    stayed, contracted = (
        cluster.create_database(name, phase2_template) for name in ("stayed", "contracted")
    )
    try:
        sqitch(contracted, "deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0")
        # Who calls, sees no difference.
        assert make(contracted, SEED, kinds) == make(stayed, SEED, kinds)
        sqitch(contracted, "revert", "-y", "--to", "@phase2")

        assert drift(contracted) == []
        but = (*TIMES, *but)
        expected, found = legacy_history(stayed, *but), legacy_history(contracted, *but)
        for table, rows in expected.items():
            assert found[table] == rows, table

        # All the way back, it stays.
        history = legacy_history(contracted)
        sqitch(contracted, "revert", "-y")
        assert legacy_history(contracted) == history
    finally:
        for name in ("stayed", "contracted"):
            cluster.drop_database(name)


def test_in_another_cluster(tmp_path: Path, phase3_database: str) -> None:
    """Written after the contract, dumped and restored elsewhere: the way back is the same."""
    print(f"seed {SEED}")
    url = phase3_database
    make(url, SEED, KINDS)
    # Transaction ids are others there, and small.
    elsewhere = Cluster.create()
    try:
        moved = elsewhere.create_database("moved")
        psql(moved, stdin=run("pg_dumpall", "--roles-only", "-d", url).stdout, check=False)
        dump = str(tmp_path / "dump")
        run("pg_dump", "--format=custom", "-d", url, "-f", dump)
        run("pg_restore", "--exit-on-error", "-d", moved, dump)
        for each in (moved, url):
            sqitch(each, "revert", "-y", "--to", "@phase2")
            assert drift(each) == []
        assert legacy_history(moved, *TIMES) == legacy_history(url, *TIMES)
        assert pg_dump_schema(moved, "public") == pg_dump_schema(url, "public")
        problems = "SET search_path = pg_catalog; SELECT name, problem FROM tenancy.part_problems"
        assert value(moved, problems) == ""
        for each in (moved, url):
            sqitch(each, "revert", "-y")
        assert legacy_history(moved, *TIMES) == legacy_history(url, *TIMES)
    finally:
        elsewhere.remove()
