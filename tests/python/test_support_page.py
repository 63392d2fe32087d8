"""docs/support.md: each command in its order, in the state that it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from support.cluster import ROOT, Cluster
from support.commands import Completed, convo_tenancy, execute, psql_file, run, sqitch, value
from support.isolation import OWNER, as_role, roles
from support.nameless import deploy_without_a_name
from support.pooler import pooler
from support.waiting import wait_until
from support.walk import let_deploy, marked_steps, take

PAGE = ROOT / "docs/support.md"
STEPS = marked_steps(PAGE)

SCRIPT = "deploy/support/has_legacy_side.sql"
REGISTERED = "SELECT count(*) FROM sqitch.changes"
HEALTH = "SELECT has_table_privilege('convo_health', 'sqitch.changes', 'SELECT')"
OTHERS = 4711
HELD = """
    SELECT DISTINCT CASE l.objsubid WHEN 2 THEN l.classid ELSE l.objid END
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND a.datname = current_database()
"""
# One booking by an email as somebody typed it, one by the phone alone, and one of somebody else.
BOOKED = """
    INSERT INTO public.bookings (id, shop_id, service_id, stylist_id, customer_name, customer_email,
        customer_phone, discount_cents, start_at_utc, end_at_utc, status)
    SELECT gen_random_uuid(), 1, s.id, 1, c.name, c.email, c.phone, 0, c.starts,
        c.starts + interval '1 hour', 'HOLD'
    FROM (SELECT min(id) AS id FROM public.services WHERE shop_id = 1) AS s
    CROSS JOIN (
        VALUES
        ('Ann by email', ' Ann@Example.com', '+15559999', timestamptz '2041-01-01 10:00+00'),
        ('Ann by phone', NULL, '+15550001', '2041-01-02 10:00+00'),
        ('Bob', 'bob@example.com', '+15550002', '2041-01-03 10:00+00')
    ) AS c (name, email, phone, starts)
"""


@dataclass
class Walk:
    """A database, and who logs in to it."""

    url: str
    owner: str
    cluster: Cluster
    empty: str
    """Another database, where nothing was deployed."""

    @property
    def name(self) -> str:
        return value(self.url, "SELECT current_database()")

    def take(self, commands: str, url: str | None = None) -> Completed:
        """As the owner, with a superuser's URL at hand."""
        return take(commands, url or self.owner, self.url)


def plain(walk: Walk, commands: str) -> None:
    """A call by hand, in a session of its own."""
    assert "CALL" in walk.take(commands).stdout


def owner(walk: Walk, commands: str) -> None:
    """The tables have a new owner: the script that was refused runs again."""
    with roles(walk.url, "new_owner"):
        try:
            for table in ("customers", "customer_booking_stats"):
                execute(walk.url, f"ALTER TABLE public.{table} OWNER TO new_owner")
            execute(walk.url, f"GRANT CREATE ON DATABASE {walk.name} TO new_owner")
            refused = psql_file(walk.url, SCRIPT, check=False)
            assert f"docs/{PAGE.name}#refused" in refused.stderr
            walk.take(commands)
            new = as_role(walk.url, "new_owner")
            psql_file(new, SCRIPT)
            assert value(new, "SELECT count(*) FROM tenancy.drift") == "0"
        finally:  # for the commands that follow
            script = ROOT / "scripts/change-owner.sql"
            run("psql", "-X", "-d", walk.url, "-v", f"owner={OWNER}", "-f", script)


def lost(walk: Walk, commands: str) -> None:
    """Health names the first command; after both it finds nothing wrong as its own role."""
    before = value(walk.url, REGISTERED)
    execute(walk.url, "DROP SCHEMA sqitch CASCADE")
    report = json.loads(convo_tenancy(walk.owner, "health", "--format", "json").stdout)
    assert report["forward"] == commands.splitlines()[0]
    walk.take(commands)
    assert value(walk.url, REGISTERED) == before
    assert value(walk.url, HEALTH) == "t"
    assert (
        json.loads(convo_tenancy(walk.owner, "health", "--format", "json").stdout)["forward"]
        is None
    )


DEPLOY = ("deploy", "--to", "support/schema")


def half_made(walk: Walk, commands: str) -> None:
    """The count is 0."""
    assert "Cannot find your name" in deploy_without_a_name(walk.empty).stderr
    assert sqitch(walk.empty, *DEPLOY, check=False).returncode != 0
    assert re.search(r"^ +0$", walk.take(commands, walk.empty).stdout, re.MULTILINE)


def dropped(walk: Walk, commands: str) -> None:
    """What was half made is gone, and a deploy succeeds."""
    walk.take(commands, walk.empty)
    sqitch(walk.empty, *DEPLOY)


def left_behind(walk: Walk, commands: str) -> None:
    """What Sqitch and scripts left in sessions of a pool goes with them; others stay."""
    with (
        pooler(walk.cluster, [OWNER], connections=3) as started,
        psycopg.connect(walk.url, autocommit=True) as others,
        psycopg.connect(walk.owner, autocommit=True) as of_sqitch,
    ):
        others.execute("SELECT pg_advisory_lock(%s)", (OTHERS,))
        pooled = started.url(walk.name, OWNER)
        assert sqitch(pooled, "deploy", check=False).returncode != 0
        psql_file(pooled, SCRIPT, check=False)
        held = value(walk.url, HELD).split()
        assert {"75474063", "1129270870", f"{OTHERS}"} <= {*held}
        with psycopg.connect(pooled) as busy:
            busy.execute("SELECT tenancy.mark_session()")
            walk.take(commands)
            busy.execute("SELECT 1")
        until_none(walk, commands)
        of_sqitch.execute("SELECT pg_advisory_lock(75474063)")  # where no script ran
        until_none(walk, commands)
        assert value(walk.url, HELD) == f"{OTHERS}"
        others.execute("SELECT 1")


def until_none(walk: Walk, commands: str) -> None:
    """Repeat the command, as the page says."""
    wait_until(lambda: "(0 rows)" in walk.take(commands).stdout, "it finds none", pause=0.1)


def deleted(walk: Walk, commands: str) -> None:
    """However the email was typed."""
    execute(walk.owner, BOOKED)
    said = walk.take(commands).stdout
    assert "Ann by email" in said
    assert "Ann by phone" in said
    assert "(2 rows)" in said


STAGES: dict[str, Callable[[Walk, str], None]] = {
    "": plain,
    "owner": owner,
    "lost": lost,
    "pooler": left_behind,
    "deleted": deleted,
}
HALF_MADE: dict[str, Callable[[Walk, str], None]] = {
    "half_made": half_made,
    "dropped": dropped,
}
"""Which only root can set: a test of their own, so that its skip hides no other."""


@pytest.fixture
def walk(cluster: Cluster, owned_database: str, legacy_database: str) -> Iterator[Walk]:
    """The owner of the tables, who is no superuser, deployed all of it."""
    yield Walk(owned_database, let_deploy(owned_database), cluster, legacy_database)
    execute(owned_database, f"ALTER ROLE {OWNER} NOLOGIN")


def test_each_command_of_the_page(walk: Walk) -> None:
    """Each stage is set once; a command that is new here needs one."""
    assert sorted(kind for kind, _ in STEPS) == sorted([*STAGES, *HALF_MADE])
    for kind, commands in STEPS:
        if kind in STAGES:
            STAGES[kind](walk, commands)
    assert value(walk.url, "SELECT * FROM tenancy.drift") == ""


def test_a_registry_that_is_half_made(walk: Walk) -> None:
    for kind, commands in STEPS:
        if kind in HALF_MADE:
            HALF_MADE[kind](walk, commands)
