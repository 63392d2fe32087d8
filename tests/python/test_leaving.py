"""docs/leaving.md, run from the top to the bottom: nothing of ours is left, and all else works."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import execute, psql, run, value
from support.isolation import OWNER
from support.runbook import perform
from support.walk import let_deploy, marked_steps, take

PAGE = ROOT / "docs/leaving.md"
STEPS = marked_steps(PAGE)
[LEAVE] = [commands for _, commands in STEPS if "leave.sql" in commands]

# What the contract took, by the names that the legacy schema has for it.
CONTRACTED = """
    DROP TABLE public.customer_booking_stats;
    ALTER TABLE public.customers
        DROP COLUMN preferred_stylist_id, DROP COLUMN average_spend_cents,
        DROP COLUMN no_show_count;
"""
OURS = "--exclude-table=public.customer_shop_profiles*"


def dump(url: str, *options: str) -> list[str]:
    """The schema, less what differs each time; the place of a column does not matter."""
    done = run("pg_dump", "--schema-only", "--no-owner", *options, "-d", url)
    noise = ("--", "SET ", "SELECT pg_catalog.set_config(", "\\restrict ", "\\unrestrict ")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(noise)]
    return sorted(line.rstrip(",") for line in lines)


def test_nothing_is_left(
    cluster: Cluster, isolated_database: str, recorded_database: str, tmp_path: Path
) -> None:
    """Out of phase 3 with isolation on, as an owner who is no superuser."""
    url = isolated_database
    move_to(url, "@phase3")
    owner = let_deploy(url)
    psql(
        url,
        # Who moves a stylist afterwards finds customers who prefer them.
        "-c",
        """
        UPDATE public.customer_shop_profiles AS p SET preferred_stylist_id = s.id
        FROM public.stylists AS s WHERE s.shop_id = p.shop_id
        """,
    )
    profiles = "SELECT count(*), sum(total_bookings) FROM public.customer_shop_profiles"
    before = value(url, profiles)

    (tmp_path / "chat.py").write_text('COUNT = "SELECT tenancy.record_no_show($1, $2)"\n')
    dumped = tmp_path / "before-leaving.dump"
    usage = "SELECT count(*) FROM pg_roles WHERE has_schema_privilege(oid, 'tenancy', 'USAGE')"
    users = int(value(url, usage))

    for kind, block in STEPS:
        commands = block.replace(dumped.name, str(dumped))
        values = {"APPLICATION": str(tmp_path)}
        if kind == "cluster":  # other databases of this one have phase 2
            refused = perform(commands, owner, url, values)
            assert "cannot be dropped because some objects depend on it" in refused.stderr
            continue
        done = take(commands, owner, url, values)
        if kind == "code":
            assert "chat.py:1:" in done.stdout
        if kind == "trial":
            assert int(value(url, usage)) == users - 2
            take(commands.replace("REVOKE", "GRANT").replace("FROM", "TO"), owner, url)
            assert int(value(url, usage)) == users
        if kind == "nothing":
            assert done.stdout == ""
    assert "customer_shop_profiles" in run("pg_restore", "--list", dumped).stdout

    execute(recorded_database, f"{CONTRACTED}; GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
    assert dump(url, OURS) == dump(recorded_database, OURS)
    assert value(url, profiles) == before
    keys = """
        SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint
        WHERE conrelid = 'public.customer_shop_profiles'::regclass
            AND contype <> 'n' -- NOT NULL has rows from PostgreSQL 18 on
    """
    assert value(url, keys).split() == [
        "customer_shop_profiles_check",
        "customer_shop_profiles_customer_id_fkey",
        "customer_shop_profiles_pkey",
        "customer_shop_profiles_preferred_stylist_id_fkey",
        "customer_shop_profiles_shop_id_fkey",
        "uq_customer_shop_profile",
    ]
    execute(
        owner,
        """
        BEGIN;
        -- A stylist moves, another one goes.
        UPDATE public.customer_shop_profiles SET preferred_stylist_id = NULL
        WHERE preferred_stylist_id = 8;
        UPDATE public.stylists SET shop_id = shop_id % 4 + 1, name = 'Eight' WHERE id = 8;
        INSERT INTO public.customers (email, name) VALUES ('ann@example.test', 'Ann');
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        SELECT id, 1, 1 FROM public.customers WHERE email = 'ann@example.test';
        UPDATE public.bookings SET status = 'CONFIRMED'
        WHERE id = (SELECT min(id::text)::uuid FROM public.bookings);
        DELETE FROM public.customers WHERE email = 'ann@example.test';
        -- A shop that closes takes its profiles along.
        INSERT INTO public.shops (id, name) VALUES (99, 'Ninety-nine');
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (10, 99);
        DELETE FROM public.shops WHERE id = 99;
        COMMIT
        """,
    )
    assert value(url, profiles) == before


def test_what_uses_the_schema(phase3_database: str) -> None:
    """What CASCADE would drop outside it is named: a view, a policy, a function with its body."""
    url = phase3_database
    execute(
        url,
        "CREATE VIEW public.visits AS SELECT * FROM tenancy.customer_totals",
        """
        CREATE FUNCTION public.visitors() RETURNS bigint
        RETURN (SELECT count(*) FROM tenancy.customer_totals)
        """,
        "CREATE POLICY mine ON public.shops USING (id = tenancy.shop_context())",
    )
    there = dump(url)
    refused = perform(LEAVE, url, url, {})
    assert refused.returncode != 0
    [named] = re.findall(r"schema tenancy is used, .* first: (.*)", refused.stderr)
    assert named.split(", ") == [
        "function public.visitors()",
        "policy mine on table public.shops",
        "rule _RETURN on view public.visits",
    ]
    assert dump(url) == there


def test_what_is_not_over(isolated_database: str) -> None:
    """The mirrors are needed while there is a legacy side, the policies while isolation is on."""
    url = isolated_database
    there = dump(url)
    refused = perform(LEAVE, url, url, {})
    assert "the legacy side is still there" in refused.stderr
    assert dump(url) == there

    move_to(url, "@phase3")
    there = dump(url)
    refused = perform(LEAVE, url, url, {})
    assert "isolation is on: CALL tenancy.relax_isolation()" in refused.stderr
    assert dump(url) == there


def test_a_step_that_meets_a_lock(phase3_database: str) -> None:
    """It gives way at once, and the same again goes on: at a trigger, and at the schema."""
    url = phase3_database
    for busy, triggers_stay in (("public.shops", True), ("tenancy.settings", False)):
        with psycopg.connect(url) as reader:
            reader.execute(f"SELECT FROM {busy}".encode())
            done = perform(LEAVE, url, url, {})
            assert done.returncode != 0
            assert "canceling statement due to lock timeout" in done.stderr
        ours = "SELECT count(*) > 0 FROM pg_trigger WHERE tgrelid = 'public.shops'::regclass"
        assert (value(url, f"{ours} AND NOT tgisinternal") == "t") == triggers_stay
    for _ in range(2):
        take(LEAVE, url, url)
    assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
