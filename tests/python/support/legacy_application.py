"""Clients that write as the legacy application does, statement by statement, with no shop."""

from __future__ import annotations

import itertools
import random
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from .soak import PAUSE
from .waiting import wait_until

# A stylist's bookings have distinct times; those of the clients begin after the recording's last.
_FIRST_START = datetime(2040, 1, 1, tzinfo=UTC)


@dataclass
class Written:
    """What one client committed, by the clock of the database."""

    customers: dict[int, datetime] = field(default_factory=dict)  # last write, after its commit
    inserted: dict[int, datetime] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    transactions: int = 0


class LegacyClient:
    """Books, inserts and deletes customers of its own share, until told to stop.

    No two clients write the same customer: alone they never wait for each other, and any error that
    one of them sees is caused by something else.
    """

    def __init__(self, url: str, share: int, shares: int, seed: int) -> None:
        self.name = f"legacy client {share}"
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._url = url
        self._share = share
        self._random = random.Random(seed * 1000 + share)  # noqa: S311
        self._minutes = itertools.count(share, shares)
        self._shares = shares
        self._stopping = threading.Event()
        self.written = Written()
        self.error: Exception | None = None

    def start(self) -> None:
        """Let it write."""
        self._thread.start()

    def stop(self) -> None:
        """Let it end after the transaction at hand."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout=60)

    def _run(self) -> None:
        try:
            with psycopg.connect(self._url, application_name=self.name) as connection:
                self._customers = [
                    row[0]
                    for row in connection.execute(
                        # Two customers with one phone: a booking of the one is the other's.
                        """
                        SELECT id FROM public.customers AS c
                        WHERE id %% %s = %s
                            AND NOT EXISTS (
                                SELECT FROM public.customers AS o
                                WHERE o.phone = c.phone AND o.id <> c.id
                            )
                        ORDER BY id
                        """,
                        (self._shares, self._share),
                    )
                ]
                self._stylists = connection.execute(
                    """
                    SELECT s.id, s.shop_id, v.id, v.price_cents
                    FROM public.stylists AS s
                    JOIN public.services AS v USING (shop_id)
                    ORDER BY s.id, v.id
                    """
                ).fetchall()
                connection.commit()
                while not self._stopping.wait(PAUSE):
                    self._transaction(connection)
        except Exception as error:
            self.error = error

    def _transaction(self, connection: psycopg.Connection) -> None:
        dice = self._random.random()
        inserted = False
        with connection.transaction():
            if dice < 0.15:
                customer = self._insert_customer(connection)
                inserted = True
                if dice < 0.10:
                    self._book(connection, customer)
            elif dice < 0.25 and len(self._customers) > 100:
                customer = self._customers.pop(self._random.randrange(len(self._customers)))
                self._delete(connection, customer)
                self.written.deleted.add(customer)
            else:
                customer = self._random.choice(self._customers)
                self._book(connection, customer)
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        connection.commit()
        assert row is not None
        if inserted:
            self._customers.append(customer)
            self.written.inserted[customer] = row[0]
        self.written.customers[customer] = row[0]
        self.written.transactions += 1

    def _insert_customer(self, connection: psycopg.Connection) -> int:
        name = f"{self._random.getrandbits(64):016x}"
        row = connection.execute(
            """
            INSERT INTO public.customers (email, phone, name, average_spend_cents, no_show_count)
            VALUES (%s, %s, %s, 0, 0)
            RETURNING id
            """,
            (f"{name}@example.test", f"+1{int(name, 16) % 10**10:010d}{self._share}", name),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _book(self, connection: psycopg.Connection, customer: int) -> None:
        stylist, shop, service, price = self._random.choice(self._stylists)
        start = _FIRST_START + timedelta(minutes=next(self._minutes))
        row = connection.execute(
            "SELECT email, phone, name FROM public.customers WHERE id = %s", (customer,)
        ).fetchone()
        assert row is not None
        email, phone, name = row
        booking = uuid.UUID(int=self._random.getrandbits(128), version=4)
        connection.execute(
            """
            INSERT INTO public.bookings (
                id, shop_id, service_id, stylist_id, customer_name, customer_email, customer_phone,
                discount_cents, start_at_utc, end_at_utc, status
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s, 'HOLD')
            """,
            (
                booking,
                shop,
                service,
                stylist,
                name,
                email,
                phone,
                start,
                start + timedelta(minutes=30),
            ),
        )
        connection.execute(
            "UPDATE public.bookings SET status = 'CONFIRMED', updated_at = now() WHERE id = %s",
            (booking,),
        )
        statistics = connection.execute(
            """
            SELECT total_bookings, total_spend_cents
            FROM public.customer_booking_stats
            WHERE customer_id = %s
            """,
            (customer,),
        ).fetchone()
        bookings, spend = statistics or (0, 0)
        bookings, spend = bookings + 1, spend + price
        connection.execute(
            """
            UPDATE public.customers
            SET average_spend_cents = %(average)s, updated_at = now()
            WHERE id = %(customer)s AND average_spend_cents <> %(average)s
            """,
            {"average": spend // bookings, "customer": customer},
        )
        connection.execute(
            """
            INSERT INTO public.customer_booking_stats
                (customer_id, total_bookings, total_spend_cents, last_booking_at)
            VALUES (%s, %s, %s, %s)
            """
            if statistics is None
            else """
            UPDATE public.customer_booking_stats
            SET customer_id = %s, total_bookings = %s, total_spend_cents = %s,
                last_booking_at = %s, updated_at = now()
            WHERE customer_id = %s
            """,
            (customer, bookings, spend, start, *([] if statistics is None else [customer])),
        )
        counted = connection.execute(
            """
            UPDATE public.customer_stylist_preferences
            SET booking_count = booking_count + 1, updated_at = now()
            WHERE customer_id = %s AND stylist_id = %s
            """,
            (customer, stylist),
        )
        if counted.rowcount == 0:
            connection.execute(
                """
                INSERT INTO public.customer_stylist_preferences
                    (customer_id, stylist_id, booking_count)
                VALUES (%s, %s, 1)
                """,
                (customer, stylist),
            )
        connection.execute(
            """
            UPDATE public.customers AS c
            SET preferred_stylist_id = f.stylist_id, updated_at = now()
            FROM (
                SELECT stylist_id
                FROM public.customer_stylist_preferences
                WHERE customer_id = %(customer)s
                ORDER BY booking_count DESC, stylist_id
                LIMIT 1
            ) AS f
            WHERE c.id = %(customer)s
                AND c.preferred_stylist_id IS DISTINCT FROM f.stylist_id
            """,
            {"customer": customer},
        )

    def _delete(self, connection: psycopg.Connection, customer: int) -> None:
        for table in (
            "customer_stylist_preferences",
            "customer_service_preferences",
            "customer_booking_stats",
        ):
            connection.execute(
                psycopg.sql.SQL("DELETE FROM public.{} WHERE customer_id = %s").format(
                    psycopg.sql.Identifier(table)
                ),
                (customer,),
            )
        connection.execute("DELETE FROM public.customers WHERE id = %s", (customer,))


class LegacyLoad:
    """Some clients at once: `with LegacyLoad(url, clients=4, seed=1) as load: ...`."""

    def __init__(self, url: str, clients: int, seed: int) -> None:
        print(f"legacy load: {clients} clients, seed {seed}")
        self._clients = [LegacyClient(url, share, clients, seed) for share in range(clients)]

    def __enter__(self) -> LegacyLoad:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.stop()
        for client in self._clients:
            client.join()

    def go_on(self, transactions: int) -> None:
        """Return after so many more transactions; fail at once if a client had an error."""
        goal = self.transactions + transactions
        wait_until(lambda: self.errors or self.transactions >= goal, "the legacy clients go on")
        assert self.errors == []

    @property
    def errors(self) -> list[str]:
        """What went wrong for the clients."""
        return [f"{client.name}: {client.error!r}" for client in self._clients if client.error]

    @property
    def transactions(self) -> int:
        """How many transactions committed so far."""
        return sum(client.written.transactions for client in self._clients)

    @property
    def last_written(self) -> dict[int, datetime]:
        """When each customer was last written."""
        return {k: v for client in self._clients for k, v in client.written.customers.items()}

    @property
    def inserted(self) -> dict[int, datetime]:
        """When each new customer had been committed."""
        return {k: v for client in self._clients for k, v in client.written.inserted.items()}

    @property
    def deleted(self) -> set[int]:
        """Who was deleted."""
        return {customer for client in self._clients for customer in client.written.deleted}
