"""docs/isolation.md, from the top to the bottom, as the roles that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import execute, run, value
from support.isolation import OWNER, TABLES, as_role, findings, secured, state
from support.walk import marked_steps, take

PAGE = ROOT / "docs/isolation.md"
STEPS = marked_steps(PAGE)

# The findings that the page overrides by name: a login that dumps, and a column of the application.
FOUND = """
    CREATE ROLE backup LOGIN;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup;
    ALTER TABLE public.bookings ADD COLUMN channel text;
    GRANT SELECT (channel) ON public.bookings TO convo_shop
"""


@pytest.fixture
def salon() -> Iterator[str]:
    """The recorded database, as a superuser made it, on a server without any of the roles."""
    own = Cluster.create()
    try:
        url = own.create_database("salon")
        run(ROOT / "scripts/load-legacy.sh", url, "recorded")
        yield url
    finally:
        own.remove()


def test_each_command_of_the_page(salon: str) -> None:
    """A superuser deploys and gives all away; the new owner turns it on, off, and reverts."""
    owner, app, backup = (as_role(salon, role) for role in (OWNER, "app_login", "backup"))
    rows = "SELECT count(*), sum(total_bookings) FROM public.customer_shop_profiles"
    done_kinds = []
    before = ""
    for number, (kind, commands) in enumerate(STEPS):
        if kind == "override":
            execute(salon, FOUND)
            assert set(findings(owner)) == set(re.findall(r"'([^']+)'", commands))
        if kind == "dump":
            assert "would be affected by row-level security" in _dump(backup)
        done = take(commands, owner, salon, {"APP_URL": app})
        done_kinds.append(kind)

        if number == 0:
            move_to(salon, "@phase2")  # finds the roles
            before = value(salon, rows)
        elif kind == "on":
            assert (state(owner), secured(owner), findings(owner)) == ("on", list(TABLES), [])
        elif kind == "check":
            assert done.stdout.split() == re.findall(r"; +-- (\d) ", commands)
            _sees_one_shop(app, salon)
        elif kind == "override":
            assert findings(owner) == []
        elif kind == "dump":
            assert _dump(backup) == ""
        elif kind == "off":
            assert (state(owner), secured(owner)) == ("off", [])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                _shops(app, 2)

    assert [kind for kind in done_kinds if kind] == ["on", "check", "override", "dump", "off"]
    take("sqitch revert --to @phase1 -y", owner, salon)
    assert value(salon, rows) == before
    assert value(salon, "SELECT count(*) FROM pg_policy") == "0"
    execute(salon, "DROP ROLE convo_shop, convo_back_office, convo_health")  # without rights


def _dump(url: str) -> str:
    """What pg_dump says of the data."""
    return run("pg_dump", "--data-only", "--table=public.bookings", url, check=False).stderr


def _shops(url: str, context: int) -> list[int]:
    """The shops whose bookings this login sees in the context of a shop."""
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL app.current_shop_id = '{context}'".encode())
        shops = connection.execute("SELECT DISTINCT shop_id FROM public.bookings").fetchall()
    return [shop for (shop,) in shops]


def _sees_one_shop(app: str, superuser: str) -> None:
    """A neighbour's context shows nothing of shop 2, and each sees all that is its own."""
    assert (_shops(app, 2), _shops(app, 3)) == ([2], [3])
    for shop in (2, 3):
        own = f"SELECT count(*) FROM public.bookings WHERE shop_id = {shop}"
        with psycopg.connect(app) as connection:
            connection.execute(f"SET LOCAL app.current_shop_id = '{shop}'".encode())
            [seen] = connection.execute(own.encode()).fetchone() or [0]
        assert seen == int(value(superuser, own)) > 0
