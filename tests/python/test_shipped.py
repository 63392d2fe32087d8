"""What the health check compares with is what the plan makes."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from convo_tenancy.health.shipped import ShippedFunction, ShippedTrigger
from convo_tenancy.queries import query
from support.cluster import ROOT

FILE = ROOT / "python/convo_tenancy/health/shipped.json"
UPDATE = "CONVO_UPDATE_SHIPPED"  # set: write the file in place of comparing with it
CREATES = re.compile(r"^ *CREATE OR REPLACE (?:FUNCTION|PROCEDURE) (tenancy\.\w+)\(", re.MULTILINE)


def scripts(tag: str) -> dict[str, str]:
    """By function, without arguments, the last script up to the tag that creates it."""
    found: dict[str, str] = {}
    for line in (ROOT / "sqitch.plan").read_text().splitlines():
        if line.startswith(f"{tag} "):
            return found
        if re.match(r"\w+/", line):
            script = f"deploy/{line.split()[0]}.sql"
            found |= dict.fromkeys(CREATES.findall((ROOT / script).read_text()), script)
    raise AssertionError(f"no {tag} in the plan")


def parts(url: str, tag: str) -> dict[str, list[dict[str, Any]]]:
    """All functions and triggers of the plan in a database that is deployed to this tag."""
    with psycopg.connect(url, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute(query("health/session"), ["60000"])
        functions = connection.execute(query("health/functions")).fetchall()
        triggers = connection.execute(query("health/triggers")).fetchall()
    created_by = scripts(tag)
    return {
        "functions": [
            asdict(ShippedFunction(script=created_by[each["name"].split("(")[0]], **each))
            for each in functions
        ],
        "triggers": [
            asdict(ShippedTrigger(each["table_name"], each["name"], each["definition"]))
            for each in triggers
        ],
    }


def test_it_is_what_the_plan_makes(
    phase1_database: str, phase2_database: str, phase3_database: str
) -> None:
    current = {
        "@phase1": parts(phase1_database, "@phase1"),
        "@phase2": parts(phase2_database, "@phase2"),
        "@phase3": parts(phase3_database, "@phase3"),
    }
    plan = (ROOT / "sqitch.plan").read_text()
    assert [*current] == re.findall(r"^(@phase\d+) ", plan, re.MULTILINE)
    if UPDATE in os.environ:
        FILE.write_text(json.dumps(current, indent=2) + "\n")
    if json.loads(FILE.read_text()) != current:
        pytest.fail(
            f"{FILE.relative_to(ROOT)} is not what sqitch deploy makes; run"
            f" {UPDATE}=1 .venv/bin/pytest {Path(__file__).relative_to(ROOT)} and commit it"
        )
