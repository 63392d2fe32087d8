"""Several sessions share one backfill: each customer once, whoever dies, and passes end once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from convo_tenancy.backfill import workers
from convo_tenancy.database import one
from support.adopted import run_the_adr
from support.at_once import move_to, run_scripts
from support.backfill import assert_all_right
from support.command_line import Running, call
from support.commands import environment, execute, psql, value
from support.holding import held_in_a_batch, wait_until_gone, wait_until_held
from support.legacy_application import LegacyLoad
from support.plan import CHANGES
from support.profiles import wrong_profiles
from support.sessions import Session
from support.sides import drift
from support.soak import SOAK, share
from support.waiting import wait_until

SEED = 20261129
APPLICATION = "convo-tenancy backfill"
STEP = "SELECT state, detail, customers FROM tenancy.backfill_step($1)"
BY_HAND = "CALL tenancy.run_backfill"
WORKERS = 3
# Small ranges, so that there is always one for everybody
SMALL = "UPDATE tenancy.settings SET backfill_batch_size = 20"
COUNTED = "SELECT customers_done FROM tenancy.backfill_progress"
THERE = "SELECT count(DISTINCT customer_id) FROM public.customer_shop_profiles"
PROFILED = "SELECT DISTINCT customer_id FROM public.customer_shop_profiles ORDER BY 1"
IN_A_BATCH = f"""
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
        AND (query LIKE '{BY_HAND}%' OR application_name = '{APPLICATION}')
    ORDER BY pid
