"""A pooler in transaction mode is recognised, and refused where a session is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import psycopg
import pytest

from convo_tenancy.database import connect
from convo_tenancy.errors import Problem
from convo_tenancy.pooler import shares_sessions
from support.cluster import ROOT, Cluster
from support.command_line import call, refusal
from support.commands import execute, psql, psql_file, run, sqitch, value
from support.health import health
from support.pooler import pooler
from support.steps import steps
from support.waiting import wait_until

REFUSED = "a pooler that gives one server session to several clients"
SCRIPT = "deploy/support/has_legacy_side.sql"
PRECONDITIONS = "deploy/support/preconditions.sql"
BY_HAND = ("-f", PRECONDITIONS, "-c", "CALL tenancy.run_backfill()")


def name_of(url: str) -> str:
    """The name of the database."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


@pytest.fixture
def pooled(cluster: Cluster, phase1_database: str) -> Iterator[str]:
    """The database through a pooler in transaction mode, whose one session all clients have."""
    with pooler(cluster, ["postgres"], connections=1) as started:
        yield started.url(name_of(phase1_database), "postgres")


def left(url: str) -> list[str]:
    """What sessions of others keep in this database: advisory locks."""
    rows = value(
        url,
        "SELECT l.classid || ' ' || l.objid FROM pg_locks AS l"
        " JOIN pg_database AS d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND d.datname = current_database()",
    )
    return rows.splitlines()


def ends_without_a_mark(url: str) -> None:
    """The pool closes a session whose transaction failed, a moment after its client has gone."""
    wait_until(lambda: left(url) == [], "nothing of it is left")


def fill(url: str, connections: int) -> None:
    """Have the pool open all its sessions: as many transactions at once."""
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(psycopg.connect(url)).execute("SELECT 1")


@pytest.mark.parametrize(
    ("mode", "round_robin", "connections"),
    [("transaction", 0, 1), ("transaction", 0, 5), ("transaction", 1, 20), ("statement", 0, 3)],
)
def test_the_command_line_refuses(
    cluster: Cluster, phase1_database: str, mode: str, round_robin: int, connections: int
) -> None:
    with pooler(
        cluster, ["postgres"], connections=connections, mode=mode, round_robin=round_robin
    ) as started:
        url = started.url(name_of(phase1_database), "postgres")
        if mode == "transaction":
            fill(url, connections)
        for _ in range(3):
            with pytest.raises(Problem, match=REFUSED):
                connect(url, "test")
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as other:
            row = other.execute("SHOW search_path").fetchone()
            assert row == ('"$user", public',)
    ends_without_a_mark(phase1_database)


def test_each_command_says_so_with_its_exit_code(pooled: str) -> None:
    found = health(pooled)
    assert (found.exit_code, found.said("connection")[0]) == (3, "unknown")
    assert REFUSED in found.said("connection")[2]
    for command in (["backfill"], ["backfill", "status"], ["gate"], ["repair", "--dry-run"]):
        assert REFUSED in refusal(pooled, *command)


@pytest.mark.parametrize("connections", [1, 2])
def test_session_mode_does_no_harm(
    cluster: Cluster, phase1_database: str, connections: int
) -> None:
    """One whose sessions are all in use, too: the second connection never gets an answer."""
    with pooler(cluster, ["postgres"], connections=connections, mode="session") as started:
        url = started.url(name_of(phase1_database), "postgres")
        with connect(url, "test") as connection:
            assert connection.info.backend_pid != value_of(connection, "SELECT pg_backend_pid()")
        for script in (PRECONDITIONS, SCRIPT, PRECONDITIONS, SCRIPT):
            psql_file(url, script)


def value_of(connection: psycopg.Connection, statement: str) -> object:
    """The one value that it returns."""
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_server_is_not_asked_twice(phase1_database: str) -> None:
    def another() -> NoReturn:
        raise AssertionError("a second connection")

    with psycopg.connect(phase1_database, autocommit=True) as connection:
        assert not shares_sessions(connection, another)


def test_sqitch_is_refused_and_what_it_leaves_is_found(
    cluster: Cluster, legacy_database: str
) -> None:
    """By the command that the documentation shows, when no client is there any more."""
    with pooler(cluster, ["postgres"], connections=3) as started:
        url = started.url(name_of(legacy_database), "postgres")
        refused = sqitch(url, "deploy", "--to", "@phase1", check=False)
        assert "you use a pooler in transaction mode" in refused.stderr
        assert "support/preconditions" in refused.stdout
        assert value(legacy_database, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
        assert left(legacy_database) == ["0 75474063"]  # Sqitch's own

        clean_up(legacy_database)
        ends_without_a_mark(legacy_database)
        sqitch(legacy_database, "deploy", "--to", "support/begin")


def clean_up(url: str) -> None:
    """As docs/support.md says."""
    [command] = [block for kind, block in steps(ROOT / "docs/support.md") if kind == "pooler"]
    run("bash", "-c", command, env={"DATABASE_URL": url})


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (SCRIPT, "another client's script ran in this session of the server"),
        ("revert/profiles/foreign_keys.sql", "another client's script ran in this session"),
        (PRECONDITIONS, "you use a pooler in transaction mode"),
    ],
)
def test_a_script_is_refused_in_a_session_that_another_ones_marked(
    pooled: str, phase1_database: str, script: str, message: str
) -> None:
    psql_file(pooled, SCRIPT)
    assert len(left(phase1_database)) == 1
    refused = psql_file(pooled, script, check=False)
    assert refused.returncode == 3
    assert message in refused.stderr


def test_what_scripts_leave_is_found(pooled: str, phase1_database: str) -> None:
    """A mark, and a key that a call by hand did not live to give back."""
    psql_file(pooled, SCRIPT)
    execute(pooled, "SELECT tenancy.join_backfill()")
    assert len(left(phase1_database)) == 3
    assert "Running:   pid" in call(phase1_database, "backfill", "status").stdout
    clean_up(phase1_database)
    ends_without_a_mark(phase1_database)
    psql_file(pooled, SCRIPT)


def test_a_call_by_hand(pooled: str, phase1_database: str) -> None:
    """The first script before it keeps it from running; connected directly, it runs."""
    refused = psql(pooled, *BY_HAND, check=False)
    assert "you use a pooler in transaction mode" in refused.stderr
    ends_without_a_mark(phase1_database)
    psql(phase1_database, *BY_HAND)


def test_scripts_of_one_client(phase1_database: str) -> None:
    """Which also called something by hand, and connected anew between them."""
    psql(
        phase1_database,
        *("-c", "SELECT tenancy.take_key()", "-f", SCRIPT, "-f", SCRIPT),
        *("-c", "SELECT tenancy.take_key()", "-f", PRECONDITIONS, "-f", SCRIPT),
    )


def test_the_mark_is_the_same_everywhere() -> None:
    """In the first script, in the function, and in the command that cleans up."""
    for path in (PRECONDITIONS, "deploy/support/begin.sql", "docs/support.md"):
        assert "1129270870" in (ROOT / path).read_text(), path
