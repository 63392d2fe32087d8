"""The tables."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import DateTime, Enum, ForeignKey, String, Text, UniqueConstraint, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The application's tables, in schema public."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class Shop(Base):
    """A salon."""

    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)


class Stylist(Base):
    """Works in one shop."""

    __tablename__ = "stylists"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey(Shop.id), index=True)
    name: Mapped[str] = mapped_column(String(255))


class Service(Base):
    """Offered by one shop."""

    __tablename__ = "services"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey(Shop.id), index=True)
    duration_minutes: Mapped[int]
    price_cents: Mapped[int]


class BookingStatus(enum.Enum):
    """Of a booking."""

    HOLD = "HOLD"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"


class Booking(Base):
    """Names its customer by email and phone only."""

    __tablename__ = "bookings"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    shop_id: Mapped[int] = mapped_column(ForeignKey(Shop.id), index=True)
    service_id: Mapped[int] = mapped_column(ForeignKey(Service.id), index=True)
    stylist_id: Mapped[int] = mapped_column(ForeignKey(Stylist.id), index=True)
    customer_name: Mapped[str | None] = mapped_column(String(255))
    customer_email: Mapped[str | None] = mapped_column(String(255), index=True)
    customer_phone: Mapped[str | None] = mapped_column(String(32), index=True)
    discount_cents: Mapped[int] = mapped_column(default=0)
    start_at_utc: Mapped[datetime]
    end_at_utc: Mapped[datetime]
    status: Mapped[BookingStatus] = mapped_column(Enum(BookingStatus, name="bookingstatus"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Customer(Base):
    """Of all salons."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(String(255), unique=True)
    phone: Mapped[str | None] = mapped_column(String(32), index=True)
    name: Mapped[str | None] = mapped_column(String(255))
    preferred_stylist_id: Mapped[int | None] = mapped_column(ForeignKey(Stylist.id))
    average_spend_cents: Mapped[int] = mapped_column(default=0)
    no_show_count: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerStylistPreference(Base):
    """How often a customer booked a stylist."""

    __tablename__ = "customer_stylist_preferences"
    __table_args__ = (UniqueConstraint("customer_id", "stylist_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    stylist_id: Mapped[int] = mapped_column(ForeignKey(Stylist.id))
    booking_count: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerServicePreference(Base):
    """How a customer likes a service to be done."""

    __tablename__ = "customer_service_preferences"
    __table_args__ = (UniqueConstraint("customer_id", "service_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    service_id: Mapped[int] = mapped_column(ForeignKey(Service.id))
    preferred_style_text: Mapped[str | None] = mapped_column(Text)
    updated_at_utc: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CustomerBookingStats(Base):
    """What a customer booked in all salons."""

    __tablename__ = "customer_booking_stats"

    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    total_bookings: Mapped[int] = mapped_column(default=0)
    total_spend_cents: Mapped[int] = mapped_column(default=0)
    last_booking_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
