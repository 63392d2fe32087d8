"""tests/pgtap/every_phase/schema/conventions.sql fails for what it is there to find."""

from __future__ import annotations

import pytest

from support.cluster import ROOT
from support.commands import psql

CHECK = (ROOT / "tests/pgtap/every_phase/schema/conventions.sql").read_text()


def _failures(url: str, change: str) -> str:
    """The checks that fail with a change; nothing of it stays, for the check ends by ROLLBACK."""
    # Its own BEGIN finds a transaction.
    output = psql(url, "-At", stdin=f"BEGIN;\nSET client_min_messages = error;\n{change};\n{CHECK}")
    return "\n".join(line for line in output.stdout.splitlines() if line.startswith("not ok"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "CREATE FUNCTION tenancy.f() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
            [
                "every function and procedure has a comment",
                "every function fixes search_path",
                "no function or procedure is executable by PUBLIC",
            ],
        ),
        (
            "CREATE FUNCTION tenancy.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
            " SET search_path = pg_catalog, pg_temp AS 'SELECT 1'",
            [
                "a SECURITY DEFINER function is a trigger's, or asks whether its caller",
                "a SECURITY DEFINER function is not in SQL",
            ],
        ),
        (
            "ALTER FUNCTION tenancy.note_confirmed_booking() SET search_path = public",
            ["every function fixes search_path", "every SECURITY DEFINER function fixes"],
        ),
        (
            "GRANT SELECT ON public.customer_shop_profiles TO PUBLIC",
            ["no table, view or sequence is open to PUBLIC"],
        ),
        ("GRANT USAGE ON SCHEMA tenancy TO PUBLIC", ["schema tenancy is not open to PUBLIC"]),
        (
            "CREATE TABLE tenancy.t (id integer)",
            [
                "every table has a comment",
                "every column of a table or view has a comment",
                "every table of tenancy has row-level security, or was decided to need none",
            ],
        ),
        (
            "GRANT SELECT ON tenancy.legacy_writes TO convo_shop",
            ["convo_shop reads no table of tenancy without row-level security"],
        ),
        (
            "ALTER TABLE public.customer_shop_profiles FORCE ROW LEVEL SECURITY",
            ["row-level security is never FORCEd"],
        ),
        (
            "CREATE VIEW tenancy.v AS SELECT 1 AS one",
            ["every view has a comment", "every view runs with the rights of who reads it"],
        ),
    ],
)
def test_it_fails(phase2_database: str, change: str, found: list[str]) -> None:
    failures = _failures(phase2_database, change)
    for description in found:
        assert description in failures


def test_it_passes(phase2_database: str) -> None:
    assert _failures(phase2_database, "SELECT 1") == ""
