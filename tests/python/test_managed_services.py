"""docs/managed-services.md: its grants are enough for the whole way, without a superuser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from support.at_once import verify
from support.cluster import ROOT, Cluster
from support.commands import convo_tenancy, execute, psql, run, sqitch, value
from support.plan import CONTRACT

PAGE = (ROOT / "docs/managed-services.md").read_text()
[GRANTS] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
DEPLOYER = "convo_deployer"


@pytest.fixture(scope="module")
def service() -> Iterator[Cluster]:
    """A server whose administrator is no superuser, and made all that is the customer's."""
    own = Cluster.create()
    try:
        execute(own.url(), "CREATE ROLE administrator LOGIN CREATEDB CREATEROLE")
        administrator = own.url().replace("postgres@", "administrator@")
        execute(administrator, "CREATE ROLE convo LOGIN", "CREATE DATABASE convo")
        run(ROOT / "scripts/load-legacy.sh", own.url("convo"), "recorded", "convo")
        execute(own.url("convo"), "REVOKE ALL ON SCHEMA public FROM convo")
        psql(_as("administrator", own), stdin=GRANTS)
        yield own
    finally:
        own.remove()


def _as(role: str, service: Cluster) -> str:
    return service.url("convo").replace("postgres@", f"{role}@")


def _deployer(service: Cluster) -> dict[str, str]:
    """What preflight says of each check, to the role of the page."""
    done = convo_tenancy(_as(DEPLOYER, service), "preflight", "--format", "json")
    return {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}


@pytest.mark.parametrize(
    ("taken", "given", "check", "status"),
    [
        (
            "REVOKE convo FROM convo_deployer",
            "GRANT convo TO convo_deployer",
            "deployer",
            "warning",
        ),
        (
            "ALTER ROLE convo_deployer NOCREATEROLE",
            "ALTER ROLE convo_deployer CREATEROLE",
            "roles",
            "critical",
        ),
        (
            "REVOKE CREATE ON DATABASE convo FROM convo, convo_deployer",
            "GRANT CREATE ON DATABASE convo TO convo, convo_deployer",
            "deployer",
            "critical",
        ),
        (
            "REVOKE CREATE ON SCHEMA public FROM convo",
            "GRANT CREATE ON SCHEMA public TO convo",
            "owner",
            "critical",
        ),
    ],
)
def test_preflight_says_which_right_is_missing(
    taken: str, given: str, check: str, status: str, service: Cluster
) -> None:
    # From PostgreSQL 16 on a membership is taken back by the role that granted it alone.
    administrator = _as("administrator", service)
    assert _deployer(service)[check] == "ok"
    execute(administrator, taken)
    try:
        assert _deployer(service)[check] == status
    finally:
        execute(administrator, given)


def test_the_whole_way_without_a_superuser(service: Cluster) -> None:
    url = _as(DEPLOYER, service)
    assert value(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "f"
    refused = psql(url, "-c", "SELECT pg_create_restore_point('before')", check=False)
    assert "permission denied" in refused.stderr
    for tag in ("@phase1", "@phase2"):
        sqitch(url, "deploy", "--to", tag)
        assert convo_tenancy(url, "health").returncode <= 1
    verify(url)
    sqitch(url, "deploy", *CONTRACT)
    assert convo_tenancy(url, "health").returncode <= 1
    sqitch(url, "revert", "-y")
    assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
