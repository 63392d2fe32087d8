"""convo-tenancy health in phase 3: what of phase 2 is no matter any more, and what comes back."""

from __future__ import annotations

import os
import re
import signal

import pytest

from support.at_once import move_to
from support.command_line import call
from support.commands import execute, start_sqitch, value
from support.health import AS_DEPLOYED, Health, follow, go, health, role, samples, shop_profiles
from support.sessions import Session
from support.waiting import wait_until

GONE = ("ok", None, "skipped: the legacy side is gone (phase 3)")
OF_LEGACY_SIDE = (
    "backfill",
    "drift",
    "other_triggers",
    "subscriptions",
    "double_writers",
    "legacy_writers",
    "legacy_watch",
    "legacy_readers",
)
NAMES = [
    "connection",
    "server_version",
    "phase",
    "plan",
    "preconditions",
    "default_shop",
    "backfill",
    "drift",
    "shops",
    "last_bookings",
    "constraints",
    "indexes",
    "triggers",
    "functions",
    "parts",
    "other_triggers",
    "replication_role",
    "subscriptions",
    "double_writers",
    "legacy_writers",
    "legacy_watch",
    "legacy_readers",
    "isolation",
    "tracking",
    "stray_legacy_table",
    "archive",
    "long_transactions",
    "prepared_transactions",
    "lock_waits",
    "deadlocks",
    "replicas",
]
OF_PHASE_3 = ("stray_legacy_table", "archive")
OLD_TABLE = """
    CREATE TABLE public.customer_booking_stats (
        customer_id integer PRIMARY KEY REFERENCES public.customers (id),
        total_bookings integer NOT NULL DEFAULT 0
    )
"""
ADD_COLUMNS = """
    ALTER TABLE public.customers ADD COLUMN no_show_count integer DEFAULT 0,
    ADD COLUMN preferred_stylist_id integer
"""
OF_A_REVERT = "on public.customers again, because a revert is half-way: see phase"
TAKES_UP_AGAIN = (
    "to go forward to @phase3, run sqitch deploy --to @phase3 --set contract=yes;"
    " to go back to @phase2, run sqitch revert --to @phase2 -y; both are safe"
)


def alone(found: Health, name: str) -> tuple[str, object, str]:
    """What this check said; all others are ok."""
    others = {other: each["status"] for other, each in found.checks.items() if other != name}
    assert {*others.values()} == {"ok"}, others
    return found.said(name)


def test_everything_is_right(phase3_database: str) -> None:
    url = phase3_database
    found = health(url)
    assert (found.exit_code, found.status, found.phase) == (0, "ok", "@phase3")
    assert list(found.checks) == NAMES
    for name in OF_LEGACY_SIDE:
        assert found.said(name) == GONE
    functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'tenancy'::regnamespace"
    assert found.said("functions") == ("ok", int(value(url, functions)), AS_DEPLOYED)
    for name in ("triggers", "constraints", "indexes", "parts"):
        assert found.said(name)[2] == AS_DEPLOYED
    assert found.said("default_shop")[1] == 1
    assert found.said("plan")[2].startswith("deployed from this plan")
    nothing = ("ok", 0, "nothing of the legacy side came back")
    assert found.said("stray_legacy_table") == nothing
    size = value(
        url,
        "SELECT pg_total_relation_size('tenancy_archive.customers')"
        " + pg_total_relation_size('tenancy_archive.customer_booking_stats')",
    )
    status, number, detail = found.said("archive")
    assert (status, number) == ("ok", int(size))
    assert re.fullmatch(
        r"contracted at \d{4}-\d\d-\d\d \d\d:\d\d \w+, [\d.]+ kB put aside for the way back", detail
    ), detail

    text = call(url, "health")
    headline, *lines = text.stdout.splitlines()
    assert headline == "convo-tenancy health: ok, phase @phase3"
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]
    assert "\nok        stray_legacy_table    0        nothing" in text.stdout
    assert "\nok        drift                 -        skipped" in text.stdout
    exit_code, found_samples = samples(url)
    assert exit_code == 0
    assert not any(
        name.startswith(("convo_tenancy_backfill", "convo_tenancy_legacy"))
        for name in found_samples
    )
    contracted = "SELECT extract(EPOCH FROM contracted_at)::bigint FROM tenancy.contracted"
    assert (
        found_samples
        | {
            "convo_tenancy_phase": 3,
            "convo_tenancy_archive_bytes": int(size),
            "convo_tenancy_archive_created_timestamp_seconds": pytest.approx(
                int(value(url, contracted)), abs=1
            ),
            **{f'convo_tenancy_check_status{{check="{name}"}}': 0 for name in NAMES},
            **{
                f'convo_tenancy_shop_profiles{{class="{name}"}}': profiles
                for name, profiles in shop_profiles(url).items()
            },
        }
        == found_samples
    )


