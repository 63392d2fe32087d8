"""No mirror and no call makes a plan for each row: the server itself says how many it makes."""

from __future__ import annotations

import psycopg
import pytest

from support.at_once import move_to
from support.soak import share

# More than a statement makes once, in a new session; less than it has rows.
PLANS = 120
ROWS = 250

CUSTOMERS = f"(SELECT id FROM public.customers ORDER BY id LIMIT {ROWS})"
STATEMENTS = {
    "no-shows": f"""
        UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id IN {CUSTOMERS}
    """,
    "a preference": f"""
        UPDATE public.customers SET preferred_stylist_id = 1 + id % 9 WHERE id IN {CUSTOMERS}
    """,
    "no preference": f"""
        UPDATE public.customers SET preferred_stylist_id = NULL WHERE id IN {CUSTOMERS}
    """,
    "new customers": f"""
        INSERT INTO public.customers (
            email, preferred_stylist_id, average_spend_cents, no_show_count
        )
        SELECT 'new.' || n || '@example.test', 1, 0, 1 FROM generate_series(1, {ROWS}) AS n
    """,
    "bookings": f"""
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id IN {CUSTOMERS}
    """,
    "less spend": f"""
        UPDATE public.customer_booking_stats SET total_spend_cents = 0
        WHERE customer_id IN {CUSTOMERS}
    """,
    "last bookings": f"""
        UPDATE public.customer_booking_stats SET last_booking_at = '2040-01-01'
        WHERE customer_id IN {CUSTOMERS}
    """,
    "no last bookings": f"""
        UPDATE public.customer_booking_stats SET last_booking_at = NULL
        WHERE customer_id IN {CUSTOMERS}
    """,
    "statistics deleted": f"""
        DELETE FROM public.customer_booking_stats WHERE customer_id IN {CUSTOMERS}
    """,
    "counts": f"""
        UPDATE public.customer_stylist_preferences SET booking_count = booking_count + 1
        WHERE customer_id IN {CUSTOMERS}
    """,
    "lower counts": f"""
        UPDATE public.customer_stylist_preferences SET booking_count = 0
        WHERE customer_id IN {CUSTOMERS}
    """,
    "counts deleted": f"""
        DELETE FROM public.customer_stylist_preferences WHERE customer_id IN {CUSTOMERS}
    """,
    "profiles": f"""
        UPDATE public.customer_shop_profiles
        SET
            total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 1,
            last_booking_at = NULL, no_show_count = no_show_count + 1, preferred_stylist_id = NULL
        WHERE customer_id IN {CUSTOMERS}
    """,
    "profiles deleted": f"""
        DELETE FROM public.customer_shop_profiles WHERE customer_id IN {CUSTOMERS}
    """,
    "confirmed without a phone": f"""
        UPDATE public.bookings SET status = 'CONFIRMED'
        WHERE id IN (
            SELECT id FROM public.bookings
            WHERE status = 'HOLD' AND customer_phone IS NULL LIMIT {ROWS}
        )
    """,
    "calls": f"""
        SELECT c.id FROM {CUSTOMERS} AS c
        WHERE (tenancy.record_booking(c.id, 1, 1, 100, '2040-01-01')).id IS NOT NULL
    """,
    "calls that prefer nobody": f"""
        SELECT c.id FROM {CUSTOMERS} AS c
        WHERE (tenancy.set_preferred_stylist(c.id, 1, NULL)).id IS NOT NULL
    """,
    "calls without a phone": f"""
        SELECT tenancy.get_or_create_customer('new.' || n || '@example.test', NULL, 'New')
        FROM generate_series(1, {ROWS}) AS n
    """,
}


@pytest.mark.parametrize("name", share([*STATEMENTS], 2))
def test_plans_do_not_grow_with_the_rows(phase2_database: str, name: str) -> None:
    with psycopg.connect(phase2_database) as connection:
        connection.execute(
            """
            UPDATE public.bookings SET status = 'HOLD', customer_phone = NULL
            WHERE customer_email IS NOT NULL
            """
        )
        connection.commit()
        plans = []
        connection.add_notice_handler(
            lambda message: plans.append(message.message_primary == "PLANNER STATISTICS")
        )
        connection.execute("SET client_min_messages = log")
        connection.execute("SET log_planner_stats = on")
        rows = connection.execute(STATEMENTS[name]).rowcount
        print(f"{rows} rows, {sum(plans)} plans")
        assert rows >= ROWS * 0.8
        assert 0 < sum(plans) <= PLANS


# --- A young shop

