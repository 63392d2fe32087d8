"""The live view: what it shows of a real database, in a real terminal and in lines."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from convo_tenancy.database import connect
from convo_tenancy.health.model import LockWait
from convo_tenancy.health.model import Session as Holder
from convo_tenancy.watch.figures import Figures, Watcher
from convo_tenancy.watch.lines import Lines
from convo_tenancy.watch.looks import Look, Looker
from convo_tenancy.watch.rates import History, Sample, seconds_left, shares
from convo_tenancy.watch.waits import drawn, tree
from support.at_once import move_to
from support.cluster import Cluster
from support.command_line import Running, refusal
from support.commands import CONVO_TENANCY, environment, execute, psql, value
from support.holding import held_in_a_batch, wait_until_gone, wait_until_held
from support.legacy_application import LegacyClient
from support.sessions import Session
from support.terminal import Terminal
from support.waiting import wait_until

OFTEN = ("watch", "--every", "0.2")

# --- Rates


def _history(*samples: tuple[float, dict[str, int]], seconds: float = 20) -> History:
    history = History(seconds)
    for at, counts in samples:
        history.add(Sample(at, counts))
    return history


def test_a_rate_is_the_difference_of_two_looks() -> None:
    history = _history((100, {"done": 1000}), (102, {"done": 1500}), (104, {"done": 2000}))
    assert history.rate("done") == 250
    assert history.rate("other") is None
    assert _history((100, {"done": 1000})).rate("done") is None
    assert _history((100, {"done": 1000}), (100, {"done": 1500})).rate("done") is None


def test_a_rate_looks_back_so_far_and_no_further() -> None:
    history = _history(*((second, {"done": second * second}) for second in range(0, 101, 2)))
    assert history.rate("done") == (100**2 - 80**2) / 20
    assert _history((0, {"done": 0}), (90, {"done": 900}), seconds=20).rate("done") == 10
    history.forget()
    assert history.rate("done") is None


def test_a_count_that_was_reset_says_nothing_of_what_was_before() -> None:
    samples = [(0.0, {"n": 900}), (1.0, {"n": 1000}), (2.0, {"n": 4}), (3.0, {"n": 10})]
    assert _history(*samples).rate("n") == 6
    assert _history(*samples[:3]).rate("n") is None
    assert _history(*samples).rate("n", may_fall=True) == pytest.approx(-890 / 3)


def test_what_is_not_counted_at_each_look_has_a_rate_all_the_same() -> None:
    history = _history((0, {"n": 5}), (1, {}), (2, {"n": 9, "all": 9}), (3, {"all": 12}))
    assert history.rate("n") == 2
    assert history.rate("m", among="all") == 0
    assert _history((0, {"all": 4}), (2, {"all": 8, "m": 4})).rate("m", among="all") == 2


@pytest.mark.parametrize(
    ("remaining", "rate", "left"),
    [(0, None, 0), (-5, 3, 0), (100, 20, 5), (100, 0, None), (100, None, None), (100, -3, None)],
)
def test_time_left(remaining: int, rate: float | None, left: float | None) -> None:
    assert seconds_left(remaining, rate) == left


@pytest.mark.parametrize(
    ("wanted", "available", "given"),
    [
        ([1, 9, 9], 9, [1, 4, 4]),
        ([2, 0, 1], 99, [2, 0, 1]),
        ([3, 3], 0, [0, 0]),
        ([3, 3], -2, [0, 0]),
        ([], 5, []),
    ],
)
def test_lists_share_the_lines_there_are(
    wanted: list[int], available: int, given: list[int]
) -> None:
    assert shares(wanted, available) == given


# --- Who waits for whom


def _wait(pid: int, *blocked_by: int, seconds: float = 1, is_ours: bool = True) -> LockWait:
    return LockWait(
        pid,
        "web",
        f"app {pid}",
        "ShareLock",
        True,
        "public.customers",
        is_ours,
        seconds,
        [*blocked_by],
    )


def _tree(waits: list[LockWait], *holders: Holder) -> list[str]:
    return [*drawn(tree(waits, [*holders]), ascii_only=True)]


def test_whoever_holds_others_up_stands_above_them() -> None:
    holder = Holder(1, "web", "report", "idle in transaction", 90, True, [])
    found = _tree([_wait(3, 1, 2), _wait(2, 1, seconds=5), _wait(4, 3)], holder)
    assert [re.sub(":.*", "", line) for line in found] == [
        "1 report",
        "`- 2 app 2",
        "   `- 3 app 3",
        "      `- 4 app 4",
    ]
    assert found[0] == "1 report: idle in transaction, in transaction for 1 min 30 s"
    assert "waits 5 s for a row of public.customers" in found[1]


def test_circles_strangers_and_prepared_transactions_are_shown_too() -> None:
    assert len(_tree([_wait(2, 3), _wait(3, 2)])) == 2
    assert _tree([_wait(2, 0)])[0].startswith("a prepared transaction")
    assert _tree([_wait(2, 9)])[0] == "9: holds them up"  # a session that this role may not see
    assert _tree([_wait(2, 9, is_ours=False)]) == []
    assert len(_tree([_wait(2, 3), _wait(3, 9, is_ours=False)])) == 3
    assert "\x1b" not in "".join(
        _tree([LockWait(2, None, "\x1b]0;", "X", False, None, True, 1, [7])])
    )


# --- What a look reads


def _numbers(look: Look) -> tuple[int, int, dict[int, int]]:
    assert look.counters is not None
    assert look.counters.counted is not None
    assert look.counters.legacy_rows is not None
    confirmed = {each.shop_id: each.confirmed for each in look.confirmed or []}
    return look.counters.counted, look.counters.legacy_rows, confirmed


_BY_INDEX = """
    SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_bookings_start_at_utc'
