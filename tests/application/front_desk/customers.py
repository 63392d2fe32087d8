"""What the owner of a salon sees of customers, and what customers choose."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .customer_memory import get_customer, get_customers_by_preferred_stylist
from .database import Session
from .models import CustomerBookingStats, CustomerServicePreference

router = APIRouter()


class Who(BaseModel):
    """A customer."""

    email: str | None
    phone: str | None


class Figures(BaseModel):
    """Of a customer."""

    name: str | None
    preferred_stylist_id: int | None
    total_bookings: int
    average_spend_cents: int
    no_show_count: int


class Preferences(Who):
    """What a customer asks for."""

    stylist_id: int
    service_id: int
    style: str


@router.post("/shops/{shop_id}/customers")
async def look_up(shop_id: int, request: Who, session: Session) -> Figures:
    """One customer."""
    customer = await get_customer(session, request.email, request.phone)
    if customer is None:
        raise HTTPException(404)
    statistics = await session.get(CustomerBookingStats, customer.id)
    return Figures(
        name=customer.name,
        preferred_stylist_id=customer.preferred_stylist_id,
        total_bookings=statistics.total_bookings if statistics else 0,
        average_spend_cents=customer.average_spend_cents,
        no_show_count=customer.no_show_count,
    )


@router.get("/stylists/{stylist_id}/customers")
async def of_stylist(stylist_id: int, session: Session) -> list[str | None]:
    """The names of who prefers a stylist."""
    customers = await get_customers_by_preferred_stylist(session, stylist_id)
    return [customer.name for customer in customers]


async def choose(session: AsyncSession, request: Preferences) -> None:
    """A stylist, and how a service is done."""
    customer = await get_customer(session, request.email, request.phone)
    if customer is None:
        raise HTTPException(404)
    customer.preferred_stylist_id = request.stylist_id
    preferences = select(CustomerServicePreference).filter_by(customer_id=customer.id)
    preference = await session.scalar(preferences.filter_by(service_id=request.service_id))
    if preference is None:
        preference = CustomerServicePreference(
            customer_id=customer.id, service_id=request.service_id
        )
        session.add(preference)
    preference.preferred_style_text = request.style


@router.put("/shops/{shop_id}/preferences")
async def prefer(shop_id: int, request: Preferences, session: Session) -> None:
    """A customer chooses."""
    await choose(session, request)
    await session.commit()