"""


@pytest.fixture
def url(backfill_database: str) -> str:
    """URL of the recorded database, where batches are small."""
    execute(backfill_database, SMALL)
    return backfill_database


@pytest.fixture
def sessions(url: str) -> Iterator[tuple[Session, Session]]:
    """Two that work on the backfill, which is prepared."""
    execute(url, "SELECT tenancy.prepare_backfill()")
    both = Session(url), Session(url)
    for session in both:
        session.execute("SELECT tenancy.join_backfill()")
        session.commit()
    yield both
    for session in both:
        session.close()


def _leave(url: str, *customers: str) -> None:
    """As near the end of a pass as may be: one customer in each of the last ranges is left."""
    execute(
        url,
        f"""
        UPDATE tenancy.backfill_ranges AS r SET next_id = r.last_id::bigint + 1
        WHERE NOT EXISTS (
            SELECT FROM public.customers AS c
            WHERE c.id IN ({", ".join(customers)}) AND c.id BETWEEN r.first_id AND r.last_id
        )
        """,
    )


def _wait_until_done(url: str, customers: int) -> None:
    wait_until(lambda: int(value(url, COUNTED)) >= customers, f"{customers} customers are done")


def _by_hand(url: str, size: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["psql", "-XqAt", url, "-c", f"{BY_HAND}({size})"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


# --- Two sessions, step by step


def test_nobody_waits_and_nobody_does_it_twice(url: str, sessions: tuple[Session, Session]) -> None:
    first, second = sessions
    last = "(SELECT max(id) FROM public.customers)"
    _leave(url, "900", last)
    with held_in_a_batch(url):
        batch = first.start(STEP, 20)
        first.wait_until_sleeping()
        [(state, _, done)] = second.execute(STEP, 3)
        assert (state, done) == ("working", 3)
        second.commit()
        while state == "working":
            [(state, detail, customers)] = second.execute(STEP, 20)
            second.commit()
            done += customers
        assert (state, detail) == ("waiting", None)
        sweeping = "SELECT sweeping FROM tenancy.backfill_progress"
        assert second.execute(sweeping) == [(False,)]
        second.commit()
    assert batch.result(60) == [("working", None, 20)]
    first.commit()
    assert second.execute(sweeping) == [(True,)]
    assert len(second.execute(PROFILED)) == done + 20
    second.commit()
    execute(url, f"{BY_HAND}()")
    assert_all_right(url)


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
@pytest.mark.parametrize("sweeping", [False, True])
def test_two_come_to_the_end_at_once(
    url: str, sessions: tuple[Session, Session], sweeping: bool, outcome: str
) -> None:
    """The second one sees what the first one did, and one of them ends the pass."""
    first, second = sessions
    low, high = "(SELECT min(id) FROM public.customers)", "(SELECT max(id) FROM public.customers)"
    execute(
        url,
        "ALTER FUNCTION tenancy.backfill_step(integer) SET lock_timeout = '60s'",
        f"UPDATE tenancy.backfill_progress SET sweeping = {sweeping}",
    )
    _leave(url, low, high)
    first.execute(STEP, 1000)
    ending = second.start(STEP, 1000)
    second.wait_until_blocked_by(first)
    getattr(first, outcome)()
    [(state, _, _)] = ending.result(60)
    second.commit()
    ended = outcome == "commit"
    assert state == ("finished" if ended and sweeping else "working")
    stand = "SELECT sweeping, finished_at IS NOT NULL FROM tenancy.backfill_progress"
    assert first.execute(stand) == [(ended or sweeping, ended and sweeping)]
    first.commit()
    if ended and sweeping:
        # Whoever comes later has nothing to do.
        profiles = first.execute(PROFILED)
        assert first.execute(STEP, 1000) == [("finished", None, 0)]
        assert first.execute(PROFILED) == profiles
    first.commit()
    execute(url, "UPDATE tenancy.backfill_ranges SET next_id = first_id", f"{BY_HAND}()")
    assert_all_right(url)


def test_a_pass_ends_while_another_one_takes_a_range(
    url: str, sessions: tuple[Session, Session]
) -> None:
    """Which pass it is, a batch asks when it has its range: the sweep loses nobody."""
    first, second = sessions
    low = "(SELECT min(id) FROM public.customers)"
    execute(url, "ALTER FUNCTION tenancy.backfill_step(integer) SET lock_timeout = '60s'")
    _leave(url, low)
    with psycopg.connect(url) as deleting:
        deleting.execute(f"SELECT FROM public.customers WHERE id = {low} FOR UPDATE")
        first.execute("LOCK TABLE tenancy.backfill_ranges IN EXCLUSIVE MODE")
        assert first.execute(STEP, 1000) == [("working", None, 19)]
        claiming = second.start(STEP, 1000)
        second.wait_until_blocked_by(first)
        first.commit()
        [(state, detail, _)] = claiming.result(60)
        second.commit()
        assert state == "waiting"
        assert f"1 customers are being deleted by: pid {deleting.info.backend_pid}" in detail
    execute(url, "UPDATE tenancy.backfill_ranges SET next_id = first_id", f"{BY_HAND}()")
    assert_all_right(url)


def test_the_last_range_is_somebody_elses(url: str, sessions: tuple[Session, Session]) -> None:
    """Who finds none waits without a word, unless whoever holds it does not work on it."""
    first, second = sessions
    _leave(url, "(SELECT min(id) FROM public.customers)")
    first.execute(STEP, 5)
    assert second.execute(STEP, 5) == [("waiting", None, 0)]
    second.commit()
    first.execute("SELECT tenancy.leave_backfill()")
    [(state, detail, _)] = second.execute(STEP, 5)
    assert state == "waiting"
    assert "somebody holds rows of tenancy.backfill_ranges" in detail
    second.commit()
    first.commit()
    assert second.execute(STEP, 5) == [("working", None, 5)]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_the_sweep_comes_back_to_who_was_being_deleted(url: str, outcome: str) -> None:
    """Whatever the size of a batch, and in whichever range."""
    execute(url, "SELECT tenancy.prepare_backfill()")
    deleting, worker = Session(url), Session(url)
    for table in ("booking_stats", "stylist_preferences", "service_preferences"):
        deleting.execute(f"DELETE FROM public.customer_{table} WHERE customer_id = 900")
    deleting.execute("DELETE FROM public.customers WHERE id = 900")
    while worker.execute("SELECT FROM tenancy.backfill_progress WHERE NOT sweeping"):
        worker.execute(STEP, 1000)
        worker.commit()
    state = "working"
    while state == "working":
        [(state, _, _)] = worker.execute(STEP, 1 if SOAK else 40)
        worker.commit()
    assert state == "waiting"
    getattr(deleting, outcome)()
    execute(url, f"{BY_HAND}()")
    there = value(url, "SELECT count(*) FROM public.customer_shop_profiles WHERE customer_id = 900")
    assert (there == "0") == (outcome == "commit")
    assert_all_right(url)
    deleting.close()
    worker.close()


# --- Procedures by hand


def test_procedures_beside_each_other_and_one_that_comes_late(url: str) -> None:
    workers = [_by_hand(url, 3) for _ in range(WORKERS)]
    assert [worker.wait(timeout=120) for worker in workers] == [0] * WORKERS
    assert_all_right(url)
    late = psql(url, "-c", f"{BY_HAND}()")
    assert "a backfill is running" not in late.stderr
    assert_all_right(url)
    assert value(url, "SELECT count(*) FROM tenancy.backfill_workers") == "0"


@pytest.mark.parametrize("seed", share([*range(SEED, SEED + 12)], 3))
def test_killed_at_any_moment(url: str, seed: int) -> None:
    """Their backends, their clients by -9, one or all, and others come instead."""
    chance = random.Random(seed)  # noqa: S311
    print("seed", seed)
    workers: list[subprocess.Popen[bytes]] = []
    done, total = 0, int(value(url, "SELECT count(*) FROM public.customers"))
    while (aim := done + chance.randint(total // 12, total // 6)) < total:
        workers = [worker for worker in workers if worker.poll() is None]
        while len(workers) < WORKERS:
            workers.append(_by_hand(url, chance.randint(1, 9)))
        _wait_until_done(url, aim)
        for worker in chance.sample(workers, chance.randint(1, WORKERS)):
            worker.kill()
        if chance.random() < 0.5:
            for pid in value(url, IN_A_BATCH).split():
                if chance.random() < 0.5:
                    value(url, f"SELECT pg_terminate_backend({pid})")
        assert value(url, f"SELECT ({COUNTED}) = ({THERE})") == "t"
        done = int(value(url, COUNTED))
    last = [_by_hand(url, 9) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in last] == [0, 0]
    for worker in workers:
        worker.kill()
        worker.wait()
    assert_all_right(url)


def test_under_the_legacy_application(recorded_database: str) -> None:
    """Bookings, deletions, a stylist who moves and a shop that closes, while two work."""
    url = recorded_database
    with LegacyLoad(url, clients=4, seed=SEED) as load:
        move_to(url, "profiles/run_backfill")
        execute(url, SMALL)
        load.go_on(20)
        workers = [_by_hand(url, 5) for _ in range(2)]
        _wait_until_done(url, 300)
        execute(url, "CALL tenancy.close_shop(3)")
        load.go_on(20)
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert load.errors == []
    assert load.deleted
    with psycopg.connect(url) as connection:
        missing = connection.execute(
            """
            SELECT c.id FROM public.customers AS c
            WHERE c.id <> ALL (%s) AND NOT EXISTS (
                SELECT FROM public.customer_shop_profiles AS p WHERE p.customer_id = c.id
            )
            """,
            ([*load.inserted],),
        ).fetchall()
        stale = connection.execute(
            "SELECT DISTINCT customer_id FROM tenancy.drift WHERE customer_id <> ALL (%s)",
            ([*load.last_written],),
        ).fetchall()
    assert (missing, stale) == ([], [])


def test_a_table_that_was_taken_over(small_at: Callable[[str | None], str]) -> None:
    """Everybody is divided once, since the cursors alone tell who was."""
    url = small_at("profiles/adoption")
    run_the_adr(url)
    after = CHANGES[
        CHANGES.index("profiles/adoption") + 1 : CHANGES.index("profiles/backfill_profiles")
    ]
    run_scripts(url, (f"deploy/{change}" for change in after), "adopt=yes")
    execute(
        url,
        "UPDATE tenancy.settings SET backfill_batch_size = 4",
        "SELECT tenancy.prepare_backfill()",
    )
    chance = random.Random(SEED)  # noqa: S311
    sessions = [Session(url), Session(url)]
    open_steps: dict[Session, int] = {}
    divided = 0
    states = {"working"}
    for _ in range(2000):
        if "finished" in states:
            break
        session = chance.choice(sessions)
        if session in open_steps:
            customers = open_steps.pop(session)
            if chance.random() < 0.3:
                session.rollback()
            else:
                session.commit()
                divided += customers
            continue
        # At the end of a pass the other one's batch may have to commit first.
        if len(open_steps) == 1 and chance.random() < 0.5:
            continue
        [(state, _, customers)] = session.execute(STEP, chance.randint(1, 4))
        if state == "finished":
            session.commit()
            states.add(state)
        elif state == "waiting":
            session.rollback()
        else:
            open_steps[session] = customers
            other = next(one for one in sessions if one is not session)
            if other in open_steps:
                divided += open_steps.pop(session) + open_steps.pop(other)
                session.commit()
                other.commit()
    for session in sessions:
        session.rollback()
        session.close()
    assert value(url, "SELECT count(*) FROM public.customers") == str(divided)
    assert value(url, "SELECT is_divided FROM tenancy.adoption") == "t"
    assert drift(url) == []
    assert wrong_profiles(url) == []


# --- The command


def test_the_command_with_workers(url: str) -> None:
    call(url, "backfill", "pause")
    with Running(url, "backfill", "--workers", str(WORKERS), "--batch-size", "20") as running:
        assert "paused" in running.read_until("waiting:")
        status = json.loads(call(url, "backfill", "status", "--format", "json").stdout)
        assert len(status["workers"]) == WORKERS
        text = call(url, "backfill", "status").stdout
        assert text.count("application convo-tenancy backfill") == WORKERS
        health = call(url, "health").stdout
        assert "paused at 0.0 %" in health
        call(url, "backfill", "resume")
        code, output = running.end()
    assert code == 0, output
    customers = int(value(url, "SELECT count(*) FROM public.customers"))
    assert f"Backfill finished: {customers:,} customers got " in output
    assert output.count("waiting:") == 0
    assert_all_right(url)
    assert value(url, "SELECT count(*) FROM tenancy.backfill_workers") == "0"


def test_a_second_command_shares_the_work(url: str) -> None:
    call(url, "backfill", "pause")
    with Running(url, "backfill", "--batch-size", "20") as running:
        running.read_until("waiting:")
        with Running(url, "backfill", "--batch-size", "20") as second:
            assert f"application {APPLICATION}" in second.read_until(
                "Note: a backfill is running, and this session shares its work: pid"
            )
            second.read_until("waiting:")
            call(url, "backfill", "resume")
            customers = int(value(url, "SELECT count(*) FROM public.customers"))
            for each in (running, second):
                code, output = each.end()
                assert code == 0, output
                # One progress: each tells of what both did.
                assert f"Backfill finished: {customers:,} customers got" in output
    assert_all_right(url)


def test_one_worker_fails(url: str) -> None:
    """The others stop, the command says why in one line, and the next one goes on."""
    call(url, "backfill", "pause")
    with Running(url, "backfill", "--workers", str(WORKERS)) as running:
        running.read_until("waiting:")
        # Not the first one, whose session the command itself has.
        value(url, "SELECT pg_terminate_backend(max(pid)) FROM tenancy.backfill_sessions")
        code, output = running.end()
    assert code == 1, output
    [error] = [line for line in output.splitlines() if line.startswith("convo-tenancy: ")]
    assert "the connection to the server was lost" in error
    assert "run again to go on" in error
    wait_until_gone(url, APPLICATION)
    call(url, "backfill", "resume")
    assert call(url, "backfill", "--workers", "2").returncode == 0
    assert_all_right(url)


def _send(number: signal.Signals) -> Callable[[Running, str], None]:
    return lambda running, _url: running.process.send_signal(number)


@pytest.mark.parametrize(
    ("end_it", "exit_code", "words"),
    [
        (_send(signal.SIGKILL), -signal.SIGKILL, ""),
        (_send(signal.SIGINT), 130, "convo-tenancy: cancelled; run again to go on"),
        (_send(signal.SIGTERM), 143, "convo-tenancy: cancelled; run again to go on"),
    ],
    ids=["kill", "interrupt", "terminate"],
)
def test_ended_with_all_workers_and_run_again(
    url: str, end_it: Callable[[Running, str], None], exit_code: int, words: str
) -> None:
    """One of them stays in the middle of a batch, and the others go on."""
    with (
        held_in_a_batch(url),
        Running(url, "backfill", "--workers", str(WORKERS), "--batch-size", "7") as running,
    ):
        wait_until_held(url, APPLICATION)
        end_it(running, url)
        code, output = running.end()
        assert code == exit_code, output
        errors = [line for line in output.splitlines() if line.startswith("convo-tenancy: ")]
        assert len(errors) == (1 if words else 0), output
        assert words in output
        wait_until_gone(url, APPLICATION)
    assert value(url, "SELECT count(*) FROM tenancy.backfill_sessions") == "0"
    assert value(url, f"SELECT ({COUNTED}) = ({THERE})") == "t"

    again = call(url, "backfill", "--workers", "2")
    assert (again.returncode, again.stderr) == (0, "")
    assert_all_right(url)


class Announced(psycopg.Connection[TupleRow]):
    """Says when it was first told to cancel, and waits for that before it begins a batch."""

    told: Event

    def cancel(self) -> None:
        super().cancel()
        self.told.set()


def test_a_cancellation_between_two_statements_comes_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper whose next batch began after it was told to end, and stays, ends, too."""

    def late(connection: Announced, kind: type[workers.Step], *words: Any) -> workers.Step:
        connection.told.wait(60)
        return one(connection, kind, *words)

    monkeypatch.setattr("convo_tenancy.backfill.workers.one", late)
    execute(url, "SELECT tenancy.prepare_backfill()")
    _leave(url, "900")
    connection = Announced.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)
    connection.told = Event()

    def ended() -> None:
        with workers.Helpers([connection], 20):
            pass

    end = Thread(target=ended, daemon=True)
    with held_in_a_batch(url):
        end.start()
        end.join(60)
        assert not end.is_alive()
    connection.close()