"""


@pytest.fixture
def past_bookings(phase2_database: str) -> str:
    """URL of a database in which nothing is booked yet for the time to come."""
    earlier = "start_at_utc = start_at_utc - interval '20 years', end_at_utc = end_at_utc -"
    execute(phase2_database, f"UPDATE public.bookings SET {earlier} interval '20 years'")
    return phase2_database


def test_bookings_are_counted_by_side_and_shop_by_an_index(
    past_bookings: str,
) -> None:
    url = past_bookings
    execute(url, "VACUUM ANALYZE")
    with connect(url, "convo-tenancy watch") as connection:
        looker = Looker(connection, None, every=0.001)
        looker.look()  # the first one makes every check
        connection.execute("SELECT pg_stat_force_next_flush()")
        counted, legacy_rows, confirmed = _numbers(looker.look())

        client = LegacyClient(url, 0, 1, seed=7)
        client.start()
        wait_until(lambda: client.written.transactions >= 5, "legacy bookings")
        client.stop()
        client.join()
        assert client.error is None
        call = "SELECT tenancy.record_booking(7, 3, 13, 4500, '2026-03-01 10:00+00')"
        psql(url, *["-c", call] * 4, "-c", "SELECT pg_stat_force_next_flush()")
        # A session that ends hands its numbers over after its client has gone.
        wait_until_gone(url, "legacy client 0")

        look = looker.look()
        counted_now, legacy_rows_now, confirmed_now = _numbers(look)
        new = {shop: number - confirmed.get(shop, 0) for shop, number in confirmed_now.items()}
        booked = sum(new.values())
        assert booked > 0
        assert counted_now - counted == booked + 4
        assert legacy_rows_now - legacy_rows >= booked
        writers = {(each.application_name, each.shop_id) for each in look.legacy_use}
        assert {("legacy client 0", shop) for shop, number in new.items() if number} <= writers

        by_index = int(value(url, _BY_INDEX))
        for _ in range(3):
            assert _numbers(looker.look())[:2] == (counted_now, legacy_rows_now)
        connection.execute("SELECT pg_stat_force_next_flush()")
        assert int(value(url, _BY_INDEX)) >= by_index + 3


def test_far_bookings_are_left_out_and_the_view_says_so(past_bookings: str) -> None:
    """However many are to come, a look counts some thousands."""
    execute(
        past_bookings,
        """
        INSERT INTO public.bookings
            (id, shop_id, service_id, stylist_id, discount_cents, start_at_utc, end_at_utc, status)
        SELECT gen_random_uuid(), 1, 1, 1, 0, n, n, 'CONFIRMED'
        FROM generate_series(timestamptz '2042-01-01', '2042-06-01', '30 min') AS n
        """,
    )
    with connect(past_bookings, "convo-tenancy watch") as connection:
        looker = Looker(connection, None, every=0.001)
        looker.look()
        look = looker.look()
        assert look.until is not None
        assert look.until.startswith("2042-")
        assert 0 < sum(each.confirmed for each in look.confirmed or []) <= 5000


@pytest.mark.parametrize("runs", [True, False])
def test_no_outcome_is_left_of_what_stood_before(phase2_database: str, runs: bool) -> None:
    """What is counted is named in each line."""
    url = phase2_database

    def line(figures: Figures) -> str:
        return next(iter(Lines().of(figures, quiet=False)))

    execute(url, "ALTER TABLE public.customer_shop_profiles DISABLE TRIGGER USER")
    with (
        connect(url, "convo-tenancy watch") as connection,
        psycopg.connect(url, autocommit=True) as script,
    ):
        looker, watcher = Looker(connection, None, every=0.1), Watcher(0.1)
        for _ in range(3):
            figures = watcher.see(looker.look())
            assert [check.name for check in figures.wrong] == ["triggers"]
            assert line(figures).endswith("; 1 check not ok (triggers)")
        execute(url, "ALTER TABLE public.customer_shop_profiles ENABLE TRIGGER USER")
        assert len(watcher.see(looker.look()).wrong) == 1  # made every 30 seconds
        if runs:
            script.execute("SELECT pg_advisory_lock(75474063)")
        move_to(url, "@phase1")
        figures = watcher.see(looker.look())
        assert "triggers" not in {check.name for check in figures.wrong}
        assert ("triggers" in figures.checks) is not runs  # it waits until the script has ended
        script.execute("SELECT pg_advisory_unlock_all()")
        figures = watcher.see(looker.look())
        assert figures.checks["triggers"].status == 0
        assert line(figures).endswith("; 0 checks not ok")


# --- In a terminal


def _figure(screen: str, words: str) -> float:
    found = re.search(rf"([\d,.]+)/s {words}", screen)
    return float(found[1].replace(",", "")) if found else 0.0


def _fills(columns: int, rows: int, screen: str) -> bool:
    lines = screen.splitlines()
    return (
        lines[0].startswith("convo-tenancy watch")
        and lines[-1].startswith("Ctrl-C ends it")
        and len(lines) == rows
        and columns * 0.5 < max(map(len, lines)) <= columns
    )


def test_a_terminal_of_any_size_shows_what_moves(past_bookings: str) -> None:
    url = past_bookings
    client = LegacyClient(url, 0, 1, seed=11)
    client.start()
    try:
        with Terminal(url, *OFTEN, columns=80, rows=24) as terminal:
            screen = terminal.wait_for("Phase     @phase2", "Applications", "legacy client 0")
            terminal.wait_until(lambda screen: _figure(screen, "confirmed") > 0, "a rate")
            terminal.wait_until(lambda screen: _figure(screen, "counted") > 0, "another rate")
            assert (terminal.is_other_screen, terminal.has_cursor) == (True, False)
            assert screen.splitlines()[-1].startswith("Ctrl-C ends it")

            for size in ((40, 15), (200, 50), (20, 5), (80, 24)):
                terminal.resize(*size)
                terminal.wait_until(partial(_fills, *size), f"it fills {size}")
            terminal.wait_for("Ctrl-C ends it", "@phase2")

            os.write(terminal.keyboard, b"\x03")
            code, words = terminal.ended()
    finally:
        client.stop()
        client.join()
    assert code == 130
    assert words.splitlines()[-1] == "convo-tenancy: cancelled; it changed nothing"
    assert (terminal.is_other_screen, terminal.has_cursor) == (False, True)


def test_only_what_changed_is_drawn_again(phase1_database: str) -> None:
    with Terminal(phase1_database, *OFTEN, env={"NO_COLOR": "1"}) as terminal:
        screen = terminal.wait_for("Phase     @phase1", "Backfill  finished")
        first = terminal.sent
        clock = screen.splitlines()[0]
        terminal.wait_until(lambda screen: screen.splitlines()[0] != clock, "the next second")
        wait_until(lambda: len(terminal.sent) > len(first), "another look")
        since = terminal.sent[len(first) :]
        assert b"Phase" in first
        assert b"Phase" not in since
        assert not re.search(rb"\x1b\[[\d;]*[34]\d(;|m)", terminal.sent)  # no color


def test_the_backfill_its_rate_and_that_it_stands_still(recorded_database: str) -> None:
    url = recorded_database
    move_to(url, "profiles/run_backfill")
    with Terminal(url, *OFTEN) as terminal:
        terminal.wait_for("none: 26 changes of @phase1 stand")
        with (
            held_in_a_batch(url),
            Running(url, "backfill", "--batch-size", "100") as running,
        ):
            wait_until_held(url, "convo-tenancy backfill")
            screen = terminal.wait_for("Backfill", "00 of 1,824 customers", "does not move since")
            done = re.search(r"([\d,]+) of 1,824 customers", screen)
            assert done
            assert 0 < int(done[1].replace(",", "")) < 1000
            assert "application convo-tenancy backfill" in " ".join(screen.split())
            running.process.kill()
        terminal.wait_for("run convo-tenancy backfill")
        with Running(url, "backfill", "--batch-size", "10") as running:
            terminal.wait_until(
                lambda screen: re.search(
                    r"customers, [\d,.]+/s, \d+ s left", " ".join(screen.split())
                ),
                "rate and time left",
            )
            running.end()
        terminal.wait_for("Backfill  finished: 1,824 customers")


def test_who_waits_for_whom(phase2_database: str) -> None:
    url = phase2_database
    update = "UPDATE public.customers SET name = name WHERE id = 7"
    sessions = [Session(url) for _ in range(3)]
    holder, first, second = sessions
    try:
        first.execute("SET application_name = 'front \x1b]0;desk'")
        holder.execute(update)
        waiting = first.start(update)
        first.wait_until_blocked_by(holder)
        also_waiting = second.start(update)
        second.wait_until_blocked_by(first)
        with Terminal(url, *OFTEN) as terminal:
            screen = terminal.wait_for("Lock waits", f"{second.pid}")
            at = screen.index(f"{holder.pid} ")
            below = screen.index(f"\u2514\u2500 {first.pid} front ")
            assert at < below < screen.index(f"   \u2514\u2500 {second.pid} ")
            assert "for a row of public.customers" in screen
            assert b"\x1b]0;" not in terminal.sent
            holder.rollback()
            waiting.result()
            first.rollback()
            also_waiting.result()
            second.rollback()
            terminal.wait_until(lambda screen: "Lock waits" not in screen, "nobody waits")
        holder.execute("LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE")
        first.start(update)
        first.wait_until_blocked_by(holder)
        with Running(url, *OFTEN) as running:
            assert running.read_until(f"  {holder.pid} ")
            assert running.read_until(f"  `- {first.pid} ")
    finally:
        for session in sessions:
            session.close()


def test_the_phase_changes_under_it(small_at: Callable[[str | None], str]) -> None:
    """Deployed and reverted in the middle of a look: it goes on, and shows what stands."""
    url = small_at(None)
    with Terminal(url, "watch", "--every", "0.1") as terminal:
        terminal.wait_for("not deployed")
        for to in ("@phase1", "@phase2", "@phase3", "@phase2", None):
            move_to(url, to)
            terminal.wait_for("not deployed" if to is None else f"{to}: ")
        assert terminal.end(signal.SIGTERM)[0] == 143


def test_the_server_restarts(cluster: Cluster, phase2_database: str) -> None:
    with Terminal(phase2_database, *OFTEN) as terminal:
        terminal.wait_for("@phase2")
        cluster.stop()
        terminal.wait_for("no connection:", "it tries again", "@phase2")
        cluster.start()
        terminal.wait_until(lambda screen: "no connection" not in screen, "it connects again")
        terminal.wait_for("@phase2")


# --- Elsewhere


def test_lines_where_there_is_no_terminal(phase1_database: str) -> None:
    with Running(phase1_database, *OFTEN) as running:
        line = running.read_until("@phase1")
        assert re.match(r"\d\d:\d\d:\d\d UTC  @phase1; .*bookings .*; 0 checks not ok\n", line)
        running.read_until("bookings")
        running.process.send_signal(signal.SIGTERM)
        code, output = running.end()
    assert code == 143
    assert output.splitlines()[-1] == "convo-tenancy: cancelled; it changed nothing"
    assert "\x1b" not in output

    shell = f"{CONVO_TENANCY} watch --every 0.1 | head -1"
    read = subprocess.run(
        ["bash", "-c", shell],
        env=environment({"DATABASE_URL": phase1_database, "PYTHONIOENCODING": "ascii"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (len(read.stdout.splitlines()), read.stderr) == (1, "")


def test_quiet_lines_are_of_what_is_wrong(phase1_database: str) -> None:
    execute(phase1_database, "DROP VIEW tenancy.misplaced_bookings")
    with Running(phase1_database, "--quiet", *OFTEN) as running:
        assert running.process.stdout is not None
        assert re.match("  (critical|warning|unknown) ", running.process.stdout.readline())


def test_terminals_that_take_less(phase2_database: str) -> None:
    with Terminal(phase2_database, *OFTEN, env={"TERM": "dumb"}) as terminal:
        terminal.wait_for("@phase2; ")
        assert terminal.end(signal.SIGINT)[0] == 130
        assert b"\x1b" not in terminal.sent
    latin = {"PYTHONIOENCODING": "latin-1"}
    execute(phase2_database, "UPDATE public.shops SET name = 'Caf\u00e9 \u4e2d' WHERE id = 1")
    client = LegacyClient(phase2_database, 0, 1, seed=3)
    client.start()
    try:
        with Terminal(phase2_database, *OFTEN, encoding="latin-1", env=latin) as terminal:
            terminal.wait_for("1 Caf\u00e9 ?", "---")
    finally:
        client.stop()
        client.join()


def test_roles_that_see_less(phase2_database: str, role: str) -> None:
    url = phase2_database
    login = role.strip('"')
    execute(url, f"ALTER ROLE {role} LOGIN")
    as_role = re.sub(r"//postgres@", f"//{login.replace(' ', '%20')}@", url)
    with Running(as_role, *OFTEN) as running:
        running.read_until("GRANT pg_read_all_data")
    execute(url, f"GRANT convo_health, pg_read_all_stats TO {role}")
    with Running(as_role, *OFTEN) as running:
        assert "@phase2; " in running.read_until(" not ok")


def test_nothing_to_look_at(cluster: Cluster) -> None:
    assert "cannot connect" in refusal(cluster.url("nowhere"), "watch")
    url = cluster.create_database("empty")
    try:
        with Running(url, *OFTEN) as running:
            assert "does not have the legacy schema" in running.read_until("phase none")
    finally:
        cluster.drop_database("empty")
