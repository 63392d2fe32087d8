"""What only newer servers have: each test says from which version on."""

from __future__ import annotations

import difflib

import pytest

from support.adopted import ADOPT, run_the_adr
from support.cluster import Cluster
from support.commands import execute, sqitch, value
from support.plan import CONTRACT
from support.server import need_version
from support.sides import drift
from support.users_definitions import despite, schema

# Constraints with a name, a comment and without a look at the rows; columns that are computed as
# they are read.
OF_18 = """
    ALTER TABLE public.customers
    ALTER COLUMN average_spend_cents DROP NOT NULL,
    ADD CONSTRAINT "is known" NOT NULL average_spend_cents,
    ADD CONSTRAINT prefers_somebody NOT NULL preferred_stylist_id NOT VALID,
    ADD CONSTRAINT not_enforced CHECK (no_show_count < 5) NOT ENFORCED;
    COMMENT ON CONSTRAINT "is known" ON public.customers IS 'of their spend';
    ALTER TABLE public.customer_booking_stats
    ADD COLUMN twice bigint GENERATED ALWAYS AS (total_bookings * 2) VIRTUAL;
"""


@pytest.mark.parametrize("purge", [False, True])
def test_definitions_of_18_come_back(cluster: Cluster, phase2_database: str, purge: bool) -> None:
    need_version(cluster, 18)
    url = phase2_database
    execute(url, OF_18)
    before = schema(url)
    sqitch(url, "deploy", *CONTRACT, "--set", f"contract_despite={despite(url)}")
    if purge:
        execute(url, "SELECT tenancy.purge_archive(current_database())")
    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    assert "WARNING" not in done.stdout + done.stderr
    assert "\n".join(difflib.unified_diff(before, schema(url), lineterm="", n=0)) == ""
    assert drift(url) == []


def test_a_virtual_column_is_adopted(cluster: Cluster, legacy_database: str) -> None:
    """And stays virtual, beside one that is stored."""
    need_version(cluster, 18)
    url = legacy_database
    run_the_adr(url)
    execute(
        url,
        """
        ALTER TABLE public.customer_shop_profiles
        ADD COLUMN twice integer GENERATED ALWAYS AS (total_bookings * 2) VIRTUAL,
        ADD COLUMN thrice integer GENERATED ALWAYS AS (total_bookings * 3) STORED
        """,
    )
    sqitch(url, "deploy", "--to", "@phase1", *ADOPT)
    kinds = """
        SELECT string_agg(concat(attname, attgenerated), ' ' ORDER BY attname) FROM pg_attribute
        WHERE attrelid = 'public.customer_shop_profiles'::regclass AND attgenerated <> ''
    """
    assert value(url, kinds) == "thrices twicev"


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("customers", "no_show_count", "column public.customers.no_show_count"),
        ("bookings", "shop_id", "column public.bookings.shop_id"),
        ("customer_shop_profiles", "total_bookings", "column total_bookings"),
    ],
)
def test_a_not_null_that_is_not_valid_is_refused(
    cluster: Cluster, legacy_database: str, table: str, column: str, said: str
) -> None:
    """The catalog calls such a column NOT NULL, and a row may have none."""
    need_version(cluster, 18)
    url = legacy_database
    run_the_adr(url)
    execute(
        url,
        f"""
        ALTER TABLE public.{table}
        ALTER COLUMN {column} DROP NOT NULL,
        ADD CONSTRAINT half NOT NULL {column} NOT VALID
        """,
    )
    done = sqitch(url, "deploy", "--to", "@phase1", *ADOPT, check=False)
    assert f"{said} has a NOT NULL that is NOT VALID: " in done.stderr
