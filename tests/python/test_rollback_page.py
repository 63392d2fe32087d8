"""docs/rollback.md, from the top to the bottom, as an owner of the tables who is no superuser."""

from __future__ import annotations

import json
import re

from support.cluster import ROOT
from support.commands import convo_tenancy, execute, psql_file, sqitch, value
from support.plan import CONTRACT
from support.runbook import perform
from support.walk import let_deploy, marked_steps, take

PAGE = ROOT / "docs/rollback.md"
STEPS = marked_steps(PAGE)

TOTALS = "SELECT sum(total_bookings), sum(total_spend_cents) FROM public.customer_booking_stats"
# Somebody else than the one who does not fit.
BOOKS = "SELECT FROM tenancy.record_booking(10, 1, 1, 4500, '2040-01-01 10:00+00')"
DOES_NOT_FIT = """
    UPDATE public.customer_shop_profiles SET total_spend_cents = 2147483647
    WHERE customer_id = 42 AND shop_id = 3
"""
OF_42 = "SELECT sum(total_spend_cents) FROM public.customer_shop_profiles WHERE customer_id = 42"


def test_each_command_of_the_page(owned_database: str) -> None:
    """From phase 3 back to the legacy side, which has what was booked on the way."""
    url = owned_database
    owner = let_deploy(url)
    bookings, spend = map(int, value(url, TOTALS).split("|"))
    sqitch(owner, "deploy", *CONTRACT)
    execute(owner, BOOKS)
    spend += 4500 - int(value(url, OF_42))
    execute(owner, DOES_NOT_FIT)

    table = PAGE.read_text().partition("\n## ")[0]
    for command in re.findall(r"`(sqitch revert .*?)`", table):
        assert any(f"{command}\n" in commands for _, commands in STEPS)
    for kind, commands in STEPS:
        if kind != "interrupted":
            done = take(commands, owner, url)
        if kind == "phase3":
            assert "it has the greatest value that fits: 42." in done.stderr
            assert value(url, "SELECT kind, customer_id FROM tenancy.drift") == "totals|42"
        elif "tenancy.repair" in commands:
            assert value(url, "SELECT * FROM tenancy.drift") == ""
            spend += int(value(url, OF_42))
        elif kind == "interrupted":
            assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
            check_ways(owner, commands)
    assert value(url, TOTALS) == f"{bookings + 1}|{spend}"
    assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"


def check_ways(url: str, commands: str) -> None:
    """Health names two in a half state, as the page says; each is one command that works."""
    last = "profiles/foreign_keys"
    for way in ("forward", "back"):
        sqitch(url, "deploy", "--to", "@phase1")
        psql_file(url, f"revert/{last}.sql")  # Sqitch knows nothing of it
        done = perform(commands, url, url, {})
        assert done.returncode in (1, 2)
        report = json.loads(convo_tenancy(url, "health", "--format", "json").stdout)
        assert f"{report['forward']}" in done.stdout
        assert f"{report['back']}" in done.stdout
        take(report[way], url, url)
        phase = convo_tenancy(url, "health").stdout.partition("\n")[0]
        assert phase.endswith("phase @phase1" if way == "forward" else "phase none"), phase
