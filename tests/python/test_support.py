"""The tests' own tools: a crash is a crash, a clone is a clone."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from support.cluster import ROOT, Cluster
from support.commands import CONVO_TENANCY, LOADED, SQITCH, execute, pg_dump_schema, psql, run
from support.profiles import wrong_profiles


def test_a_killed_cluster_starts_again_with_what_was_committed(
    cluster: Cluster, legacy_database: str
) -> None:
    execute(legacy_database, "INSERT INTO shops (name) VALUES ('kept')")
    cluster.kill()
    assert not cluster.running()
    cluster.start()
    assert psql(legacy_database, "-Atc", "SELECT name FROM shops WHERE id = 2").stdout == "kept\n"


def test_the_recorded_database_is_whole(recorded_database: str) -> None:
    with psycopg.connect(recorded_database) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM bookings),"
            " (SELECT sum(total_bookings) FROM customer_booking_stats)"
        ).fetchone()
    assert row == (1824, 12077, 11796)


def test_a_dump_compares_from_run_to_run(legacy_database: str, recorded_database: str) -> None:
    dump = pg_dump_schema(legacy_database, "public")
    assert dump == pg_dump_schema(recorded_database, "public")
    assert "CREATE TABLE public.customers" in dump
    assert "restrict" not in dump


def test_wrong_profiles_are_seen_both_ways(phase1_database: str) -> None:
    assert wrong_profiles(phase1_database) == []
    execute(phase1_database, "DELETE FROM public.customer_shop_profiles WHERE customer_id = 7")
    lacking = wrong_profiles(phase1_database)
    assert {row[0] for row in lacking} == {7}
    assert {*wrong_profiles(phase1_database, [7])} == {*lacking}
    assert wrong_profiles(phase1_database, [50]) == []
    execute(
        phase1_database,
        """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = 50 AND shop_id = 1
        """,
    )
    assert len(wrong_profiles(phase1_database, [50])) == 2


@pytest.mark.parametrize(
    ("command", "arguments", "status"),
    [
        ("sqitch", ["--version"], 0),
        ("sqitch", ["config", "--get", "core.engine"], 0),
        ("sqitch", ["deploy", "--to", "Größe", "db:pg://nobody@127.0.0.1:1/none"], 2),
        ("sqitch", ["no-such-command"], 2),
        ("convo-tenancy", ["--version"], 0),
        ("convo-tenancy", ["health"], 3),
        ("convo-tenancy", ["backfill", "--batch-size", "Größe"], 2),
        ("convo-tenancy", ["backfill"], 1),
    ],
)
def test_what_is_loaded_is_what_is_installed(
    tmp_path: Path, command: str, arguments: list[str], status: int
) -> None:
    """The same words in, the same words out, of the same folder and environment."""
    shutil.copy(ROOT / "sqitch.plan", tmp_path)
    env = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "SQITCH_CONFIG": str(ROOT / "sqitch.conf"),
    }
    installed, loaded = (
        run(each, *arguments, check=False, cwd=tmp_path, env=env)
        for each in ({"sqitch": SQITCH, "convo-tenancy": CONVO_TENANCY}[command], command)
    )
    assert LOADED
    assert installed.returncode == status
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (
        installed.returncode,
        installed.stdout,
        installed.stderr,
    )
