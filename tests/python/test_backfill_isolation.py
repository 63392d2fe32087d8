"""The backfill against each transaction that can race with it, two connections at a time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to, verify
from support.commands import execute, start_sqitch
from support.waiting import wait_until

CUSTOMERS = 20


@pytest.fixture
def url(legacy_database: str) -> str:
    """Twenty customers of shop 1 with statistics; deployed up to the backfill, no profile yet."""
    execute(
        legacy_database,
        f"""
        INSERT INTO public.shops (id, name) VALUES (2, 'Second');
        INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
        VALUES (1, 1, 'First', '09:00', '17:00', TRUE), (2, 2, 'Second', '09:00', '17:00', TRUE);
        INSERT INTO public.customers
            (id, phone, preferred_stylist_id, average_spend_cents, no_show_count)
        SELECT n, '+1555' || n, 1, 500, 0 FROM generate_series(1, {CUSTOMERS}) AS n;
        INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
        SELECT n, n, 500 * n FROM generate_series(1, {CUSTOMERS}) AS n;
        SELECT setval('public.customers_id_seq', 1000);
        """,
    )
    move_to(legacy_database, "profiles/run_backfill")
    execute(legacy_database, "SELECT tenancy.prepare_backfill()")
    return legacy_database


@pytest.fixture
def backfill(url: str) -> Iterator[psycopg.Connection]:
    """The session of the backfill: each statement its own transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection]:
    """The session that gets in its way."""
    with psycopg.connect(url) as connection:
        yield connection


def _step(connection: psycopg.Connection, size: int = 100) -> tuple[str, str | None, int]:
    row = connection.execute(
        "SELECT state, detail, customers FROM tenancy.backfill_step(%s)", (size,)
    ).fetchone()
    assert row is not None
    return row


def _finish(connection: psycopg.Connection) -> None:
    for _ in range(100):
        state, detail, _ = _step(connection)
        assert state != "waiting", detail
        if state == "finished":
            return
    pytest.fail("the backfill does not end")


def _profiled(connection: psycopg.Connection) -> list[int]:
    rows = connection.execute("SELECT customer_id FROM customer_shop_profiles ORDER BY customer_id")
    return [row[0] for row in rows]


def _delete(connection: psycopg.Connection, customer: int) -> None:
    connection.execute("DELETE FROM customer_booking_stats WHERE customer_id = %s", (customer,))
    connection.execute("DELETE FROM customers WHERE id = %s", (customer,))


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_a_deletion_under_way(
    backfill: psycopg.Connection, other: psycopg.Connection, outcome: str
) -> None:
    """Passed over, waited for at the end only, and never while the backfill holds a lock."""
    _delete(other, 5)
    assert _step(backfill) == ("working", None, CUSTOMERS - 1)
    state, detail, _ = _step(backfill)
    assert state == "waiting"
    assert detail is not None
    assert "1 customers are being deleted by" in detail
    assert f"pid {other.info.backend_pid}" in detail

    getattr(other, outcome)()
    _finish(backfill)
    everybody = [*range(1, CUSTOMERS + 1)]
    if outcome == "commit":
        everybody.remove(5)
    assert _profiled(backfill) == everybody


