"""The roles of tenant isolation: they belong to the cluster, their rights to each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import execute, psql, run, sqitch, value
from support.legacy_replay import customers_with_history, make_bookings, replay
from support.plan import below

SEED = 20261123
Small = Callable[[str | None], str]
COUNTED = "SELECT sum(total_bookings) FROM public.customer_booking_stats"
ROLES = ("convo_back_office", "convo_health", "convo_shop")
TABLES = (
    "bookings",
    "customer_service_preferences",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "customers",
    "services",
    "stylists",
)

# Whatever any of the roles may do in this database.
RIGHTS = """
    SELECT a.object, a.grantee::regrole::text, a.privilege_type
    FROM (
        SELECT c.oid::regclass::text AS object, x.grantee, x.privilege_type
        FROM pg_catalog.pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS x
        UNION ALL
        SELECT t.attrelid::regclass::text || '.' || t.attname, x.grantee, x.privilege_type
        FROM pg_catalog.pg_attribute AS t
        CROSS JOIN LATERAL aclexplode(t.attacl) AS x
        UNION ALL
        SELECT p.oid::regprocedure::text, x.grantee, x.privilege_type
        FROM pg_catalog.pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS x
        UNION ALL
        SELECT n.nspname::text, x.grantee, x.privilege_type
        FROM pg_catalog.pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS x
    ) AS a
    JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
    WHERE r.rolname = ANY (%s)
    ORDER BY 1, 2, 3
"""


def _rights(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(RIGHTS, (list(ROLES),)).fetchall()


def _roles(url: str) -> int:
    return int(value(url, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'convo\\_%'"))


def _fill(cluster: Cluster, name: str, source: str) -> str:
    """A database of this cluster, as another one is elsewhere."""
    url = cluster.create_database(name)
    psql(url, stdin=run("pg_dump", "-d", source).stdout)
    return url


@pytest.fixture
def empty_cluster() -> Iterator[Cluster]:
    """One in which nobody has made the roles yet."""
    own = Cluster.create()
    yield own
    own.remove()


def test_two_databases_of_a_cluster(empty_cluster: Cluster, small_at: Small) -> None:
    before = below("isolation/roles")
    first, second = (_fill(empty_cluster, name, small_at(before)) for name in ("first", "second"))
    for url in (first, second):
        move_to(url, "@phase2")
    rights = _rights(second)
    assert _roles(first) == 3
    assert rights
    assert _rights(first) == rights

    move_to(first, before)
    assert _roles(first) == 3
    assert _rights(first) == []
    assert _rights(second) == rights

    move_to(first, "@phase2")
    assert _rights(first) == rights
    assert _rights(second) == rights

    for url in (first, second):
        move_to(url, before)
        assert _rights(url) == []
    assert _roles(first) == 3
    # Nothing holds them any more.
    execute(first, f"DROP ROLE {', '.join(ROLES)}")


def test_who_may_not_create_roles(empty_cluster: Cluster, legacy_database: str) -> None:
    url = _fill(empty_cluster, "owned", legacy_database)
    execute(
        url,
        "CREATE ROLE convo_owner LOGIN; GRANT CREATE ON DATABASE owned TO convo_owner;"
        " GRANT ALL ON SCHEMA public TO convo_owner",
    )
    tables = value(
        url,
        "SELECT string_agg(format('ALTER TABLE public.%I OWNER TO convo_owner', relname), '; ')"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    )
    execute(url, tables)
    mine = url.replace("postgres@", "convo_owner@")

    refused = sqitch(mine, "deploy", "--to", "@phase2", check=False)
    assert refused.returncode != 0
    create = "; ".join(f"CREATE ROLE {role}" for role in ROLES)
    assert f'convo_owner may not create roles: have a superuser run "{create}"' in refused.stderr

    execute(url, create)
    move_to(mine, "@phase2")
    assert _rights(mine)


def test_a_role_that_can_log_in_is_no_group_role(empty_cluster: Cluster, small_at: Small) -> None:
    url = _fill(empty_cluster, "taken", small_at(below("isolation/roles")))
    execute(url, "CREATE ROLE convo_shop LOGIN")
    refused = sqitch(url, "deploy", "--to", "@phase2", check=False)
    assert refused.returncode != 0
    assert "role convo_shop exists, but is not a plain group role" in refused.stderr


def test_somebody_else_s_row_level_security(phase1_database: str) -> None:
    """Ours would let pass what theirs keeps back."""
    execute(phase1_database, "ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY")
    refused = sqitch(phase1_database, "deploy", "--to", "@phase2", check=False)
    assert refused.returncode != 0
    assert "row-level security is already on: public.bookings" in refused.stderr


def test_who_had_rights_before_sees_the_same_rows(phase1_database: str, cluster: Cluster) -> None:
    execute(
        phase1_database,
        "CREATE ROLE app_before LOGIN; CREATE ROLE bi_before LOGIN IN ROLE pg_read_all_data;"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_before",
    )
    try:
        seen = {role: _seen(phase1_database, role) for role in ("app_before", "bi_before")}
        move_to(phase1_database, "@phase2")
        assert {role: _seen(phase1_database, role) for role in seen} == seen
        assert seen["app_before"] == _seen(phase1_database, "postgres")
    finally:
        execute(phase1_database, "DROP OWNED BY app_before, bi_before")
        execute(phase1_database, "DROP ROLE app_before, bi_before")


def _seen(url: str, role: str) -> dict[str, object]:
    """Each table's rows and their digest, without what a deploy to @phase2 may touch."""
    with psycopg.connect(url, user=role, autocommit=True) as connection:
        return {
            table: connection.execute(
                f"SELECT count(*), md5(string_agg(t.id::text, ' ' ORDER BY t.id::text))"
                f" FROM public.{table} AS t"
            ).fetchone()
            for table in TABLES
        }


