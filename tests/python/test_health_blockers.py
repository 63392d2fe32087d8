"""convo-tenancy health: who is in the way, seen while it lasts, gone when advice is followed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from support.cluster import Cluster
from support.command_line import call
from support.commands import execute, value
from support.health import Health, health, role, samples
from support.sessions import Session
from support.waiting import wait_until

AT_ONCE = ("transaction", "prepared", "lock_wait")


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options for a warning at once, whatever it is that lasts."""
    file = tmp_path_factory.mktemp("thresholds") / "thresholds.toml"
    file.write_text("".join(f"{name}_warning_seconds = 0\n" for name in AT_ONCE))
    return ("--thresholds", str(file))


@pytest.fixture
def session(phase2_database: str) -> Iterator[Session]:
    """One that is ended when the test is over."""
    opened = Session(phase2_database)
    yield opened
    with suppress(psycopg.Error):
        opened.close()


def alone(found: Health, name: str) -> tuple[str, object, str]:
    """What this check said; all others are ok."""
    others = {other: each["status"] for other, each in found.checks.items() if other != name}
    assert {*others.values()} == {"ok"}, {n: found.said(n) for n, s in others.items() if s != "ok"}
    return found.said(name)


def in_all_formats(url: str, name: str, exit_code: int, *args: str) -> None:
    """Each format says of this check alone that it is wrong, with the same exit code."""
    status = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][exit_code]
    text = call(url, "health", *args)
    assert text.returncode == exit_code
    wrong = [line for line in text.stdout.splitlines()[1:] if not line.startswith("ok ")]
    assert [line.split()[:2] for line in wrong] == [[status.lower(), name]]
    plugin = call(url, "health", "--format", "nagios", *args)
    first, *rest = plugin.stdout.splitlines()
    assert plugin.returncode == exit_code
    assert first.startswith(f"CONVO_TENANCY {status} - {name}: ")
    assert [line for line in rest if not line.startswith("OK ")] == rest[:1]
    assert rest[0].startswith(f"{status} {name}: ")
    assert first.count("|") == 1
    assert not any("|" in line for line in rest)
    code, found = samples(url, *args)
    assert code == exit_code
    statuses = {each: number for each, number in found.items() if "check_status" in each and number}
    assert statuses == {f'convo_tenancy_check_status{{check="{name}"}}': exit_code}


def test_a_long_transaction(
    cluster: Cluster, phase2_database: str, session: Session, eager: tuple[str, ...]
) -> None:
    url = phase2_database
    # Nobody waits for one that has read nothing of ours, nor for one of another database.
    session.execute("SELECT 1")
    elsewhere = Session(cluster.url())
    elsewhere.execute("CREATE TEMPORARY TABLE own (id integer)")
    assert health(url, *eager).exit_code == 0
    elsewhere.close()

    session.execute("SET application_name = 'a|b'")
    session.execute("SELECT count(*) FROM public.shops")
    found = health(url, *eager)
    status, number, detail = alone(found, "long_transactions")
    assert (found.exit_code, status, number) == (1, "warning", 1)
    assert re.fullmatch(
        rf"pid {session.pid} \(user postgres, application a\|b, idle in transaction\) is open for"
        r" \d+ s, and holds locks on public\.shops: scripts that lock these tables, the contract"
        r" and vacuum wait for it: end it in its application, as a last resort run"
        rf" SELECT pg_terminate_backend\({session.pid}\)",
        detail,
    ), detail
    in_all_formats(url, "long_transactions", 1, *eager)
    assert health(url).exit_code == 0  # it is not open for long

    session.rollback()
    session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    session.execute("SELECT 1")
    assert "and holds a snapshot: " in alone(health(url, *eager), "long_transactions")[2]
    # What a role may not see is no comfort.
    with role(url, "GRANT convo_health TO watcher") as watcher:
        said = health(watcher, *eager).said("long_transactions")
        assert said == (
            "ok",
            None,
            "skipped: 1 sessions of other roles cannot be seen: GRANT pg_read_all_stats TO the"
            " role",
        )
    with role(url, "GRANT convo_health, pg_read_all_stats TO watcher") as watcher:
        found = health(watcher, *eager)
        assert (found.exit_code, found.said("long_transactions")[:2]) == (1, ("warning", 1))

    execute(url, re.findall(r"run (SELECT .+)", detail)[0])
    gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {session.pid}"
    wait_until(lambda: value(url, gone) == "0", "the session has ended")
    assert health(url, *eager).exit_code == 0


