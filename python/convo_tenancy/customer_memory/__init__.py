"""Customer memory by shop: the legacy module's names over the SQL API of schema `tenancy`.

Each function is one statement, with the same names for asynchronous connections in
`convo_tenancy.customer_memory.aio`. They take any psycopg connection, whatever its cursors and rows
are, and run in the transaction that is open on it, or begin one as `connection.execute()` does.

Customers are of all shops (ADR-0001), so who somebody is needs no shop; what a shop knows of them
does: `update_customer_stats` and `get_customer_context` take `shop_id`. A stylist works in one
shop, so `get_customers_by_preferred_stylist` has its shop from there.

Amounts are integer cents. Times are aware datetimes, those that come back in the time zone of the
session. Rules and checks are in the database; its errors come as they are:

    psycopg.errors.ForeignKeyViolation (23503)      unknown customer, shop or stylist, or a stylist
                                                    of another shop
    psycopg.errors.InvalidParameterValue (22023)    a negative amount, a value that lacks
    psycopg.errors.DeadlockDetected (40P01), SerializationFailure (40001), LockNotAvailable (55P03)
                                                    lost a race: see convo_tenancy.retries

After an error nothing of the call is written on either side.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection, RawCursor

from ..queries import query
from . import statements
from .statements import Customer, CustomerContext, Profile, Row, Statement

__all__ = [
    "Customer",
    "CustomerContext",
    "Profile",
    "get_customer_by_email",
    "get_customer_by_phone",
    "get_customer_context",
    "get_customers_by_preferred_stylist",
    "get_or_create_customer_by_identity",
    "update_customer_stats",
]


def get_customer_by_email(connection: Connection[Any], email: str) -> Customer | None:
    """Who has this address, at whatever shop; `tenancy.customer_by_email`.

    Args:
        connection: of psycopg.
        email: as it was typed; spaces around it and capitals do not matter.
    """
    return _execute(connection, statements.CUSTOMER_BY_EMAIL, email).fetchone()


def get_customer_by_phone(connection: Connection[Any], phone: str) -> Customer | None:
    """Who has this number, at whatever shop; `tenancy.customer_by_phone`.

    Of customers who share a number it is the one with the lowest id, where the legacy function
    fails (`tenancy.bookings_of` decides the same way).

    Args:
        connection: of psycopg.
        phone: as it was typed or sent; ten digits are a number in +1.
    """
    return _execute(connection, statements.CUSTOMER_BY_PHONE, phone).fetchone()


def get_or_create_customer_by_identity(
    connection: Connection[Any], email: str | None, phone: str | None, name: str | None
) -> int | None:
    """The id of the customer with this number, else this address, else of a new one.

    None for nobody: neither is an address (with an @) nor a number (ten digits, or a +). A booking
    of nobody is confirmed, and not counted.

    `tenancy.get_or_create_customer`: two calls at once give one customer.

    Args:
        connection: of psycopg.
        email: or None.
        phone: or None.
        name: of a new customer, or None.
    """
    cursor = _execute(connection, statements.GET_OR_CREATE_CUSTOMER, email, phone, name)
    [customer_id] = cursor.fetchall()
    return customer_id


def update_customer_stats(
    connection: Connection[Any],
    customer_id: int,
    shop_id: int,
    stylist_id: int,
    spend_cents: int,
    booked_at: datetime,
) -> Profile:
    """Count a booking in the shop it is of, and return the profile there.

    `tenancy.record_booking`: totals, last booking, counts by stylist and preferred stylist, in one
    round trip. Call it once per booking, in the transaction that confirms the booking: by itself,
    a commit whose answer was lost would be counted again by whoever repeats it.

    Args:
        connection: of psycopg.
        customer_id: from `get_or_create_customer_by_identity`.
        shop_id: the booking's shop.
        stylist_id: the booking's stylist, who works in that shop.
        spend_cents: the list price of the primary service; 0 or more.
        booked_at: when the booking starts, with its time zone (the bookings' `start_at_utc`).

    Raises:
        ValueError: a time without a zone; nothing was sent to the server.
        psycopg.errors.ForeignKeyViolation: unknown customer, shop or stylist, or a stylist of
            another shop.
        psycopg.errors.InvalidParameterValue: a negative amount.
    """
    cursor = _execute(
        connection,
        statements.RECORD_BOOKING,
        customer_id,
        shop_id,
        stylist_id,
        spend_cents,
        statements.with_time_zone(booked_at),
    )
    [profile] = cursor.fetchall()
    return profile


def get_customer_context(
    connection: Connection[Any], customer_id: int, shop_id: int
) -> CustomerContext:
    """What a chat or a call in one shop should know of a customer; `tenancy.customer_context`.

    All of it is of that shop alone: zeros and None where the customer has never been there.

    Args:
        connection: of psycopg.
        customer_id: from a lookup above.
        shop_id: the shop that the conversation is with.

    Raises:
        psycopg.errors.ForeignKeyViolation: unknown customer or shop.
    """
    cursor = _execute(connection, statements.CUSTOMER_CONTEXT, customer_id, shop_id)
    [context] = cursor.fetchall()
    return context


def get_customers_by_preferred_stylist(
    connection: Connection[Any], stylist_id: int
) -> list[Customer]:
    """Who prefers this stylist in the stylist's shop; `tenancy.customers_by_preferred_stylist`.

    Those who spend most a booking there first. The legacy function finds only those who prefer
    this stylist over those of every other shop.

    Args:
        connection: of psycopg.
        stylist_id: the stylist.

    Raises:
        psycopg.errors.ForeignKeyViolation: unknown stylist.
    """
    return _execute(connection, statements.CUSTOMERS_BY_PREFERRED_STYLIST, stylist_id).fetchall()


def _execute(
    connection: Connection[Any], statement: Statement[Row], *parameters: object
) -> RawCursor[Row]:
    cursor = RawCursor(connection, row_factory=statement.row_factory)
    return cursor.execute(query(statement.name), parameters)
