"""The contract and its revert, killed after each statement, and finished by a second run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import product

import pytest

from support.at_once import verify
from support.cluster import Cluster, children
from support.commands import execute, pg_dump_schema, psql_file, sqitch, start_sqitch, value
from support.history import legacy_history
from support.holding import wait_until_gone
from support.plan import CONTRACT
from support.sessions import Session, waiting_for
from support.soak import SOAK, share
from support.stages import Stages
from support.statements import kill, start_psql, statements
from support.waiting import wait_until

BOOK = """
    SELECT tenancy.record_booking(
        (SELECT min(id) FROM public.customers), s.shop_id, s.id, 700, '2041-01-01 10:00+00'
    )
    FROM public.stylists AS s
    WHERE s.id = 1
"""
# Of so many statements, the server is killed at one, and psql at the others.
SERVER_TOO = 1 if SOAK else 6
TIMES = ("created_at", "updated_at")

# What was deployed when the script begins
SCRIPTS = {
    "deploy/contract/switch.sql": "isolation/switch",
    "revert/contract/switch.sql": "contract/switch",
}


def assert_before_or_behind(url: str) -> None:
    """The legacy side is there with its mirrors, or gone with them."""
    state = value(
        url,
        """
        SELECT
            tenancy.has_legacy_side(),
            to_regclass('public.customer_booking_stats') IS NOT NULL,
            (
                SELECT count(*) = 3 AND bool_or(a.attnotnull)
                FROM pg_attribute AS a
                WHERE a.attrelid = 'public.customers'::regclass
                    AND a.attname IN (
                        'preferred_stylist_id', 'average_spend_cents', 'no_show_count'
                    )
            ),
            (
                SELECT count(*)
                FROM pg_trigger AS t
                WHERE t.tgname ~ '^(confirm|mirror|refuse)_'
            )
        """,
    )
    assert state in ("t|t|t|11", "f|f|f|0"), state


def everything(url: str) -> tuple[object, ...]:
    """What may not depend on where it was killed, but for the schema."""
    # Of whom: a call before the switch is in it, one after it is not.
    archive = "SELECT array_agg(customer_id ORDER BY customer_id) FROM tenancy_archive.customers"
    has_archive = value(url, "SELECT to_regclass('tenancy_archive.customers') IS NOT NULL") == "t"
    has_legacy_side = value(url, "SELECT tenancy.has_legacy_side()") == "t"
    profiles = """
        SELECT customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at,
            no_show_count, preferred_stylist_id
        FROM public.customer_shop_profiles
        ORDER BY customer_id, shop_id
    """
    return (
        value(url, profiles),
        value(url, archive) if has_archive else None,
        legacy_history(url, *TIMES) if has_legacy_side else None,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_after_each_statement(cluster: Cluster, stages: Stages, script: str) -> None:
    """psql is killed, or the server; a call comes between; the same script finishes."""
    variables = ("-v", "contract=yes", "-v", "legacy_quiet_period=0")
    chunks = statements(script)
    assert len(chunks) > 5

    with stages.at(SCRIPTS[script]) as url:
        execute(url, BOOK)
        psql_file(url, script, *variables)
        expected, schema = everything(url), pg_dump_schema(url, "public", "tenancy*")

    for number in share(range(1, len(chunks)), 8):
        with stages.at(SCRIPTS[script]) as url:
            running = start_psql(url, script, chunks[:number], *variables)
            if number % SERVER_TOO:
                kill(running)
                wait_until_gone(url, "killed")
            else:
                cluster.kill()
                kill(running)
                cluster.start()
            assert_before_or_behind(url)
            execute(url, BOOK)
            psql_file(url, script, *variables)
            assert_before_or_behind(url)
            assert everything(url) == expected, (number, chunks[number - 1])
            if number % SERVER_TOO < 2:  # a dump takes its time
                assert pg_dump_schema(url, "public", "tenancy*") == schema


@pytest.mark.parametrize(
    ("command", "victim"),
    share([*product(("deploy", "revert"), ("sqitch and psql", "psql", "server"))], 2),
)
def test_sqitch_at_the_switch(
    cluster: Cluster, small_at: Callable[[str | None], str], command: str, victim: str
) -> None:
    """Killed with everything locked; the same command again finishes."""
    start, *arguments = {
        "deploy": ("isolation/switch", *CONTRACT),
        "revert": ("contract/switch", "-y", "--to", "@phase2"),
    }[command]
    url = small_at(start)
    holder = Session(url)
    holder.execute("LOCK TABLE tenancy.contracted IN EXCLUSIVE MODE")
    execute(url, "UPDATE tenancy.settings SET lock_timeout_ms = 1000")
    running = start_sqitch(url, command, *arguments, env={"PGAPPNAME": "killed"})
    wait_until(lambda: waiting_for(url, holder.pid), "the script is at its end")
    if victim == "sqitch and psql":
        os.killpg(running.pid, signal.SIGKILL)
    elif victim == "server":
        cluster.kill()
    else:
        for psql_id in children(running.pid):
            os.kill(psql_id, signal.SIGKILL)
    running.communicate()
    assert running.returncode != 0
    holder.connection.close()
    cluster.start()
    wait_until_gone(url, "killed")

    assert_before_or_behind(url)
    sqitch(url, command, *arguments)
    assert_before_or_behind(url)
    verify(url)
