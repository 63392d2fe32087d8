"""The note that a confirmed booking leaves for the statistics ends with its transaction."""

from __future__ import annotations

import psycopg
import pytest


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_the_note_ends_with_its_transaction(phase2_database: str, ending: str) -> None:
    with psycopg.connect(phase2_database, autocommit=True) as connection:
        found = connection.execute(
            """
            SELECT c.id, b.id, b.shop_id
            FROM public.customers AS c CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b
            WHERE b.status = 'CONFIRMED' AND b.shop_id <> 1
            ORDER BY c.id, b.id LIMIT 1
            """
        ).fetchone()
        assert found
        customer, booking, shop = found

        def attributed() -> int:
            row = connection.execute("SELECT tenancy.attributed_shop(%s)", (customer,)).fetchone()
            assert row
            return int(row[0])

        confirm = "UPDATE public.bookings SET status = %s WHERE id = %s"
        connection.execute(confirm, ("HOLD", booking))
        connection.execute("BEGIN")
        connection.execute(confirm, ("CONFIRMED", booking))
        assert attributed() == shop
        connection.execute(ending)
        assert attributed() == 1
