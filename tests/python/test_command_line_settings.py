"""convo-tenancy in a database whose settings and objects are against it: the same results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from convo_tenancy.database import connect
from support.at_once import move_to
from support.cluster import Cluster
from support.command_line import call, refusal
from support.commands import execute, psql, value
from support.health import Health, health
from support.profiles import wrong_profiles
from support.sides import drift

SETTINGS = {
    "search_path": "public, pg_catalog",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "'250ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'50ms'",
    "idle_session_timeout": "'250ms'",
    "client_encoding": "'LATIN1'",
    "client_min_messages": "debug5",
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "sql_standard",
    "timezone": "'XYZ-3'",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "on",
    "client_connection_check_interval": "0",
    "exit_on_error": "on",
}

# Operators and functions that hide those of pg_catalog, by the types of their arguments and result.
OPERATORS = [
    ("=", ["varchar", "varchar"], "boolean"),
    ("=", ["text", "text"], "boolean"),
    ("=", ["name", "text"], "boolean"),
    ("=", ["integer", "integer"], "boolean"),
    ("=", ["oid", "oid"], "boolean"),
    ("<>", ["text", "text"], "boolean"),
    ("||", ["text", "text"], "text"),
]
FUNCTIONS = [
    ("current_database", [], "name"),
    ("current_setting", ["text"], "text"),
    ("current_setting", ["text", "boolean"], "text"),
    ("set_config", ["text", "text", "boolean"], "text"),
    ("to_regclass", ["text"], "regclass"),
    ("to_regnamespace", ["text"], "regnamespace"),
    ("to_regprocedure", ["text"], "regprocedure"),
    ("pg_try_advisory_lock", ["bigint"], "boolean"),
    ("quote_ident", ["text"], "text"),
    ("now", [], "timestamptz"),
]


@pytest.fixture
def trap(cluster: Cluster) -> Iterator[Path]:
    """The file that a planted function writes, which a rollback does not take away."""
    file = cluster.directory / "trap"
    yield file
    file.unlink(missing_ok=True)


def turn_against(url: str, trap: Path) -> None:
    """From now on, whoever connects to the database has the settings, and finds what is planted."""
    body = f"""
        LANGUAGE plpgsql AS $$
        BEGIN
            COPY (SELECT 1) TO '{trap}';
            RAISE EXCEPTION 'planted';
        END;
        $$
    """
    statements = []
    for number, (operator, arguments, result) in enumerate(OPERATORS):
        left, right = arguments
        statements += [
            f"CREATE FUNCTION public.planted_{number}({left}, {right}) RETURNS {result} {body}",
            f"CREATE OPERATOR public.{operator}"
            f" (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.planted_{number})",
        ]
    for name, arguments, result in FUNCTIONS:
        signature = f"public.{name}({', '.join(arguments)})"
        statements.append(f"CREATE FUNCTION {signature} RETURNS {result} {body}")
    database = url.split("@/")[1].split("?")[0]
    for name, setting in SETTINGS.items():
        statements.append(f"ALTER DATABASE {database} SET {name} = {setting}")
    execute(url, "; ".join(statements))


def make_drift(url: str) -> None:
    """Of both kinds of values, and of a customer without a profile."""
    execute(
        url,
        """
        SET tenancy.mirroring = 'on';
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id IN (3, 7);
        UPDATE public.customers SET no_show_count = no_show_count + 2 WHERE id = 13;
        DELETE FROM public.customer_shop_profiles WHERE customer_id = 20;
        """,
    )


def asked(url: str) -> tuple[Health, list[object]]:
    """What the commands that only look have to say."""
    found = []
    for command in (["gate"], ["repair", "--dry-run"], ["backfill", "status"]):
        done = call(url, *command, "--format", "json")
        assert done.returncode == (1 if command == ["gate"] else 0), done.stderr
        said = json.loads(done.stdout)
        said.pop("since", None)
        found.append(said)
    return health(url), found


def test_the_trap_shuts(phase2_database: str, trap: Path) -> None:
    turn_against(phase2_database, trap)
    done = psql(phase2_database, "-c", "SELECT current_setting('server_version')", check=False)
    assert "planted" in done.stderr
    assert trap.exists()


def test_no_setting_is_left(phase2_database: str, trap: Path) -> None:
    turn_against(phase2_database, trap)
    shown = "SELECT name, setting FROM pg_catalog.pg_settings"
    with (
        connect(phase2_database, "test") as pinned,
        psycopg.connect(phase2_database) as hostile,
    ):
        right: dict[str, str] = dict(pinned.execute(shown).fetchall())
        wrong: dict[str, str] = dict(hostile.execute(shown).fetchall())
    names = {name.lower(): name for name in right}
    left = [name for name in SETTINGS if right[names[name]] == wrong[names[name]]]
    assert left == []
    assert not trap.exists()


def test_looking_and_repairing(phase2_database: str, trap: Path) -> None:
    url = phase2_database
    make_drift(url)
    execute(url, "CREATE EXTENSION pg_stat_statements SCHEMA public")
    before = asked(url)
    assert before[0].said("drift")[:2] == ("critical", 4)
    turn_against(url, trap)
    assert asked(url) == before

    for command in (["repair"], ["backfill"], ["backfill", "pause"], ["backfill", "resume"]):
        done = call(url, *command)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Note:" not in done.stdout
    assert not trap.exists()
    reset(url)
    assert drift(url) == []


def test_a_whole_backfill(recorded_database: str, trap: Path) -> None:
    url = recorded_database
    move_to(url, "profiles/run_backfill")
    turn_against(url, trap)
    done = call(url, "backfill", "--batch-size", "500")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Backfill finished: 1,824 customers" in done.stdout
    assert not trap.exists()
    reset(url)
    assert wrong_profiles(url) == []


def reset(url: str) -> None:
    """Take the settings back, for who looks at the results."""
    database = url.split("@/")[1].split("?")[0]
    execute(url, "SET default_transaction_read_only = off", f"ALTER DATABASE {database} RESET ALL")


def test_session_replication_role(phase2_database: str) -> None:
    url = phase2_database
    make_drift(url)
    database = url.split("@/")[1].split("?")[0]
    execute(url, f"ALTER DATABASE {database} SET session_replication_role = replica")
    for command in (["repair"], ["repair", "--dry-run"], ["backfill"]):
        assert refusal(url, *command) == (
            "convo-tenancy: session_replication_role is replica, so triggers and foreign keys would"
            " not work: ALTER ROLE or ALTER DATABASE ... RESET session_replication_role\n"
        )
    assert value(url, "SELECT count(*) FROM tenancy.drift") == "4"
    assert health(url).said("replication_role")[0] == "critical"
    assert call(url, "gate").returncode == 1
