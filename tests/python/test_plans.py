"""No mirror and no call makes a plan for each row: the server itself says how many it makes."""

from __future__ import annotations

import psycopg
import pytest

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


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_plans_do_not_grow_with_the_rows(phase2_database: str, statement: str) -> None:
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
        rows = connection.execute(statement).rowcount
        print(f"{rows} rows, {sum(plans)} plans")
        assert rows >= ROWS * 0.8
        assert 0 < sum(plans) <= PLANS
