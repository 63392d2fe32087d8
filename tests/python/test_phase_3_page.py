"""docs/phase-3.md, from the top to the bottom, as an owner of the tables who is no superuser."""

from __future__ import annotations

from support.cluster import ROOT
from support.commands import psql, sqitch, value
from support.isolation import OWNER, as_role, give_tables
from support.runbook import perform
from support.steps import steps

PAGE = ROOT / "docs/phase-3.md"
STEPS = steps(PAGE)
WATCHED = "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'"


def test_each_command_of_the_page(owned_database: str) -> None:
    """Those that stand for another one are run after a revert, with what they override there."""
    url = owned_database
    owner = as_role(url, OWNER)
    name = value(url, "SELECT current_database()")
    psql(
        url,
        *("-c", f"ALTER ROLE {OWNER} LOGIN", "-c", "CREATE ROLE old_app LOGIN", "-c", WATCHED),
        *("-c", f"GRANT CREATE ON DATABASE {name} TO {OWNER}"),
        *("-c", f"ALTER SCHEMA sqitch OWNER TO {OWNER}", "-c", give_tables("sqitch", OWNER)),
    )
    assert PAGE.read_text().count("```") == 2 * len(STEPS), "a block without a mark"
    try:
        for kind, block in STEPS:
            commands = block.replace("'salon'", f"'{name}'")
            if kind == "instead":
                sqitch(owner, "revert", "--to", "@phase2", "-y")
                psql(url, "-c", WATCHED)
            if "contract_despite" in commands:
                psql(
                    url,
                    *("-c", "CREATE PUBLICATION export FOR TABLE public.customer_booking_stats"),
                    *("-c", "CREATE INDEX fans ON public.customers (preferred_stylist_id)"),
                )
            done = perform(commands, owner, url, {})
            assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
            assert "ERROR" not in done.stderr
    finally:
        psql(url, "-c", "DROP ROLE old_app")
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"
    assert value(url, "SELECT * FROM tenancy.drift") == ""
