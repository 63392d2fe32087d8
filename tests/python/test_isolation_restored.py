"""A dump of an isolated database, restored with and without its roles, rights and owner.

Whatever comes back, nobody sees another shop, and the rights script puts right what it can and says
what it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from support.cluster import Cluster
from support.commands import execute, psql, psql_file, run, value
from support.health import health
from support.isolation import OWNER, TABLES, as_role, findings, granted, isolate, secured, state

RIGHTS, POLICIES, ROLES = (
    f"deploy/isolation/{name}.sql" for name in ("rights", "policies", "roles")
)
POLICY = re.compile(
    rb"^(CREATE POLICY|COMMENT ON POLICY|ALTER TABLE \S+ ENABLE ROW LEVEL SECURITY).*?;\n",
    re.MULTILINE | re.DOTALL,
)
MAY_RUN = """
    SELECT count(*) FROM pg_proc AS p
    WHERE p.pronamespace = 'tenancy'::regnamespace
        AND has_function_privilege('nobody', p.oid, 'EXECUTE')
"""


@pytest.fixture(scope="module")
def other_cluster() -> Iterator[Cluster]:
    """One without any of the roles."""
    own = Cluster.create()
    yield own
    own.remove()


@pytest.fixture
def target(other_cluster: Cluster) -> Iterator[str]:
    """An empty database of it. Its roles go with the test."""
    yield other_cluster.create_database("restored")
    other_cluster.drop_database("restored")
    names = "SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"
    for name in value(other_cluster.url(), names).split():
        execute(other_cluster.url(), f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def dumped(
    cluster: Cluster, isolated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Called with options: a dump of the isolated database."""
    url = cluster.create_database("dumped", isolated_template)
    folder = tmp_path_factory.mktemp("dumps")

    def dump(*options: str) -> Path:
        path = folder / f"dump{'_'.join(options)}.sql"
        if not path.exists():
            run("pg_dump", *options, "--file", path, url)
        return path

    return dump


