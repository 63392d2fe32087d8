"""Whoever waits for us waits for rows of ours, which nobody else can hold, and not for ever.

Advisory locks everybody may hold, and read their keys in pg_locks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from support.cluster import ROOT
from support.command_line import call
from support.commands import execute, value
from support.health import health
from support.sessions import Session
from support.waiting import wait_until

SECONDS = 60  # for what should be there at once
IDENTITIES = {
    "phone": (None, "+15550001111"),
    "email": ("ann@example.test", None),
    "both": ("ann@example.test", "+15550001111"),
}
GET_OR_CREATE = "SELECT tenancy.get_or_create_customer($1, $2, 'Ann')"


@pytest.fixture
def stranger(phase2_database: str) -> Iterator[psycopg.Connection]:
    """Who has no right on anything."""
    execute(phase2_database, "CREATE ROLE stranger LOGIN")
    url = phase2_database.replace("postgres@", "stranger@")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
    execute(phase2_database, "DROP ROLE stranger")


@pytest.fixture
def first(phase2_database: str) -> Iterator[Session]:
    session = Session(phase2_database)
    yield session
    session.close()


@pytest.fixture
def second(phase2_database: str) -> Iterator[Session]:
    session = Session(phase2_database)
    yield session
    session.close()


def _keys(session: psycopg.Connection) -> set[int]:
    """What everybody can read of who waits for what: the keys of advisory locks."""
    return {
        key
        for (key,) in session.execute(
            """
            SELECT (l.classid::bigint << 32) + l.objid::bigint
            FROM pg_catalog.pg_locks AS l
            JOIN pg_catalog.pg_database AS d ON d.oid = l.database
            WHERE l.locktype = 'advisory' AND d.datname = current_database()
            """
        )
    }


def test_nothing_waits_for_an_advisory_lock() -> None:
    """But for tenancy.take_key(), whose key nobody knows before; a mark is tried, and shared."""
    found = {
        (match[1], script.relative_to(ROOT / "deploy").as_posix())
        for script in (ROOT / "deploy").rglob("*.sql")
        for match in re.finditer(r"(pg_\w*advisory\w*)\(", script.read_text())
    }
    assert found == {
        ("pg_advisory_lock", "support/begin.sql"),
        ("pg_advisory_unlock", "support/begin.sql"),
        ("pg_advisory_unlock", "profiles/backfill_progress.sql"),
        ("pg_try_advisory_lock_shared", "support/begin.sql"),
        ("pg_try_advisory_lock_shared", "support/preconditions.sql"),
    }
    queries = "".join(path.read_text() for path in (ROOT / "python").rglob("*.sql"))
    assert "advisory_lock(" not in queries


# --- A new customer


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_nobody_sees_whom_a_call_makes(
    stranger: psycopg.Connection,
    first: Session,
    second: Session,
    identity: tuple[str | None, str | None],
) -> None:
    """Neither the one who makes a customer nor the one who waits shows a key."""
    first.execute(GET_OR_CREATE, *identity)
    waiting = second.start(GET_OR_CREATE, *identity)
    second.wait_until_blocked_by(first)
    assert _keys(stranger) == set()
    first.commit()
    waiting.result(SECONDS)
    second.commit()
    assert first.execute("SELECT count(*) FROM tenancy.customers_under_way") == [(0,)]


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_a_stranger_keeps_nobody_from_making_a_customer(
    stranger: psycopg.Connection, first: Session, identity: tuple[str | None, str | None]
) -> None:
    """Who knows the phone, holds each key that can be made of it, and can lock nothing of ours."""
    email, phone = identity
    for kind, text in (("email ", email), ("phone ", phone), ("", email), ("", phone)):
        stranger.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"{kind}{text}",))
        stranger.execute("SELECT pg_advisory_lock(hashtext(%s))", (f"{kind}{text}",))
    for attempt in (
        "LOCK TABLE tenancy.customers_under_way",
        "INSERT INTO tenancy.customers_under_way VALUES (1)",
        "SELECT tenancy.queue_for_customer('ann@example.test', '+15550001111')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
            stranger.execute(attempt)
    first.execute("SET LOCAL statement_timeout = '10s'")
    assert first.execute(GET_OR_CREATE, *identity)


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_the_wait_ends(
    phase2_database: str,
    first: Session,
    second: Session,
    identity: tuple[str | None, str | None],
) -> None:
    execute(
        phase2_database,
        "ALTER FUNCTION tenancy.queue_for_customer(text, text) SET lock_timeout = '20ms'",
    )
    first.execute(GET_OR_CREATE, *identity)
    with pytest.raises(psycopg.errors.LockNotAvailable, match="try again"):
        second.execute(GET_OR_CREATE, *identity)
    second.rollback()
    first.commit()
    assert second.execute(GET_OR_CREATE, *identity)
    second.commit()


def test_other_customers_do_not_wait(first: Session, second: Session) -> None:
    """Nor does who makes many in one transaction keep others from making theirs."""
    for number in range(300):
        first.execute(GET_OR_CREATE, f"{number}@example.test", f"+1555000{number:04}")
    second.execute("SET LOCAL statement_timeout = '10s'")
    for number in range(300, 330):
        second.execute(GET_OR_CREATE, f"{number}@example.test", f"+1555000{number:04}")


# --- The backfill


@pytest.fixture
def url(phase1_database: str) -> Iterator[str]:
    """With a role of a stranger's."""
    execute(phase1_database, "CREATE ROLE stranger LOGIN")
    yield phase1_database
    execute(phase1_database, "DROP ROLE stranger")


