"""convo-tenancy status: here, the next safe step, the way back, and what is in the way.

That it names the same two commands as health in every half state is in test_half_states.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from convo_tenancy.preflight.locks import locks
from convo_tenancy.status.look import BECOMES
from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.command_line import call
from support.commands import convo_tenancy, execute, psql_file, value
from support.health import go, health, role
from support.isolation import OWNER
from support.status import in_the_way, screen, status

TO_PHASE_3 = "sqitch deploy --to @phase3 --set contract=yes"
RELAX = 'psql -X "$DATABASE_URL" -c "CALL tenancy.relax_isolation()"'
LINES = 24


def watched_for(url: str, days: int) -> None:
    """The mirrors have watched for so long."""
    execute(url, f"UPDATE tenancy.mirror_watch SET since = now() - interval '{days} days'")


def written(url: str, ago: str, shop: int | None = 2, application: str = "web") -> None:
    """An application wrote to the legacy side, so long ago."""
    shop_id = "NULL" if shop is None else shop
    execute(
        url,
        "INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)"
        f" VALUES ('{application}', 'app', {shop_id}, now() - interval '{ago}')",
    )


# --- Before the first phase


def test_no_legacy_schema(cluster: Cluster) -> None:
    url = cluster.create_database("status_empty")
    said = status(url, 3)
    assert (said["next"]["command"], said["back"]) == (None, None)
    assert in_the_way(said) == {"phase": "unknown"}
    assert "check DATABASE_URL or --database-url" in "\n".join(screen(url))
    execute(url, "CREATE SCHEMA tenancy")
    assert "use the checkout that it was deployed from" in "\n".join(screen(url))
    cluster.drop_database("status_empty")


def test_the_legacy_schema(legacy_database: str) -> None:
    url = legacy_database
    said = status(url)
    assert (said["phase"], said["since"], said["back"]) == ("none", None, None)
    assert (said["code"], said["in_the_way"]) == (None, [])
    step = said["next"]
    assert (step["command"], step["is_safe"]) == ("sqitch deploy --to @phase1", True)
    assert [each["change"] for each in step["locks"]] == [each.change for each in locks(1, 1)]
    defaults = "SELECT lock_timeout_ms, lock_attempts FROM tenancy.settings"
    move_to(url, "support/schema")
    assert value(url, defaults) == f"{step['patience']['queue_ms']}|{step['patience']['attempts']}"


def test_preconditions_that_are_refused(recorded_database: str) -> None:
    url = recorded_database
    execute(url, "ALTER TABLE public.shops RENAME TO branches")
    with psycopg.connect(url) as idle:
        idle.execute("SELECT 1")
        said = status(url)
    assert in_the_way(said)["legacy_schema"] == "critical"
    refused = json.loads(call(url, "preflight", "--to", "@phase1", "--format", "json").stdout)
    critical = {each["name"] for each in refused["checks"] if each["status"] == "critical"}
    assert {each["name"] for each in said["in_the_way"] if each["blocks"]} == critical
    assert said["next"]["first"][0] == "remove the obstacles"
    assert not said["next"]["is_safe"]


# --- Phase 1


def test_the_backfill_under_way(legacy_database: str) -> None:
    """Interrupted in it, the next step is to go on; but not past somebody who paused it."""
    url = legacy_database
    move_to(url, "profiles/run_backfill")
    said = status(url)
    assert said["half_state"].startswith("26 changes of @phase1 stand")
    assert said["backfill"].startswith("not started at ")
    assert said["next"]["command"] == health(url).forward == "sqitch deploy --to @phase1"
    assert in_the_way(said) == {}
    assert call(url, "backfill", "pause").returncode == 0
    said = status(url)
    assert in_the_way(said) == {"backfill": "warning"}
    assert said["in_the_way"][0]["remedy"] == "run convo-tenancy backfill resume"


def test_phase_1(phase1_database: str) -> None:
    url = phase1_database
    execute(url, "UPDATE public.customer_booking_stats SET total_bookings = 9")  # stale
    said = status(url)
    assert (said["phase"], said["backfill"], said["in_the_way"]) == ("@phase1", "finished", [])
    assert said["next"]["command"] == "sqitch deploy --to @phase2"
    assert said["back"]["command"] == "sqitch revert -y"
    lines = screen(url)
    assert "profiles go stale with traffic" in lines[1]
    assert len(lines) <= LINES
    screen(url, 40)


# --- Phase 2


def test_waiting_for_the_quiet_period(phase2_database: str) -> None:
    """To wait is no obstacle; the gate says the same."""
    url = phase2_database
    said = status(url)
    since = value(url, "SELECT since + '1 day' FROM tenancy.watch")
    assert said["next"]["not_before"].startswith(since.replace(" ", "T")[:19])
    assert (said["next"]["command"], said["next"]["is_safe"]) == (TO_PHASE_3, False)
    assert said["in_the_way"] == []
    assert f"wait until {since[:16]}" in "\n".join(screen(url))
    assert call(url, "gate").returncode == 1

    watched_for(url, 2)
    said = status(url)
    assert (said["next"]["not_before"], said["next"]["is_safe"]) == (None, True)
    assert len(screen(url)) <= LINES
    assert call(url, "gate").returncode == 0


@pytest.mark.parametrize(
    ("ago", "is_over"), [("1 day 4 minutes", False), ("1 day 6 minutes", True)]
)
def test_when_the_quiet_period_is_over(phase2_database: str, ago: str, is_over: bool) -> None:
    """A record of a write stands for five minutes, here as in the gate."""
    url = phase2_database
    watched_for(url, 3)
    written(url, ago)
    said = status(url)
    gate = call(url, "gate")
    assert (gate.returncode == 0) == is_over, gate.stdout
    assert (said["next"]["not_before"] is None) == is_over
    [shop] = [each for each in said["code"]["shops"] if each["last_at"]]
    assert shop["is_writing"] != is_over
    assert in_the_way(said) == ({} if is_over else {'writer "web" as app': "critical"})


def test_code_on_the_legacy_side(phase2_database: str) -> None:
    url = phase2_database
    watched_for(url, 9)
    written(url, "3 hours", 3, "till")
    written(url, "2 hours", 3, "front desk")
    written(url, "3 days", 2, "web\u0007\nin \u202ea trap")
    written(url, "8 days", None, "import")
    code = status(url)["code"]
    assert (code["writing_count"], code["quiet_count"]) == (1, 4)
    first = code["shops"][0]
    assert (first["shop_id"], first["writes"]) == (3, 2)
    assert first["applications"] == ["front desk", "till"]
    assert [each["shop_id"] for each in code["shops"]][1:3] == [2, None]
    shown = screen(url)
    [three] = [line for line in shown if re.match(r" {14}3 +\d", line)]
    assert "front desk, till" in three
    [two] = [line for line in shown if re.match(r" {14}2 +\d", line)]
    assert "web??in ?a trap" in two
    assert len(re.findall(r"\d\d:\d\d", two)) == 2  # last write, quiet since
    [none] = [line for line in shown if re.match(r" {14}none ", line)]
    assert re.search(r"none +0 ", none)
    assert any("2 more are quiet" in line for line in shown)
    screen(url, 40)


def test_a_thousand_shops_are_one_screen(phase2_database: str) -> None:
    url = phase2_database
    watched_for(url, 9)
    execute(
        url,
        """
        INSERT INTO public.shops (name) SELECT 'Shop ' || n FROM generate_series(1, 996) AS n;
        INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)
        SELECT 'web ' || h.id % 2, 'app', h.id, now() - h.id * interval '1 minute'
        FROM public.shops AS h WHERE h.id <= 400;
        """,
    )
    code = status(url)["code"]
    assert (code["writing_count"], code["quiet_count"], len(code["shops"])) == (400, 600, 10)
    lines = screen(url)
    shown = [line for line in lines if re.match(r" {14}\d+ +1 ", line)]
    assert shown
    assert any(f"{400 - len(shown)} more write, 600 more are quiet" in line for line in lines)
    assert len(lines) <= LINES + 4  # two writers in the way


def test_double_writers_and_broken_parts(phase2_database: str) -> None:
    """What health and the gate both see is there once."""
    url = phase2_database
    watched_for(url, 2)
    execute(
        url,
        """
        ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles;
        INSERT INTO tenancy.double_writes
            (application_name, role_name, kind, customer_id, written_at)
        VALUES ('web', 'app', 'bookings', 7, now());
        """,
    )
    said = status(url)
    checks = health(url).checks
    wrong = {name: each["status"] for name, each in checks.items() if each["status"] != "ok"}
    assert wrong == {"double_writers": "critical", "triggers": "critical"}
    assert in_the_way(said) == {**wrong, "watch": "critical"}  # which now has a gap
    remedies = {each["name"]: each["remedy"] for each in said["in_the_way"]}
    assert remedies["triggers"].startswith("run ALTER TABLE public.customers ENABLE TRIGGER")
    quiet = screen(url, 80, "--quiet")
    assert quiet[0].startswith("In the way")
    assert any(line.strip() == remedies["triggers"] for line in quiet)
    assert not any("Next step" in line for line in quiet)


def test_isolation_goes_off_first(isolated_database: str) -> None:
    said = status(isolated_database)
    assert said["isolation"] == "on"
    assert said["back"]["command"] == f"{RELAX} && sqitch revert --to @phase1 -y"
    execute(isolated_database, "DROP SCHEMA sqitch CASCADE")
    back = status(isolated_database)["back"]["command"]
    assert back == f"{RELAX} && {health(isolated_database).back}"
    go(isolated_database, back)
    assert status(isolated_database)["phase"] == "@phase1"


def test_a_contract_that_was_refused(phase2_database: str) -> None:
    url = phase2_database
    watched_for(url, 2)
    execute(url, "CALL tenancy.start_tracking()")
    said = status(url)
    [tracking] = [each for each in said["in_the_way"] if each["name"] == "tracking"]
    assert (tracking["status"], tracking["blocks"]) == ("warning", False)
    assert "give_up_contract()" in tracking["remedy"]
    assert (said["next"]["command"], said["next"]["is_safe"]) == (TO_PHASE_3, True)


# --- Phase 3


def test_phase_3(phase3_database: str) -> None:
    url = phase3_database
    said = status(url)
    assert (said["phase"], said["next"]["command"], said["code"]) == ("@phase3", None, None)
    assert said["back"]["command"] == "sqitch revert --to @phase2 -y"
    [call_of] = re.findall(r"SELECT tenancy\.purge_archive\('\w+'\)", said["next"]["goal"])
    execute(url, call_of)
    said = status(url)
    assert said["next"]["goal"] == "nothing: all phases are deployed"
    assert said["back"]["command"] == "sqitch revert --to @phase2 -y"
    execute(url, "CREATE TABLE public.customer_booking_stats (id integer)")
    assert in_the_way(status(url)) == {"stray_legacy_table": "critical"}


# --- Sqitch and its registry


def test_somebody_runs_sqitch(phase1_database: str, legacy_database: str) -> None:
    for url in (phase1_database, legacy_database):
        with psycopg.connect(url, application_name="by hand", autocommit=True) as other:
            other.execute("SELECT pg_advisory_lock(75474063)")
            said = status(url)
            assert (said["next"]["command"], said["back"]) == (None, None)
            assert said["running"] == said["next"]["goal"]
            pid = other.info.backend_pid
            assert said["running"].startswith(f"sqitch runs now (pid {pid}, user postgres,")
            assert said["running"].endswith("application by hand): wait for it")
            assert in_the_way(said) == {}


def test_registries(phase2_database: str) -> None:
    """Of another name, of another plan, and lost."""
    url = phase2_database
    watched_for(url, 2)
    execute(url, 'ALTER SCHEMA sqitch RENAME TO "Our registry"')
    execute(url, "UPDATE tenancy.settings SET registry = 'Our registry'")
    said = status(url)
    assert said["next"]["command"] == f"{TO_PHASE_3} --registry 'Our registry'"
    assert said["back"]["command"] == "sqitch revert --to @phase1 -y --registry 'Our registry'"

    execute(
        url, "UPDATE \"Our registry\".changes SET change = 'x/y' WHERE change = 'support/schema'"
    )
    said = status(url)
    assert (said["next"]["command"], said["back"]) == (None, None)
    assert in_the_way(said) == {"phase": "warning"}
    assert said["in_the_way"][0]["remedy"] == "use the checkout that it was deployed from"

    execute(url, 'DROP SCHEMA "Our registry" CASCADE')
    said, found = status(url), health(url)
    assert (said["next"]["command"], said["back"]["command"]) == (found.forward, found.back)
    assert "is missing or knows nothing" in said["half_state"]


def test_a_registry_without_a_schema(legacy_database: str) -> None:
    url = legacy_database
    move_to(url, "support/schema")
    psql_file(url, "revert/support/schema.sql")
    said, found = status(url), health(url)
    assert (said["phase"], said["next"]["command"]) == ("none", found.forward)
    assert said["back"]["command"] == found.back


# --- Roles, and what is not there


@pytest.fixture(params=["recorded", "phase1", "phase2", "phase3"])
def stage(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database in each phase."""
    return request.getfixturevalue(f"{request.param}_database")  # type: ignore[no-any-return]