def test_a_prepared_transaction(
    cluster: Cluster, phase2_database: str, eager: tuple[str, ...]
) -> None:
    url = phase2_database
    execute(url, r"BEGIN; LOCK TABLE public.shops; PREPARE TRANSACTION 'it''s a \ one'")
    try:
        assert health(cluster.url(), *eager).said("phase")[2].startswith('database "postgres" does')
        found = health(url, *eager, "--threshold", "prepared_critical_seconds = 0 ")
        status, number, detail = alone_or_locked(found, "prepared_transactions")
        assert (found.exit_code, status, number) == (2, "critical", 1)
        assert re.match(
            r"E'it''s a \\\\ one' of user postgres waits for its end for \d+ s: it keeps its",
            detail,
        ), detail
    finally:
        execute(url, re.findall(r"ROLLBACK PREPARED E'[^ ]+ a \S+ one'", detail)[0])
    assert health(url, *eager).exit_code == 0


def alone_or_locked(found: Health, name: str) -> tuple[str, object, str]:
    """It; what reads the table that is locked is not known."""
    others = {check["status"] for other, check in found.checks.items() if other != name}
    assert others <= {"ok", "unknown"}
    return found.said(name)


def test_lock_waits(phase2_database: str, session: Session, eager: tuple[str, ...]) -> None:
    url = phase2_database
    execute(url, "CREATE TABLE public.other (id integer)")
    foreign, first, second = Session(url), Session(url), Session(url)
    options = ("--threshold", "lock_wait_warning_seconds=0")
    try:
        # Somebody else's table, and a lock of nobody's table.
        session.execute("LOCK TABLE public.other")
        session.execute("SELECT pg_advisory_lock(5)")
        waits = foreign.start("SELECT FROM public.other")
        foreign.wait_until_blocked_by(session)
        assert health(url, *options).exit_code == 0
        session.rollback()
        waits.result()
        foreign.rollback()

        # A row, and behind whoever waits for it the next one.
        no_show = "UPDATE public.customers SET name = name WHERE id = 7"
        session.execute(no_show)
        row = first.start(no_show)
        first.wait_until_blocked_by(session)
        table = second.start("LOCK TABLE public.customers IN SHARE MODE")
        second.wait_until_blocked_by(session, first)
        found = health(url, *options)
        status, number, detail = alone(found, "lock_waits")
        assert (found.exit_code, status, number) == (1, "warning", 2)
        assert re.fullmatch(
            rf"pid {first.pid} \(user postgres, application \(none\)\) waits \d+ s for a row of"
            rf" public\.customers; pid {second.pid} .* waits \d+ s for ShareLock on"
            rf" public\.customers; behind pid {session.pid} \(user postgres, application \(none\),"
            r" idle in transaction\): end that transaction in its application, as a last resort"
            rf" run SELECT pg_terminate_backend\({session.pid}\)",
            detail,
        ), detail
        _code, measured = samples(url, *options)
        assert measured["convo_tenancy_lock_waits"] == 2
        assert measured["convo_tenancy_longest_lock_wait_seconds"] > 0
        in_all_formats(url, "lock_waits", 2, "--threshold", "lock_wait_critical_seconds=0")
        # Everybody may see who waits for whom.
        with role(url, "GRANT convo_health TO watcher") as watcher:
            found = health(watcher, *options)
            assert found.said("lock_waits")[:2] == ("warning", 2)
            assert f"behind pid {session.pid} (user postgres" in found.said("lock_waits")[2]

        execute(url, re.findall(r"run (SELECT .+)", detail)[0])
        row.result()
        first.rollback()
        table.result()
        second.rollback()
        assert health(url, *options).exit_code == 0
    finally:
        for each in (foreign, first, second):
            each.close()


