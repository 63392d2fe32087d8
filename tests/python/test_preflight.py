"""convo-tenancy preflight: what is in the way of the phases to come, and which locks they take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from support.cluster import ROOT, Cluster
from support.command_line import call, in_terminal, refusal
from support.commands import execute, pg_dump_data, pg_dump_schema, psql

TAGS = ["@phase1", "@phase2", "@phase3"]


def report(url: str, *args: str) -> dict[str, Any]:
    """What it says as JSON, of the promised shape."""
    done = call(url, "preflight", "--format", "json", *args)
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found) == ["status", "phase", "to", "checks", "locks"]
    for check in found["checks"]:
        assert list(check) == ["name", "status", "detail"]
    for lock in found["locks"]:
        assert list(lock) == ["phase", "change", "lock", "tables", "duration"]
    assert done.returncode == ["ok", "warning", "critical", "unknown"].index(found["status"])
    return found


def details(found: dict[str, Any]) -> dict[str, str]:
    """The details of the checks that are not ok."""
    return {each["name"]: each["detail"] for each in found["checks"] if each["status"] != "ok"}


def test_a_legacy_database(legacy_database: str) -> None:
    """It changes nothing, and a deploy comes after it as if it had not been there."""
    before = pg_dump_schema(legacy_database), pg_dump_data(legacy_database)
    found = report(legacy_database)
    assert (found["status"], found["phase"], found["to"]) == ("ok", "none", "@phase3")
    assert {each["phase"] for each in found["locks"]} == {*TAGS}

    found = report(legacy_database, "--to", "@phase1")
    assert {each["phase"] for each in found["locks"]} == {"@phase1"}
    assert (pg_dump_schema(legacy_database), pg_dump_data(legacy_database)) == before


def test_where_phases_stand(small_at: Callable[[str | None], str]) -> None:
    """What is to come from there on."""
    found = report(small_at("@phase1"))
    assert (found["status"], found["phase"]) == ("ok", "@phase1")
    assert {each["phase"] for each in found["locks"]} == {"@phase2", "@phase3"}
    url = small_at("@phase2")
    assert report(url, "--to", "@phase2")["locks"] == []
    assert "convo-tenancy preflight: ok, from @phase2 to @phase3" in call(url, "preflight").stdout
    done = call(small_at("@phase3"), "preflight")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "convo-tenancy preflight: ok, @phase3 stands",
    )
    assert "\nlock " not in done.stdout


def test_text_and_table(legacy_database: str) -> None:
    execute(legacy_database, "DROP INDEX public.ix_customers_email")
    done = call(legacy_database, "preflight", "--to", "@phase1")
    lines = done.stdout.splitlines()
    assert done.returncode == 2
    assert lines[0] == "convo-tenancy preflight: critical, from the legacy schema to @phase1"
    needed = "public.customers needs a unique index on (email): CREATE UNIQUE INDEX CONCURRENTLY"
    assert any(line.startswith(f"critical  indexes          {needed}") for line in lines)
    assert any(line.startswith("lock      profiles/stylist_moves ") for line in lines)

    exit_code, screen = in_terminal(legacy_database, "preflight", "--to", "@phase1")
    assert exit_code == 2
    assert "Locks to expect" in screen
    assert "profiles/stylist_moves" in screen


def test_who_only_reads(cluster: Cluster, legacy_database: str) -> None:
    """A role with no right but to connect is told who may deploy."""
    execute(cluster.url(), "CREATE ROLE looker LOGIN")
    try:
        url = legacy_database.replace("postgres@", "looker@")
        found = report(url)
        assert found["status"] == "warning"
        assert "role looker may not read public.shops" in details(found)["default_shop"]
        assert "deploy as postgres" in details(found)["deployer"]
        execute(legacy_database, "GRANT SELECT ON public.shops TO looker")
        found = report(url)
        assert "default_shop" not in details(found)
    finally:
        execute(legacy_database, "DROP OWNED BY looker", "DROP ROLE looker")


def test_what_holds_it_up(legacy_database: str) -> None:
    """Transactions of others are warnings; so are prepared ones, whatever locks they hold."""
    with psycopg.connect(legacy_database, application_name="nightly report") as other:
        other.execute("SELECT 1")
        assert details(report(legacy_database)) == {}  # it has been open for a moment
    own = Cluster.create(max_prepared_transactions="2")
    try:
        prepared = own.create_database("prepared")
        psql(prepared, "-f", str(ROOT / "tests/legacy/schema.sql"))
        execute(prepared, "INSERT INTO public.shops (name) VALUES ('One')")
        execute(prepared, "BEGIN; LOCK TABLE public.customers; PREPARE TRANSACTION 'transfer'")
        found = report(prepared)
        assert found["status"] == "warning"
        assert "ROLLBACK PREPARED 'transfer'" in details(found)["prepared"]
    finally:
        own.remove()


def test_the_default_shop(legacy_database: str) -> None:
    assert "default_shop" in details(report(legacy_database, "--default-shop-id", "7"))
    execute(legacy_database, "INSERT INTO public.shops (id, name) VALUES (2147483647, 'Last')")
    assert details(report(legacy_database, "--default-shop-id", "2147483647")) == {}


def test_unknown(legacy_database: str) -> None:
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres"
    assert "cannot connect" in refusal(nowhere, "preflight", exit_code=3)
    done = call(legacy_database, "preflight", "--to", "@phase4")
    assert (done.returncode, done.stdout) == (3, "")


def test_of_what_is_not_there_nothing_is_said(cluster: Cluster) -> None:
    """An empty database lacks the legacy schema, and is not called right for what lacks, too."""
    url = cluster.create_database("preflight_empty")
    checks = {check["name"] for check in report(url)["checks"]}
    assert "legacy_schema" in checks
    assert not {"inserts", "indexes", "owner", "default_shop"} & checks
    cluster.drop_database("preflight_empty")
