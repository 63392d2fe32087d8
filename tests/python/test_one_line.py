"""Whatever ends the command line early is one line, and an exit code that says so.

For the health check that is 3, unknown: 1 would be a warning.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from convo_tenancy.cli import app
from convo_tenancy.errors import Problem
from convo_tenancy.failures import Command, Group, one_line_failures
from convo_tenancy.signals import Stopped
from support.at_once import run_scripts
from support.cluster import Cluster
from support.command_line import Running, call, refusal
from support.commands import CONVO_TENANCY, environment, execute, psql_file
from support.health import health
from support.plan import CHANGES, place
from support.waiting import wait_until

LOOKING = (("health", 3), ("gate", 1), ("backfill status", 1), ("repair --dry-run", 1))
NOT_UTF_8 = b"caf\xe9"


def test_every_command_is_of_that_kind() -> None:
    command: Any = typer.main.get_command(app)
    assert {"health", "backfill", "repair", "gate", "contract"} <= {*command.commands}
    for name, each in command.commands.items():
        assert isinstance(each, Command | Group), name


# --- Output


def _run(url: str, shell: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The installed command, with its output sent elsewhere by a shell."""
    return subprocess.run(
        ["bash", "-c", f"{CONVO_TENANCY} {shell}"],
        env=environment({"DATABASE_URL": url, **env}),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(("command", "exit_code"), [LOOKING[0], LOOKING[1]])
@pytest.mark.parametrize(
    ("where", "words"),
    [
        (">/dev/full", "cannot write the output: No space left on device"),
        (">&-", "standard output is closed: send it to /dev/null"),
    ],
)
def test_an_output_that_takes_nothing(
    phase2_database: str, command: str, exit_code: int, where: str, words: str
) -> None:
    done = _run(phase2_database, f"{command} {where}")
    assert (done.returncode, done.stderr) == (exit_code, f"convo-tenancy: {words}\n")


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        *(("-h", 1), ("--version", 1), ("--show-completion bash", 1), ("backfill pause -h", 1)),
        *(("health -h", 3), ("status -h", 3), ("preflight -h", 3), ("scan -h", 3)),
    ],
)
def test_a_help_that_nobody_takes(words: str, exit_code: int) -> None:
    """It is printed while the arguments are read."""
    done = _run("", f"{words} >/dev/full")
    said = "convo-tenancy: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (exit_code, said)


def test_no_stderr_either(phase2_database: str) -> None:
    assert _run(phase2_database, "health >/dev/full 2>&-").returncode == 3
    assert _run(phase2_database, "repair --dry-run 2>&-").returncode == 0


@pytest.mark.parametrize("command", ["health --format json", "backfill"])
def test_a_reader_that_has_enough(phase1_database: str, command: str) -> None:
    """It ends as other commands do, by the signal."""
    done = _run(phase1_database, f"{command} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")


def test_characters_that_the_output_cannot_show(phase2_database: str) -> None:
    execute(phase2_database, 'CREATE VIEW "café ☕" AS SELECT FROM customer_booking_stats')
    done = _run(phase2_database, "gate", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert r"caf\xe9 \u2615" in done.stdout


# --- What stands in the database


@pytest.fixture
def ascii_database(cluster: Cluster) -> Iterator[str]:
    """A database in SQL_ASCII, phase 2, with names that are not UTF-8."""
    execute(
        cluster.url(), "CREATE DATABASE in_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
    )
    url = cluster.url("in_ascii")
    psql_file(url, "tests/legacy/schema.sql")
    psql_file(url, "tests/legacy/sample.sql", "-v", "customers=5")
    run_scripts(url, (f"deploy/{change}" for change in CHANGES[: place("@phase2") + 1]))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            b'CREATE VIEW "%s" AS SELECT FROM public.customer_booking_stats',
            b'CREATE ROLE "%s" SUPERUSER LOGIN',
        ):
            result = connection.pgconn.exec_(statement % NOT_UTF_8)
            assert not result.error_message
    yield url
    with psycopg.connect(url, autocommit=True) as connection:  # elsewhere its name cannot be sent
        assert not connection.pgconn.exec_(b'DROP ROLE "%s"' % NOT_UTF_8).error_message
    cluster.drop_database("in_ascii")


