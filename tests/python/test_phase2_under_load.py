"""Phase 2 while both kinds of clients book: killed, deployed, reverted and deployed again."""

from __future__ import annotations

import psycopg
import pytest

from support.api_client import ApiClient, BookingClient, BookingLoad, Waiting
from support.at_once import move_to
from support.cluster import Cluster
from support.legacy_replay import customers_with_history, make_bookings, new_customers
from support.race import amounts
from support.salon import BOOKINGS, PERIOD, SEED, LegacyClient, Salon, split_as_booked, wrong
from support.sessions import Session
from support.sides import drift
from support.waiting import wait_until


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
            load.go_on(80)
            cluster.kill()
        # A connection cut, or the backend's word that the server is gone; none for who was to stop
        # before the next statement.
        errors = [client.error for client in clients if client.error]
        assert errors
        for error in errors:
            assert isinstance(error, psycopg.OperationalError), error
            assert error.sqlstate in (None, "57P01"), error
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


def test_deployed_under_load(phase1_database: str) -> None:
    """The legacy clients see no error; what they booked before and after is where it belongs."""
    print(f"seed {SEED}")
    url = phase1_database
    salon = Salon(url)
    exact = {customer.id for customer in split_as_booked(url, salon.everybody)}
    assert len(exact) > 60

    with salon.legacy_load() as legacy:
        legacy.go_on(80)
        assert drift(url) != [], "nobody is stale"
        move_to(url, "@phase2")
        assert drift(url) == []
        legacy.go_on(80)
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
    exact = {customer.id for customer in split_as_booked(url, salon.everybody)}

    with salon.legacy_load() as legacy:
        legacy.go_on(50)
        with salon.api_load() as api:
            api.go_on(80)
            move_to(url, "@phase1")
            wait_until(lambda: len(api.errors) == len(api.clients), "the callers find it gone")
        assert {type(client.error) for client in api.clients} == {psycopg.errors.UndefinedFunction}
        print([client.retried for client in api.clients if isinstance(client, ApiClient)])
        legacy.go_on(50)

        # What was written by the API stands, on both sides.
        assert salon.wrong(lambda who, _: who in of_api) == {}

        move_to(url, "@phase2")
        assert drift(url) == []
        legacy.go_on(50)
    assert legacy.errors == []
    assert drift(url) == []

    # All of it, and by shop also what was booked without the mirrors.
    assert salon.wrong(lambda who, table: table != "profile" or who in exact) == {}


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
    revert, caller = Session(phase2_database), Session(phase2_database)
    try:
        revert.execute("LOCK TABLE public.customers IN EXCLUSIVE MODE")
        calling = caller.start(call)
        caller.wait_until_blocked_by(revert)
        # What revert/api/lock_customer.sql does behind that lock.
        revert.execute("DROP FUNCTION tenancy.lock_customer(integer, boolean)")
        revert.commit()
        with pytest.raises(psycopg.errors.SerializationFailure, match="removed"):
            calling.result()
        caller.rollback()
        with pytest.raises(psycopg.errors.UndefinedFunction):
            caller.execute(call)
    finally:
        revert.close()
        caller.close()
