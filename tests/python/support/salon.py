"""Both kinds of clients booking at once, and whether what they booked was counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import psycopg

from .api_client import ApiClient, BookingClient, BookingLoad, Waiting, amounts_of
from .legacy_replay import (
    LENGTH,
    Booking,
    Connection,
    Customer,
    customers_with_history,
    make_bookings,
    new_customers,
)
from .legacy_replay import Client as LegacyApplication
from .race import Amounts, amounts

SEED = 20261123
BOOKINGS = 2_000
LEGACY_CLIENTS = 4
PERIOD = LENGTH * BOOKINGS  # more than they take


class LegacyClient(BookingClient):
    """Replays the legacy application, which repeats nothing."""

    def _book(self, connection: Connection, booking: Booking) -> None:
        no_dice = random.Random(0)  # noqa: S311  # they are for savepoints, and there are none
        LegacyApplication(connection, no_dice).transaction(booking, booking.slot)


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