def without_roles(said: dict[str, Any]) -> dict[str, Any]:
    """What all roles see alike."""
    result = {name: said[name] for name in ("phase", "half_state", "isolation", "back")}
    return {**result, "command": said["next"]["command"], "locks": said["next"]["locks"]}


def test_roles(stage: str) -> None:
    """A monitoring role sees the same; whom somebody gave no right is told what helps."""
    everything = status(stage)
    rights = ["GRANT pg_read_all_stats TO watcher"]
    rights += ["GRANT convo_health TO watcher"] if everything["phase"] != "none" else []
    if everything["phase"] == "@phase1":
        rights = ["GRANT pg_read_all_data TO watcher"]
    with role(stage, *rights) as watcher:
        said = status(watcher)
        assert without_roles(said) == without_roles(everything)
        ways = {name: state for name, state in in_the_way(said).items() if state == "unknown"}
        assert set(ways) <= {"gate"}
        if everything["phase"] == "@phase2":
            assert said["code"] == everything["code"] | {
                "unseen_readers": said["code"]["unseen_readers"]
            }
            [gate] = [each for each in said["in_the_way"] if each["name"] == "gate"]
            assert gate["remedy"] == "ask it as the owner of the legacy tables: convo-tenancy gate"
    if everything["phase"] != "none":
        with role(stage) as nobody:
            said = status(nobody, 3)
            assert "GRANT pg_read_all_data to the role" in said["in_the_way"][0]["remedy"]
            # What many checks say alike is said once.
            [_once] = [line for line in screen(nobody) if "GRANT pg_read_all_data" in line]


