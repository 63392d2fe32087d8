"""What can still deadlock because of a mirror: transactions that take more than one row.

Each of them leaves both sides right, and works the second time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import psycopg
import pytest

from support.bookings import HERE, THERE, held
from support.legacy_replay import new_customers
from support.sessions import Session
from support.sides import drift

_CONFIRM_ONE = "UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = '{held_one}'"
_CONFIRM_OTHER = _CONFIRM_ONE.replace("one", "other")
_CALL_ONE = "SELECT FROM tenancy.record_booking({one}, 1, 1, 1000, '2040-01-01')"
_CALL_OTHER = _CALL_ONE.replace("one", "other")
_NO_SHOW_ONE = "UPDATE public.customers SET no_show_count = 1 WHERE id = {one}"
_NO_SHOW_OTHER = _NO_SHOW_ONE.replace("one", "other")
_CORRECT_ONE = """
    UPDATE public.customer_booking_stats SET total_bookings = 9 WHERE customer_id = {one}
"""
_CORRECT_OTHER = _CORRECT_ONE.replace("one", "other")
_COUNT = """
    UPDATE public.customer_booking_stats
    SET total_bookings = total_bookings + 1, last_booking_at = '2041-06-01'
    WHERE customer_id = {one}
"""
_COUNT_STYLIST = """
    INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
    VALUES ({one}, 1, 9)
"""


@dataclass(frozen=True)
class Meeting:
    """Each does its first thing; then the one waits, and the other closes the circle."""

    first: tuple[str, str]
    waits: str
    closes: str


MEETINGS = {
    "two bookings confirmed in the opposite order": Meeting(
        (_CONFIRM_ONE, _CONFIRM_OTHER), waits=_CONFIRM_OTHER, closes=_CONFIRM_ONE
    ),
    "several calls in one transaction": Meeting(
        (_CALL_ONE, _CALL_OTHER), waits=_CALL_OTHER, closes=_CALL_ONE
    ),
    "statistics and then the customer, without a confirmation": Meeting(
        ("SELECT", _COUNT),
        waits=_NO_SHOW_ONE,
        closes="UPDATE public.customers SET average_spend_cents = 1 WHERE id = {one}",
    ),
    "several bookings of a customer in one transaction": Meeting(
        ("SELECT", f"{_CONFIRM_ONE}; {_COUNT}"),
        waits="""
            UPDATE public.customer_stylist_preferences SET booking_count = 9
            WHERE customer_id = {one} AND stylist_id = 3
        """,
        closes="UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = '{held_next}'",
    ),
    # Without mirrors, one of them finds that the other one made the row (23505).
    "a stylist counted for the first time, in a booking and beside it": Meeting(
        ("SELECT", f"{_CONFIRM_ONE}; {_COUNT}"), waits=_COUNT_STYLIST, closes=_COUNT_STYLIST
    ),
    # As statements do that take both rows.
    "several rows": Meeting(
        (_NO_SHOW_ONE, _CORRECT_OTHER), waits=_NO_SHOW_OTHER, closes=_CORRECT_ONE
    ),
}


@pytest.fixture
def values(phase2_database: str) -> dict[str, object]:
    """Two customers with a profile in shop 1 alone, and held bookings."""
    url = phase2_database
    one, other = new_customers(url, 2)
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
            VALUES (%s, 1, 1), (%s, 1, 1)
            """,
            (one.id, other.id),
        )
        connection.execute(
            """
            INSERT INTO public.customer_stylist_preferences
                (customer_id, stylist_id, booking_count)
            VALUES (%s, 2, 2), (%s, 3, 1)
            """,
            (one.id, one.id),
        )
    return {
        "one": one.id,
        "other": other.id,
        "held_one": held(url, one, HERE).id,
        "held_next": held(url, one, replace(THERE, shop=1, service=3, stylist=3)).id,
        "held_other": held(url, other, THERE).id,
    }


@pytest.mark.parametrize("meeting", MEETINGS.values(), ids=MEETINGS)
def test_one_of_them_is_told_to_try_again(
    phase2_database: str, values: dict[str, object], meeting: Meeting
) -> None:
    url = phase2_database
    patient, victim = Session(url), Session(url)
    for session, timeout in ((patient, "1h"), (victim, "10ms")):
        session.execute(f"SET deadlock_timeout = '{timeout}'")
        session.commit()

    patient.execute(meeting.first[0].format(**values))
    for statement in meeting.first[1].split(";"):
        victim.execute(statement.format(**values))
    waiting = patient.start(meeting.waits.format(**values))
    patient.wait_until_blocked_by(victim)
    with pytest.raises(psycopg.errors.DeadlockDetected):
        victim.execute(meeting.closes.format(**values))
    victim.rollback()
    waiting.result(60)
    patient.commit()
    assert drift(url) == []

    for statement in meeting.first[1].split(";"):
        victim.execute(statement.format(**values))
    if meeting.closes != meeting.waits:  # a row that is there now
        victim.execute(meeting.closes.format(**values))
    victim.commit()
    assert drift(url) == []
    patient.close()
    victim.close()
