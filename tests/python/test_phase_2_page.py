"""docs/phase-2.md, from the top to the bottom, as an owner of the tables who is no superuser."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.bookings import HERE, held, new_and_known
from support.cluster import ROOT, Cluster
from support.commands import execute, run, value
from support.isolation import as_role, isolate, state
from support.runbook import perform
from support.sides import drift, sides
from support.walk import let_deploy, marked_steps
from test_double_writers import legacy_then_profile

PAGE = ROOT / "docs/phase-2.md"
STEPS = marked_steps(PAGE)
NAME = "page_of_phase_2"
OWNER = "owner_of_phase_2"
MAY_WARN = "warns"
PAST_THE_MIRRORS = "SET session_replication_role = replica"
# What changed since the backfill, and what a session wrote past the mirrors.
BOOKED = "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
COUNTED = "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1"
TOTALS = "SELECT sum(total_bookings) FROM public.customer_booking_stats"


@pytest.fixture
def url(cluster: Cluster, phase2_template: str) -> Iterator[str]:
    """The recorded database at @phase1, its tables and its registry those of an ordinary role.

    The three roles of isolation are there, since another database of the cluster has phase 2.
    """
    made = cluster.create_database(NAME)
    run(ROOT / "scripts/load-legacy.sh", made, "recorded", OWNER)
    move_to(made, "@phase1")
    let_deploy(made, OWNER)
    execute(made, f"{BOOKED} WHERE customer_id <= 20")
    yield made
    cluster.drop_database(NAME)
    execute(cluster.url(), f"DROP ROLE {OWNER}")


def test_each_command_of_the_page(url: str) -> None:
    """What a block is about is made before it, and looked for after it."""
    owner = as_role(url, OWNER)
    twice = None
    for kind, commands in STEPS:
        if kind == "drifts":
            execute(url, PAST_THE_MIRRORS, f"{COUNTED} WHERE customer_id <= 5")
            assert drift(url)
        if kind == "correction":
            twice = book_twice(url)
            assert sides(url, twice).bookings[HERE.shop] == (2, 2 * HERE.price)
        if "relax_isolation" in commands:
            isolate(url)
        totals = value(url, TOTALS)

        done = perform(commands, owner, url, {})
        assert done.returncode <= (kind == MAY_WARN), f"{commands}\n{done.stdout}\n{done.stderr}"
        assert "ERROR" not in done.stderr
        if kind == "none":
            assert done.stdout.count("(0 rows)") == 2
        if kind == "healthy":
            assert "convo-tenancy health: ok, phase @phase2" in done.stdout
            assert "Verify successful" in done.stdout
            assert "(0 rows)" in done.stdout
        if kind == "drifts":
            assert drift(url) == []
            assert value(url, TOTALS) == totals
        if kind == "correction":
            assert twice
            assert sides(url, twice).bookings[HERE.shop] == (1, HERE.price)
        if "relax_isolation" in commands:
            assert value(url, "SELECT to_regclass('tenancy.legacy_writers') IS NULL") == "t"
    assert state(url) == "off"
    assert value(url, "SELECT count(*) FROM tenancy.double_writers") == "0"
    assert drift(url) == []


def book_twice(url: str) -> int:
    """Count a booking of a new customer on both sides; the customer."""
    new, _ = new_and_known(url)
    execute(url, f"UPDATE public.services SET price_cents = {HERE.price} WHERE id = 1")
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        legacy_then_profile(connection, held(url, new, HERE))
    return new.id