def test_monitoring_roles(phase3_database: str) -> None:
    owner = health(phase3_database)
    with role(phase3_database, "GRANT pg_read_all_data TO watcher") as url:
        found = health(url)
        assert found.checks == {**owner.checks, "connection": found.checks["connection"]}
    execute(phase3_database, "REVOKE SELECT ON tenancy.contracted FROM convo_health")
    with role(phase3_database, "GRANT convo_health TO watcher") as url:
        found = health(url)
        status, number, detail = found.said("archive")
        assert (status, number) == ("unknown", None)
        assert "SELECT on tenancy.contracted to convo_health" in found.said("isolation")[2]
        assert detail.startswith("permission denied for table contracted: run it as the owner ")
        execute(phase3_database, "GRANT SELECT ON tenancy.contracted TO convo_health")
        found = health(url)
        assert found.checks == {**owner.checks, "connection": found.checks["connection"]}
        # What it may not count is there all the same.
        execute(phase3_database, OLD_TABLE)
        status, number, detail = alone(health(url), "stray_legacy_table")
        assert (status, number) == ("critical", 1)
        assert "of role postgres, with an unknown number of rows: stop the old appl" in detail


@pytest.mark.parametrize(
    ("damage", "check", "words"),
    [
        (
            "DROP FUNCTION tenancy.purge_archive(text)",
            "functions",
            "tenancy.purge_archive(text) missing: run psql -f deploy/contract/purge_archive.sql",
        ),
        (
            "ALTER TABLE public.stylists DISABLE TRIGGER USER",
            "triggers",
            "disabled: run ALTER TABLE public.stylists ENABLE TRIGGER ",
        ),
    ],
)
def test_what_is_broken_is_critical_and_the_advice_helps(
    phase3_database: str, damage: str, check: str, words: str
) -> None:
    execute(phase3_database, damage)
    status, _number, detail = alone(health(phase3_database), check)
    assert status == "critical"
    assert words in detail
    follow(phase3_database, detail)
    assert health(phase3_database).exit_code == 0


@pytest.mark.parametrize("phase", ["phase2", "phase3"])
def test_the_wrong_word_on_whether_the_legacy_side_is_there(
    request: pytest.FixtureRequest, phase: str
) -> None:
    """The calls go by it, so it matters most; it must not lead astray here."""
    url = request.getfixturevalue(f"{phase}_database")
    answer = "FALSE" if phase == "phase2" else "TRUE"
    execute(
        url,
        "CREATE OR REPLACE FUNCTION tenancy.has_legacy_side() RETURNS boolean"
        f" LANGUAGE sql STABLE PARALLEL SAFE RETURN {answer}",
    )
    found = health(url)
    status, _number, detail = found.said("functions")
    assert (found.exit_code, status) == (2, "critical")
    assert detail.startswith("tenancy.has_legacy_side() altered: run ")
    if phase == "phase2":
        alone(found, "functions")
    follow(url, detail)
    assert health(url).exit_code == 0


def test_an_old_application_made_its_table(phase3_database: str) -> None:
    url = phase3_database
    execute(url, "CREATE ROLE front_desk")
    try:
        execute(url, f"{OLD_TABLE}; ALTER TABLE public.customer_booking_stats OWNER TO front_desk")
        found = health(url)
        seen = "table public.customer_booking_stats is there again, of role front_desk, with"
        status, number, detail = alone(found, "stray_legacy_table")
        assert (found.exit_code, status, number, detail) == (
            2,
            "critical",
            1,
            f"{seen} 0 rows: stop the old application that made it, then run DROP TABLE"
            " public.customer_booking_stats",
        )
        execute(url, "INSERT INTO public.customer_booking_stats VALUES (10, 1), (20, 1)")
        assert health(url).said("stray_legacy_table")[2] == (
            f"{seen} 2 rows: stop the old application that made it, then copy what the"
            " profiles lack, and move the table away (docs/phase-3.md)"
        )
        follow(url, detail)
        assert health(url).exit_code == 0
    finally:
        execute(url, "DROP OWNED BY front_desk", "DROP ROLE front_desk")


def test_a_view_in_its_place(phase3_database: str) -> None:
    execute(
        phase3_database,
        "CREATE VIEW public.customer_booking_stats AS SELECT * FROM tenancy.customer_totals",
    )
    status, number, detail = alone(health(phase3_database), "stray_legacy_table")
    assert (status, number) == ("critical", 1)
    assert detail == (
        "view public.customer_booking_stats is there again, of role postgres, with 1,824 rows:"
        " a revert of the contract needs the name: run DROP VIEW public.customer_booking_stats"
    )
    follow(phase3_database, detail)
    assert health(phase3_database).exit_code == 0