def test_bytes_that_are_not_utf_8(ascii_database: str, phase1_database: str) -> None:
    """Of a database in SQL_ASCII, and of a role that was made in one, in any database."""
    for command, words in (
        ("health --format json", '"phase": "@phase2"'),
        ("backfill status", "Backfill:  finished"),
        ("repair --dry-run", "No drift"),
        ("gate", "caf\ufffd"),
    ):
        done = call(ascii_database, *command.split())
        assert words in done.stdout, done.stderr
    as_somebody = _run(
        phase1_database.replace("postgres@", ""),
        "health",
        PGUSER=NOT_UTF_8.decode(errors="surrogateescape"),
    )
    assert as_somebody.returncode == 0
    assert "as caf\ufffd" in as_somebody.stdout


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
def test_moments_that_python_cannot_read(phase1_database: str, moment: str) -> None:
    url = phase1_database
    execute(url, f"UPDATE tenancy.backfill_progress SET finished_at = '{moment}'")
    assert "a value that Python cannot read: timestamp too" in refusal(url, "backfill", "status")
    assert health(url).said("backfill")[0] == "unknown"


@pytest.mark.parametrize(
    "variables",
    [
        {"PGTZ": "XYZ-3", "PGDATESTYLE": "German"},
        {"PGCLIENTENCODING": "EUC_TW"},
        {"PGCLIENTENCODING": "SQL_ASCII", "PGOPTIONS": "-c intervalstyle=sql_standard"},
        {"PGOPTIONS": "-c standard_conforming_strings=off -c bytea_output=escape"},
    ],
)
def test_variables_that_set_something(phase1_database: str, variables: dict[str, str]) -> None:
    usual = call(phase1_database, "backfill", "status")
    assert call(phase1_database, "backfill", "status", env=variables).stdout == usual.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"PGTZ": "Nowhere/Nothing"},
        {"PGOPTIONS": "-c nothing"},
        {"PGSSLMODE": "perhaps"},
        {"PGSSLMODE": "require", "PGHOST": "127.0.0.1"},
    ],
)
def test_variables_that_are_wrong(phase1_database: str, variables: dict[str, str]) -> None:
    url = phase1_database
    if "PGHOST" in variables:
        url = "postgresql://postgres@127.0.0.1:1/postgres"
    done = call(url, "gate", env=variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("convo-tenancy: cannot connect: ")
    done = call(url, "health", env=variables)
    assert (done.returncode, done.stderr) == (3, "")
    assert "cannot connect: " in done.stdout


# --- Signals, and faults of our own


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_health_check_is_stopped(phase1_database: str, number: signal.Signals) -> None:
    """And with it the statement at hand."""
    url = phase1_database
    execute(
        url,
        "CREATE OR REPLACE VIEW tenancy.drift AS SELECT 'totals'::text AS kind, 1 AS customer_id,"
        " 1 AS shop_id, pg_sleep(600)::text AS legacy_value, ''::text AS profile_value",
    )
    sleeping = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query ~ 'drift'"
    with Running(url, "health") as running, psycopg.connect(url, autocommit=True) as looking:
        wait_until(lambda: looking.execute(sleeping.encode()).fetchone() is not None, "it sleeps")
        running.process.send_signal(number)
        assert running.end() == (128 + number, "convo-tenancy: cancelled; run it again\n")
        wait_until(lambda: looking.execute(sleeping.encode()).fetchone() is None, "it is over")


def _failure(error: BaseException) -> Problem:
    with pytest.raises(Problem) as raised, one_line_failures(3):
        raise error
    return raised.value


def test_what_nobody_expected(tmp_path: Path) -> None:
    fault = _failure(ZeroDivisionError("by\nzero"))
    assert fault.exit_code == 3
    assert "please report it: ZeroDivisionError: by zero (failures.py:" in str(fault)
    with pytest.raises(Problem, match=f"{tmp_path}: Is a directory"), one_line_failures(1):
        tmp_path.read_text()
    assert _failure(Stopped(signal.SIGTERM)).exit_code == 143
    refused = Problem("as it was", 2)
    assert _failure(refused) is refused
