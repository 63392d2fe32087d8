"""The guide, walked: each step on a served application, with traffic, to phase 3 and back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import CONVO_TENANCY, execute, psql_file, run, sqitch, value
from support.front_desk import STEPS, FrontDesk, Source
from support.health import health
from support.sides import drift
from support.soak import SOAK
from support.visits import CLIENTS, GUESTS, SHOPS, Visits
from support.waiting import wait_until

OWNER = "front_desk"
VISITS = 60 if SOAK else 3  # of each client, between two changes
DURING_A_MOVE = CLIENTS if SOAK else 1  # all of them take the machine from it

MODELS = "models.py"
# After each step: which files still use the legacy side. The models alone write nothing to it.
LEFT = {
    "1-startup": {"conversations.py", "customer_memory.py", "customers.py", MODELS},
    "2-shop-context": {"conversations.py", "customer_memory.py", "customers.py", MODELS},
    "3-reads": {"customer_memory.py", "customers.py", MODELS},
    "4-bookings": {"customers.py", MODELS},
    "5-preferences": {MODELS},
    "6-models": set(),
}
READS_MOVED = "3-reads"


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster with pg_stat_statements, which sees who reads."""
    cluster = Cluster.create(shared_preload_libraries="pg_stat_statements")
    yield cluster
    cluster.remove()


@pytest.fixture
def salons(own_cluster: Cluster) -> str:
    """URL of a small legacy database, whose tables are the application's."""
    url = own_cluster.create_database("salons")
    execute(
        url,
        f"CREATE ROLE {OWNER} LOGIN",
        f"GRANT CREATE ON SCHEMA public TO {OWNER}",
        f"GRANT pg_read_all_stats TO {OWNER}",
        "CREATE EXTENSION pg_stat_statements",
    )
    owners = url.replace("postgres@", f"{OWNER}@")
    psql_file(owners, "tests/legacy/schema.sql")
    psql_file(owners, "tests/legacy/sample.sql", "-v", "customers=40")
    return url


class Walk:
    """Who deploys the application and the database, under traffic."""

    def __init__(self, url: str, source: Source, desk: FrontDesk, visits: Visits) -> None:
        self._url = url
        self._source = source
        self._desk = desk
        self._visits = visits
        self._phase = 0
        self._knows_shops = False  # what is read of a customer

    def begin(self) -> None:
        """With the legacy application."""
        for first in (True, False):
            self._desk.replace("legacy", first=first)
        self._visits.go_on(VISITS)

    def move_to(self, phase: int) -> None:
        """One phase on or back; to phase 3 by Sqitch days later, as its gate asks for."""
        if phase == 3:
            execute(
                self._url,
                "UPDATE tenancy.legacy_writes SET written_at = written_at - interval '2 days'",
                "UPDATE tenancy.mirror_watch SET since = since - interval '2 days'",
                "SELECT pg_stat_statements_reset()",
            )
        self._visits.apart = min(phase, self._phase) < 2
        self._visits.go_on(1)
        self._visits.at_once = DURING_A_MOVE
        if phase == 3:
            sqitch(self._url, "deploy", "--to", "@phase3", "--set", "contract=yes")
        else:
            move_to(self._url, f"@phase{phase}" if phase else None)
        self._visits.at_once = CLIENTS
        self._phase = phase
        self._visits.go_on(VISITS)
        self._check()
        self._check_health()
        self._visits.apart = phase < 2

    def step(self, step: Path) -> None:
        """One on, in the code."""
        self._source.apply(step)
        self._roll(step.stem, step)

    def back(self, to: Path) -> None:
        """To an earlier step, in the code; all at once."""
        for step in reversed(STEPS[STEPS.index(to) + 1 :]):
            self._source.reverse(step)
        self._roll(f"back to {to.stem}", to)

    def confirm_twice(self) -> None:
        """Who asks twice at once is counted once."""
        [shop, *_], [guest, *_] = SHOPS, GUESTS
        booking = self._visits.hold(shop, guest)
        self._visits.count(shop, guest)
        waiting = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
        with ThreadPoolExecutor(2) as threads:
            with psycopg.connect(self._url) as holder:
                holder.execute("SELECT FROM public.bookings WHERE id = %s FOR UPDATE", (booking,))
                asked = [threads.submit(self._visits.confirm, shop, booking) for _ in range(2)]
                wait_until(lambda: value(self._url, waiting) == "2", "both wait")
            for each in asked:
                each.result()
        self._check()

    def _roll(self, name: str, step: Path) -> None:
        """Replace one process, then the other; in between, the new code serves shop 1 alone."""
        names = {True: f"{name}, shop 1", False: f"{name}, other shops"}
        self._desk.replace(names[True], first=True)
        self._visits.go_on(VISITS)
        self._desk.replace(names[False], first=False)
        value(self._url, "SELECT pg_stat_statements_reset()")
        self._visits.go_on(VISITS)
        self._knows_shops = step.stem >= READS_MOVED
        self._check()
        left = LEFT[step.stem]
        assert scanned(self._source) == left
        if self._phase == 2:
            writes = left - {MODELS}
            for first, shops in {True: {1}, False: {*SHOPS} - {1}}.items():
                # A legacy booking may also write the stylist whom they booked most elsewhere.
                written = written_by(self._url, names[first])
                wrong = shops - written if writes else written
                assert wrong == set(), names[first]
            assert is_read(self._url) == bool(left)

    def _check_health(self) -> None:
        """Both sides are kept in step, as the health check sees it."""
        if self._phase >= 2:
            found = health(self._url)
            assert found.status == "ok", found.checks

    def _check(self) -> None:
        """Each booking is counted once, in its shop, and both sides agree."""
        self._visits.pause()
        by_guest: Counter[tuple[str, ...]] = Counter()
        for (name, _shop), bookings in self._visits.counted.items():
            by_guest[name,] += bookings
        if self._phase < 3:
            assert counted(self._url, STATISTICS) == by_guest
        if self._phase >= 2:
            assert counted(self._url, PROFILES) == self._visits.counted
        if self._phase == 2:
            assert drift(self._url) == []
        for guest in GUESTS[:3]:  # one of each kind
            for shop in SHOPS:
                total = by_guest[guest.name,]
                here = self._visits.counted[guest.name, shop] if self._knows_shops else total
                assert self._visits.look_up(shop, guest)["total_bookings"] == here


