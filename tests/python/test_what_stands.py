"""The database is believed: Sqitch's registry and what stands apart, and two runs at once."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Callable

import psycopg
import pytest

from support.at_once import move_to, run_scripts, verify
from support.cluster import ROOT, Cluster
from support.commands import (
    Completed,
    execute,
    pg_dump_data,
    pg_dump_schema,
    psql,
    psql_file,
    run,
    sqitch,
    start_sqitch,
    value,
)
from support.health import go, health
from support.history import legacy_history
from support.holding import wait_until_gone
from support.plan import CHANGES, CONTRACT, PLAN, TAGS, below
from support.registry import registered
from support.sessions import Session, waiting_for
from support.soak import SOAK, share
from support.waiting import wait_until

# The one command of a refusal, up to its period or to the other command.
ADVICE = re.compile(
    r"[Rr]un ((?:sqitch (?:deploy|revert)|psql -X)[^,.]*?(?:\.sql[^,.]*?)?)"
    r"(?=,|\. |, or | to complete it|, then|$| which)"
)


Small = Callable[[str | None], str]


def names(url: str, query: str) -> list[str]:
    """The one column of a query; nothing where there is no such table."""
    with psycopg.connect(url) as connection:
        try:
            return [row[0] for row in connection.execute(query)]
        except psycopg.errors.UndefinedTable:
            return []


def standing(url: str) -> list[str]:
    """What stands, in order."""
    query = "SELECT change FROM tenancy.changes WHERE state = 'standing' ORDER BY position"
    return names(url, query)


def agree(url: str) -> bool:
    """Whether the two are the same, and nothing is half-way."""
    half_way = "SELECT change FROM tenancy.changes WHERE state IN ('deploying', 'reverting')"
    return registered(url)[1:] == standing(url) and not names(url, half_way)


def follow(url: str, refused: Completed) -> None:
    """Run the command that a refusal names, as an operator would."""
    found = ADVICE.search(refused.stderr)
    assert found, refused.stderr
    command = found[1].replace('"$DATABASE_URL"', shlex.quote(url))
    if command.startswith("sqitch"):
        command += f" --target {shlex.quote(f'db:{url}')}"
        command += " --no-verify" if "deploy" in command else ""
    run("bash", "-c", command)


def finish(url: str, *command: str) -> None:
    """It ends, or refuses with the command that helps, and then ends; twice changes nothing."""
    for _ in range(3):
        done = sqitch(url, *command, check=False)
        if done.returncode == 0 or "Nothing to" in done.stderr:
            break
        assert "ERROR" in done.stderr, done.stderr
        follow(url, done)
    else:
        raise AssertionError(done.stderr)
    again = sqitch(url, *command, check=False)
    assert again.returncode == 0 or "Nothing to" in again.stderr + again.stdout, again.stderr


# A walk through the changes is a test for each phase, from the template of the tag below.
BELOW = {"@phase1": "recorded", "@phase2": "phase1", "@phase3": "phase2"}


def numbers_of(tag: str) -> range:
    """The places, in CHANGES, of the changes that a tag ends, less those that begin the plan."""
    below_it = [end for end in TAGS.values() if end < TAGS[tag]]
    return range(max(below_it, default=1) + 1, TAGS[tag] + 1)


def test_the_walks_have_every_change() -> None:
    walked = [number for tag in TAGS for number in numbers_of(tag)]
    assert walked == [*range(2, len(CHANGES))]
    assert [*BELOW] == [*TAGS]


@pytest.mark.parametrize("tag", TAGS)
def test_every_deploy_that_was_not_registered(request: pytest.FixtureRequest, tag: str) -> None:
    """Each script commits and Sqitch does not know; then a deploy, or a revert, and on."""
    url = request.getfixturevalue(f"{BELOW[tag]}_database")
    if tag == "@phase3":  # the commands that are offered do not wait for the quiet period
        execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = '0'")
    history = legacy_history(url)
    for number in share(numbers_of(tag), 32):
        change = CHANGES[number]
        if registered(url) != CHANGES[:number]:
            move_to(url, CHANGES[number - 1])
        psql_file(url, f"deploy/{change}.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0")
        assert registered(url) == CHANGES[:number]
        assert standing(url) == CHANGES[1 : number + 1]
        # Back: to the change below, which Sqitch takes for the last.
        refused = sqitch(url, "revert", "-y", "--to", CHANGES[number - 2], check=False)
        assert refused.returncode != 0
        assert f"{change} stands" in refused.stderr, refused.stderr
        follow(url, refused)
        assert agree(url), change
        assert registered(url) == CHANGES[: number + 1]
    verify(url)
    if tag == "@phase3":
        move_to(url, "@phase2")
    assert legacy_history(url) == history


@pytest.mark.parametrize("tag", TAGS)
def test_every_revert_that_was_not_registered(request: pytest.FixtureRequest, tag: str) -> None:
    """The same on the way back: a deploy must not build on what is gone."""
    url = request.getfixturevalue(f"{tag.removeprefix('@')}_database")
    for number in share([*reversed(numbers_of(tag))], 32):
        change = CHANGES[number]
        if registered(url) != CHANGES[: number + 1]:
            move_to(url, change)
        psql_file(url, f"revert/{change}.sql")
        assert registered(url) == CHANGES[: number + 1]
        if number + 1 < len(CHANGES):
            refused = sqitch(url, "deploy", *CONTRACT, check=False)
            assert refused.returncode != 0
            assert "ERROR" in refused.stderr
            follow(url, refused)
        else:
            sqitch(url, "revert", "-y", "--to", CHANGES[number - 1])
        assert registered(url) == CHANGES[:number], change
        if number > 2:
            assert agree(url), change


@pytest.mark.parametrize(
    ("change", "tag", "again"),
    [
        *([("contract/switch", None, "@phase3")] if SOAK else []),
        *([("contract/switch", "@phase1", "@phase3")] if SOAK else []),
        *([("profiles/stylist_moves", None, "@phase3")] if SOAK else []),
        ("contract/switch", "@phase2", "@phase3"),
        ("profiles/stylist_moves", None, "@phase1"),
    ],
)
def test_a_deploy_then_a_revert_to_each_tag(
    small_at: Small, change: str, tag: str | None, again: str
) -> None:
    """The archive is not dropped, and nobody is stuck."""
    url = small_at(below(change))
    history = legacy_history(url)
    psql_file(url, f"deploy/{change}.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0")
    if tag == "@phase2":  # where the registry is: Sqitch has nothing to take back
        go(url, health(url).back)
        assert legacy_history(url) == history
    elif tag in (*names(url, "SELECT tag FROM sqitch.tags"), None):
        finish(url, "revert", "-y", *(["--to", tag] if tag else []))
        assert legacy_history(url) == history
    finish(url, "deploy", "--to", again, *CONTRACT)
    assert agree(url)
    verify(url)
    if again == "@phase3":
        finish(url, "revert", "-y", "--to", "@phase2")
    assert legacy_history(url) == history


def test_a_revert_of_the_mirrors_then_a_deploy(small_at: Small) -> None:
    """Phase 2 is never there without its mirrors."""
    url = small_at("mirror/mirrors")
    psql_file(url, "revert/mirror/mirrors.sql")
    refused = sqitch(url, "deploy", "--to", "@phase2", check=False)
    assert "mirror/mirrors does not stand in this database, though Sqitch's registry has it" in (
        refused.stderr
    )
    finish(url, "deploy", "--to", "@phase2")
    assert agree(url)
    mirrors = "SELECT count(*) FROM pg_trigger WHERE tgname ~ '^mirror_' AND tgenabled = 'O'"
    assert value(url, mirrors) == "5"


HELD = {
    # command, first arguments, change whose script is under way, where it is held
    "the contract": ("deploy", CONTRACT, "contract/switch", "LOCK TABLE public.stylists"),
    "its revert": (
        "revert",
        ("-y", "--to", "@phase2"),
        "contract/switch",
        "LOCK TABLE public.stylists",
    ),
    "the backfill": (
        "deploy",
        ("--to", "@phase1"),
        "profiles/backfill_profiles",
        "LOCK TABLE tenancy.backfill_progress",
    ),
    "one transaction": (
        "deploy",
        ("--to", "profiles/backfill_progress"),
        "profiles/stylist_moves",
        "LOCK TABLE public.stylists",
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_two_runs_at_once(small_at: Small, name: str) -> None:
    """Sqitch is killed, its psql lives on; the same command again waits for it or refuses."""
    command, arguments, change, hold = HELD[name]
    history = legacy_history(small_at(None))
    start = {"its revert": "@phase3"}
    url = small_at(start.get(name, below(change)))
    if value(url, "SELECT to_regclass('tenancy.settings') IS NOT NULL") == "t":
        execute(url, "UPDATE tenancy.settings SET (lock_timeout_ms, lock_attempts) = (500, 999)")
    holder = Session(url)
    try:
        holder.execute(f"{hold} IN EXCLUSIVE MODE")
        running = start_sqitch(url, command, *arguments, env={"PGAPPNAME": "killed"})
        wait_until(lambda: waiting_for(url, holder.pid), "the script waits")
        os.kill(running.pid, signal.SIGKILL)
        running.wait()

        before = pg_dump_schema(url, "public", "tenancy*")
        refused = sqitch(url, command, *arguments, check=False)
        assert refused.returncode != 0
        assert "runs" in refused.stderr
        assert "then run the same again" in refused.stderr
        assert re.search(r"pid \d+", refused.stderr), refused.stderr
        assert pg_dump_schema(url, "public", "tenancy*") == before
        holder.rollback()
    finally:
        holder.close()
    wait_until_gone(url, "killed")
    running.communicate()
    finish(url, command, *arguments)
    assert agree(url)
    verify(url)
    if value(url, "SELECT tenancy.has_legacy_side()") == "t":
        assert legacy_history(url) == history


@pytest.mark.parametrize("victim", ["psql", "server"])
def test_a_run_that_died_is_not_waited_for(cluster: Cluster, small_at: Small, victim: str) -> None:
    """A session that holds a change open, and is gone, is told from one that lives."""
    url = small_at(below("profiles/backfill_profiles"))
    holder = Session(url)
    holder.execute("LOCK TABLE tenancy.backfill_progress IN EXCLUSIVE MODE")
    running = start_sqitch(url, "deploy", "--to", "@phase1", env={"PGAPPNAME": "killed"})
    wait_until(lambda: waiting_for(url, holder.pid), "the backfill waits")
    if victim == "server":
        cluster.kill()
    else:
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    holder.connection.close()
    cluster.start()
    wait_until_gone(url, "killed")
    assert value(url, "SELECT count(*) FROM tenancy.changes WHERE open_pid IS NOT NULL") == "1"
    sqitch(url, "deploy", "--to", "@phase1")
    assert agree(url)


def test_a_key_that_somebody_else_holds(small_at: Small) -> None:
    """The key is in pg_locks for everybody to see; to hold it stops nobody."""
    url = small_at(below("profiles/backfill_profiles"))
    execute(
        url,
        """
        UPDATE tenancy.changes SET (open_pid, open_key) = (1, 4711)
        WHERE change = 'profiles/backfill_profiles'
        """,
    )
    with psycopg.connect(url, autocommit=True) as stranger:
        stranger.execute("SELECT pg_advisory_lock(4711)")
        sqitch(url, "deploy", "--to", "@phase1")


def test_a_registry_that_is_lost(small_at: Small) -> None:
    """A dump without Sqitch's schema: a deploy registers what stands, and changes nothing."""
    tag = "@phase2" if SOAK else "@phase1"
    url = small_at(tag)
    execute(url, "DROP SCHEMA sqitch CASCADE")
    before = pg_dump_schema(url, "public", "tenancy"), pg_dump_data(url, "public", "tenancy")
    sqitch(url, "deploy", "--log-only", "--to", tag)
    assert agree(url)

    execute(url, "DROP SCHEMA sqitch CASCADE")
    sqitch(url, "deploy", "--to", tag)
    assert agree(url)
    # The rights on the registry went with it.
    assert (pg_dump_schema(url, "public", "tenancy"), pg_dump_data(url, "public", "tenancy")) == (
        before
    )


