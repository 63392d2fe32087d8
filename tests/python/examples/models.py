"""What the examples need of the legacy application's models."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import DateTime, Enum, ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The application's tables, in schema public."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class BookingStatus(enum.Enum):
    """Of a booking."""

    HOLD = "HOLD"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"


class Stylist(Base):
    """Works in one shop."""

    __tablename__ = "stylists"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int]
    name: Mapped[str]


class Service(Base):
    """Offered by one shop."""

    __tablename__ = "services"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int]
    price_cents: Mapped[int]


class Booking(Base):
    """Names its customer by email and phone only."""

    __tablename__ = "bookings"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[int]
    service_id: Mapped[int] = mapped_column(ForeignKey(Service.id))
    stylist_id: Mapped[int] = mapped_column(ForeignKey(Stylist.id))
    customer_name: Mapped[str | None]
    customer_email: Mapped[str | None]
    customer_phone: Mapped[str | None]
    start_at_utc: Mapped[datetime]
    status: Mapped[BookingStatus] = mapped_column(Enum(BookingStatus, name="bookingstatus"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Customer(Base):
    """Of all shops."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    phone: Mapped[str | None]
    name: Mapped[str | None]
    preferred_stylist_id: Mapped[int | None] = mapped_column(ForeignKey(Stylist.id))
    average_spend_cents: Mapped[int] = mapped_column(default=0)
    no_show_count: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerBookingStats(Base):
    """Of a customer, over all shops."""

    __tablename__ = "customer_booking_stats"
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    total_bookings: Mapped[int]
    total_spend_cents: Mapped[int]
    last_booking_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerStylistPreference(Base):
    """How often a customer booked a stylist."""

    __tablename__ = "customer_stylist_preferences"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    stylist_id: Mapped[int] = mapped_column(ForeignKey(Stylist.id))
    booking_count: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