_CONFIRMED = (
    "UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = md5(%(customer)s::text)::uuid"
)
_SALON = """
INSERT INTO public.services (shop_id, name, duration_minutes, price_cents)
VALUES (1, 'Cut', 30, 4500);
INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
VALUES (101, 1, 'Ann', '09:00', '17:00', TRUE)
"""
_GUESTS = """
INSERT INTO public.customers (id, phone, email, average_spend_cents, no_show_count)
SELECT n, '+1602' || n, n || '@example.test', 0, 0 FROM generate_series(%s::integer, %s) AS n;
INSERT INTO public.bookings (
    id, shop_id, service_id, stylist_id, customer_phone, discount_cents,
    start_at_utc, end_at_utc, status, hold_expires_at_utc
)
SELECT
    md5(n::text)::uuid, 1, (SELECT min(id) FROM public.services), 101,
    '+1602' || n, 0, start_at, start_at + interval '1 hour', 'HOLD', '2040-01-01'
FROM generate_series(%s::integer, %s) AS n
CROSS JOIN LATERAL (
    SELECT '2035-01-01 00:00+00'::timestamptz + n * interval '1 hour' AS start_at
) AS t
"""
# What mirrors look into, and what was empty.
_OURS = """
INSERT INTO tenancy.unproven_bookings (booking_id)
SELECT gen_random_uuid() FROM generate_series(1, %(rows)s);
INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)
SELECT 'other', 'other', 1, now() FROM generate_series(1, %(rows)s)
"""
WRITES = {
    "a booking": (
        _CONFIRMED,
        """
        INSERT INTO public.customer_booking_stats (
            customer_id, total_bookings, total_spend_cents, last_booking_at
        )
        SELECT %(customer)s, 1, 4500, start_at_utc FROM public.bookings
        WHERE id = md5(%(customer)s::text)::uuid
        """,
        """
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        SELECT %(customer)s, stylist_id, 1 FROM public.bookings
        WHERE id = md5(%(customer)s::text)::uuid
        """,
        """
        UPDATE public.customer_booking_stats SET total_spend_cents = 4600
        WHERE customer_id = %(customer)s
        """,
        """
        UPDATE public.customer_stylist_preferences SET booking_count = 2
        WHERE customer_id = %(customer)s
        """,
    ),
    "what the customer is": (
        "UPDATE public.customers SET no_show_count = 1 WHERE id = %(customer)s",
        "UPDATE public.customers SET preferred_stylist_id = 101 WHERE id = %(customer)s",
    ),
    "a call": ("SELECT tenancy.confirm_booking(md5(%(customer)s::text)::uuid, 1)",),
    "calls": (
        "SELECT tenancy.get_or_create_customer(%(customer)s || '@example.test', NULL, 'Ann')",
        "SELECT tenancy.record_booking(%(customer)s, 1, 101, 4500, '2036-01-01')",
        "SELECT tenancy.record_no_show(%(customer)s, 1)",
        "SELECT tenancy.set_preferred_stylist(%(customer)s, 1, 101)",
        "SELECT tenancy.customer_context(%(customer)s, 1)",
        "SELECT tenancy.customer_by_phone('+1602' || %(customer)s)",
        "SELECT tenancy.customer_by_email(%(customer)s || '@example.test')",
    ),
    "a profile": (
        "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (%(customer)s, 1)",
        """
        UPDATE public.customer_shop_profiles SET total_bookings = 3, no_show_count = 1
        WHERE customer_id = %(customer)s
        """,
        "DELETE FROM public.customer_shop_profiles WHERE customer_id = %(customer)s",
    ),
}
FIRST, FEW, MANY = 1001, 1020, 6000


@pytest.mark.parametrize("writes", WRITES.values(), ids=WRITES)
def test_a_session_from_when_the_shop_was_young(
    legacy_database: str, writes: tuple[str, ...]
) -> None:
    """No plan from then reads a table that has grown since, page by page."""
    move_to(legacy_database, "@phase2")
    with (
        psycopg.connect(legacy_database) as old,
        psycopg.connect(legacy_database, autocommit=True) as other,
    ):
        tables = "customers, customer_booking_stats, customer_stylist_preferences, bookings"
        for table in f"{tables}, customer_shop_profiles".split(", "):
            other.execute(f"ALTER TABLE public.{table} SET (autovacuum_enabled = FALSE)")
        for table in ("unproven_bookings", "legacy_writes"):
            other.execute(f"ALTER TABLE tenancy.{table} SET (autovacuum_enabled = FALSE)")
        with psycopg.ClientCursor(other) as cursor:
            cursor.execute(_SALON)
            cursor.execute(_GUESTS, (FIRST, FEW, FIRST, FEW))
            other.execute("ANALYZE")
            for customer in range(FIRST, FEW):
                for write in writes:
                    old.execute(write, {"customer": customer})
                old.commit()
            cursor.execute(_GUESTS, (FEW + 1, MANY, FEW + 1, MANY))
            cursor.execute(_OURS, {"rows": MANY})
        old.execute("SELECT pg_stat_force_next_flush()")  # what was read until now
        old.commit()
        for write in writes:
            old.execute(write, {"customer": MANY}, prepare=False)
        read = old.execute(
            """
            SELECT relname FROM pg_stat_xact_user_tables
            WHERE schemaname IN ('public', 'tenancy') AND seq_tup_read > 100
            """
        ).fetchall()
    # PostgreSQL keeps its own plan for the foreign key of what the client itself inserts.
    inserts = any("INSERT" in write for write in writes)
    assert {table for (table,) in read} <= ({"customers"} if inserts else set())