PROFILES = """
    SELECT p.total_bookings, c.name, p.shop_id
    FROM public.customers AS c
    JOIN public.customer_shop_profiles AS p ON p.customer_id = c.id
    WHERE c.name LIKE 'Guest %' AND p.total_bookings > 0
"""
STATISTICS = """
    SELECT s.total_bookings, c.name
    FROM public.customers AS c
    JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
    WHERE c.name LIKE 'Guest %'
"""


def counted(url: str, query: str) -> Counter[tuple[Any, ...]]:
    """Bookings of the guests."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(query).fetchall()
    return Counter({tuple(whose): bookings for bookings, *whose in rows})


def written_by(url: str, name: str) -> set[int]:
    """For which shops an application wrote to the legacy side."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT shop_id FROM tenancy.legacy_writers_by_shop WHERE application_name = %s",
            (name,),
        ).fetchall()
    return {row[0] for row in rows}


def scanned(source: Source) -> set[str]:
    """The files that use the legacy side, by the scan."""
    done = run(CONVO_TENANCY, "scan", source.folder, "--format", "json", check=False)
    files = {Path(found["path"]).name for found in json.loads(done.stdout)["findings"]}
    assert done.returncode == (1 if files else 0)
    return files


def is_read(url: str) -> bool:
    """Whether the application reads the legacy side."""
    readers = f"SELECT count(*) FROM tenancy.legacy_readers() WHERE role_name = '{OWNER}'"
    return value(url, readers) != "0"


def test_guide(salons: str, own_cluster: Cluster, tmp_path: Path) -> None:
    source = Source(tmp_path)
    owners = salons.replace("postgres@", f"{OWNER}@")
    with (
        FrontDesk(source, owners, own_cluster.directory) as desk,
        Visits(desk, salons) as visits,
    ):
        walk = Walk(salons, source, desk, visits)
        startup, context, *others = STEPS
        walk.begin()
        walk.step(startup)
        walk.move_to(1)
        walk.move_to(2)
        for step in (context, *others):
            walk.step(step)
        walk.confirm_twice()
        walk.move_to(3)
        walk.move_to(2)
        walk.back(context)
        walk.move_to(1)
        walk.move_to(0)
    print(f"retried: {dict(visits.retried)}")