def test_a_registry_of_another_name(small_at: Small) -> None:
    """Sqitch names it to each script, so refusals look into the right one."""
    url = small_at(None)
    other = ("--registry", "deployments")
    sqitch(url, "deploy", "--to", below("profiles/fill_profiles"), *other)
    assert value(url, "SELECT registry FROM tenancy.settings") == "deployments"
    psql_file(url, "deploy/profiles/fill_profiles.sql")
    refused = sqitch(url, "revert", "-y", *other, check=False)
    assert "profiles/fill_profiles stands in this database, though Sqitch's registry" in (
        refused.stderr
    )


@pytest.mark.parametrize("tag", TAGS)
def test_a_script_that_runs_again_later(small_at: Small, tag: str) -> None:
    """By hand, to put something back: with others on it it does that, or nothing."""
    url = small_at(tag)
    before = pg_dump_schema(url, "public", "tenancy*"), pg_dump_data(url, "public", "tenancy*")
    there = CHANGES[: TAGS[tag] + 1]
    run_scripts(url, (f"deploy/{change}" for change in there))
    for change in share(there[1:-1], 8):
        assert psql_file(url, f"revert/{change}.sql", check=False).returncode != 0, change
    after = pg_dump_schema(url, "public", "tenancy*"), pg_dump_data(url, "public", "tenancy*")
    assert after == before


