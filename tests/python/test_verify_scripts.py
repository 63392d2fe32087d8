"""Each verify script fails when something of its change is gone."""

from __future__ import annotations

import pytest

from support.at_once import move_to, verify
from support.commands import execute, psql_file, sqitch, value
from support.plan import CHANGES

# What the record of parts does not see.
BREAKAGES = {
    "support/schema": "DELETE FROM tenancy.settings",
    "profiles/backfill_progress": "DELETE FROM tenancy.backfill_progress",
    "profiles/backfill_profiles": "UPDATE tenancy.backfill_progress SET finished_at = NULL",
    "mirror/reconcile_profiles": """
        CREATE TRIGGER catch_up_booking BEFORE UPDATE ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION tenancy.catch_up_customer()
    """,
    "api/customer_defaults": "ALTER TABLE public.customers ALTER COLUMN no_show_count DROP DEFAULT",
    "api/deprecated": "DELETE FROM tenancy.definitions",
    "isolation/roles": "ALTER ROLE convo_health LOGIN",
    "isolation/rights": "REVOKE SELECT ON tenancy.drift FROM convo_health",
}
AT_PHASE_3 = {
    "contract/switch": "ALTER TABLE public.customers ADD COLUMN no_show_count integer",
}


def assert_fails(url: str, change: str, breakage: str) -> None:
    """The script passes, and fails behind the breakage."""
    psql_file(url, f"verify/{change}.sql")
    execute(url, breakage)
    broken = psql_file(url, f"verify/{change}.sql", check=False)
    assert broken.returncode != 0, (change, breakage)
    assert "ERROR" in broken.stderr


def test_every_change(phase2_database: str, phase3_database: str) -> None:
    """Each script looks at each part of its change: one differs from the record, then not."""
    seen = set()
    for url, to in (
        (phase2_database, "@phase2"),
        (phase3_database, "@phase3"),
        (phase3_database, CHANGES[-1]),
    ):
        move_to(url, to)
        parts = """
            SELECT DISTINCT change FROM tenancy.deployed_parts
            WHERE is_there AND kind <> 'table' ORDER BY 1
        """
        for change in value(url, parts).split():
            differ = f"""
                UPDATE tenancy.deployed_parts SET fingerprint = reverse(fingerprint)
                WHERE (kind, name) = (
                    SELECT kind, name FROM tenancy.deployed_parts
                    WHERE change = '{change}' AND is_there AND kind <> 'table'
                    ORDER BY kind DESC, name LIMIT 1
                )
            """
            if change in seen or change in ("support/schema", "support/begin"):
                continue
            seen.add(change)
            assert_fails(url, change, differ)
            execute(url, differ)
        verify(url)
    assert {*CHANGES} - seen - {*BREAKAGES} == {
        "support/preconditions",  # looks at the server's version, which no statement changes
        "support/begin",  # is what the others call
        "contract/switch",
    }


@pytest.mark.parametrize("change", BREAKAGES)
def test_it_raises(phase2_database: str, change: str) -> None:
    try:
        assert_fails(phase2_database, change, BREAKAGES[change])
    finally:
        execute(phase2_database, "ALTER ROLE convo_health NOLOGIN")


@pytest.mark.parametrize("change", AT_PHASE_3)
def test_it_raises_at_phase3(phase3_database: str, change: str) -> None:
    assert_fails(phase3_database, change, AT_PHASE_3[change])


def test_it_asks_what_stands(phase1_database: str) -> None:
    broken = psql_file(phase1_database, "verify/mirror/repair.sql", check=False)
    assert "mirror/repair does not stand in this database: run sqitch deploy" in broken.stderr


def test_sqitch_runs_them(phase3_database: str) -> None:
    assert sqitch(phase3_database, "verify").stdout.endswith("Verify successful\n")
