"""Phase 2 while both kinds of clients book: killed, deployed, reverted and deployed again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import psycopg
import pytest

from support.api_client import ApiClient, BookingClient, BookingLoad, Waiting, amounts_of
from support.cluster import ROOT, Cluster
from support.commands import sqitch
from support.legacy_replay import (
    LENGTH,
    Booking,
    Connection,
    Customer,
    customers_with_history,
    make_bookings,
    new_customers,
)
from support.legacy_replay import Client as LegacyApplication
from support.race import Amounts, amounts
from support.sessions import Session
from support.waiting import wait_until

SEED = 20261123
BOOKINGS = 2_000
LEGACY_CLIENTS = 4
PERIOD = LENGTH * BOOKINGS  # more than they take


class LegacyClient(BookingClient):
    """Replays the legacy application, which repeats nothing."""

    def _book(self, connection: Connection, booking: Booking) -> None:
        no_dice = random.Random(0)  # noqa: S311  # they are for savepoints, and there are none
        LegacyApplication(connection, no_dice)._transaction(booking, booking.slot)


def drift(url: str) -> list[tuple[object, ...]]:
    """Where the two sides disagree."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT * FROM tenancy.drift").fetchall()


def wrong(
    url: str,
    customers: Sequence[Customer],
    before: Amounts,
    bookings: Sequence[Booking],
    which: Callable[[int, str], bool] = lambda customer_id, table: True,
) -> dict[tuple[str | int, ...], tuple[int, int]]:
    """What was counted since, and what was committed, where that is not the same.

    Args:
        before: what was counted before.
        which: of whom, and in which table.
    """
    counted, committed = amounts(url, customers), amounts_of(url, bookings)
    return {
        key: (counted[key] - before[key], committed[key])
        for key in counted.keys() | before.keys() | committed.keys()
        if counted[key] - before[key] != committed[key] and which(int(key[2]), str(key[1]))
    }


def test_server_killed_under_load(cluster: Cluster, phase2_database: str) -> None:
    """All that was committed is on both sides, also what no client got a reply for."""
    print(f"seed {SEED}")
    url = phase2_database
    customers = [*customers_with_history(url, 10, SEED), *new_customers(url, 5)]
    waiting = Waiting(make_bookings(url, customers, BOOKINGS, SEED), PERIOD)
    before = amounts(url, customers)
    known: set[object] = set()

    for crash in range(3):
        clients: list[BookingClient] = [
            *(LegacyClient(url, f"legacy {crash}.{n}", waiting) for n in range(16)),
            *(ApiClient(url, f"api {crash}.{n}", waiting, SEED) for n in range(8)),
        ]
        with BookingLoad(clients) as load:
            load.go_on(150)
            cluster.kill()
        for client in clients:  # a connection cut, or the backend's word that the server is gone
            assert isinstance(client.error, psycopg.OperationalError), client.error
            assert client.error.sqlstate in (None, "57P01"), client.error
        cluster.start()

        known |= {booking.id for client in clients for booking in client.booked}
        in_flight = {client.in_flight.id for client in clients if client.in_flight}
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT id FROM public.bookings WHERE status = 'CONFIRMED' AND id = ANY (%s)",
                ([booking.id for booking in waiting.taken],),
            ).fetchall()
        committed = {row[0] for row in rows}
        print(f"{len(committed)} committed, {len(committed - known)} without a reply")
        assert known <= committed
        assert committed - known <= in_flight
        known = committed

        assert wrong(url, customers, before, waiting.taken) == {}
        assert drift(url) == []


def split_as_booked(url: str, customers: Sequence[Customer]) -> list[Customer]:
    """Those whose statistics and profiles count their confirmed bookings and nothing else."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT c.id
            FROM public.customers AS c
            WHERE NOT EXISTS (
                SELECT
                FROM (
                    SELECT b.shop_id, count(*) AS bookings, sum(v.price_cents) AS cents
                    FROM tenancy.bookings_of(c.id) AS b
                    JOIN public.services AS v ON v.id = b.service_id
                    WHERE b.status = 'CONFIRMED'
                    GROUP BY b.shop_id
                ) AS b
                FULL JOIN (
                    SELECT p.*
                    FROM public.customer_shop_profiles AS p
                    WHERE p.customer_id = c.id AND p.total_bookings > 0
                ) AS p USING (shop_id)
                WHERE (b.bookings, b.cents)
                    IS DISTINCT FROM (p.total_bookings::bigint, p.total_spend_cents::bigint)
            )
            """
        ).fetchall()
    ids = {row[0] for row in rows}
    return [customer for customer in customers if customer.id in ids]