def test_an_older_plan(legacy_database: str) -> None:
    execute(legacy_database, "CREATE SCHEMA tenancy CREATE TABLE backfill_progress ()")
    refused = sqitch(legacy_database, "deploy", check=False)
    assert "schema tenancy was deployed from an older plan: revert it with the checkout" in (
        refused.stderr
    )


@pytest.mark.parametrize(("schema", "at"), [("tenancy", None), ("tenancy_archive", "@phase2")])
def test_a_schema_of_somebody_elses(small_at: Small, schema: str, at: str | None) -> None:
    """What is planted in it would run with our rights, or be theirs to drop."""
    url = small_at(at)
    execute(url, "DROP ROLE IF EXISTS squatter", "CREATE ROLE squatter")
    execute(url, f"CREATE SCHEMA {schema} AUTHORIZATION squatter")
    try:
        refused = sqitch(url, "deploy", *CONTRACT, check=False)
        assert f"schema {schema} " in refused.stderr
        assert "and public.customers have different owners" in refused.stderr
        assert "else rename the schema" in refused.stderr
    finally:
        execute(url, f"DROP SCHEMA {schema}", "DROP ROLE squatter")


def test_a_key_that_was_renamed(phase1_database: str) -> None:
    """The revert keeps the split by the record, whatever somebody did to a foreign key since."""
    url = phase1_database
    profiles = value(url, "SELECT count(*) FROM public.customer_shop_profiles")
    execute(
        url,
        "ALTER TABLE public.customer_shop_profiles"
        " RENAME CONSTRAINT customer_shop_profiles_customer_id_fkey TO renamed",
    )
    sqitch(url, "revert", "-y")
    kept = "SELECT count(*) FROM tenancy_archive.customer_shop_profiles"
    assert value(url, kept) == profiles != "0"


