"""Legacy bookings, the SQL API and raw DML on the same few customers, by eight clients at once.

RACE_TRANSACTIONS says how many transactions; a soak takes 100,000.
"""

from __future__ import annotations

import os

import pytest

from support.commands import execute, value
from support.legacy_replay import Customer, customers_with_history, make_bookings, new_customers
from support.race import CORRECTIONS, RAW, amounts, deadlocks, race
from support.sides import drift
from support.soak import SOAK

SEED = 20261123
TRANSACTIONS = int(os.environ.get("RACE_TRANSACTIONS", "100000" if SOAK else "1500"))

BOOKINGS_AND_CALLS = {
    "legacy booking": 40,
    "legacy booking not held": 5,
    "record_booking": 15,
    "confirm_booking": 15,
    "record_no_show": 12,
    "set_preferred_stylist": 13,
    **dict.fromkeys(CORRECTIONS, 5),
}


@pytest.fixture
def url(phase2_database: str) -> str:
    """Five shops."""
    execute(
        phase2_database,
        """
        WITH shop AS (INSERT INTO public.shops (name) VALUES ('Fifth') RETURNING id),
        stylist AS (
            INSERT INTO public.stylists (shop_id, name, work_start, work_end, active)
            SELECT id, 'Stylist ' || n, '09:00', '17:00', TRUE
            FROM shop CROSS JOIN generate_series(1, 3) AS n
        )
        INSERT INTO public.services (shop_id, name, duration_minutes, price_cents)
        SELECT id, 'Service ' || n, 30, n * 1500 FROM shop CROSS JOIN generate_series(1, 3) AS n
        """,
    )
    return phase2_database


@pytest.fixture
def customers(url: str) -> list[Customer]:
    """Half of them never booked before."""
    return [*customers_with_history(url, 10, SEED), *new_customers(url, 10)]


def test_legacy_bookings_api_calls_and_corrections(url: str, customers: list[Customer]) -> None:
    """Nobody fails or is tried twice, and both sides count what was committed."""
    print(f"seed {SEED}, {TRANSACTIONS} transactions")
    bookings = make_bookings(url, customers, TRANSACTIONS, SEED)
    before = amounts(url, customers)
    deadlocks_before = deadlocks(url)

    result = race(url, customers, bookings, BOOKINGS_AND_CALLS, seed=SEED)

    print(result)
    assert (result.errors, result.given_up, result.found_gone) == ({}, {}, {})
    assert result.committed.total() == TRANSACTIONS
    assert deadlocks(url) == deadlocks_before
    assert amounts(url, customers) == before + result.amounts
    assert drift(url) == []
    assert value(url, "SELECT count(*) FROM tenancy.double_writes") == "0"


def test_with_raw_dml_and_deletions(url: str, customers: list[Customer]) -> None:
    """Both sides agree, and who failed was told to try again or lost the customer."""
    transactions = TRANSACTIONS // 2  # deadlocks take their time
    print(f"seed {SEED}, {transactions} transactions")
    bookings = make_bookings(url, customers, transactions, SEED)
    # Raw DML deadlocks. That need not take a second each time.
    impatient = f"{url}&options=-c%20deadlock_timeout%3D20ms"
    kinds = BOOKINGS_AND_CALLS | dict.fromkeys(RAW, 4) | {"customer deleted": 1}
    del kinds["confirm_booking"]  # it would make anew who is deleted

    result = race(impatient, customers, bookings, kinds, seed=SEED)

    print(result)
    assert {*result.errors} <= {"40P01", "40001", "55P03"}
    assert {*result.committed} == {*kinds}
    assert {*result.found_gone} <= result.deleted
    assert drift(url) == []