class Salon:
    """Customers of three kinds, their bookings, and who books them."""

    def __init__(self, url: str) -> None:
        regulars, newcomers = customers_with_history(url, 60, SEED), new_customers(url, 30)
        of_legacy = [*regulars[:30], *newcomers[:15]]  # only the legacy application books
        self.of_api = [*regulars[30:45], *newcomers[15:22]]  # only callers of the API book
        shared = [*regulars[45:], *newcomers[22:]]
        self.everybody = [*of_legacy, *self.of_api, *shared]
        self._url = url

        bookings = make_bookings(url, self.everybody, BOOKINGS, SEED)
        dice = random.Random(SEED)  # noqa: S311
        called = {
            booking.id
            for booking in bookings
            if booking.customer in self.of_api
            or (booking.customer in shared and dice.random() < 0.5)
        }
        self._for_api = Waiting((one for one in bookings if one.id in called), PERIOD)
        # Without the mirrors the application loses bookings of customers whom two clients book.
        self._for_legacy = [
            Waiting(
                (
                    one
                    for one in bookings
                    if one.id not in called
                    and one.customer in self.everybody[share::LEGACY_CLIENTS]
                ),
                PERIOD,
            )
            for share in range(LEGACY_CLIENTS)
        ]
        self._before = amounts(url, self.everybody)

    def wrong(
        self, which: Callable[[int, str], bool]
    ) -> dict[tuple[str | int, ...], tuple[int, int]]:
        """What was counted since the beginning, and what was committed, where that differs."""
        taken = [one for waiting in (self._for_api, *self._for_legacy) for one in waiting.taken]
        return wrong(self._url, self.everybody, self._before, taken, which)

    def legacy_load(self) -> BookingLoad:
        """The legacy application, a customer always by the same client."""
        return BookingLoad(
            [
                LegacyClient(self._url, f"legacy {n}", waiting)
                for n, waiting in enumerate(self._for_legacy)
            ]
        )

    def api_load(self) -> BookingLoad:
        """Callers of the API; each may book any of their customers."""
        return BookingLoad(
            [ApiClient(self._url, f"api {n}", self._for_api, SEED) for n in range(3)]
        )


def test_deployed_under_load(phase1_database: str) -> None:
    """The legacy clients see no error; what they booked before and after is where it belongs."""
    print(f"seed {SEED}")
    url = phase1_database
    salon = Salon(url)
    exact = {customer.id for customer in split_as_booked(url, salon.everybody)}
    assert len(exact) > 60

    with salon.legacy_load() as legacy:
        legacy.go_on(150)
        assert drift(url) != [], "nobody is stale"
        sqitch(url, "deploy", "--to", "@phase2")
        assert drift(url) == []
        legacy.go_on(150)
    assert legacy.errors == []
    assert drift(url) == []

    # All of it, and by shop where the bookings tell the shop of all that was counted before.
    assert salon.wrong(lambda who, table: table != "profile" or who in exact) == {}


def test_reverted_and_deployed_again_under_load(phase2_database: str) -> None:
    """Callers of the API may have to repeat, and at last find it gone; no booking is lost."""
    print(f"seed {SEED}")
    url = phase2_database
    salon = Salon(url)
    of_api = {customer.id for customer in salon.of_api}

    with salon.legacy_load() as legacy:
        legacy.go_on(50)
        with salon.api_load() as api:
            api.go_on(150)
            sqitch(url, "revert", "--to", "@phase1", "-y")
            wait_until(lambda: len(api.errors) == len(api.clients), "the callers find it gone")
        assert {type(client.error) for client in api.clients} == {psycopg.errors.UndefinedFunction}
        print([client.retried for client in api.clients if isinstance(client, ApiClient)])
        legacy.go_on(50)

        # What was written by the API stands, on both sides.
        assert salon.wrong(lambda who, _: who in of_api) == {}

        sqitch(url, "deploy", "--to", "@phase2")
        assert drift(url) == []
        legacy.go_on(50)
    assert legacy.errors == []
    assert drift(url) == []

    # Without the mirrors, shops were not counted.
    assert salon.wrong(lambda _, table: table != "profile") == {}


@pytest.mark.parametrize(
    "call",
    [
        "SELECT tenancy.record_booking(10, 1, 1, 100, now())",
        "SELECT tenancy.record_no_show(10, 1)",
        "SELECT tenancy.set_preferred_stylist(10, 1, 1)",
    ],
)
def test_a_call_that_waits_for_the_revert(phase2_database: str, call: str) -> None:
    """It must be repeated, and then there is nothing to be called."""
    script = (ROOT / "revert/migrate/lock_customer.sql").read_bytes()
    revert, caller = Session(phase2_database), Session(phase2_database)
    try:
        revert.execute("LOCK TABLE public.customers IN EXCLUSIVE MODE")
        calling = caller.start(call)
        caller.wait_until_blocked_by(revert)
        psycopg.ClientCursor(revert.connection).execute(script)
        with pytest.raises(psycopg.errors.SerializationFailure, match="taken away"):
            calling.result()
        caller.rollback()
        with pytest.raises(psycopg.errors.UndefinedFunction):
            caller.execute(call)
    finally:
        revert.close()
        caller.close()
