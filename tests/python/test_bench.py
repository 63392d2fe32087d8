"""The benchmarks: what they play, compare, promise and clean up. Figures are for `make bench`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from bench.cluster import BenchError, psql_file
from bench.cluster import Cluster as BenchCluster
from bench.figures import figures
from bench.phase1.backfill import measure_backfill
from bench.phase1.report import Phase1
from bench.phase1.sides import WORKERS
from bench.phase2.legacy import Holds, pgbench
from bench.phase2.loop import CLOCKS, Loop
from bench.phase2.report import Phase2
from bench.phase2.server import SIDES, ServerRun
from bench.phase2.young import WHEN, YoungRun, measure_young
from bench.phase3.report import Phase3
from bench.report import Threshold
from bench.scale import FULL, QUICK
from bench.steps import Steps
from bench.worktree import worktree

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import environment

# What a booking leaves, but for the time.
LEFT = """
SELECT 'c', c.id, c.average_spend_cents, c.preferred_stylist_id, NULL FROM public.customers AS c
UNION ALL
SELECT 's', s.customer_id, s.total_bookings, s.total_spend_cents, s.last_booking_at::text
FROM public.customer_booking_stats AS s
UNION ALL
SELECT 'p', p.customer_id, p.stylist_id, p.booking_count, NULL
FROM public.customer_stylist_preferences AS p
UNION ALL
SELECT 'b', 0, b.shop_id, b.stylist_id, b.status::text || b.id FROM public.bookings AS b
ORDER BY 1, 2, 3, 4, 5
"""


def _left(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(LEFT).fetchall()


def test_the_loop_in_the_server_books_as_pgbench_does(cluster: Cluster) -> None:
    """Customers with and without statistics, stylists who are known and who are new to them."""
    holds = Holds(customers=50, count=200)
    left = []
    for play in ("pgbench", "loop"):
        with BenchCluster(cluster.directory).clone("template0", f"bench_{play}") as url:
            psql_file(url, "tests/legacy/schema.sql")
            psql_file(url, "tests/legacy/sample.sql", customers=holds.customers)
            with psycopg.connect(url) as connection:
                for table in ("booking_stats", "stylist_preferences"):
                    connection.execute(f"DELETE FROM customer_{table} WHERE customer_id % 2 = 0")
            holds.make(url)
            before = _left(url)
            if play == "pgbench":
                pgbench(url, holds, 0, 1, holds.count, dual_write=False)
            else:
                with Loop(url, holds.customers) as loop:
                    loop.book(0, 150)
                    microseconds = loop.book(150, 50)
                assert all(microseconds[clock] > 0 for clock in CLOCKS)
            left.append(_left(url))
            assert left[-1] != before
    assert left[0] == left[1]


def test_two_workers_backfill_at_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.phase1.backfill.deploy", move_to)  # Sqitch takes longer
    at = BenchCluster(cluster.directory)
    template = at.make_template(120)
    try:
        run = measure_backfill(at, template, 120, 1, WORKERS)
    finally:
        at.drop_template(template)
    assert run.profiles >= 120
    assert min(run.seconds, run.keys_seconds, run.wal_bytes, run.memory_peak_bytes) > 0


def test_a_young_shop_grows(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.phase2.young.deploy", move_to)  # Sqitch takes longer
    scale = QUICK.changed(young_customers=60, pairs=2, divisor=20)
    with Steps() as steps:
        runs = list(measure_young(BenchCluster(cluster.directory), scale, steps))
    sides = [(when, side) for when in WHEN for side in ("without", "mirrors")]
    assert sorted((run.when, run.side, run.pair) for run in runs) == sorted(
        (when, side, pair) for when, side in sides for pair in (1, 2)
    )
    assert {run.bookings for run in runs} == {25}


def _server(wall: dict[str, float]) -> list[ServerRun]:
    return [ServerRun(1, side, 1, dict.fromkeys(CLOCKS, wall[side])) for side in wall]


def test_what_the_mirrors_add_is_compared_within_a_pair() -> None:
    without, mirrors, before = SIDES
    runs = [
        *_server({without: 100, mirrors: 150, before: 300}),
        ServerRun(2, mirrors, 1, dict.fromkeys(CLOCKS, 1000.0)),  # of a pair that was cut short
    ]
    measured = figures(runs, lambda run: run.microseconds["wall"])
    assert measured.ratios(mirrors, without) == [1.5]
    assert measured.differences(mirrors, without) == [50]
    assert measured.added(mirrors, before, without) == [0.25]
    assert not figures([], lambda run: 0)


@pytest.mark.parametrize(
    ("values", "of_all", "passed"),
    [([1.0, 1.9, 9.0], None, True), ([1.0, 2.1, 2.2], None, False), ([1.0, 1.5, 9.0], max, False)],
)
def test_a_threshold_is_on_the_median_or_the_worst(
    values: list[float], of_all: object, passed: bool
) -> None:
    given = {} if of_all is None else {"of_all": of_all}
    assert Threshold("x", "<=", 2, values, **given).passed is passed  # type: ignore[arg-type]


def test_what_was_not_measured_is_not_judged() -> None:
    assert Threshold("x", "<=", 2, []).passed is None


def test_a_quick_run_fails_nothing(tmp_path: Path) -> None:
    without, mirrors, before = SIDES
    for is_quick in (False, True):
        report = Phase2(tmp_path / "phase-2.json", is_quick)
        report.servers += _server({without: 100, mirrors: 900, before: 300})
        report.write()
        limits = json.loads(report.file.read_text())["thresholds"]
        assert {limit["passed"] for limit in limits} == ({None} if is_quick else {None, False})
        assert any(limit["values"] == [9.0] for limit in limits)
        assert report.failed() is not is_quick


def test_a_plan_that_is_kept_while_tables_grow_is_told(tmp_path: Path) -> None:
    small, grown, new = WHEN
    report = Phase2(tmp_path / "phase-2.json")
    for when, mirrors in ((small, 200), (grown, 800), (new, 250)):
        for side, time in (("without", 100), ("mirrors", mirrors)):
            report.youngs.append(YoungRun(when, 1, side, 1, dict.fromkeys(CLOCKS, time)))
    (failed,) = [threshold for threshold in report.thresholds() if threshold.passed is False]
    assert (failed.value, failed.limit) == (3.2, 1.25)


# Each figure that is promised: a part of its name, the comparison, the limit.
PROMISED = [
    ("legacy booking: with mirrors / without", "<=", 2),
    ("mirrors add, one client, no network", "<=", 0.55),
    ("old session / new session", "<=", 1.25),
    ("0.5 ms delay, 1 client: with mirrors / without", ">=", 0.95),
    ("0.5 ms delay, 4 clients: with mirrors / without", ">=", 0.93),
    ("legacy statements / confirm_booking", ">=", 4),
    ("1,000,000 customers, two workers / adr", ">=", 1),
    ("longest stall at 1,000,000 customers, two workers / ours", "<=", 1),
    ("drift / reference", "<=", 3),
    *(
        (f"bulk update of {column}", "<=", 45)
        for column in (
            "customers.no_show_count",
            "customer_booking_stats.total_spend_cents",
            "customer_stylist_preferences.booking_count",
            "customer_shop_profiles.preferred_stylist_id",
        )
    ),
]


@pytest.mark.parametrize(("name", "comparison", "limit"), PROMISED)
def test_each_promise_is_a_threshold(
    tmp_path: Path, name: str, comparison: str, limit: float
) -> None:
    reports = [kind(tmp_path / "x.json") for kind in (Phase1, Phase2, Phase3)]
    found = [t for report in reports for t in report.thresholds() if name in t.name]
    assert [(t.comparison, t.limit, t.passed) for t in found] == [(comparison, limit, None)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*words: str) -> None:
        who = ("-c", "user.name=T", "-c", "user.email=t@x.y")
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet")
    for content in ("old", "new"):
        (folder / "file").write_text(content)
        git("add", "file")
        git("commit", "--quiet", "-m", content)
    return folder


def _worktrees(repository: Path) -> str:
    command = ["git", "worktree", "list"]
    return subprocess.run(
        command, cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def test_a_worktree_has_the_old_files_and_is_removed(repository: Path) -> None:
    before = _worktrees(repository)
    with worktree("HEAD^", repository) as folder:
        assert (folder / "file").read_text() == "old"
        assert str(folder) in _worktrees(repository)
        (folder / "left").touch()
    assert not folder.exists()
    assert _worktrees(repository) == before


def test_a_worktree_is_removed_when_the_measurement_fails(repository: Path) -> None:
    before = _worktrees(repository)
    with pytest.raises(BenchError, match="no use"), worktree("HEAD^", repository) as folder:
        raise BenchError("no use")
    assert not folder.exists()
    assert _worktrees(repository) == before


@pytest.mark.parametrize("lacks", ["commit", "repository", "git"])
def test_without_a_worktree_it_says_what_is_needed(
    repository: Path, lacks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = tmp_path / "places"
    places.mkdir()
    monkeypatch.setenv("BENCH_DIR", str(places))
    commit = "HEAD^"
    if lacks == "commit":
        commit = "b33bd55"
    elif lacks == "repository":
        shutil.rmtree(repository / ".git")
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    else:
        monkeypatch.setenv("PATH", str(places))
    with (
        pytest.raises(BenchError, match="in a clone with its whole history"),
        worktree(commit, repository),
    ):
        pass
    assert not list(places.iterdir())


def test_what_is_given_replaces_a_number_of_the_scale() -> None:
    assert QUICK.changed(pairs=1, runs=None) == QUICK.changed(pairs=1)
    assert QUICK.changed(pairs=1).pairs == 1
    assert QUICK.changed(pairs=1).runs == QUICK.runs
    assert FULL.share(300) == 300
    assert 1 <= QUICK.share(300) < 300
    assert QUICK.share(1) == 1


def _bench(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=ROOT,
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("sizes", ["many", "0", "10 -5"])
def test_sizes_that_are_none_are_refused(sizes: str) -> None:
    done = _bench("stall", SIZES=sizes)
    assert done.returncode == 2
    assert "not a list of numbers" in done.stderr


def test_a_quick_run_says_each_ratio_with_its_spread(tmp_path: Path) -> None:
    done = _bench(
        *("drift", "--pairs", "2", "--drift-customers", "1000", "--output", tmp_path),
        QUICK="1",
        COLUMNS="200",
    )
    assert done.returncode == 0, done.stderr
    assert "which the full run judges" in done.stdout
    written = json.loads((tmp_path / "phase-2.json").read_text())
    assert written["parameters"]["quick"] is True
    (drift,) = [limit for limit in written["thresholds"] if limit["values"]]
    assert drift["name"] == "drift / reference"
    assert len(drift["values"]) == 2
    assert drift["passed"] is None
