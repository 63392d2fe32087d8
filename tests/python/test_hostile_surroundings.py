"""Settings and objects of others: the scripts pin or refuse them, and never run what is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.at_once import move_to, run_scripts, verify
from support.cluster import Cluster
from support.commands import (
    execute,
    pg_dump_schema,
    psql,
    psql_file,
    run,
    sqitch,
    start_sqitch,
    value,
)
from support.history import legacy_history
from support.plan import CHANGES, CONTRACT
from support.server import need_icu
from support.sessions import Session, waiting_for
from support.soak import SOAK
from support.waiting import wait_until

# What a role or a database may set, each to something that a script was not written for.
SETTINGS = {
    "search_path": "public, pg_catalog",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_deferrable": "on",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "backslash_quote": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "check_function_bodies": "off",
    "row_security": "off",
    "statement_timeout": "4s",
    "lock_timeout": "1ms",
    "idle_session_timeout": "1min",
    "client_min_messages": "error",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "default_toast_compression": "lz4",
    "restrict_nonsystem_relation_kind": "view",
}

# Better matches than PostgreSQL's own, for whoever looks names up in public. Each tells of a call.
PLANTED = """
    CREATE TABLE public.planted_calls (what text);
    GRANT INSERT ON public.planted_calls TO PUBLIC;
    CREATE FUNCTION public.planted(what text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.planted_calls VALUES (what);
        RETURN TRUE;
    END;
    $$;
"""
OPERATORS = {
    "=": [("varchar", "varchar"), ("text", "text"), ("integer", "integer"), ("name", "name")],
    "<>": [("varchar", "varchar"), ("text", "text"), ("integer", "integer"), ("oid", "oid")],
    "||": [("text", "text"), ("varchar", "varchar")],
    "~": [("text", "text"), ("name", "text")],
    ">": [("integer", "integer"), ("timestamptz", "timestamptz")],
}
FUNCTIONS = {
    "now()": "timestamptz",
    "lower(varchar)": "text",
    "btrim(text, text)": "text",
    "format(text, VARIADIC varchar[])": "text",
    "set_config(text, text, boolean)": "text",
    "current_setting(text, boolean)": "text",
    "to_regclass(text)": "regclass",
    "count(integer)": "bigint",
    "clock_timestamp()": "timestamptz",
    "pg_sleep(double precision)": "void",
    "has_legacy_side()": "boolean",
}


def plant(url: str) -> None:
    """Operators and functions in public, as whoever may create objects there could."""
    statements = [PLANTED]
    number = 0
    for name, signatures in OPERATORS.items():
        for left, right in signatures:
            number += 1
            result, back = ("text", "'planted'") if name == "||" else ("boolean", "TRUE")
            statements.append(
                f"""
                CREATE FUNCTION public.planted_{number}({left}, {right}) RETURNS {result}
                LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM public.planted('{name} {left}');
                    RETURN {back};
                END;
                $$;
                CREATE OPERATOR public.{name} (
                    FUNCTION = public.planted_{number}, LEFTARG = {left}, RIGHTARG = {right}
                );
                """
            )
    for signature, result in FUNCTIONS.items():
        statements.append(
            f"""
            CREATE FUNCTION public.{signature} RETURNS {result} LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM public.planted('{signature}');
                RETURN{"" if result == "void" else " NULL"};
            END;
            $$;
            """
        )
    psql(url, stdin="\n".join(statements))


def set_all(url: str) -> None:
    """For the database, as an operator might have for the application."""
    name = value(url, "SELECT current_database()")
    psql(
        url,
        stdin="\n".join(
            f"ALTER DATABASE {name} SET {setting} TO "
            + (wanted if setting in ("search_path", "DateStyle") else f"'{wanted}'")
            + ";"
            for setting, wanted in SETTINGS.items()
        ),
    )


def called(url: str) -> str:
    """What was planted and run."""
    return value(url, "SELECT what FROM public.planted_calls LIMIT 5")


def test_all_the_way_and_back(recorded_database: str) -> None:
    """Under all of it: deployed, verified, contracted, taken back; the same as anywhere else."""
    url = recorded_database
    history = legacy_history(url)
    plant(url)
    before = pg_dump_schema(url, "public")
    set_all(url)
    # Sqitch's own connection is Sqitch's; its scripts are ours.
    run_scripts(url, (f"{tree}/{change}" for change in CHANGES for tree in ("deploy", "verify")))
    assert called(url) == ""
    run_scripts(url, (f"revert/{change}" for change in reversed(CHANGES)))
    assert called(url) == ""
    execute(url, f"ALTER DATABASE {value(url, 'SELECT current_database()')} RESET ALL")
    assert pg_dump_schema(url, "public") == before
    assert legacy_history(url) == history


@pytest.mark.parametrize("tag", ["@phase3", *(["@phase2"] if SOAK else [])])
def test_the_same_schema(request: pytest.FixtureRequest, recorded_database: str, tag: str) -> None:
    """Under hostile settings, by Sqitch."""
    url = recorded_database
    usual: str = request.getfixturevalue(f"{tag.removeprefix('@')}_database")
    set_all(url)
    sqitch(url, "deploy", "--to", tag, *CONTRACT)
    verify(url)
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER DATABASE {name} RESET ALL")
    schemas = ("public", "tenancy", "tenancy_archive")
    assert pg_dump_schema(url, *schemas) == pg_dump_schema(usual, *schemas)
    assert value(url, "SET search_path = pg_catalog; TABLE tenancy.part_problems") == ""


def test_a_booking_during_the_contract_is_not_lost(phase2_database: str) -> None:
    """With repeatable read as the default, what is read behind a lock is read anew."""
    url = phase2_database
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    writer = Session(url)
    try:
        writer.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        writer.execute(
            "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
            " WHERE customer_id = 7"
        )
        running = start_sqitch(
            url, "deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"
        )
        wait_until(lambda: waiting_for(url, writer.pid), "the contract waits for the writer")
        writer.commit()
        output, _ = running.communicate()
        assert running.returncode == 0, output
    finally:
        writer.close()
    counted = value(
        url,
        "SELECT total_bookings FROM tenancy_archive.customer_booking_stats WHERE customer_id = 7",
    )
    total = "SELECT sum(total_bookings) FROM public.customer_shop_profiles WHERE customer_id = 7"
    assert value(url, total) == counted == "7"


def test_replication_role(phase1_database: str) -> None:
    """A superuser's setting that switches triggers off is refused by name."""
    done = psql_file(
        phase1_database,
        "deploy/mirror/shop_context.sql",
        check=False,
        env={"PGOPTIONS": "-c session_replication_role=replica"},
    )
    assert "session_replication_role is replica" in done.stderr


@pytest.mark.parametrize("setting", ["tenancy.mirroring", "tenancy.confirmed"])
@pytest.mark.parametrize("script", ["support/preconditions", "mirror/shop_context"])
def test_our_own_settings(phase1_database: str, setting: str, script: str) -> None:
    """Set for a database, they would switch mirrors off: refused by name."""
    name = value(phase1_database, "SELECT current_database()")
    execute(phase1_database, f"ALTER DATABASE {name} SET {setting} = 'on'")
    done = psql_file(phase1_database, f"deploy/{script}.sql", check=False)
    assert "tenancy.mirroring or tenancy.confirmed is set" in done.stderr


@pytest.mark.parametrize(
    ("database", "procedure"),
    [("phase1_database", "run_backfill"), ("phase2_database", "run_reconcile")],
)
def test_a_planted_type(request: pytest.FixtureRequest, database: str, procedure: str) -> None:
    """A procedure that commits can fix no search_path: it names types with their schema."""
    url: str = request.getfixturevalue(database)
    psql(
        url,
        stdin="""
        CREATE FUNCTION public.planted(what anyelement) RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''planted''; END';
        CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.planted(VALUE));
        CREATE DOMAIN public.timestamptz AS pg_catalog.timestamptz CHECK (public.planted(VALUE));
        """,
    )
    execute(url, "SET search_path = public, pg_catalog", f"CALL tenancy.{procedure}()")


def test_psqlrc_and_variables(phase1_database: str) -> None:
    """psql's own settings do not make a refused script go on."""
    variables = ("-v", "ON_ERROR_STOP=0", "-v", "ON_ERROR_ROLLBACK=on", "-v", "AUTOCOMMIT=off")
    before = pg_dump_schema(phase1_database, "public", "tenancy")
    done = run(
        *("psql", "-X", "-q", *variables, "-d", phase1_database),
        *("-f", "revert/profiles/split.sql"),
        check=False,
    )
    assert done.returncode == 3
    assert pg_dump_schema(phase1_database, "public", "tenancy") == before


# A Turkish i has a dot in both cases, and no I has one.
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", *(["UTF8", "EUC_JP"] if SOAK else [])])
def test_another_encoding_and_locale(cluster: Cluster, encoding: str) -> None:
    if encoding != "SQL_ASCII":
        need_icu(cluster)
    execute(
        cluster.url(),
        f"CREATE DATABASE encoded TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        + ("" if encoding == "SQL_ASCII" else " LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"),
    )
    url = cluster.url("encoded")
    try:
        psql_file(url, "tests/legacy/schema.sql")
        psql_file(url, "tests/legacy/sample.sql", "-v", "customers=20")
        move_to(url, "@phase3")
        move_to(url, None)
    finally:
        cluster.drop_database("encoded")


def test_the_bundle_deploys_by_itself(legacy_database: str, tmp_path: Path) -> None:
    """What sqitch bundle copies is all that a deploy needs."""
    run("sqitch", "bundle", "--dest-dir", tmp_path)
    for command in (("deploy", *CONTRACT), ("verify", "--from", "@phase2"), ("revert", "-y")):
        sqitch(legacy_database, *command, cwd=tmp_path)
    assert "%uri=" in (tmp_path / "sqitch.plan").read_text()
