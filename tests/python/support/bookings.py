"""One booking, as each kind of client makes it, in the transaction that the connection is in."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from .legacy_replay import (
    Booking,
    Client,
    Connection,
    Customer,
    Slot,
    insert_booking,
    new_customers,
    statement,
)

Book = Callable[[Connection, Booking], None]

# In the recorded database stylists 1 to 5 work in shop 1, 6 to 10 in shop 2.
HERE = Slot(1, 1, 1, 4000, datetime(2040, 1, 1, 10, tzinfo=UTC))
THERE = Slot(2, 6, 6, 5500, datetime(2040, 1, 2, 10, tzinfo=UTC))


def new_and_known(url: str) -> tuple[Customer, Customer]:
    """Who never booked, and who did: twice in shop 1 for 8000, once in shop 2 for 5500."""
    new, known = new_customers(url, 2)
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            INSERT INTO public.customer_shop_profiles
                (customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at)
            VALUES
                (%(id)s, 1, 2, 8000, '2039-01-01 00:00+00'),
                (%(id)s, 2, 1, 5500, '2039-02-01 00:00+00')
            """,
            {"id": known.id},
        )
    return new, known


def held(url: str, customer: Customer, slot: Slot) -> Booking:
    """A slot that is held for a customer."""
    booking = Booking(uuid.uuid5(uuid.NAMESPACE_OID, f"{customer} {slot}"), customer, slot)
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        hold(connection, booking)
    return booking


def hold(connection: Connection, booking: Booking) -> None:
    """Before the booking, and in a transaction of its own: the slot is held."""
    insert_booking(connection, booking, "HOLD")


def legacy(connection: Connection, booking: Booking, *, held: bool = True) -> None:
    """The legacy application's booking, all of it."""
    client = Client(connection, random.Random(0), held=held)  # noqa: S311  # dice for savepoints
    customer, preferred, average = client.find_customer(booking.customer)
    client.confirm(booking)
    client.count(customer, booking.slot, average)
    top = client.count_stylist(customer, booking.slot.stylist)
    if top != preferred:
        connection.execute(statement("update_preferred_stylist"), (customer, top))


def call(connection: Connection, booking: Booking) -> None:
    """The call by itself."""
    slot = booking.slot
    connection.execute(
        "SELECT FROM tenancy.record_booking($1, $2, $3, $4, $5)",
        (booking.customer.id, slot.shop, slot.stylist, slot.price, slot.start),
    )


def confirm_and_call(connection: Connection, booking: Booking) -> None:
    """The call in the transaction that confirms the booking."""
    connection.execute(statement("confirm_booking"), (booking.id,))
    call(connection, booking)


def confirm(connection: Connection, booking: Booking) -> bool:
    """The call that does both; whether it counted the booking."""
    row = connection.execute(
        "SELECT is_counted FROM tenancy.confirm_booking($1, $2)", (booking.id, booking.slot.shop)
    ).fetchone()
    assert row is not None
    return bool(row[0])
