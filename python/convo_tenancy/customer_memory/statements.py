"""What the functions of customer memory return, and the statements that they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from psycopg.rows import BaseRowFactory, class_row, scalar_row

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Customer:
    """Who somebody is, the same at every shop."""

    customer_id: int
    email: str | None
    phone: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one shop knows of a customer: a row of `customer_shop_profiles`."""

    customer_id: int
    shop_id: int
    preferred_stylist_id: int | None
    total_bookings: int
    total_spend_cents: int
    last_booking_at: datetime | None
    no_show_count: int


@dataclass(frozen=True, slots=True)
class CustomerContext:
    """What a conversation in one shop needs to know of a customer; nothing of other shops."""

    customer_id: int
    shop_id: int
    email: str | None
    phone: str | None
    name: str | None
    preferred_stylist_id: int | None
    preferred_stylist_name: str | None
    average_spend_cents: int
    total_bookings: int
    total_spend_cents: int
    no_show_count: int
    last_booking_at: datetime | None
    last_service_id: int | None
    last_service_name: str | None
    last_stylist_id: int | None
    last_stylist_name: str | None


@dataclass(frozen=True, slots=True)
class Statement(Generic[Row]):
    """A query under sql/ and what its rows become."""

    name: str
    row_factory: BaseRowFactory[Row]


CUSTOMER_BY_EMAIL = Statement("customer_memory/customer_by_email", class_row(Customer))
CUSTOMER_BY_PHONE = Statement("customer_memory/customer_by_phone", class_row(Customer))
GET_OR_CREATE_CUSTOMER: Statement[int | None] = Statement(
    "customer_memory/get_or_create_customer", scalar_row
)
RECORD_BOOKING = Statement("customer_memory/record_booking", class_row(Profile))
CUSTOMER_CONTEXT = Statement("customer_memory/customer_context", class_row(CustomerContext))
CUSTOMERS_BY_PREFERRED_STYLIST = Statement(
    "customer_memory/customers_by_preferred_stylist", class_row(Customer)
)


def with_time_zone(moment: datetime) -> datetime:
    """The moment, if it is one: the server would take a naive time for one of the session's zone.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"booked_at must have a time zone, UTC as a rule: {moment!r}")
    return moment