@pytest.mark.parametrize(
    "command", [("deploy", *CONTRACT), ("revert", "-y", "--to", "api/deprecated")]
)
def test_without_begin_change(small_at: Small, command: tuple[str, ...]) -> None:
    """A revert that cannot ask what stands takes nothing back, and nothing out of the registry."""
    url = small_at("@phase2")
    execute(url, "DROP FUNCTION tenancy.begin_change")
    refused = sqitch(url, *command, check=False)
    assert refused.returncode != 0
    assert "tenancy.begin_change() is gone" in refused.stderr
    assert registered(url) == CHANGES[: TAGS["@phase2"] + 1]
    follow(url, refused)
    sqitch(url, *command)


def test_planted_in_schema_tenancy(small_at: Small) -> None:
    """Scripts by hand call nothing in a schema that is not ours."""
    url = small_at(None)
    psql(
        url,
        stdin="""
        DROP ROLE IF EXISTS squatter;
        CREATE ROLE squatter;
        CREATE SCHEMA tenancy AUTHORIZATION squatter;
        CREATE FUNCTION tenancy.begin_change(text, text, text) RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''planted''; END';
        CREATE FUNCTION tenancy.verify_change(text) RETURNS void LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''planted''; END';
        """,
    )
    for script in ("deploy/profiles/split", "revert/profiles/split", "verify/profiles/split"):
        done = psql_file(url, f"{script}.sql", check=False)
        assert "schema tenancy and public.customers have different owners" in done.stderr, script
        assert "planted" not in done.stderr, script
    execute(url, "DROP SCHEMA tenancy CASCADE", "DROP ROLE squatter")


