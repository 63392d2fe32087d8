"""What users made of the legacy side comes back as it was: constraints, indexes, rights."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import psycopg
import pytest

from support.at_once import move_to
from support.commands import execute, psql, sqitch, value
from support.plan import below
from support.sides import drift
from support.users_definitions import USERS, despite, schema


@pytest.mark.parametrize("purge", [False, True])
def test_definitions_come_back(phase2_database: str, role: str, purge: bool) -> None:
    url = phase2_database
    psql(url, stdin=USERS.format(role=role))
    before = schema(url)
    for _ in range(2):
        sqitch(
            url,
            *("deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
            *("--set", f"contract_despite={despite(url)}"),
        )
        if purge:
            execute(url, "SELECT tenancy.purge_archive(current_database())")
        done = sqitch(url, "revert", "-y", "--to", "@phase2")
        assert "WARNING" not in done.stdout + done.stderr
        changed = "\n".join(difflib.unified_diff(before, schema(url), lineterm="", n=0))
        assert changed == ""
        assert drift(url) == []


def test_what_cannot_come_back_is_told(phase2_database: str, role: str) -> None:
    """It stops nothing else, and its statement is kept."""
    url = phase2_database
    psql(url, stdin=USERS.format(role=role))
    sqitch(
        url,
        *("deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"),
        *("--set", f"contract_despite={despite(url)}"),
    )
    psql(
        url,
        stdin=f"""
        DROP OWNED BY {role};
        DROP ROLE {role};
        UPDATE public.customer_shop_profiles SET no_show_count = 2000
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles);
        """,
    )
    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    output = done.stdout + done.stderr
    assert 'restore CONSTRAINT "Not more" ON public.customers: check constraint' in output
    assert "VALIDATE CONSTRAINT" in output
    assert drift(url) == []
    kept = value(url, "SELECT count(*) FROM tenancy.definitions WHERE change = 'contract/switch'")
    assert int(kept) == output.count("could not restore ")
    # The constraint is there, for whoever writes.
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE public.customers SET no_show_count = 3000 WHERE id = 1")


def test_defaults_of_before_phase_2(small_at: Callable[[str | None], str]) -> None:
    """Phase 2 sets its own; its revert gives back theirs."""
    change = "api/customer_defaults"
    url = small_at(below(change))
    execute(url, "ALTER TABLE public.customers ALTER COLUMN no_show_count SET DEFAULT 3")
    before = schema(url)
    for _ in range(2):
        move_to(url, change)
        assert schema(url) != before
        move_to(url, below(change))
        assert schema(url) == before