def test_an_old_application_added_its_columns(phase3_database: str) -> None:
    execute(phase3_database, ADD_COLUMNS)
    status, number, detail = alone(health(phase3_database), "stray_legacy_table")
    assert (status, number, detail) == (
        "critical",
        2,
        "no_show_count, preferred_stylist_id on public.customers again: stop the old application"
        " that added them, read their values, then run ALTER TABLE public.customers"
        " DROP COLUMN no_show_count, DROP COLUMN preferred_stylist_id",
    )
    execute(phase3_database, OLD_TABLE)
    status, number, both = alone(health(phase3_database), "stray_legacy_table")
    assert (status, number) == ("critical", 3)
    assert both.endswith(f"; {detail}")
    follow(phase3_database, both)
    assert health(phase3_database).exit_code == 0


def test_the_archive_is_purged(phase3_database: str) -> None:
    url = phase3_database
    execute(url, "DROP TABLE tenancy_archive.customers, tenancy_archive.customer_booking_stats")
    status, size, detail = health(url).said("archive")
    assert (status, size) == ("warning", 0)
    assert "customer_booking_stats and tenancy_archive.customers: restore it, or purge" in detail
    execute(url, "SELECT tenancy.purge_archive(current_database())")
    found = health(url)
    status, number, detail = alone(found, "archive")
    assert (found.exit_code, status, number) == (0, "ok", 0)
    assert detail.startswith("contracted at ")
    assert detail.endswith(", purged: a revert makes the legacy side from the profiles")


def test_a_contract_that_stopped_half_way(phase2_database: str) -> None:
    url, last = phase2_database, "contract/switch"
    move_to(url, last)
    found = health(url)
    status, number, detail = alone(found, "phase")
    assert (found.exit_code, found.phase, status, number) == (1, "@phase2", "warning", "@phase2")
    assert detail.endswith(f"changes of @phase3 stand, the last is {last}: {TAKES_UP_AGAIN}")
    assert "archive" in found.checks
    assert found.said("drift") == GONE
    move_to(url, "@phase3")
    assert health(url).exit_code == 0


def test_a_revert_that_is_killed(phase3_database: str) -> None:
    url = phase3_database
    columns = "preferred_stylist_id, average_spend_cents, no_show_count"
    reader = Session(url)
    reader.execute("SELECT FROM public.stylists LIMIT 1")  # what it locks last
    reverting = start_sqitch(url, "revert", "--to", "@phase2", "-y")
    try:
        blocked = f"""
            SELECT count(*) > 0 FROM pg_stat_activity
            WHERE {reader.pid} = ANY (pg_blocking_pids(pid))
        """
        wait_until(lambda: value(url, blocked) == "t", "the columns are back, and it waits")
        pid = value(url, "SELECT pid FROM tenancy.open_changes()")
        found = health(url)
        assert (found.exit_code, found.phase) == (1, "@phase2")
        assert found.said("stray_legacy_table") == ("warning", 3, f"{columns} {OF_A_REVERT}")
        assert found.said("phase")[::2] == (
            "warning",
            f"the script of contract/switch runs now (pid {pid}, user postgres, application"
            " psql): wait for it",
        )
    finally:
        os.killpg(reverting.pid, signal.SIGKILL)
        reverting.communicate()
        others = f"""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), {reader.pid})
                AND backend_type = 'client backend'
        """
        wait_until(lambda: value(url, others) == "0", "the server has noticed")
        reader.close()

    found = health(url)
    assert (found.exit_code, *found.said("stray_legacy_table")) == (
        1,
        "warning",
        3,
        f"{columns} {OF_A_REVERT}",
    )
    status, _number, detail = found.said("phase")
    assert (status, detail) == (
        "warning",
        "contract/switch was interrupted while reverting: to go forward to @phase3,"
        " run sqitch revert --to isolation/switch -y && sqitch deploy --to @phase3"
        " --set contract=yes; to go back to @phase2, run sqitch revert --to @phase2 -y;"
        " both are safe, but to go forward the gate of phase 3 must be open, and the quiet period"
        " begins again",
    )
    for name in NAMES:
        assert (found.said(name)[0] == "ok") == (
            name not in {"phase", "stray_legacy_table", "tracking"}
        )

    go(url, found.back)
    found = health(url)
    assert (found.exit_code, found.phase) == (0, "@phase2")
    assert list(found.checks) == [name for name in NAMES if name not in OF_PHASE_3]


def test_an_archive_that_is_old_or_big(phase3_database: str) -> None:
    url = phase3_database
    execute(url, "UPDATE tenancy.contracted SET contracted_at = contracted_at - interval '40 days'")
    status, _size, detail = alone(health(url), "archive")
    assert status == "warning"
    assert (
        " put aside for the way back: once you no longer need it, run SELECT tenancy.purge_ar"
        in detail
    )
    assert health(url, "--threshold", "archive_warning_days=41").exit_code == 0
    options = ("--threshold", "archive_warning_days=inf", "--threshold", "archive_warning_bytes=9")
    assert alone(health(url, *options), "archive")[0] == "warning"
    execute(url, re.findall(r"run (SELECT .+\))", detail.partition(" (docs")[0])[0])
    assert health(url).exit_code == 0
