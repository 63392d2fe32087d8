"""What the plan refuses: one clear line each, and nothing changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from support.at_once import move_to, verify
from support.cluster import ROOT, Cluster
from support.commands import (
    Completed,
    execute,
    pg_dump_data,
    pg_dump_schema,
    psql,
    sqitch,
    value,
)
from support.isolation import give_tables
from support.nameless import IGNORED, deploy_without_a_name


def _error(done: Completed) -> str:
    """The one line in which the refusal says what is wrong."""
    assert done.returncode != 0, done.stdout
    lines = [line for line in done.stderr.splitlines() if "ERROR:" in line]
    assert len(lines) == 1, done.stderr
    for line in done.stderr.splitlines():
        assert "CONTEXT" not in line, done.stderr
        assert "DETAIL" not in line, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("preparation", "message"),
    [
        ("DROP TABLE public.bookings", "table public.bookings is missing"),
        (
            "ALTER TABLE public.customers ALTER COLUMN no_show_count TYPE bigint",
            "column public.customers.no_show_count is bigint, expected integer",
        ),
        (
            "ALTER TABLE public.customer_booking_stats DROP COLUMN last_booking_at",
            "column public.customer_booking_stats.last_booking_at is missing",
        ),
        (
            "ALTER TABLE public.customers ALTER COLUMN no_show_count DROP NOT NULL",
            "column public.customers.no_show_count lacks NOT NULL",
        ),
        (
            "ALTER TABLE public.shops RENAME TO s; CREATE VIEW public.shops AS TABLE public.s",
            "public.shops is not an ordinary table",
        ),
        (
            "DROP INDEX public.ix_bookings_customer_phone",
            "public.bookings needs an index on (customer_phone)",
        ),
        ("DELETE FROM public.shops", "shop 1, the default shop, is not in public.shops"),
        (
            "CREATE TABLE public.customer_shop_profiles ()",
            "table public.customer_shop_profiles exists, and this plan did not make it",
        ),
        ("CREATE SCHEMA tenancy", "schema tenancy exists, and this plan did not make it"),
        (
            "CREATE ROLE refused_owner; ALTER TABLE public.stylists OWNER TO refused_owner",
            "the legacy tables have several owners",
        ),
    ],
)
def test_a_database_that_does_not_fit(legacy_database: str, preparation: str, message: str) -> None:
    execute(legacy_database, preparation)
    before = pg_dump_schema(legacy_database, "public"), pg_dump_data(legacy_database, "public")
    try:
        assert message in _error(sqitch(legacy_database, "deploy", check=False))
        after = pg_dump_schema(legacy_database, "public"), pg_dump_data(legacy_database, "public")
        assert after == before
        ours = "SELECT to_regclass('tenancy.settings') IS NOT NULL"
        assert value(legacy_database, ours) == "f"
    finally:
        if "refused_owner" in preparation:
            execute(legacy_database, "DROP OWNED BY refused_owner CASCADE")
            execute(legacy_database, "DROP ROLE refused_owner")


def test_not_the_legacy_database(cluster: Cluster) -> None:
    url = cluster.create_database("somebody_elses")
    try:
        message = _error(sqitch(url, "deploy", check=False))
        assert 'database "somebody_elses" does not have the legacy schema' in message
        assert "table public.customers is missing" in message
    finally:
        cluster.drop_database("somebody_elses")


def test_another_default_shop(legacy_database: str) -> None:
    refused = sqitch(legacy_database, "deploy", "--set", "default_shop_id=7", check=False)
    assert "shop 7, the default shop, is not in public.shops" in _error(refused)
    refused = sqitch(legacy_database, "deploy", "--set", "default_shop_id=first", check=False)
    assert 'default_shop_id is "first", not the id of a shop' in _error(refused)

    execute(legacy_database, "INSERT INTO public.shops (id, name) VALUES (7, 'Seventh')")
    move_to(legacy_database, "@phase2", "default_shop_id=7")
    assert value(legacy_database, "SELECT default_shop_id FROM tenancy.settings") == "7"


def test_a_server_that_is_too_old(legacy_database: str, tmp_path: Path) -> None:
    """Simulated: the check is told that the next version is the first that will do."""
    tree = tmp_path / "plan"
    shutil.copytree(ROOT, tree, ignore=IGNORED)
    script = tree / "deploy/support/preconditions.sql"
    assert script.read_text().count("150000") == 1
    script.write_text(script.read_text().replace("150000", "990000"))
    refused = sqitch(legacy_database, "deploy", check=False, cwd=tree)
    assert "is too old: upgrade to 15 or later" in _error(refused)


def test_a_role_without_rights(cluster: Cluster, legacy_database: str) -> None:
    execute(cluster.url(), "CREATE ROLE visitor LOGIN")
    try:
        as_visitor = legacy_database.replace("postgres@", "visitor@")
        # Sqitch needs a place for its registry before it runs the first script.
        assert "permission denied for database" in sqitch(as_visitor, "deploy", check=False).stderr

        name = legacy_database.split("/")[3].split("?")[0]
        execute(cluster.url(), f"GRANT CREATE ON DATABASE {name} TO visitor")
        refused = sqitch(as_visitor, "deploy", check=False)
        assert "role visitor is not the owner of the legacy tables" in _error(refused)
    finally:
        execute(legacy_database, "DROP OWNED BY visitor CASCADE")
        execute(cluster.url(), "DROP ROLE visitor")


@pytest.mark.usefixtures("phase2_template")
def test_the_owner_is_enough(cluster: Cluster, legacy_database: str) -> None:
    """No superuser is needed, and what is ours belongs to the owner of the legacy tables.

    The group roles are there, as another database of the cluster has made them.
    """
    name = legacy_database.split("/")[3].split("?")[0]
    execute(
        legacy_database,
        f"""
        CREATE ROLE plain_owner LOGIN;
        GRANT CREATE ON DATABASE {name} TO plain_owner;
        GRANT CREATE ON SCHEMA public TO plain_owner;
        {give_tables("public", "plain_owner")};
        INSERT INTO public.customers (phone, average_spend_cents, no_show_count)
        VALUES ('+15550000001', 0, 0);
        """,
    )
    try:
        as_owner = legacy_database.replace("postgres@", "plain_owner@")
        sqitch(as_owner, "deploy", "--to", "support/schema")  # the registry is theirs, too
        move_to(as_owner, "@phase2")
        verify(as_owner)
        owners = psql(
            legacy_database,
            "-Atc",
            """
            SELECT DISTINCT pg_get_userbyid(o.owner)
            FROM (
                SELECT relowner AS owner FROM pg_class
                WHERE relnamespace = 'tenancy'::regnamespace
                    OR oid = 'public.customer_shop_profiles'::regclass
                UNION ALL
                SELECT proowner FROM pg_proc WHERE pronamespace = 'tenancy'::regnamespace
            ) AS o
            """,
        ).stdout.split()
        assert owners == ["plain_owner"]
        execute(
            as_owner,
            """
            INSERT INTO public.customer_booking_stats
                (customer_id, total_bookings, total_spend_cents)
            SELECT id, 1, 4500 FROM public.customers;
            SELECT tenancy.record_no_show(id, 1) FROM public.customers;
            """,
        )
        mirrored = """
            SELECT p.total_bookings, p.no_show_count, c.no_show_count
            FROM public.customer_shop_profiles AS p
            JOIN public.customers AS c ON c.id = p.customer_id
        """
        assert value(as_owner, mirrored) == "1|1|1"
        move_to(as_owner, None)
    finally:
        execute(legacy_database, "DROP OWNED BY plain_owner CASCADE")
        execute(cluster.url(), "DROP ROLE plain_owner")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://postgres@/postgres?host=/nonexistent&port=5432", "No such file"),
        ("postgresql://postgres@127.0.0.1:1/postgres", "Connection refused"),
    ],
)
def test_no_server(url: str, message: str) -> None:
    refused = sqitch(url, "deploy", check=False)
    assert refused.returncode != 0
    assert message in refused.stderr


def test_an_idle_in_transaction_timeout(legacy_database: str) -> None:
    name = legacy_database.split("/")[3].split("?")[0]
    execute(
        legacy_database, f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1min'"
    )
    message = _error(sqitch(legacy_database, "deploy", check=False))
    assert "idle_in_transaction_session_timeout is 1min" in message
    remedy = "-c idle_in_transaction_session_timeout=0"
    assert remedy in message
    sqitch(legacy_database, "deploy", "--to", "support/schema", env={"PGOPTIONS": remedy})


def test_sqitch_without_a_user_name(legacy_database: str) -> None:
    """Sqitch dies half-way through making its registry; what docs/support.md says mends it."""
    before = pg_dump_schema(legacy_database)
    refused = deploy_without_a_name(legacy_database)
    assert refused.returncode != 0
    assert "Cannot find your name" in refused.stderr
    assert sqitch(legacy_database, "deploy", check=False).returncode != 0
    execute(legacy_database, "DROP SCHEMA sqitch CASCADE")
    assert pg_dump_schema(legacy_database) == before
    sqitch(legacy_database, "deploy", "--to", "support/schema")


def test_a_locked_table(legacy_database: str) -> None:
    move_to(legacy_database, "profiles/backfill_profiles")
    execute(legacy_database, "UPDATE tenancy.settings SET lock_attempts = 3")
    execute(
        legacy_database,
        """
        INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
        VALUES (1, '+15550000001', 0, 0), (2, '+15550000002', 0, 0)
        """,
    )
    before = pg_dump_schema(legacy_database, "public").splitlines()
    with psycopg.connect(legacy_database, application_name="a long report") as blocker:
        blocker.execute("UPDATE public.customers SET name = 'Held' WHERE id = 1")
        message = _error(sqitch(legacy_database, "deploy", check=False))
        assert "could not lock public.customers within 3 attempts; nothing is half done" in message
        assert (
            f"pid {blocker.info.backend_pid}, user postgres, application a long report" in message
        )
        assert "statement: UPDATE" in message

        # The others were not in the way, and are not now.
        with psycopg.connect(legacy_database, options="-c lock_timeout=5s") as writer:
            writer.execute("UPDATE public.customers SET name = 'Free' WHERE id = 2")
        after = pg_dump_schema(legacy_database, "public").splitlines()
        assert [line for line in after if "stylists_id_shop_id_key" not in line] == before
        blocker.rollback()
    move_to(legacy_database, "@phase1")
