"""What a backfill leaves that is through, whoever worked on it."""

from __future__ import annotations

from .commands import value
from .profiles import wrong_profiles


def assert_all_right(url: str) -> None:
    """Every customer has the profiles of the rule, each is counted once, and it is finished."""
    assert wrong_profiles(url) == []
    counted = "SELECT customers_done, profiles_written FROM tenancy.backfill_progress"
    there = "SELECT count(DISTINCT customer_id), count(*) FROM public.customer_shop_profiles"
    assert value(url, counted) == value(url, there)
    assert value(url, "SELECT finished_at IS NOT NULL FROM tenancy.backfill_progress") == "t"
    begun_anew = "SELECT bool_and(next_id = first_id) FROM tenancy.backfill_ranges"
    assert value(url, begun_anew) == "t"
