"""Health by ranges of customers: runs that each see a part see together what one run sees."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from convo_tenancy.database import Connection, connect
from convo_tenancy.health import checks, ranges
from convo_tenancy.health.drift import DRIFT, check_drift
from convo_tenancy.health.drift import look as look_for_drift
from convo_tenancy.health.last_bookings import LAST_BOOKINGS
from convo_tenancy.health.memory import Memory
from convo_tenancy.health.model import Check, Report, Status
from convo_tenancy.health.phase import read_phase
from convo_tenancy.health.ranges import Finding, Limit, Subject, look
from convo_tenancy.health.shops import SHOPS
from support.command_line import call
from support.commands import psql, value
from support.health import health, role, samples

ONE_RANGE = Limit(seconds=0, is_strict=False, customers=400)
AMPLE = Limit(seconds=600, customers=100)
PAST_TRIGGERS = "SET session_replication_role = replica"


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    with connect(url, "test") as connection:
        yield connection


def _run(connection: Connection, path: Path, subject: Subject, limit: Limit | None) -> Finding:
    """One run, which saves what it remembers."""
    memory = Memory(path)
    memory.open("one")
    found = look(connection, memory, subject, limit)
    memory.save()
    assert memory.problem is None
    return found


def _pass(connection: Connection, path: Path, subject: Subject, limit: Limit) -> list[Finding]:
    """Runs until all customers are seen."""
    runs = [_run(connection, path, subject, limit)]
    while runs[-1].seen.share < 1:
        runs.append(_run(connection, path, subject, limit))
        assert runs[-1].seen.share > runs[-2].seen.share
    return runs


def _write(url: str, *statements: str) -> None:
    psql(url, "-c", PAST_TRIGGERS, *(word for each in statements for word in ("-c", each)))


def test_runs_see_together_what_one_sees(phase2_database: str, tmp_path: Path) -> None:
    dice = random.Random(3)  # noqa: S311
    who = ", ".join(str(dice.randint(1, 1824)) for _number in range(60))
    _write(
        phase2_database,
        "UPDATE customer_booking_stats SET total_bookings = total_bookings + 1"
        f" WHERE customer_id IN ({who})",
        f"DELETE FROM customer_shop_profiles WHERE customer_id IN ({who}) AND customer_id % 3 = 0",
        # One booking from one shop of a customer to another one.
        """
        UPDATE customer_shop_profiles AS p
        SET total_bookings = p.total_bookings + CASE p.shop_id WHEN s.low THEN 1 ELSE -1 END
        FROM (
            SELECT customer_id, min(shop_id) AS low, max(shop_id) AS high
            FROM tenancy.shop_check WHERE class = 'agrees' AND total_bookings > 0
            GROUP BY customer_id HAVING count(*) > 1
        ) AS s
        WHERE s.customer_id = p.customer_id AND p.shop_id IN (s.low, s.high)
            AND p.customer_id % 7 = 0
        """,
        "UPDATE customer_shop_profiles SET last_booking_at = 'infinity' WHERE customer_id % 90 = 0",
    )
    with _connection(phase2_database) as connection:
        for subject in (DRIFT, SHOPS, LAST_BOOKINGS):
            whole = _run(connection, tmp_path / "whole", subject, None)
            assert (whole.seen.share, whole.so_far()) == (1, "")
            assert sum(n for kind, n in whole.counts.items() if subject.alarms(kind)) > 10
            parts = tmp_path / "parts"
            runs = _pass(connection, parts, subject, ONE_RANGE)
            assert len(runs) == 5
            alarms = [sum(n for k, n in run.counts.items() if subject.alarms(k)) for run in runs]
            assert alarms == sorted(alarms)
            assert alarms[0] < alarms[-1]
            assert (runs[-1].counts, runs[-1].examples) == (whole.counts, whole.examples)
            assert runs[-1].so_far().startswith("seen all since ")
            assert runs[1].so_far().endswith("; no whole pass ended yet")
            # And in the next pass nothing is forgotten, and nothing counted twice.
            for run in _pass(connection, parts, subject, ONE_RANGE):
                assert run.counts == whole.counts
            # In one run of many ranges; and at once.
            for path, limit in ((tmp_path / "many", AMPLE), (parts, None), (parts, AMPLE)):
                [run] = _pass(connection, path, subject, limit or AMPLE)
                assert (run.counts, run.examples) == (whole.counts, whole.examples)
                assert run.so_far() == ""


def test_what_is_found_stays_until_it_is_mended(phase2_database: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    more = "UPDATE customer_booking_stats SET total_bookings = total_bookings + 1"
    less = "UPDATE customer_booking_stats SET total_bookings = total_bookings - 1"
    report = Report()
    with _connection(phase2_database) as connection:
        phase = read_phase(connection)

        def check() -> tuple[Status, Any, str]:
            memory = Memory(path)
            memory.open("one")
            found = check_drift(connection, phase, report, memory, ONE_RANGE)
            memory.save()
            return found.status, found.value, found.detail

        _write(phase2_database, f"{more} WHERE customer_id IN (7, 300)")
        status, number, detail = check()
        assert (status, number) == (Status.CRITICAL, 2)
        assert detail.startswith("totals 2 (customer 7: legacy ")
        assert "; customer 300: legacy " in detail
        assert ": run convo-tenancy repair --dry-run; seen 2" in detail
        assert "% (ids 1 to 4" in detail
        # Elsewhere all is well, and there is news of what was found first.
        _write(phase2_database, f"{less} WHERE customer_id = 7")
        status, number, detail = check()
        assert (status, number) == (Status.CRITICAL, 1)
        assert detail.startswith("totals 1 (customer 300: legacy ")
        # The customer goes, and what was seen breaks: the next pass sees it.
        _write(
            phase2_database,
            "DELETE FROM customers WHERE id = 300",
            f"{more} WHERE customer_id = 9",
        )
        status, number, detail = check()
        assert (status, number) == (Status.OK, 0)
        assert detail.startswith("the profiles say what the legacy side says; seen 6")
        assert check()[0] is Status.OK
        assert check()[2].startswith("the profiles say what the legacy side says; seen all since ")
        assert report.seen["drift"].whole_found == 0
        status, number, detail = check()
        assert (status, number) == (Status.CRITICAL, 1)
        assert "; the last whole pass ended 20" in detail
        assert detail.endswith(", found 0")


def test_more_than_is_remembered_one_by_one(
    phase2_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "MOST", 5)
    path = tmp_path / "state"
    broken = "UPDATE customers SET no_show_count = no_show_count + {} WHERE id % 40 = 0"
    with _connection(phase2_database) as connection:
        _write(phase2_database, broken.format(1))
        counts = [run.counts["no_show_count"] for run in _pass(connection, path, DRIFT, ONE_RANGE)]
        assert counts == sorted(counts)
        assert (
            counts[-1] == _run(connection, tmp_path / "whole", DRIFT, None).counts["no_show_count"]
        )
        again = _pass(connection, path, DRIFT, ONE_RANGE)
        assert {run.counts["no_show_count"] for run in again} == {counts[-1]}
        # Mended: whom it knows by name are gone at once, the others when the pass has come by.
        _write(phase2_database, broken.format(-1))
        after = [run.counts["no_show_count"] for run in _pass(connection, path, DRIFT, ONE_RANGE)]
        assert after[:-1] == [counts[-1] - 5] * 4
        assert after[-1] == 0
        state = json.loads(path.read_text())["one"]["drift"]
        assert not any(state["found"].values())
        assert not any(state["counts"].values())


def test_ids_of_any_kind(small_at: Any, tmp_path: Path) -> None:
    """Gaps, the lowest and the highest, new ones and none at all."""
    url = small_at("@phase2")
    new = """
        INSERT INTO customers (id, phone, average_spend_cents, no_show_count) VALUES ({}, {}, 0, 1)
    """
    ids = [-(2**31), -5, 2**31 - 1, 1_000_000_000, 1_000_000_001]
    small = Limit(seconds=0, is_strict=False, customers=2)
    with _connection(url) as connection:
        there = int(value(url, "SELECT count(*) FROM customers"))
        _write(url, *(new.format(each, f"'+{abs(each)}'") for each in ids))
        before = int(value(url, "SELECT count(*) FROM tenancy.drift"))
        runs = _pass(connection, tmp_path / "state", DRIFT, small)
        assert len(runs) == (there + 5) // 2 + 1
        assert runs[-1].counts["missing_profile"] == before == 5
        assert runs[0].seen.first_id == -(2**31)
        # The ones that come while a pass is under way, before and behind where it is.
        run = _run(connection, tmp_path / "state", DRIFT, small)
        _write(url, new.format(-7, "'+7'"), new.format(2_000_000_000, "'+8'"))
        assert run.seen.last_id == -5
        assert (
            _pass(connection, tmp_path / "state", DRIFT, small)[-1].counts["missing_profile"] == 6
        )
        assert (
            _pass(connection, tmp_path / "state", DRIFT, small)[-1].counts["missing_profile"] == 7
        )
        # Fewer than there were: what was seen of them says nothing of those that are left.
        for _number in range(3):
            _run(connection, tmp_path / "state", DRIFT, small)
        _write(url, "DELETE FROM customers WHERE id > -5", "DELETE FROM customers WHERE id < -7")
        [run] = _pass(connection, tmp_path / "state", DRIFT, AMPLE)
        assert (run.counts["missing_profile"], run.so_far()) == (2, "")
        _write(url, "DELETE FROM customers")
        [run] = _pass(connection, tmp_path / "state", DRIFT, small)
        assert (sum(run.counts.values()), run.seen.share) == (0, 1)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"size": 5},
        {"size": -1, "after": "x"},
        {"size": 10, "began": 1e300},
        {"size": 10, "after": 2**40},
        {"size": 10, "found": {"totals": {"99999999999": 1}}},
        {"size": 10, "found": {"totals": {"nobody": 1}}},
        {"size": 10, "found": [7]},
        {"size": 10, "counts": {"totals": "many"}},
        {"size": 10, "examples": {"totals": [7]}},
        {"size": 10, "of_another_version": True},
    ],
)
def test_a_state_that_is_not_one(phase1_database: str, tmp_path: Path, state: object) -> None:
    path = tmp_path / "state"
    path.write_text(json.dumps({"one": {"drift": state}}))
    with _connection(phase1_database) as connection:
        [run] = _pass(connection, path, DRIFT, AMPLE)
        assert run.seen.whole_found == 0


def test_no_time_at_all(phase2_database: str, tmp_path: Path) -> None:
    """Somebody holds a table for longer than there is time: no check fails, and none is ok."""
    with (
        _connection(phase2_database) as connection,
        psycopg.connect(phase2_database) as other,
    ):
        other.execute("LOCK TABLE public.customer_booking_stats")
        run = _run(connection, tmp_path / "state", DRIFT, Limit(seconds=0.3))
        assert (run.seen.share, run.seen.whole_at) == (0, None)
        other.rollback()
        # Or all of them: what was found is known all the same.
        _write(phase2_database, "UPDATE customers SET no_show_count = 77 WHERE id = 1")
        _run(connection, tmp_path / "found", DRIFT, None)
        other.execute("LOCK TABLE public.customers")
        connection.execute("SET statement_timeout = '200ms'")
        run = _run(connection, tmp_path / "found", DRIFT, Limit(seconds=0.5))
        assert (run.seen.share, run.counts["no_show_count"]) == (0, 1)
        connection.execute("SET statement_timeout = 0")
        other.rollback()
        # What is remembered of it is no hindrance.
        assert _pass(connection, tmp_path / "state", DRIFT, AMPLE)[0].seen.share == 1
        # The settings of a range are not those of what comes after it.
        settings = connection.execute(
            "SELECT current_setting('enable_seqscan'), current_setting('statement_timeout')"
        ).fetchone()
        assert settings == ("on", "0")


def test_health_in_little_time(phase2_database: str, tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    _write(phase2_database, "UPDATE customers SET no_show_count = 77 WHERE id = 1700")
    whole = health(phase2_database, *state)
    found = health(phase2_database, *state, "--max-seconds", "300")
    assert found.exit_code == 2
    assert list(found.checks) == list(whole.checks)
    for name in ("drift", "shops", "last_bookings", "functions", "isolation"):
        assert found.said(name) == whole.said(name)
    # No time is left for any check: the same ones, with what is known of before.
    none = health(phase2_database, *state, "--max-seconds", "0.001")
    assert list(none.checks) == list(whole.checks)
    assert none.exit_code == 2
    assert none.said("drift")[:2] == ("critical", 1)
    assert "customer 1700: run convo-tenancy repair" in none.said("drift")[2].replace(")", "")
    assert "; the last whole pass ended " in none.said("drift")[2]
    other = health(phase2_database, "--state", str(tmp_path / "other"), "--max-seconds", "0.001")
    assert other.exit_code == 3
    for name in ("drift", "shops", "last_bookings"):
        assert other.said(name)[0] == "unknown"
        assert other.said(name)[2].endswith(": raise --max-seconds")
    report = json.loads(
        call(phase2_database, "health", "--format", "json", *state, "--max-seconds", "300").stdout
    )
    assert report["seen"]["drift"]["share"] == 1
    assert report["seen"]["shops"]["whole_at"].endswith("+00:00")
    found_samples = samples(phase2_database, *state, "--max-seconds", "0.001")[1]
    assert found_samples['convo_tenancy_seen_ratio{check="drift"}'] == 0
    assert found_samples['convo_tenancy_whole_pass_timestamp_seconds{check="drift"}'] > 1e9


def test_a_big_database_goes_by_ranges_unless_told_otherwise(
    phase2_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Big is what has more customers than a range."""
    _write(phase2_database, "UPDATE customers SET no_show_count = 77 WHERE id = 1800")
    for name in checks._BY_DEFAULT:
        limit = Limit(seconds=0, is_strict=False, customers=1000)
        monkeypatch.setitem(checks._BY_DEFAULT, name, limit)

    def drift(max_seconds: float | None) -> Check:
        memory = Memory(tmp_path / "state")
        with _connection(phase2_database) as connection:
            report = checks.examine(connection, 60, None, None, memory, max_seconds)
        memory.save()
        for name in ("shops", "last_bookings"):
            assert report.seen[name].share == report.seen["drift"].share
        found = report.check("drift")
        assert found is not None
        return found

    first = drift(None)
    assert first.status is Status.OK
    assert "; seen 54% (ids 1 to 1,002) since " in first.detail
    for max_seconds in (None, math.inf):
        found = drift(max_seconds)
        assert (found.status, found.value) == (Status.CRITICAL, 1)
    assert "seen" not in found.detail