@pytest.fixture(scope="module", autouse=True)
def _dropped(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.drop_database("dumped")


def _restore(url: str, path: Path, **env: str) -> None:
    """As psql does by default: what cannot be made is left out."""
    run("psql", "-X", "-q", "-d", url, "-f", path, env=env)


def _create(url: str, *names: str) -> None:
    execute(url, "; ".join(f"CREATE ROLE {name}" for name in names))


GROUPS = ("convo_shop", "convo_back_office", "convo_health")


def _member(url: str) -> str:
    execute(url, "CREATE ROLE clerk LOGIN IN ROLE convo_shop; CREATE ROLE nobody LOGIN")
    return as_role(url, "clerk")


def _shops_seen(url: str, *, context: str = "") -> dict[str, list[object]]:
    """Of each table with a column shop_id, the shops of the rows that this role sees."""
    seen: dict[str, list[object]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.current_shop_id', %s, FALSE)", (context,))
        for table in ("bookings", "customer_shop_profiles", "services", "stylists"):
            try:
                rows = connection.execute(
                    f"SELECT DISTINCT shop_id FROM public.{table} ORDER BY 1".encode()
                ).fetchall()
            except psycopg.errors.InsufficientPrivilege:
                rows = []
            seen[table] = [shop for (shop,) in rows]
    return seen


NOTHING: dict[str, list[object]] = {
    table: [] for table in ("bookings", "customer_shop_profiles", "services", "stylists")
}
SHOP_2: dict[str, list[object]] = {table: [2] for table in NOTHING}


def _holds(url: str, clerk: str) -> None:
    assert (state(url), secured(url), findings(url)) == ("on", list(TABLES), [])
    assert (_shops_seen(clerk), _shops_seen(clerk, context="2")) == (NOTHING, SHOP_2)
    assert value(url, MAY_RUN) == "0"
    assert health(url).said("isolation")[:2] == ("ok", "on")
    problems = "SELECT name FROM tenancy.part_problems WHERE change ~ '^isolation/'"
    assert psql(url, "-At", "-c", "SET search_path = pg_catalog", "-c", problems).stdout == ""


def test_with_roles(target: str, dumped: Callable[..., Path]) -> None:
    _create(target, OWNER, *GROUPS)
    _restore(target, dumped())
    clerk = _member(target)
    psql_file(target, RIGHTS)
    _holds(target, clerk)


def test_without_roles(target: str, dumped: Callable[..., Path]) -> None:
    """What was restored before they existed lets nobody in; the messages lead to the end."""
    _create(target, OWNER)
    _restore(target, dumped())
    assert (state(target), secured(target)) == ("on", list(TABLES))
    assert "run psql -f deploy/isolation/roles.sql" in health(target).said("isolation")[2]

    psql_file(target, ROLES)
    clerk = _member(target)
    refused = psql_file(target, RIGHTS, check=False)
    assert refused.returncode != 0
    assert (
        "policy of_the_shop on public.bookings: it is not as it was deployed, but missing (it"
        f" limits what members of convo_shop see; remedy: psql -f {POLICIES})" in refused.stderr
    )
    assert granted(target)
    assert _shops_seen(clerk) == _shops_seen(clerk, context="2") == NOTHING

    psql_file(target, POLICIES)
    psql_file(target, RIGHTS)
    _holds(target, clerk)


@pytest.mark.parametrize("options", [("--no-acl",), ("--no-acl", "--no-owner")], ids=" ".join)
def test_without_rights(target: str, dumped: Callable[..., Path], options: tuple[str, ...]) -> None:
    """Also where the dump is of another owner, and who restores it becomes the owner."""
    _create(target, OWNER, "heir", *GROUPS)
    if "--no-owner" in options:
        execute(target, "GRANT CREATE ON DATABASE restored TO heir")
        execute(target, "ALTER SCHEMA public OWNER TO heir")
        _restore(target, dumped(*options), PGOPTIONS="-c role=heir")
    else:
        _restore(target, dumped(*options))
    clerk = _member(target)
    assert int(value(target, MAY_RUN)) > 100
    found = health(target).said("isolation")
    assert found[0] == "critical"
    assert "PUBLIC: every role may execute functions of this project" in found[2]

    psql_file(target, RIGHTS)
    _holds(target, clerk)


def test_a_superuser_who_becomes_the_owner(target: str, dumped: Callable[..., Path]) -> None:
    _create(target, *GROUPS)
    _restore(target, dumped("--no-owner"))
    refused = psql_file(target, RIGHTS, check=False)
    assert (
        "role postgres: the SQL API would run with the rights of a superuser (owner of"
        " public.customers, superuser, owner of the tables; remedy: give the tables to an ordinary"
        " role: docs/isolation.md#the-owner)" in refused.stderr
    )


def test_without_policies(target: str, dumped: Callable[..., Path], tmp_path: Path) -> None:
    """As pg_dump --no-policies of a newer PostgreSQL leaves it: no table opens."""
    _create(target, OWNER, *GROUPS)
    bare = tmp_path / "bare.sql"
    bare.write_bytes(POLICY.sub(b"", dumped().read_bytes()))
    _restore(target, bare)
    clerk = _member(target)
    assert (state(target), secured(target)) == ("on", [])
    refused = psql_file(target, RIGHTS, check=False)
    assert "row-level security and isolation differ" in refused.stderr
    assert granted(target) == []
    assert _shops_seen(clerk) == NOTHING

    psql_file(target, POLICIES)
    execute(target, "CALL tenancy.enforce_isolation()")
    _holds(target, clerk)


def test_two_databases(cluster: Cluster, owned_template: str) -> None:
    """A login of the one has no right in the other, and each has a switch of its own."""
    first, second = (cluster.create_database(name, owned_template) for name in ("first", "second"))
    try:
        execute(first, "CREATE ROLE clerk LOGIN IN ROLE convo_shop")
        isolate(first)
        assert (state(first), state(second)) == ("on", "off")
        assert (secured(second), granted(second)) == ([], [])
        assert _shops_seen(as_role(first, "clerk"), context="2") == SHOP_2
        assert _shops_seen(as_role(second, "clerk"), context="2") == NOTHING
        isolate(second)
        execute(first, "CALL tenancy.relax_isolation()")
        assert _shops_seen(as_role(first, "clerk"), context="2") == NOTHING
        assert _shops_seen(as_role(second, "clerk"), context="2") == SHOP_2
        assert (findings(first), findings(second)) == ([], [])
    finally:
        for name in ("first", "second"):
            cluster.drop_database(name)
        execute(cluster.url(), "DROP ROLE clerk")
