"""The statement for the usual write to the statistics does what the general rule does."""

from __future__ import annotations

import random
from typing import Any

import psycopg

SEED = 20261129
CASES = 300
CUSTOMER, OTHER = 900001, 900002

TRIGGER = "tenancy.mirror_statistics_to_profiles()"
USUAL = "ELSIF TG_OP = 'UPDATE' AND"

# What the mirror leaves: of the customer, of the transaction, and on record.
LEFT = """
SELECT
    (SELECT (s.total_bookings, s.total_spend_cents, s.last_booking_at)::text
    FROM public.customer_booking_stats AS s WHERE s.customer_id = %(customer)s),
    (SELECT c.average_spend_cents FROM public.customers AS c WHERE c.id = %(customer)s),
    (SELECT array_agg(
        (p.shop_id, p.total_bookings, p.total_spend_cents, p.last_booking_at, p.no_show_count)::text
        ORDER BY p.shop_id
    ) FROM public.customer_shop_profiles AS p WHERE p.customer_id = %(customer)s),
    (SELECT array_agg((w.shop_id, w.application_name)::text) FROM tenancy.legacy_writes AS w),
    (SELECT count(*) FROM tenancy.double_writes),
    current_setting('tenancy.confirmed', TRUE),
    current_setting('tenancy.written_legacy', TRUE),
    current_setting('tenancy.mirroring', TRUE)
"""


def test_as_the_general_rule(phase2_database: str) -> None:
    print(f"seed {SEED}")
    with psycopg.connect(phase2_database) as connection:
        shops = [
            shop
            for (shop,) in connection.execute("SELECT id FROM public.shops ORDER BY id LIMIT 3")
        ]
        for customer in (CUSTOMER, OTHER):
            connection.execute(
                """
                INSERT INTO public.customers (id, average_spend_cents, no_show_count)
                VALUES (%s, 0, 0)
                """,
                (customer,),
            )
        usual = [_play(connection, case, shops) for case in range(CASES)]
        definition = _only(connection, f"SELECT pg_get_functiondef('{TRIGGER}'::regprocedure)")
        assert definition.count(USUAL) == 1
        connection.execute(definition.replace(USUAL, "ELSIF FALSE AND"))
        general = [_play(connection, case, shops) for case in range(CASES)]
        connection.rollback()
    different = [
        (case, one, other)
        for case, (one, other) in enumerate(zip(usual, general, strict=True))
        if one != other
    ]
    assert not different, different[:3]
    assert len({str(one) for one in usual}) > CASES / 3


def _play(connection: psycopg.Connection, case: int, shops: list[int]) -> tuple[Any, ...]:
    """Make a state, write to the statistics, look, and take it all back."""
    dice = random.Random(SEED + case)  # noqa: S311
    days = [None, *(f"2030-01-0{day}" for day in range(1, 5))]
    held = [
        (shop, dice.randint(0, 3), dice.choice([0, 4500, 9000]), dice.choice(days))
        for shop in dice.sample(shops, dice.randint(0, 3))
    ]
    agrees = dice.random() < 0.7
    bookings = sum(each[1] for each in held) if agrees else dice.randint(0, 6)
    spend = sum(each[2] for each in held) if agrees else dice.choice([0, 4500, 20000])
    last = dice.choice(days)
    new_last = dice.choice([last, *days])
    notes = dice.choice(
        [
            "",
            "",
            *[_note(connection, CUSTOMER, new_last, dice.choice(shops))] * 4,
            _note(connection, OTHER, new_last, shops[0]),
            _note(connection, CUSTOMER, "2030-02-01", shops[0]),
            _note(connection, CUSTOMER, new_last, shops[0])
            + _note(connection, CUSTOMER, "2030-01-01", shops[1]),
            _note(connection, OTHER, new_last, shops[1])
            + _note(connection, CUSTOMER, new_last, shops[0]),
        ]
    )
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SELECT set_config('tenancy.mirroring', 'on', TRUE)")
            for each in held:
                connection.execute(
                    """
                    INSERT INTO public.customer_shop_profiles (
                        customer_id, shop_id, total_bookings, total_spend_cents, last_booking_at
                    )
                    VALUES (%s, %s, %s, %s, %s)
                    """,
                    (CUSTOMER, *each),
                )
            connection.execute(
                "INSERT INTO public.customer_booking_stats VALUES (%s, %s, %s, %s)",
                (CUSTOMER, bookings, spend, last),
            )
            connection.execute(
                "UPDATE public.customers SET average_spend_cents = %s WHERE id = %s",
                (dice.choice([0, 4500]), CUSTOMER),
            )
            connection.execute("DELETE FROM tenancy.legacy_writes")
            for name, value in {
                "tenancy.mirroring": "",
                "tenancy.confirmed": notes,
                "tenancy.written_legacy": "",
                "tenancy.written_profiles": dice.choice(["", "", f",{CUSTOMER} bookings,"]),
                "app.current_shop_id": dice.choice(["", "", "", str(shops[2])]),
            }.items():
                connection.execute("SELECT set_config(%s, %s, TRUE)", (name, value))
            connection.execute(
                """
                UPDATE public.customer_booking_stats
                SET total_bookings = %s, total_spend_cents = %s, last_booking_at = %s
                WHERE customer_id = %s
                """,
                (
                    max(0, bookings + dice.choice([1, 1, 1, 0, 2, -1])),
                    max(0, spend + dice.choice([4500, 4500, 0, -4500])),
                    new_last,
                    CUSTOMER,
                ),
            )
            row = connection.execute(LEFT, {"customer": CUSTOMER}).fetchone()
            assert row is not None
            return row
    except psycopg.Error as error:
        return (error.sqlstate, str(error).splitlines()[0])


def _note(connection: psycopg.Connection, customer: int, start: str | None, shop: int) -> str:
    note = _only(
        connection, f"SELECT tenancy.note_of_booking({customer}, %s)", start or "2030-03-01"
    )
    return f"{note}{shop}"


def _only(connection: psycopg.Connection, query: str, *values: object) -> str:
    row = connection.execute(query, values or None).fetchone()
    assert row is not None
    return str(row[0])
