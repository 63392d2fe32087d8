"""A slot is held, booked, given up."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from .customer_memory import (
    get_or_create_customer,
    normalize_email,
    normalize_phone,
    update_customer_stats,
)
from .database import Session
from .models import Booking, BookingStatus, Service

router = APIRouter()


class Hold(BaseModel):
    """A slot, and who wants it."""

    shop_id: int
    service_id: int
    stylist_id: int
    start_at_utc: datetime
    customer_name: str | None
    customer_email: str | None
    customer_phone: str | None


class Confirm(BaseModel):
    """A slot that is held."""

    booking_id: uuid.UUID


@router.post("/bookings/hold")
async def hold(request: Hold, session: Session) -> uuid.UUID:
    """The slot is held until it is confirmed."""
    service = await session.get_one(Service, request.service_id)
    end = request.start_at_utc + timedelta(minutes=service.duration_minutes)
    booking = Booking(**request.model_dump(), end_at_utc=end, status=BookingStatus.HOLD)
    booking.customer_email = normalize_email(request.customer_email) or request.customer_email
    booking.customer_phone = normalize_phone(request.customer_phone) or request.customer_phone
    session.add(booking)
    await session.flush()
    booking_id = booking.id
    await session.commit()
    return booking_id


async def confirm_booking(session: AsyncSession, booking_id: uuid.UUID) -> None:
    """The slot is booked, and counted for its customer."""
    booking = await session.get_one(Booking, booking_id)
    if booking.status is BookingStatus.CONFIRMED:
        return
    service = await session.get_one(Service, booking.service_id)
    booking.status = BookingStatus.CONFIRMED
    customer = await get_or_create_customer(
        session, booking.customer_email, booking.customer_phone, booking.customer_name
    )
    if customer is not None:
        await update_customer_stats(
            session, customer, booking.stylist_id, service.price_cents, booking.start_at_utc
        )


@router.post("/bookings/confirm")
async def confirm(request: Confirm, session: Session) -> None:
    """The customer said yes."""
    await confirm_booking(session, request.booking_id)
    await session.commit()


@router.delete("/bookings/{booking_id}")
async def cancel(booking_id: uuid.UUID, session: Session) -> None:
    """By the owner of the salon; what was counted stays counted."""
    await session.delete(await session.get_one(Booking, booking_id))
    await session.commit()
