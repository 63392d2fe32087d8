"""A verify script fails when what it is about is not there."""

from __future__ import annotations

import re

import pytest

from support.cluster import ROOT
from support.commands import psql

BREAKAGES = {
    "expand/preconditions": None,  # looks at the server's version, which no statement changes
    "expand/tenancy": "DELETE FROM tenancy.settings",
    "expand/bookings_of": "DROP FUNCTION tenancy.bookings_of(integer)",
    "expand/residual": """
        CREATE OR REPLACE FUNCTION tenancy.residual(total bigint, others bigint)
        RETURNS bigint LANGUAGE sql IMMUTABLE RETURN total
    """,
    "expand/split": "DROP FUNCTION tenancy.split(integer[], public.customer_booking_stats)",
    "expand/customer_shop_profiles": "DROP INDEX public.idx_customer_shop_profiles_shop",
    "expand/stylist_moves": "ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves",
    "expand/drift": "DROP VIEW tenancy.drift",
    "expand/backfill": "DELETE FROM tenancy.backfill_progress",
    "expand/backfill_profiles": "UPDATE tenancy.backfill_progress SET finished_at = NULL",
    "expand/stylists_id_shop_id": "DROP INDEX public.stylists_id_shop_id_key CASCADE",
    "expand/customer_shop_profiles_foreign_keys": """
        ALTER TABLE public.customer_shop_profiles
        DROP CONSTRAINT customer_shop_profiles_shop_id_fkey
    """,
}


def test_no_change_is_forgotten() -> None:
    plan = (ROOT / "sqitch.plan").read_text()
    assert {*BREAKAGES} == {*re.findall(r"^(\w+/\w+)", plan, re.MULTILINE)}


@pytest.mark.parametrize("change", [name for name, breakage in BREAKAGES.items() if breakage])
def test_it_raises(phase1_database: str, change: str) -> None:
    # The script's own BEGIN finds a transaction, and its ROLLBACK ends that.
    script = (ROOT / f"verify/{change}.sql").read_text()
    assert psql(phase1_database, stdin=script).returncode == 0
    broken = psql(phase1_database, stdin=f"BEGIN; {BREAKAGES[change]};\n{script}", check=False)
    assert broken.returncode != 0
    assert "ERROR" in broken.stderr
