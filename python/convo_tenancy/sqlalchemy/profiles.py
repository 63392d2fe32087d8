"""The profiles as a mapped class of the application."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapped, declared_attr

_TABLE = Table(
    "customer_shop_profiles",
    # Not the application's: its create_all() would make the table before phase 1 does.
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("customer_id", Integer, nullable=False),
    Column("shop_id", Integer, nullable=False),
    Column("preferred_stylist_id", Integer),
    Column("total_bookings", Integer, nullable=False),
    Column("total_spend_cents", Integer, nullable=False),
    Column("last_booking_at", DateTime(timezone=True)),
    Column("no_show_count", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    schema="public",
)


class CustomerShopProfileMixin:
    """A row of `customer_shop_profiles`: what one shop knows of a customer.

        class CustomerShopProfile(CustomerShopProfileMixin, Base):
            pass

    With any declarative base. The table is in phases 1 to 3, and stays in a MetaData of its own:
    the application's `create_all()` never makes it, which `sqitch deploy --to @phase1` does. So a
    relationship has to say its `primaryjoin`, and `viewonly=True`.

    It is for reading. What the application computes from a row that it read would undo what others
    counted meanwhile, so a flush refuses to write one: `update_customer_stats` counts bookings,
    `tenancy.record_no_show` and `tenancy.set_preferred_stylist` are the other calls.

    Attributes:
        id: surrogate key.
        customer_id: the customer.
        shop_id: the shop; unique with the customer.
        preferred_stylist_id: the stylist of this shop whom the customer prefers, or None.
        total_bookings: bookings that were counted here.
        total_spend_cents: list price of their primary services, in cents.
        last_booking_at: start of the booking that was counted last; aware.
        no_show_count: bookings that the customer did not keep.
        created_at: when the profile was made.
        updated_at: when it was last written.
    """

    if TYPE_CHECKING:
        id: Mapped[int]
        customer_id: Mapped[int]
        shop_id: Mapped[int]
        preferred_stylist_id: Mapped[int | None]
        total_bookings: Mapped[int]
        total_spend_cents: Mapped[int]
        last_booking_at: Mapped[datetime | None]
        no_show_count: Mapped[int]
        created_at: Mapped[datetime]
        updated_at: Mapped[datetime]
    else:

        @declared_attr.directive
        def __table__(cls) -> Table:
            return _TABLE


def _refuse(mapper: object, connection: object, profile: Any) -> None:
    raise InvalidRequestError(
        f"{type(profile).__name__} is for reading: count a booking with update_customer_stats,"
        " or call tenancy.record_no_show or tenancy.set_preferred_stylist"
    )


for _name in ("before_insert", "before_update", "before_delete"):
    event.listen(CustomerShopProfileMixin, _name, _refuse, propagate=True)
