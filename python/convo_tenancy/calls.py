"""What an application calls, for every driver: statement, parameters, checks, and what comes back.

Nothing here talks to a database. A driver's module runs a call: `customer_memory` and
`shop_context` by psycopg, `asyncpg` and `sqlalchemy` by the library of that name.
"""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])
Rows = Iterable[Mapping[Any, Any]]


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
class Confirmation:
    """A booking that is confirmed, and what its shop knows of its customer."""

    is_counted: bool
    """By this call. False: it was CONFIRMED before, or it counts for nobody."""
    profile: Profile | None
    """As it is now; None for nobody."""


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
class Call(Generic[Result]):
    """A statement with its parameters, and what its rows become."""

    query: str
    """The name of a file under sql/."""
    parameters: tuple[object, ...]
    result: Callable[[Rows], Result]


def get_customer_by_email(email: str) -> Call[Customer | None]:
    """Who has this address, at whatever shop; `tenancy.customer_by_email`.

    Args:
        email: as it was typed; spaces around it and capitals do not matter.
    """
    return Call("customer_memory/customer_by_email", (_text("email", email),), _customer)


def get_customer_by_phone(phone: str) -> Call[Customer | None]:
    """Who has this number, at whatever shop; `tenancy.customer_by_phone`.

    Of customers who share a number it is the one with the lowest id, where the legacy function
    fails (`tenancy.bookings_of` decides the same way).

    Args:
        phone: as it was typed or sent; ten digits are a number in +1.
    """
    return Call("customer_memory/customer_by_phone", (_text("phone", phone),), _customer)


def get_or_create_customer_by_identity(
    email: str | None, phone: str | None, name: str | None
) -> Call[int | None]:
    """The id of the customer with this number, else this address, else of a new one.

    None for nobody: neither is an address (with an @) nor a number (ten digits, or a +). A booking
    of nobody is confirmed, and not counted.

    `tenancy.get_or_create_customer`: two calls at once give one customer.

    Args:
        email: or None.
        phone: or None.
        name: of a new customer, or None.
    """
    return Call(
        "customer_memory/get_or_create_customer",
        (_text("email", email), _text("phone", phone), _text("name", name)),
        _customer_id,
    )


def confirm_booking(booking_id: uuid.UUID, shop_id: int) -> Call[Confirmation]:
    """Confirm a booking that is held, and count it for its customer, in one round trip.

    `tenancy.confirm_booking`: it locks the booking, finds or makes the customer, and counts the
    booking at the list price of its primary service. A booking that is CONFIRMED is not counted, so
    call it again when the answer was lost: it counts once.

    Args:
        booking_id: the booking.
        shop_id: its shop.

    Raises:
        23503: unknown booking, or one of another shop; a stylist who moved to another shop.
        55000: it has expired, or is no hold for another reason.
        22023: a price or a start that no booking has.
        22003: an integer that is too large, or a profile that would be.
    """
    if not isinstance(booking_id, uuid.UUID):
        raise TypeError(f"booking_id must be a UUID, not {booking_id!r}")
    parameters = (str(booking_id), _integer("shop_id", shop_id))
    return Call("customer_memory/confirm_booking", parameters, _confirmation)


def update_customer_stats(
    customer_id: int, shop_id: int, stylist_id: int, spend_cents: int, booked_at: datetime
) -> Call[Profile]:
    """Count a booking in the shop it is of, and return the profile there.

    `tenancy.record_booking`: totals, last booking, counts by stylist and preferred stylist, in one
    round trip. It is for who confirms the booking by a statement of their own; `confirm_booking`
    does both. Call it once per booking, in the transaction that confirms the booking: by itself, a
    commit whose answer was lost would be counted again by whoever repeats it.

    Args:
        customer_id: from `get_or_create_customer_by_identity`.
        shop_id: the booking's shop.
        stylist_id: the booking's stylist, who works in that shop.
        spend_cents: the list price of the primary service; 0 or more.
        booked_at: when the booking starts, with its time zone (the bookings' `start_at_utc`).

    Raises:
        ValueError: a time without a zone; nothing was sent to the server.
        23503: unknown customer, shop or stylist, or a stylist of another shop.
        22023: a negative amount.
        22003: an integer that is too large, or a profile that would be.
    """
    parameters = (
        _integer("customer_id", customer_id),
        _integer("shop_id", shop_id),
        _integer("stylist_id", stylist_id),
        _integer("spend_cents", spend_cents),
        _moment("booked_at", booked_at),
    )
    return Call("customer_memory/record_booking", parameters, _profile)


