"""What each process does before it serves: the tables are made, and altered."""

from __future__ import annotations

from sqlalchemy import text

from .database import engine
from .models import Base

ALTERS = (
    "ALTER TABLE bookings ADD COLUMN IF NOT EXISTS internal_notes text",
    "ALTER TABLE customers ALTER COLUMN email DROP NOT NULL",
    "ALTER TABLE customers ADD COLUMN IF NOT EXISTS no_show_count integer NOT NULL DEFAULT 0",
    "ALTER TABLE stylists ADD COLUMN IF NOT EXISTS pin_hash varchar(64)",
)


async def make_tables() -> None:
    """Each statement changes nothing where it is done already."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for alter in ALTERS:
            await connection.execute(text(alter))
