"""Who reads the legacy side, by pg_stat_statements: the health check and the gate have one rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from convo_tenancy.database import connect
from convo_tenancy.watch.looks import Looker
from support.at_once import move_to, run_scripts, verify
from support.cluster import ROOT, Cluster
from support.command_line import call
from support.commands import execute, run, sqitch, value
from support.health import health, role
from support.plan import CHANGES, CONTRACT, TAGS

ORM = """
    SELECT customers.id, customers.email, customers.preferred_stylist_id,
        customers.average_spend_cents, customers.no_show_count
    FROM customers WHERE customers.id = %s
"""
READERS = [
    ORM,
    "/* app */ SELECT total_bookings FROM customer_booking_stats WHERE customer_id = %s",
    "WITH c AS (SELECT %s::integer AS id) SELECT s.* FROM c JOIN customer_booking_stats AS s"
    " ON s.customer_id = c.id",
    "(SELECT average_spend_cents FROM customers WHERE id = %s)",
    "INSERT INTO customers (email, average_spend_cents, no_show_count)"
    " SELECT 'new@example.com', 0, 0 WHERE %s = 0",
    "UPDATE customers SET name = 'Ann' WHERE id = %s AND no_show_count = 99",
    "DELETE FROM customer_service_preferences AS p USING customers AS c"
    " WHERE c.id = p.customer_id AND c.no_show_count = 99 AND c.id = %s",
]
NO_READERS = [
    "SELECT id, email, phone, name FROM customers WHERE id = %s",
    "SELECT preferred_stylist_id, no_show_count FROM customer_shop_profiles WHERE id = %s",
    "SELECT no_show_count FROM tenancy.customer_totals WHERE customer_id = %s",
]


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster with pg_stat_statements, which sees what scripts say, too."""
    cluster = Cluster.create(
        **{
            "shared_preload_libraries": "pg_stat_statements",
            "pg_stat_statements.track_utility": "on",
        }
    )
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def template(own_cluster: Cluster) -> str:
    """A database in it, deployed to @phase2, with the extension in a schema of its own."""
    url = own_cluster.create_database("template")
    run(ROOT / "scripts/load-legacy.sh", url, "minimal")
    execute(url, "CREATE SCHEMA statements")
    execute(url, "CREATE EXTENSION pg_stat_statements SCHEMA statements")
    move_to(url, "@phase2")
    execute(url, "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")
    own_cluster.mark_template("template")
    return "template"


@pytest.fixture
def salon(own_cluster: Cluster, template: str) -> Iterator[str]:
    """URL of a copy of it, of which pg_stat_statements knows nothing yet."""
    yield own_cluster.create_database("salon", template)
    own_cluster.drop_database("salon")


def gate(url: str, *args: str) -> dict[str, Any]:
    """What convo-tenancy gate says."""
    found: dict[str, Any] = json.loads(call(url, "gate", "--format", "json", *args).stdout)
    return found


def query_ids(url: str) -> list[str]:
    """Of the statements that the rule finds."""
    return value(url, "SELECT queryid FROM tenancy.legacy_readers() ORDER BY 1").split()


def test_an_application_that_kept_its_models(salon: str) -> None:
    """It is refused, by health and gate alike, until its statement is forgotten or named."""
    with psycopg.connect(salon, autocommit=True) as application:
        application.execute(ORM, (1,))
    [query_id] = query_ids(salon)
    assert health(salon).said("legacy_readers")[1] == 1
    [finding] = gate(salon)["findings"]
    assert finding["name"] == f"reader {query_id}"
    assert finding["detail"].startswith("1 calls by postgres since 20")

    refused = sqitch(salon, "deploy", "--set", "contract=yes", check=False)
    assert refused.returncode != 0
    assert f"reader {query_id}: somebody reads the legacy side (1 calls by" in refused.stderr
    assert "is not seen" not in refused.stderr
    named = gate(salon, "--contract-despite", finding["name"])
    assert named["is_open"]
    assert named["deploy"].endswith(f" --set contract_despite='reader {query_id}'")

    # The remedy forgets this one.
    [forget] = re.findall(r"SELECT \w+\.pg_stat_statements_reset\([^)]*\)", finding["remedy"])
    execute(salon, forget)
    assert gate(salon)["is_open"]
    with psycopg.connect(salon, autocommit=True) as application:
        application.execute(ORM, (1,))
    assert query_ids(salon) == [query_id]
    done = sqitch(
        salon,
        "deploy",
        "--set",
        "contract=yes",
        "--set",
        f"contract_despite={finding['name']}",
    )
    assert done.returncode == 0
    assert "is not seen" not in done.stderr


