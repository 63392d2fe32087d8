"""docs/phase-3.md, from the top to the bottom, as an owner of the tables who is no superuser."""

from __future__ import annotations

from support.cluster import ROOT
from support.commands import execute, sqitch, value
from support.walk import let_deploy, marked_steps, take

PAGE = ROOT / "docs/phase-3.md"
STEPS = marked_steps(PAGE)
WATCHED = "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'"


def test_each_command_of_the_page(owned_database: str) -> None:
    """Those that stand for another one are run after a revert, with what they override there."""
    url = owned_database
    owner = let_deploy(url)
    name = value(url, "SELECT current_database()")
    execute(url, "CREATE ROLE old_app LOGIN", WATCHED)
    try:
        for kind, block in STEPS:
            commands = block.replace("'convo'", f"'{name}'")
            if kind == "instead":
                sqitch(owner, "revert", "--to", "@phase2", "-y")
                execute(url, WATCHED)
            if "contract_despite" in commands:
                execute(
                    url,
                    "CREATE PUBLICATION export FOR TABLE public.customer_booking_stats",
                    "CREATE INDEX fans ON public.customers (preferred_stylist_id)",
                )
            take(commands, owner, url)
    finally:
        execute(url, "DROP ROLE old_app")
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"
    assert value(url, "SELECT * FROM tenancy.drift") == ""
