"""A database where somebody ran the ADR's own statements, and code that writes that table."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg

from . import bookings
from .cluster import ROOT
from .commands import psql
from .legacy_replay import Booking, Connection

# What somebody may have done besides: an index, a column, names and rights of their own.
USERS = """
    CREATE INDEX prefers ON public.customer_shop_profiles (preferred_stylist_id)
    WHERE preferred_stylist_id IS NOT NULL;
    ALTER TABLE public.customer_shop_profiles
    ADD COLUMN tier varchar(20) COLLATE "C" NOT NULL DEFAULT 'none',
    ADD COLUMN twice integer GENERATED ALWAYS AS (total_bookings * 2) STORED,
    ADD COLUMN likes integer REFERENCES public.services (id) ON DELETE SET NULL,
    ADD CONSTRAINT a_tier CHECK (tier <> ''),
    ADD CONSTRAINT all_in_one CHECK (shop_id > 0 AND total_bookings < 1000);
    ALTER TABLE public.customer_shop_profiles RENAME CONSTRAINT uq_customer_shop_profile TO theirs;
    ALTER INDEX public.idx_customer_shop_profiles_shop RENAME TO "by shop";
    COMMENT ON TABLE public.customer_shop_profiles IS 'Ours, since June.';
    COMMENT ON COLUMN public.customer_shop_profiles.tier IS 'gold, silver or none';
    GRANT SELECT, INSERT, UPDATE ON public.customer_shop_profiles TO pg_monitor;
    GRANT USAGE ON SEQUENCE public.customer_shop_profiles_id_seq TO pg_monitor;
    UPDATE public.customer_shop_profiles SET tier = 'gold' WHERE customer_id % 7 = 0;
"""

ADOPT = ("--set", "adopt=yes")

_COUNT = """
    INSERT INTO public.customer_shop_profiles AS p (
        customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at
    )
    VALUES ($1, $2, 1, $3, $4)
    ON CONFLICT (customer_id, shop_id) DO UPDATE
    SET total_bookings = p.total_bookings + 1,
        total_spend_cents = p.total_spend_cents + excluded.total_spend_cents,
        last_booking_at = excluded.last_booking_at,
        updated_at = now()
"""


def run_the_adr(url: str) -> None:
    """The statements of ADR-0001, word for word."""
    text = (ROOT / "docs/adr-0001.md").read_text()
    psql(url, stdin="\n".join(re.findall(r"```sql\n(.*?)```", text, re.DOTALL)))


def book(connection: Connection, booking: Booking) -> None:
    """The legacy booking, and the profile of its shop, in one transaction."""
    with connection.transaction():
        bookings.legacy(connection, booking, held=False)
        slot = booking.slot
        connection.execute(_COUNT, (booking.customer.id, slot.shop, slot.price, slot.start))


def book_all(url: str, wanted: Sequence[Booking]) -> None:
    """One after the other."""
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        for booking in wanted:
            book(connection, booking)