@pytest.mark.parametrize("statement", READERS)
def test_a_reader(salon: str, statement: str) -> None:
    with psycopg.connect(salon, autocommit=True) as application:
        application.execute(statement, (1,))
    assert len(query_ids(salon)) == 1


def test_a_reader_in_a_block(salon: str) -> None:
    with psycopg.connect(salon, autocommit=True) as application:
        application.execute("DO 'BEGIN PERFORM FROM customer_booking_stats; END'")
        application.execute("COPY customer_booking_stats TO '/dev/null'")
    assert len(query_ids(salon)) == 2


def test_no_reader(salon: str) -> None:
    with psycopg.connect(salon, autocommit=True) as application:
        for statement in NO_READERS:
            application.execute(statement, (1,))
    assert query_ids(salon) == []


def test_what_this_project_does_is_nobodys_read(salon: str) -> None:
    """Every script, there and back, and every command."""
    there = CHANGES[: TAGS["@phase2"] + 1]
    run_scripts(salon, (f"revert/{change}" for change in reversed(there)))
    run_scripts(salon, (f"{tree}/{change}" for change in CHANGES for tree in ("deploy", "verify")))
    call(salon, "health")
    run_scripts(salon, (f"revert/{change}" for change in reversed(CHANGES[len(there) :])))
    for command in (["health"], ["gate"], ["repair"], ["backfill", "--dry-run"]):
        call(salon, *command)
    verify(salon)
    assert query_ids(salon) == []
    assert sqitch(salon, "deploy", *CONTRACT).returncode == 0


def test_it_says_who_is_not_seen(salon: str) -> None:
    """As information: the gate is open."""
    assert gate(salon)["unseen_readers"] is None
    with role(salon, "GRANT convo_health TO watcher") as watcher:
        assert health(watcher).said("legacy_readers") == (
            "ok",
            None,
            "skipped: permission denied for schema statements: GRANT it, or convo_health",
        )
    with role(salon, "GRANT convo_health, pg_read_all_data TO watcher") as watcher:
        assert health(watcher).said("legacy_readers") == (
            "ok",
            None,
            "skipped: statements of other roles are hidden: GRANT pg_read_all_stats TO watcher",
        )
        with psycopg.connect(watcher, autocommit=True) as reader:
            reader.execute("SELECT count(*) FROM customer_booking_stats")
        said = health(watcher).said("legacy_readers")
        assert said[1] == 1
        assert said[2].endswith(
            "; statements of other roles are hidden: GRANT pg_read_all_stats TO watcher"
        )
    execute(salon, "SELECT statements.pg_stat_statements_reset()")

    name = value(salon, "SELECT current_database()")
    execute(salon, f"ALTER DATABASE {name} SET pg_stat_statements.track = 'none'")
    assert gate(salon)["unseen_readers"] == "pg_stat_statements.track is none: set it to top"
    execute(salon, f"ALTER DATABASE {name} RESET ALL")

    for extension, unseen in (
        ("DROP EXTENSION pg_stat_statements", "CREATE EXTENSION pg_stat_statements"),
        (
            "CREATE EXTENSION pg_stat_statements VERSION '1.7'",
            "run ALTER EXTENSION pg_stat_statements UPDATE",
        ),
    ):
        execute(salon, extension)
        found = gate(salon)
        assert found["is_open"]
        assert found["unseen_readers"].endswith(unseen)
        assert f"Readers of the legacy side: not all seen: {found['unseen_readers']}" in (
            call(salon, "gate").stdout
        )
    done = sqitch(salon, "deploy", "--set", "contract=yes")
    unseen = "WARNING:  the gate cannot see who reads the legacy side: run ALTER EXTENSION"
    assert unseen in done.stderr


def test_the_live_view_counts_calls_of_the_sql_api(salon: str) -> None:
    """Those of clients, and not what is said of the function."""
    with connect(salon, "convo-tenancy watch") as connection:
        looker = Looker(connection, None, every=0.001)
        before = looker.look().api_calls
        assert before is not None
        with psycopg.connect(salon, autocommit=True) as application:
            application.execute(
                """
                INSERT INTO public.stylists (shop_id, name, work_start, work_end, active)
                VALUES (1, 'Ann', '09:00', '17:00', TRUE)
                """
            )
            application.execute("SELECT tenancy.get_or_create_customer('a@x.test', NULL, 'A')")
            for price in (4500, 5000, 5500):
                application.execute(
                    "SELECT * FROM tenancy.record_booking(1, 1, 1, %s, now())", (price,)
                )
            application.execute("COMMENT ON TABLE public.shops IS 'tenancy.record_booking()'")
        assert looker.look().api_calls == before + 3
