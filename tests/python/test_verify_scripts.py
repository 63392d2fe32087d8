"""A verify script fails when what it is about is not there."""

from __future__ import annotations

import re

import pytest

from support.cluster import ROOT
from support.commands import psql

BREAKAGES = {
    "expand/preconditions": None,  # looks at the server's version, which no statement changes
    "expand/tenancy": "DELETE FROM tenancy.settings",
    "expand/has_legacy_side": "DROP FUNCTION tenancy.has_legacy_side",
    "expand/bookings_of": "DROP FUNCTION tenancy.bookings_of(integer)",
    "expand/residual": """
        CREATE OR REPLACE FUNCTION tenancy.residual(total bigint, others bigint)
        RETURNS bigint LANGUAGE sql IMMUTABLE RETURN total
    """,
    "expand/split": "DROP FUNCTION tenancy.split",
    "expand/customer_shop_profiles": "DROP INDEX public.idx_customer_shop_profiles_shop",
    "expand/stylist_moves": "ALTER TABLE public.stylists DISABLE TRIGGER stylist_leaves",
    "expand/drift": "DROP VIEW tenancy.drift",
    "expand/fill_profiles": "DROP FUNCTION tenancy.fill_profiles",
    "expand/backfill": "DELETE FROM tenancy.backfill_progress",
    "expand/backfill_profiles": "UPDATE tenancy.backfill_progress SET finished_at = NULL",
    "expand/stylists_id_shop_id": "DROP INDEX public.stylists_id_shop_id_key CASCADE",
    "expand/customer_shop_profiles_foreign_keys": """
        ALTER TABLE public.customer_shop_profiles
        DROP CONSTRAINT customer_shop_profiles_shop_id_fkey
    """,
    "migrate/attribution": "DROP FUNCTION tenancy.attributed_shop",
    "migrate/roles": "ALTER ROLE convo_health LOGIN",
    "migrate/shop_access": "DROP FUNCTION tenancy.check_access",
    "migrate/apply_residual": "DROP FUNCTION tenancy.apply_residual",
    "migrate/apply_delta": "DROP FUNCTION tenancy.apply_delta",
    "migrate/follow_counts": "DROP FUNCTION tenancy.more_booked",
    "migrate/prefer_stylist": "DROP FUNCTION tenancy.prefer_stylist",
    "migrate/legacy_writers": "DROP VIEW tenancy.legacy_writers",
    "migrate/repair": "DROP FUNCTION tenancy.split_anew",
    "migrate/confirm_booking": "DROP FUNCTION tenancy.confirm_booking CASCADE",
    "migrate/reconcile": "DROP PROCEDURE tenancy.run_reconcile",
    "migrate/mirror_statistics_to_profiles": """
        DROP FUNCTION tenancy.mirror_statistics_to_profiles CASCADE
    """,
    "migrate/mirror_customers_to_profiles": """
        DROP FUNCTION tenancy.mirror_customers_to_profiles CASCADE
    """,
    "migrate/mirror_stylist_preferences_to_profiles": "DROP FUNCTION tenancy.move_preference",
    "migrate/mirror_profiles_to_legacy": "DROP FUNCTION tenancy.mirror_profiles_to_legacy CASCADE",
    "migrate/mirrors": """
        ALTER TABLE public.customer_booking_stats DISABLE TRIGGER mirror_statistics_to_profiles
    """,
    "migrate/reconcile_profiles": """
        CREATE TRIGGER catch_up_booking BEFORE UPDATE ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION tenancy.catch_up_customer()
    """,
    "migrate/customer_defaults": """
        ALTER TABLE public.customers ALTER COLUMN no_show_count DROP DEFAULT
    """,
    "migrate/customer_identity": "DROP FUNCTION tenancy.get_or_create_customer",
    "migrate/record": "DROP FUNCTION tenancy.record_no_show",
    "migrate/customer_context": "DROP VIEW tenancy.customer_totals",
    "migrate/lock_customer": "DROP FUNCTION tenancy.lock_customer",
    "migrate/row_level_security": "DROP POLICY of_the_shop ON public.bookings",
    "migrate/rights": "REVOKE SELECT ON tenancy.drift FROM convo_health",
    "migrate/deprecated": "DELETE FROM tenancy.earlier_comments",
    "migrate/contract_findings": "DELETE FROM tenancy.deployed_parts",
    "contract/archive": "DROP FUNCTION tenancy.archive_customers",
    "contract/restore": "DROP TABLE tenancy.contracted",
    "contract/legacy_side": "ALTER TABLE public.customers ADD COLUMN no_show_count integer",
    "contract/purge_archive": "DROP FUNCTION tenancy.purge_archive",
}
DEPLOYED = {
    "expand": "phase1_database",
    "migrate": "phase2_database",
    "contract": "phase3_database",
}


def test_no_change_is_forgotten() -> None:
    plan = (ROOT / "sqitch.plan").read_text()
    assert {*BREAKAGES} == {*re.findall(r"^(\w+/\w+)", plan, re.MULTILINE)}


@pytest.mark.parametrize("change", [name for name, breakage in BREAKAGES.items() if breakage])
def test_it_raises(request: pytest.FixtureRequest, change: str) -> None:
    url: str = request.getfixturevalue(DEPLOYED[change.partition("/")[0]])
    # The script's own BEGIN finds a transaction, and its ROLLBACK ends that.
    script = (ROOT / f"verify/{change}.sql").read_text()
    assert psql(url, stdin=script).returncode == 0
    broken = psql(url, stdin=f"BEGIN; {BREAKAGES[change]};\n{script}", check=False)
    assert broken.returncode != 0
    assert "ERROR" in broken.stderr
