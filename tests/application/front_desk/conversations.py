"""Chat and voice: what the model is told of the customer."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from .customer_memory import get_customer, get_or_create_customer
from .database import Session
from .models import CustomerBookingStats, Stylist

router = APIRouter()


class Chat(BaseModel):
    """Somebody writes to a salon."""

    shop_id: int
    email: str | None
    phone: str | None


class Call(BaseModel):
    """Somebody calls a salon."""

    shop_id: int
    phone: str


@router.post("/chat")
async def chat(request: Chat, session: Session) -> str:
    """What the prompt says of the customer."""
    customer = await get_customer(session, request.email, request.phone)
    if customer is None:
        return ""
    statistics = await session.get(CustomerBookingStats, customer.id)
    stylist = await session.get(Stylist, customer.preferred_stylist_id or 0)
    return (
        f"{customer.name} booked {statistics.total_bookings if statistics else 0} times,"
        f" for {customer.average_spend_cents / 100:.2f} on average,"
        f" and prefers {stylist.name if stylist else 'nobody'}."
    )


@router.post("/voice")
async def voice(request: Call, session: Session) -> str:
    """What the caller hears; who calls is a customer from then on."""
    customer = await get_or_create_customer(session, None, request.phone, None)
    if customer is None:
        return "Hello!"
    stylist = await session.get(Stylist, customer.preferred_stylist_id or 0)
    again = f" Would you like to see {stylist.name} again?" if stylist else ""
    heard = f"Hello {customer.name or 'there'}!{again}"
    await session.commit()
    return heard
