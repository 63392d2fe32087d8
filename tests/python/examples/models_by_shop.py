"""The application's models when its code has moved: they work in phases 2 and 3."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from convo_tenancy.sqlalchemy import CustomerShopProfileMixin


class Base(DeclarativeBase):
    """The application's own."""


class Customer(Base):
    """A customer of all shops, without the three columns that phase 3 removes."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    phone: Mapped[str | None]
    name: Mapped[str | None]

    profiles: Mapped[list[CustomerShopProfile]] = relationship(
        primaryjoin=lambda: Customer.id == foreign(CustomerShopProfile.customer_id),
        viewonly=True,
    )


class CustomerShopProfile(CustomerShopProfileMixin, Base):
    """What one shop knows about a customer."""
