"""The gate of the contract: triggers of the dual write, as it asks for them under its lock."""

from __future__ import annotations

import pytest

from support.commands import execute, value

FOUND = "SELECT q.name, q.detail FROM tenancy.quick_findings('0', '{}') AS q"


@pytest.mark.parametrize(
    ("table", "trigger", "damage", "detail"),
    [
        ("customers", "mirror_customer_to_profiles", "DROP TRIGGER {1} ON public.{0}", "missing"),
        (
            "customer_booking_stats",
            "mirror_statistics_to_profiles",
            "ALTER TABLE public.{0} ENABLE REPLICA TRIGGER {1}",
            "disabled",
        ),
        ("bookings", "confirm_booking", "ALTER TABLE public.{0} DISABLE TRIGGER {1}", "disabled"),
        (
            "stylists",
            "stylist_leaves",
            "CREATE OR REPLACE TRIGGER {1} AFTER DELETE ON public.{0} FOR EACH ROW"
            " EXECUTE FUNCTION tenancy.clear_stylist_preferences()",
            "altered",
        ),
    ],
)
def test_found(phase2_database: str, table: str, trigger: str, damage: str, detail: str) -> None:
    assert value(phase2_database, FOUND) == ""
    execute(phase2_database, damage.format(table, trigger))
    assert value(phase2_database, FOUND) == f"trigger {trigger} on public.{table}|{detail}"