def test_the_owner(owned_database: str) -> None:
    watched_for(owned_database, 2)
    url = owned_database.replace("postgres@", f"{OWNER}@")
    execute(owned_database, f"ALTER ROLE {OWNER} LOGIN")
    try:
        said = status(url)
    finally:
        execute(owned_database, f"ALTER ROLE {OWNER} NOLOGIN")
    assert (said["phase"], said["next"]["command"]) == ("@phase2", TO_PHASE_3)
    assert {name: state for name, state in in_the_way(said).items() if state == "unknown"} == {}


def test_whom_a_deploy_would_refuse(owned_database: str) -> None:
    """Status is for who runs the step: it is not safe for this role, and says whose it is."""
    watched_for(owned_database, 2)
    database = value(owned_database, "SELECT current_database()")
    grant = f"GRANT CREATE ON DATABASE {database} TO watcher"
    rights = ["GRANT pg_read_all_data TO watcher"]
    with role(owned_database, *rights) as watcher:
        said = status(watcher)
        assert said["next"]["first"][0] == f"run it as {OWNER}"
        assert not said["next"]["is_safe"]
        assert in_the_way(said)["deployer"] == "critical"
        execute(owned_database, f"GRANT {OWNER} TO watcher")
        said = status(watcher)
        assert said["next"]["first"][0] == grant
        assert not said["next"]["is_safe"]
        screen(watcher)
        execute(owned_database, grant)
        said = status(watcher)
        assert (said["next"]["is_safe"], in_the_way(said)) == (True, {})
        # Nor may it take what only Sqitch is told.
        execute(owned_database, f"REVOKE {OWNER} FROM watcher", "DROP SCHEMA sqitch CASCADE")
        said = status(watcher)
        assert said["next"]["command"].endswith("--log-only --no-verify")
        assert (said["next"]["first"], said["next"]["is_safe"]) == ([f"run it as {OWNER}"], False)


def test_nobody_answers() -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    done = call(url, "status")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        'convo-tenancy: cannot connect: server at "127.0.0.1", port 1: Connection refused'
        " (check DATABASE_URL or --database-url)\n"
    )
    said = status(url, 3)
    assert in_the_way(said) == {"connection": "unknown"}
    assert said["database"] is None


def test_it_reads_no_whole_table(phase2_database: str) -> None:
    """It asks each statement that health asks, but for the two that take a pass over customers."""
    url = phase2_database
    asked = {
        command: {*re.findall(r"asked (\S+): ", convo_tenancy(url, "--verbose", command).stderr)}
        for command in ("status", "health")
    }
    of_everybody = {"health/drift", "health/shops", "health/last_bookings"}
    assert of_everybody <= asked["health"]
    assert {*of_everybody, "gate/extent"} & asked["status"] == set()
    assert "gate/findings" in asked["status"]


def test_what_becomes_of_what_was_written() -> None:
    """As the page of the ways back has it."""
    rows = re.findall(r"^\| phase .*$", (ROOT / "docs/rollback.md").read_text(), re.MULTILINE)
    page = "\n".join(rows)
    assert len(rows) == len(BECOMES)
    for becomes in BECOMES.values():
        assert f"| {becomes}" in page
