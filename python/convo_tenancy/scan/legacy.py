"""The legacy side by its names, and what to use instead."""

from __future__ import annotations

STATISTICS = "customer_booking_stats"
CUSTOMERS = "customers"
PROFILES = "customer_shop_profiles"
STYLISTS = "stylists"
PREFERRED = "preferred_stylist_id"

_CONTEXT = "tenancy.customer_context()"

COLUMNS = {
    "preferred_stylist_id": f"write with tenancy.set_preferred_stylist(), read {_CONTEXT}"
    f" or {PROFILES}.preferred_stylist_id",
    "average_spend_cents": f"do not write it, read {_CONTEXT}, or tenancy.customer_totals for all"
    " shops",
    "no_show_count": f"write with tenancy.record_no_show(), read {_CONTEXT}"
    f" or {PROFILES}.no_show_count",
}
"""The columns of customers that go, each with what to use instead."""

STATISTICS_COLUMNS = ("total_bookings", "total_spend_cents", "last_booking_at")

_STATISTICS_INSTEAD = (
    f"write with tenancy.record_booking(), read {_CONTEXT} or {PROFILES},"
    " or tenancy.customer_totals for all shops"
)


def column(name: str) -> str:
    """A column of customers as a target: "customers.no_show_count"."""
    return f"{CUSTOMERS}.{name}"


def instead_of(target: str) -> str:
    """What to use instead of a target: a column of customers, the statistics or one of theirs."""
    table, _, name = target.partition(".")
    return COLUMNS[name] if table == CUSTOMERS else _STATISTICS_INSTEAD
