"""Customers of the front desk, who book without a pause."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg

from .front_desk import FrontDesk

CLIENTS = 4
SHOPS = (1, 2, 3)
RETRYABLE = ("40P01", "40001", "55P03")
ATTEMPTS = 20

_FIRST_START = datetime(2040, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Guest:
    """By what they book."""

    name: str
    email: str | None
    phone: str | None


# A third has both, a third a phone only, a third an email only.
GUESTS = [
    Guest(
        f"Guest {n}",
        None if n % 3 == 1 else f"Guest.{n}@example.test ",
        None if n % 3 == 2 else f"(555) 010-{n:04}",
    )
    for n in range(4 * CLIENTS)  # no multiple of the shops, so that everybody comes to each
]
# The legacy code confirms their bookings, and counts nothing.
NOBODIES = [
    Guest("No email", "noat", None),
    Guest("No phone", None, "123"),
    Guest("Neither", "noat", "123"),
    Guest("Nothing", None, None),
]


class Visits:
    """Clients who ask the front desk, each in a thread, until the block ends.

    While `apart`, no customer is the matter of two clients: without the mirrors, the legacy code
    loses bookings.
    """

    def __init__(self, desk: FrontDesk, url: str) -> None:
        self._desk = desk
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                """
                SELECT s.shop_id, array_agg(DISTINCT s.id ORDER BY s.id), min(v.id)
                FROM public.stylists AS s
                JOIN public.services AS v USING (shop_id)
                WHERE s.shop_id = ANY (%s)
                GROUP BY s.shop_id
                """,
                ([*SHOPS],),
            ).fetchall()
        self._offers = {shop: (stylists, service) for shop, stylists, service in rows}
        self._starts = count()
        self.counted: Counter[tuple[str, int]] = Counter()  # bookings of a guest in a shop
        self.retried: Counter[str] = Counter()  # by SQLSTATE
        self.apart = True
        self.at_once = CLIENTS  # so many come at once
        self._failures: list[str] = []
        self._done = [0] * CLIENTS
        self._ended = False
        self._paused = True
        self._busy = 0
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, args=(client,)) for client in range(CLIENTS)
        ]

    def __enter__(self) -> Visits:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._paused = False
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def go_on(self, visits: int) -> None:
        """Return once each client came so often again, from the beginning of a visit to its end."""
        with self._changed:
            begun = 0 if self._paused else 1
            goals = [done + visits + begun for done in self._done]
            self._paused = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._failures or self._reached(goals), 120)
            assert self._failures == []
            assert self._reached(goals)

    def _reached(self, goals: list[int]) -> bool:
        return all(done >= goal for done, goal in zip(self._done, goals, strict=True))

    def pause(self) -> None:
        """Return once nobody asks; until `go_on`, nobody will."""
        with self._changed:
            self._paused = True
            self._changed.wait_for(lambda: not self._busy)
            assert self._failures == []

    def _run(self, client: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._may_go_on)
                if self._ended:
                    return
                self._busy += 1
            try:
                self._visit(client, self._done[client])
            except Exception as error:
                with self._changed:
                    self._failures.append(repr(error))
                    return
            finally:
                with self._changed:
                    self._busy -= 1
                    self._done[client] += 1
                    self._changed.notify_all()

    def _may_go_on(self) -> bool:
        return self._ended or (not self._paused and self._busy < self.at_once)

    def _visit(self, client: int, number: int) -> None:
        """A booking, and two things more, those of this client."""
        shop = SHOPS[number % len(SHOPS)]
        [stylist, *others], service = self._offers[shop]
        guest = GUESTS[(number * CLIENTS + client if self.apart else number) % len(GUESTS)]
        booking = self._book(shop, guest)
        who = {"email": guest.email, "phone": guest.phone}
        if client == 0:
            # Another one first, so that the second choice is none that was made before.
            for chosen in (others[0], stylist):
                choice = {"stylist_id": chosen, "service_id": service, "style": f"style {number}"}
                self._ask(shop, "PUT", f"/shops/{shop}/preferences", {**who, **choice})
            self._ask(shop, "GET", f"/stylists/{stylist}/customers")
        elif client == 1:
            self._ask(shop, "POST", "/voice", {"shop_id": shop, "phone": guest.phone or "123"})
            self._ask(shop, "DELETE", f"/bookings/{booking}")
        elif client == 2:
            self._ask(shop, "POST", "/chat", {"shop_id": shop, **who})
            self.look_up(shop, guest)
        else:
            if number % 2:
                self._book(shop, NOBODIES[number // 2 % len(NOBODIES)])
            else:
                self._book(shop, Guest(f"Guest of visit {number}", f"{number}@example.test", None))
            self.confirm(shop, booking)  # the answer was lost, say

    def hold(self, shop: int, guest: Guest) -> str:
        """The id of a booking that is not confirmed yet."""
        [stylist, *_], service = self._offers[shop]
        slot = {
            "shop_id": shop,
            "service_id": service,
            "stylist_id": stylist,
            "start_at_utc": (_FIRST_START + timedelta(hours=3 * next(self._starts))).isoformat(),
            "customer_name": guest.name,
            "customer_email": guest.email,
            "customer_phone": guest.phone,
        }
        return str(self._ask(shop, "POST", "/bookings/hold", slot))

    def confirm(self, shop: int, booking: str) -> None:
        """The booking is counted, if it was not before."""
        self._ask(shop, "POST", "/bookings/confirm", {"booking_id": booking})

    def look_up(self, shop: int, guest: Guest) -> Any:
        """What the owner of a shop is told."""
        who = {"email": guest.email, "phone": guest.phone}
        return self._ask(shop, "POST", f"/shops/{shop}/customers", who)

    def count(self, shop: int, guest: Guest) -> None:
        """What the database has to count."""
        with self._changed:
            self.counted[guest.name, shop] += 1

    def _book(self, shop: int, guest: Guest) -> str:
        booking = self.hold(shop, guest)
        self.confirm(shop, booking)
        if guest not in NOBODIES:
            self.count(shop, guest)
        return booking

    def _ask(self, shop: int, method: str, target: str, body: object = None) -> Any:
        """What is answered, after as many attempts as the documentation allows."""
        for _ in range(ATTEMPTS):
            answer = self._desk.ask(shop, method, target, body)
            if answer.status == 200:
                return answer.body
            sqlstate = answer.body.get("sqlstate")
            if answer.status != 503 or sqlstate not in RETRYABLE:
                raise AssertionError(f"{method} {target} {body}: {answer}")
            with self._changed:
                self.retried[sqlstate] += 1
        raise AssertionError(f"{method} {target}: {ATTEMPTS} attempts lost their race")