def test_a_transaction_that_deletes_one_by_one(
    backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    """Whoever deletes 5 and comes to want 4, held by the batch, is not caught in a deadlock."""
    _delete(other, 5)
    with backfill.transaction():
        assert _step(backfill)[0] == "working"  # holds 4 and every other customer but 5
        other.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            _delete(other, 4)
    _delete(other, 4)
    other.commit()
    _finish(backfill)


def test_a_customer_committed_behind_the_cursor(
    backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    """A sequence gives ids in one order and transactions commit in another."""
    other.execute(
        """
        INSERT INTO customers (id, phone, average_spend_cents, no_show_count)
        VALUES (0, '+15550', 0, 0), (1001, '+15551001', 0, 0)
        """
    )
    assert _step(backfill, size=10)[0] == "working"
    assert _step(backfill, size=10)[0] == "working"
    other.commit()
    _finish(backfill)
    assert _profiled(backfill) == [0, *range(1, CUSTOMERS + 1), 1001]


def test_bookings_are_not_held_up(backfill: psycopg.Connection, other: psycopg.Connection) -> None:
    """A batch locks its customers FOR KEY SHARE: all but a deletion goes on."""
    other.execute("SET lock_timeout = '50ms'")
    with backfill.transaction():
        assert _step(backfill)[0] == "working"
        other.execute("UPDATE customers SET average_spend_cents = 1, preferred_stylist_id = 2")
        other.execute("UPDATE customer_booking_stats SET total_bookings = total_bookings + 1")
        other.commit()
    assert len(_profiled(backfill)) >= CUSTOMERS


def test_what_was_committed_before_the_batch_is_in_it(
    backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    other.execute("UPDATE customer_booking_stats SET total_bookings = 77 WHERE customer_id = 3")
    other.commit()
    _finish(backfill)
    row = backfill.execute(
        "SELECT total_bookings FROM customer_shop_profiles WHERE customer_id = 3"
    ).fetchone()
    assert row == (77,)


def test_a_batch_and_its_cursor_are_one(backfill: psycopg.Connection) -> None:
    cursor = """
        SELECT r.next_id - r.first_id, b.customers_done
        FROM tenancy.backfill_ranges AS r
        CROSS JOIN tenancy.backfill_progress AS b
    """
    with backfill.transaction():
        _step(backfill, size=5)
        raise psycopg.Rollback
    assert backfill.execute(cursor).fetchone() == (0, 0)
    assert _profiled(backfill) == []
    _step(backfill, size=5)
    assert backfill.execute(cursor).fetchone() == (2**31 + 6, 5)
    assert _profiled(backfill) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_stylist_who_moves(
    url: str, backfill: psycopg.Connection, other: psycopg.Connection, moment: str
) -> None:
    """At the end nobody prefers, in a shop, a stylist of another one."""
    move = "UPDATE stylists SET shop_id = 2 WHERE id = 1"
    if moment == "before":
        other.execute(move)
        other.commit()
    if moment == "during":
        with backfill.transaction():
            _step(backfill)
            other.execute(move)
            other.commit()
    _finish(backfill)
    if moment == "after":
        other.execute(move)
        other.commit()

    move_to(url, "@phase1")
    stale = "SELECT kind FROM tenancy.drift WHERE kind IN ('foreign_stylist', 'totals')"
    assert backfill.execute(stale).fetchall() == []
    if moment != "during":
        assert backfill.execute("SELECT kind FROM tenancy.drift").fetchall() == []


def test_a_move_gives_way_to_a_booking(
    backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    """Of a move and a booking that want what the other has, it is the move that is sent away."""
    _finish(backfill)
    other.execute("UPDATE customers SET average_spend_cents = 7 WHERE id = 3")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        backfill.execute("UPDATE stylists SET shop_id = 2 WHERE id = 1")
    other.commit()
    backfill.execute("UPDATE stylists SET shop_id = 2 WHERE id = 1")


def test_profiles_of_who_was_deleted_before_the_foreign_keys(
    url: str, backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    _finish(backfill)
    _delete(other, 5)
    other.execute("UPDATE customers SET preferred_stylist_id = NULL")
    other.execute("DELETE FROM stylists WHERE id = 1")
    other.commit()
    assert 5 not in _profiled(backfill)
    move_to(url, "@phase1")
    verify(url)
    assert _profiled(backfill) == [n for n in range(1, CUSTOMERS + 1) if n != 5]

    _delete(other, 6)
    other.commit()
    assert 6 not in _profiled(backfill)


def _start_the_change(url: str, backfill: psycopg.Connection) -> subprocess.Popen[str]:
    """Sqitch in the background, come as far as the change that runs the backfill."""
    deploy = start_sqitch(url, "deploy", "--to", "@phase1")
    running = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CALL tenancy.run_backfill%'
    """
    wait_until(lambda: backfill.execute(running).fetchone(), "the change runs")
    return deploy


def test_a_client_that_was_killed_leaves_no_backfill_behind(
    url: str, backfill: psycopg.Connection
) -> None:
    """Sqitch and its psql killed while the backfill is paused, and so has nothing to tell them."""
    backfill.execute("SELECT tenancy.pause_backfill()")
    with _start_the_change(url, backfill) as deploy:
        assert deploy.stdout is not None
        for line in deploy.stdout:
            if "backfill waits: paused" in line:
                break
        os.killpg(deploy.pid, signal.SIGKILL)
    sessions = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type = 'client backend'
    """
    wait_until(lambda: not backfill.execute(sessions).fetchone(), "the server notices")


def test_the_change_shares_the_work_of_a_backfill_that_runs(
    url: str, backfill: psycopg.Connection, other: psycopg.Connection
) -> None:
    other.execute("SELECT tenancy.join_backfill()")
    other.commit()
    _step(other, size=5)
    with _start_the_change(url, backfill) as deploy:
        other.commit()
        output, _ = deploy.communicate(timeout=60)
    assert "a backfill is running, and this session shares its work" in output
    assert deploy.returncode == 0, output
    assert _profiled(backfill) == [*range(1, CUSTOMERS + 1)]
    assert _step(backfill) == ("finished", None, 0)


def test_paused_and_resumed(url: str, backfill: psycopg.Connection) -> None:
    backfill.execute("SELECT tenancy.pause_backfill()")
    with _start_the_change(url, backfill) as deploy:
        assert _step(backfill)[0] == "waiting"
        assert _profiled(backfill) == []
        backfill.execute("SELECT tenancy.resume_backfill()")
        output, _ = deploy.communicate(timeout=60)
    assert deploy.returncode == 0, output
    assert _profiled(backfill) == [*range(1, CUSTOMERS + 1)]