@pytest.mark.parametrize("place", ["tenancy_archive", "public"])
def test_a_planted_table_is_not_adopted(small_at: Small, place: str) -> None:
    url = small_at("profiles/split")
    psql(
        url,
        stdin=f"""
        DROP ROLE IF EXISTS squatter;
        CREATE ROLE squatter;
        CREATE SCHEMA IF NOT EXISTS {place};
        CREATE TABLE {place}.customer_shop_profiles ();
        ALTER TABLE {place}.customer_shop_profiles OWNER TO squatter;
        """,
    )
    refused = sqitch(url, "deploy", "--to", "@phase1", check=False)
    assert {
        "tenancy_archive": "customer_shop_profiles is no table of the owner of public.customers",
        "public": "customer_shop_profiles exists, and this plan did not make it. It cannot be taken"
        " over: it belongs to squatter",
    }[place] in refused.stderr
    execute(url, f"DROP TABLE {place}.customer_shop_profiles", "DROP ROLE squatter")
    sqitch(url, "deploy", "--to", "@phase1")


def test_a_planted_view_is_not_read(small_at: Small) -> None:
    """The revert of the contract looks what has the name that it needs, before it begins."""
    url = small_at("@phase3")
    psql(
        url,
        stdin="""
        CREATE FUNCTION public.planted() RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''planted''; END';
        CREATE VIEW public.customer_booking_stats AS
        SELECT 1 AS customer_id WHERE public.planted();
        """,
    )
    refused = sqitch(url, "revert", "-y", "--to", "@phase2", check=False)
    assert "public.customer_booking_stats is a view of role postgres" in refused.stderr
    assert "contract/switch" in standing(url)
    execute(url, "DROP VIEW public.customer_booking_stats")
    finish(url, "revert", "-y", "--to", "@phase2")
    assert agree(url)


def test_out_of_order_by_hand(small_at: Small) -> None:
    url = small_at("@phase1")
    before = pg_dump_schema(url)
    early = psql_file(url, "deploy/mirror/mirrors.sql", check=False)
    assert "mirror/shop_context does not stand in this database. Run sqitch deploy --to" in (
        early.stderr
    )
    below = psql_file(url, "revert/profiles/split.sql", check=False)
    assert "profiles/foreign_keys stands in this database. Run sqitch revert --to" in below.stderr
    assert pg_dump_schema(url) == before


def test_the_list_is_the_plan(phase2_database: str) -> None:
    """deploy/support/schema.sql has the order of sqitch.plan, as far as its phases go."""
    listed = "SELECT change, tag FROM tenancy.changes ORDER BY position"
    words: list[str] = []
    for line in value(phase2_database, listed).splitlines():
        words += filter(None, line.split("|"))
    of_phases = PLAN[: TAGS["@phase3"] + 1]
    assert words == [word for row in of_phases for word in row if word][1:]


def test_every_script_begins_the_same_way() -> None:
    """Its own name, and the file that pins, locks and records; nothing but ASCII."""
    for tree in ("deploy", "revert", "verify"):
        for change in CHANGES:
            text = (ROOT / tree / f"{change}.sql").read_text(encoding="ascii")
            if change in CHANGES[:3]:
                continue
            begins = f"\\set ON_ERROR_STOP on\n\\set change {change}\n\\ir ../support/begin.sql\n"
            if tree != "verify":
                begins += "\\if :is_done \\quit \\endif\n"
            assert begins in text, (tree, change)
            head = text[: text.index(begins)]
            head = head.replace(r"\ir ../support/preconditions.sql", "")
            code = re.sub(r"^(--|\\(if|else|endif|set| )).*$|^ .*$", "", head, flags=re.MULTILINE)
            assert not code.strip(), (tree, change, code)
            assert text.endswith("\nROLLBACK;\n" if tree == "verify" else "\nCOMMIT;\n")
            assert text.count("keep_open(") == text.count("close_change("), (tree, change)