def test_nothing_is_kept(phase2_database: str, tmp_path: Path) -> None:
    """Then the shops are seen whole, and a look in little time begins anywhere."""
    _write(phase2_database, "UPDATE customers SET no_show_count = 77 WHERE id = 1")
    found = health(phase2_database, "--state", "/dev/null")
    assert found.said("shops")[0] == "ok"
    assert "seen" not in found.said("shops")[2]
    begins = set()
    with _connection(phase2_database) as connection:
        for _number in range(5):
            memory = Memory(Path("/dev/null"))
            memory.open("one")
            run = look(connection, memory, DRIFT, Limit(seconds=600, customers=50))
            begins.add(run.seen.first_id)
            # In one process it goes on, and in the end has seen all.
            while run.seen.share < 1:
                assert run.so_far().endswith(
                    "no run can keep where it stopped, so each begins at a random id"
                )
                run = look(connection, memory, DRIFT, AMPLE)
            assert run.counts["no_show_count"] == 1
    assert len(begins) > 1


def test_a_monitoring_role_and_each_phase(phase2_database: str, phase3_database: str) -> None:
    with (
        role(
            phase2_database, "GRANT convo_health TO watcher", "GRANT pg_read_all_stats TO watcher"
        ) as url,
        _connection(url) as connection,
    ):
        memory = Memory(Path("/dev/null"))
        memory.open("one")
        look(connection, memory, SHOPS, ONE_RANGE)
        assert look_for_drift(connection, memory, None).seen.share == 1
        assert look_for_drift(connection, memory, 60).counts["totals"] == 0
    found = health(phase3_database, "--max-seconds", "300")
    assert found.said("drift")[2] == "skipped: the legacy side is gone (phase 3)"
    assert found.said("shops")[0] == "ok"