def test_a_stranger_keeps_no_backfill_from_running(url: str) -> None:
    """Who holds the key that older releases had, and those that are there to be read."""
    with (
        psycopg.connect(url.replace("postgres@", "stranger@"), autocommit=True) as stranger,
        psycopg.connect(url, autocommit=True) as runner,
    ):
        runner.execute("SELECT tenancy.join_backfill()")
        seen = _keys(stranger)
        assert len(seen) == 2  # with the mark of the session
        runner.execute("SELECT tenancy.leave_backfill()")
        for key in seen | {7236846203480261}:
            stranger.execute("SELECT pg_advisory_lock(%s)", (key,))
        assert call(url, "backfill", "status").returncode == 0
        runner.execute("SET statement_timeout = '30s'")
        runner.execute("CALL tenancy.run_backfill()")


def test_who_works_on_the_backfill(url: str) -> None:
    """Each one as long as the session lives; nothing is left to clean up."""
    join, leave = "SELECT tenancy.join_backfill()", "SELECT tenancy.leave_backfill()"

    def workers() -> set[int]:
        return {pid for (pid,) in other.execute("SELECT pid FROM tenancy.backfill_sessions")}

    with psycopg.connect(url, autocommit=True) as other:
        with psycopg.connect(url, autocommit=True) as runner:
            runner.execute(join)
            runner.execute(join)
            other.execute(join)
            both = {runner.info.backend_pid, other.info.backend_pid}
            assert workers() == both
            other.execute(leave)
            assert workers() == {runner.info.backend_pid}
            other.execute(leave)
            assert workers() == {runner.info.backend_pid}
        wait_until(lambda: workers() == set(), "the runner is gone")
        other.execute(join)
        rows = other.execute("SELECT pid FROM tenancy.backfill_workers").fetchall()
        assert rows == [(other.info.backend_pid,)]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_two_begin_the_backfill_at_once(phase1_database: str, outcome: str) -> None:
    """The second one waits for the first, and prepares it only if that one did not."""
    prepare = "SELECT tenancy.prepare_backfill()"
    moment = "SELECT updated_at FROM tenancy.backfill_progress"
    first, second = Session(phase1_database), Session(phase1_database)
    try:
        first.execute(prepare)
        [(begun,)] = first.execute(moment)
        waiting = second.start(prepare)
        second.wait_until_blocked_by(first)
        getattr(first, outcome)()
        waiting.result(SECONDS)
        assert (second.execute(moment) == [(begun,)]) == (outcome == "commit")
        second.commit()
    finally:
        first.close()
        second.close()


# --- Scripts of several transactions


def test_a_stranger_does_not_pass_for_a_script(url: str) -> None:
    """Nor in the health check: a script that died left its key behind, and somebody holds it."""
    execute(
        url,
        """
        UPDATE tenancy.changes SET (open_pid, open_key) = (1, 4711)
        WHERE change = 'profiles/foreign_keys'
        """,
    )
    with psycopg.connect(url.replace("postgres@", "stranger@"), autocommit=True) as stranger:
        stranger.execute("SELECT pg_advisory_lock(4711)")
        assert value(url, "SELECT count(*) FROM tenancy.open_changes()") == "0"
        assert health(url).said("phase")[0] == "ok"