def get_customer_context(customer_id: int, shop_id: int) -> Call[CustomerContext]:
    """What a chat or a call in one shop should know of a customer; `tenancy.customer_context`.

    All of it is of that shop alone: zeros and None where the customer has never been there.

    Args:
        customer_id: from a lookup above.
        shop_id: the shop that the conversation is with.

    Raises:
        23503: unknown customer or shop.
    """
    parameters = (_integer("customer_id", customer_id), _integer("shop_id", shop_id))
    return Call("customer_memory/customer_context", parameters, _context)


def get_customers_by_preferred_stylist(stylist_id: int) -> Call[list[Customer]]:
    """Who prefers this stylist in the stylist's shop; `tenancy.customers_by_preferred_stylist`.

    Those who spend most a booking there first. The legacy function finds only those who prefer
    this stylist over those of every other shop.

    Args:
        stylist_id: the stylist.

    Raises:
        23503: unknown stylist.
    """
    return Call(
        "customer_memory/customers_by_preferred_stylist",
        (_integer("stylist_id", stylist_id),),
        _customers,
    )


def set_shop(shop_id: int) -> Call[str]:
    """Set the shop context in the transaction that is open; returns what it was before.

    Args:
        shop_id: the shop.

    Raises:
        TypeError: the shop is no integer.
    """
    if not isinstance(shop_id, int) or isinstance(shop_id, bool):
        raise TypeError(f"a shop is an integer, not {shop_id!r}")
    return set_shop_back(str(shop_id))


def set_shop_back(before: str) -> Call[str]:
    """Set the shop context to what `set_shop` returned."""
    return Call("shop_context/set", (before,), _before)


def like(call: Callable[..., Any], first: str) -> Callable[[Function], Function]:
    """Name, documentation and arguments of a call, for a function that takes `first` before them.

    Args:
        call: a function of this module.
        first: what the driver calls its connection.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(call)
        own = inspect.Parameter(first, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        vars(function)["__signature__"] = signature.replace(
            parameters=[own, *signature.parameters.values()]
        )
        function.__name__ = function.__qualname__ = call.__name__
        function.__doc__ = call.__doc__
        return function

    return decorate


def _integer(name: str, value: int) -> str | None:
    """As text: PostgreSQL says itself what is too large, where asyncpg would, in other words."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    return str(int(value))


def _text(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {value!r}")
    if re.search("[\0\ud800-\udfff]", value):
        raise ValueError(f"{name} has a character that PostgreSQL cannot hold: {value!r}")
    return value


def _moment(name: str, value: datetime) -> datetime:
    """The server would take a naive time for one in the time zone of the session."""
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be a datetime, not {value!r}")
    if value.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone, UTC as a rule: {value!r}")
    return value


def _customer(rows: Rows) -> Customer | None:
    return next(iter(_customers(rows)), None)


def _customers(rows: Rows) -> list[Customer]:
    return [Customer(**row) for row in rows]


def _customer_id(rows: Rows) -> int | None:
    [row] = rows
    customer_id: int | None = row["customer_id"]
    return customer_id


def _profile(rows: Rows) -> Profile:
    [row] = rows
    return Profile(**row)


def _confirmation(rows: Rows) -> Confirmation:
    [row] = rows
    values = dict(row)
    is_counted: bool = values.pop("is_counted")
    profile = Profile(**values) if values["customer_id"] is not None else None
    return Confirmation(is_counted, profile)


def _context(rows: Rows) -> CustomerContext:
    [row] = rows
    return CustomerContext(**row)


def _before(rows: Rows) -> str:
    [row] = rows
    return str(row["shop_id"])