def test_a_lock_that_a_prepared_transaction_holds(phase2_database: str, session: Session) -> None:
    url = phase2_database
    execute(
        url, "BEGIN; UPDATE public.customers SET name = name WHERE id = 7; PREPARE TRANSACTION 'it'"
    )
    waits = session.start("UPDATE public.customers SET name = 'x' WHERE id = 7")
    wait_until(
        lambda: value(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") == "1", "it waits"
    )
    said = health(url, "--threshold", "lock_wait_warning_seconds=0").said("lock_waits")
    assert said[0] == "warning"
    assert said[2].endswith("; behind a prepared transaction: see prepared_transactions")
    execute(url, "ROLLBACK PREPARED 'it'")
    waits.result()


def test_deadlocks_since_the_last_look(phase2_database: str, tmp_path: Path) -> None:
    url, state = phase2_database, ("--state", str(tmp_path / "state.json"))
    assert health(url, *state).said("deadlocks") == ("ok", 0, "no new deadlock")
    one, other = Session(url), Session(url)
    customer = "UPDATE public.customers SET name = name WHERE id = $1"
    one.execute(customer, 1)
    other.execute(customer, 2)
    waits = one.start(customer, 2)
    one.wait_until_blocked_by(other)
    both = [waits, other.start(customer, 1)]
    assert [type(each.exception()) for each in both].count(psycopg.errors.DeadlockDetected) == 1
    for each in (one, other):
        each.close()
    count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    wait_until(lambda: value(url, count) == "1", "the server has counted it")

    # A look that is somebody else's takes nothing away, nor one that cannot be kept.
    assert health(url).said("deadlocks") == (
        "ok",
        0,
        "no new deadlock, 1 by now: this is the first look",
    )
    critical = ("--threshold", "deadlocks_critical_count=1")
    before = Path(state[1]).read_text()
    for args, exit_code in ((state, 1), ((*state, *critical), 2)):
        found = health(url, *args)
        _status, number, detail = alone(found, "deadlocks")
        assert (found.exit_code, number) == (exit_code, 1)
        assert re.match(r"1 since the last look at \d{4}-\d\d-\d\d \d\d:\d\d UTC: ", detail), detail
        Path(state[1]).write_text(before)
    assert samples(url, *state)[1]["convo_tenancy_deadlocks_total"] == 1
    assert health(url, *state).exit_code == 0

    # The counter begins anew.
    execute(url, "SELECT pg_stat_reset()")
    wait_until(lambda: value(url, count) == "0", "the counter begins anew")
    assert health(url, *state).said("deadlocks") == ("ok", 0, "no new deadlock")
    done = call(url, "health", "--state", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(f"note: cannot write {tmp_path}: it is a folder")


def test_the_last_booking_that_python_cannot_read(phase2_database: str) -> None:
    url = phase2_database
    for moment in ("infinity", "0044-03-15 12:00:00+00 BC"):
        execute(
            url,
            f"UPDATE public.customer_shop_profiles SET last_booking_at = '{moment}'"
            " WHERE customer_id = 7 AND shop_id = 2",
        )
        status, number, detail = alone(health(url), "last_bookings")
        assert (status, number) == ("warning", 1)
        assert f"(customer 7 in shop 2: {moment})" in detail
    execute(
        url,
        "UPDATE public.customer_shop_profiles SET last_booking_at = NULL"
        " WHERE customer_id = 7 AND shop_id = 2",
    )
    assert health(url).exit_code == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--threshold", "x=1"], "--threshold: there is no threshold 'x'"),
        (
            ["--threshold", "lag_warning_bytes"],
            "--threshold is 'lag_warning_bytes', expected NAME=",
        ),
        (["--threshold", "lag_warning_bytes=1 MB"], "is '1 MB', expected a number from 0 to inf"),
        (["--threshold", "lag_warning_bytes=-1"], "is -1.0, expected a number from 0 to inf"),
        (["--threshold", "lag_warning_bytes=nan"], "is nan, expected a number from 0 to inf"),
        (["--thresholds", "lag_warning_bytes = true"], "is True, expected a number from 0 to inf"),
        (["--thresholds", "lag_warning_bytes"], "is not TOML, expected NAME = VALUE in each line"),
        (["--thresholds", "[lag]\nwarning_bytes = 1"], "there is no threshold 'lag'"),
        (["--thresholds", "\udcff = 1"], "is not TOML"),
        (["--thresholds"], "No such file or directory"),
    ],
)
def test_a_threshold_that_is_none(args: list[str], words: str, tmp_path: Path) -> None:
    if args[0] == "--thresholds":
        file = tmp_path / "file.toml"
        for text in args[1:]:
            file.write_text(text, errors="surrogateescape")
        args = ["--thresholds", str(file)]
    found = health("postgresql://127.0.0.1:1/nowhere", *args)
    status, _value, detail = found.said("thresholds")
    assert (found.exit_code, status) == (3, "unknown")
    assert words in detail
    assert "No such" in words or "; the thresholds are transaction_warning_seconds, " in detail


def test_what_a_plugin_prints(phase2_database: str) -> None:
    """By the guidelines of monitoring plugins: a line, figures with units and levels, the rest."""
    done = call(phase2_database, "health", "--format", "nagios")
    first, *rest = done.stdout.splitlines()
    line, bar, data = first.partition(" | ")
    assert (done.returncode, bar) == (0, " | ")
    checks = json.loads(call(phase2_database, "health", "--format", "json").stdout)["checks"]
    assert line == f"CONVO_TENANCY OK - phase @phase2, {len(checks)} checks are ok"
    assert [each.split(": ")[0] for each in rest] == [f"OK {check['name']}" for check in checks]
    figure = r"'(\w+)'=\d+(\.\d+)?(s|B|c)?;(\d+(\.\d+)?)?;(\d+(\.\d+)?)?;0"
    assert re.fullmatch(rf"{figure}( {figure})*", data), data
    assert "'deadlocks_total'=0c;;;0" in data.split()
    assert "'longest_lock_wait_seconds'=0s;5;60;0" in data.split()
    assert "'drift_rows_totals'=0;;;0" in data.split()