def test_the_legacy_application_as_a_role_that_is_not_the_owner(
    phase2_database: str, cluster: Cluster
) -> None:
    """Its literal statements, by many connections: no error, nothing lost, both sides agree."""
    execute(
        phase2_database,
        "CREATE ROLE app_legacy LOGIN;"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_legacy;"
        " REVOKE ALL ON public.customer_shop_profiles FROM app_legacy;"
        " GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app_legacy",
    )
    try:
        customers = customers_with_history(phase2_database, 10, SEED)
        bookings = make_bookings(phase2_database, customers, 200, SEED)
        counted = int(value(phase2_database, COUNTED))
        outcome = replay(phase2_database.replace("postgres@", "app_legacy@"), bookings, seed=SEED)
        assert (outcome.retried, outcome.failed) == ([], [])
        assert int(value(phase2_database, COUNTED)) == counted + len(bookings)
        assert value(phase2_database, "SELECT count(*) FROM tenancy.drift") == "0"
    finally:
        execute(phase2_database, "DROP OWNED BY app_legacy; DROP ROLE app_legacy")


def test_the_index_serves_a_shop(isolated_database: str, cluster: Cluster) -> None:
    execute(cluster.url(), "CREATE ROLE planner LOGIN IN ROLE convo_shop")
    try:
        with psycopg.connect(isolated_database, user="planner") as connection:
            connection.execute("SET LOCAL app.current_shop_id = '2'")
            connection.execute("SET LOCAL enable_seqscan = off")
            connection.execute("SET LOCAL enable_bitmapscan = off")
            plan = "\n".join(
                line
                for (line,) in connection.execute(
                    "EXPLAIN (COSTS OFF) SELECT * FROM public.customer_shop_profiles"
                    " WHERE customer_id = 42"
                )
            )
    finally:
        execute(cluster.url(), "DROP ROLE planner")
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "customer_id = 42" in condition
    assert "shop_id = " in condition
    assert "current_setting('app.current_shop_id'" in condition
