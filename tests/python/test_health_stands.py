"""What convo-tenancy health says where database and Sqitch's registry differ.

That both of its commands work in every half state is in test_half_states.py.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
import pytest

from convo_tenancy.database import connect
from convo_tenancy.health import checks
from convo_tenancy.health.isolation import check_isolation
from convo_tenancy.health.model import Check, Report
from convo_tenancy.health.parts import KINDS
from support.at_once import move_to
from support.cluster import ROOT
from support.commands import environment, execute, psql, psql_file, sqitch, value
from support.health import Health, go, health, role
from support.plan import CHANGES, TAGS
from support.waiting import wait_until


def said(url: str, found: Health | None = None) -> str:
    """What the check of the phase has to say; all other checks are ok."""
    found = found or health(url)
    wrong = {name: each["status"] for name, each in found.checks.items() if each["status"] != "ok"}
    assert wrong == {"phase": "warning"}, found.checks
    return found.said("phase")[2]


def last_standing(url: str) -> str:
    """The change that was deployed last."""
    standing = "FROM tenancy.changes WHERE state = 'standing'"
    return value(url, f"SELECT change {standing} ORDER BY position DESC LIMIT 1")


def said_of_phase(url: str) -> str:
    """What the check of the phase says, whatever else is not there yet."""
    return health(url).said("phase")[2]


def test_the_contract_stands_and_is_not_registered(phase2_database: str) -> None:
    url = phase2_database
    psql_file(
        url, "deploy/contract/switch.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0"
    )
    archived = "SELECT count(*) FROM tenancy_archive.customers"
    customers = value(url, archived)

    detail = said(url)
    assert detail == (
        "contract/switch stands, and Sqitch's registry does not have it:"
        " to go forward to @phase3, run sqitch deploy --to @phase3 --set contract=yes;"
        " to go back to @phase2, run sqitch deploy --to contract/switch --log-only --no-verify"
        " && sqitch revert --to @phase2 -y; both are safe"
    )
    assert health(url).said("drift")[2] == "skipped: the legacy side is gone (phase 3)"
    for right in ("GRANT pg_read_all_data TO watcher", "GRANT convo_health TO watcher"):
        with role(url, right) as watcher:
            assert said(watcher) == detail
    go(url, health(url).forward)
    assert value(url, archived) == customers
    assert health(url).phase == "@phase3"


def test_the_mirrors_are_gone_and_registered(phase2_database: str) -> None:
    url = phase2_database
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname ~ '^mirror_'"
    mirrors = value(url, triggers)
    move_to(url, "mirror/mirrors")
    psql_file(url, "revert/mirror/mirrors.sql")
    assert value(url, triggers) == "0"
    assert said(url) == (
        "mirror/mirrors does not stand, and Sqitch's registry has it:"
        f" to go forward to @phase2, run sqitch revert --to {last_standing(url)} -y"
        " && sqitch deploy --to @phase2;"
        " to go back to @phase1, run sqitch revert --to @phase1 -y; both are safe"
    )
    go(url, health(url).forward)
    assert health(url).exit_code == 0
    assert value(url, triggers) == mirrors


def test_a_deploy_that_stopped(legacy_database: str) -> None:
    url = legacy_database
    move_to(url, "support/parts")
    assert said_of_phase(url) == (
        "3 changes of @phase1 stand, the last is support/parts:"
        " to go forward to @phase1, run sqitch deploy --to @phase1;"
        " to go back to the legacy schema, run sqitch revert -y; both are safe"
    )


@pytest.mark.parametrize("stage", ["phase2", "phase3"])
def test_a_registry_that_is_lost(request: pytest.FixtureRequest, stage: str) -> None:
    url = request.getfixturevalue(f"{stage}_database")
    last = last_standing(url)
    for loss in (
        "DROP SCHEMA sqitch CASCADE",
        "TRUNCATE sqitch.changes, sqitch.tags, sqitch.dependencies, sqitch.events",
    ):
        execute(url, loss)
        found = health(url)
        assert found.said("plan")[2] == "skipped: what Sqitch has registered is not known"
        assert found.phase == f"@{stage}"
        assert said(url, found).startswith(
            "Sqitch's registry (schema sqitch) is missing or knows nothing of project"
            f" convo_tenancy: to go forward to @{stage}, run sqitch deploy --to {last} --log-only"
            " --no-verify; to go back to "
        )
        go(url, found.forward)
        assert health(url).exit_code == 0


def test_a_registry_of_another_name(phase1_database: str) -> None:
    url = phase1_database
    move_to(url, CHANGES[TAGS["@phase2"] - 1])
    execute(url, 'ALTER SCHEMA sqitch RENAME TO "Our registry"')
    sqitch(url, "deploy", "--to", "@phase2", "--registry", "Our registry")
    found = health(url)
    assert (found.exit_code, found.phase) == (0, "@phase2")
    assert found.said("plan")[2].startswith("deployed from this plan")
    with role(url, "GRANT convo_health TO watcher") as watcher:
        assert health(watcher).said("plan") == found.said("plan")
    execute(url, 'DROP SCHEMA "Our registry" CASCADE')
    go(url, health(url).forward)
    assert health(url).exit_code == 0
    assert value(url, "SELECT to_regnamespace('sqitch') IS NULL") == "t"


def test_a_registry_of_another_plan(phase1_database: str) -> None:
    execute(
        phase1_database,
        "UPDATE sqitch.changes SET change = 'expand/tenancy' WHERE change = 'support/schema'",
    )
    assert said(phase1_database) == (
        "Sqitch's registry (schema sqitch) is of another plan, expand/tenancy is not in that of"
        " this database: use the checkout that it was deployed from"
    )


def test_a_script_that_runs_and_is_killed(legacy_database: str) -> None:
    """It waits for a profile of nobody, which it would delete."""
    url = legacy_database
    move_to(url, "profiles/stylists_id_shop_id_key")
    with psycopg.connect(url) as holder:
        holder.execute(
            "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9999, 1)"
        )
        holder.commit()
        holder.execute("SELECT FROM public.customer_shop_profiles FOR UPDATE")
        script = subprocess.Popen(
            ["psql", "-X", "-q", "-d", url, "-f", "deploy/profiles/foreign_keys.sql"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            waits = f"""
                SELECT coalesce(max(pid), 0) FROM pg_stat_activity
                WHERE {holder.info.backend_pid} = ANY (pg_blocking_pids(pid)) AND query ~ '^DELETE'
            """
            wait_until(lambda: value(url, waits) != "0", "the script waits for a profile")
            assert said_of_phase(url) == (
                f"the script of profiles/foreign_keys runs now (pid {value(url, waits)},"
                " user postgres, application psql): wait for it"
            )
        finally:
            script.kill()
            script.wait()
    gone = "SELECT count(*) FROM tenancy.open_changes()"
    wait_until(lambda: value(url, gone) == "0", "the server has noticed")
    found = health(url)
    assert found.said("constraints")[0] == "ok"  # the phase tells
    assert found.said("phase")[2].startswith(
        "profiles/foreign_keys was interrupted while deploying: to go forward to @phase1,"
        " run sqitch deploy --to @phase1; to go back to the legacy schema,"
        ' run psql -X "$DATABASE_URL" -f revert/profiles/foreign_keys.sql && sqitch revert -y; '
    )
    go(url, found.forward)
    assert health(url).exit_code == 0


def judged(
    url: str, monkeypatch: pytest.MonkeyPatch, happens: Callable[[psycopg.Connection], object]
) -> tuple[dict[str, str], dict[str, str]]:
    """Statuses and details of a look in the middle of which something happens."""

    def meanwhile(connection: psycopg.Connection, report: Report) -> Check:
        happens(connection)
        return check_isolation(connection, report)

    monkeypatch.setattr(checks, "check_isolation", meanwhile)
    with connect(url, "tests") as connection:
        report = checks.examine(connection, 10, None, without=KINDS)  # they lock each view
    said = {check.name: check for check in report.checks}
    return (
        {name: check.status.label for name, check in said.items()},
        {name: check.detail for name, check in said.items()},
    )


_SQITCH = "SELECT pg_advisory_lock(75474063), set_config('application_name', 'a deploy', FALSE)"


# As the revert of its change does, which waits for a look that has read a table of the application.
_TAKEN_AWAY = """
    BEGIN;
    UPDATE tenancy.changes SET state = 'absent', standing_since = NULL
    WHERE change = 'contract/tracking';
    DROP VIEW tenancy.tracking CASCADE;
    COMMIT;
"""


@pytest.mark.parametrize("runs", [True, False])
def test_what_a_revert_takes_away_meanwhile(
    phase2_database: str, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    url = phase2_database
    pid = 0
    with ExitStack() as stack:
        if runs:
            script = stack.enter_context(psycopg.connect(url, autocommit=True))
            script.execute(_SQITCH)
            pid = script.info.backend_pid
        statuses, details = judged(url, monkeypatch, lambda _: psql(url, stdin=_TAKEN_AWAY))
    assert "critical" not in statuses.values()
    assert "unknown" not in statuses.values()
    assert details["tracking"] == (
        f"skipped: sqitch runs now (pid {pid}, user postgres, application a deploy): wait for it"
        if runs
        else "skipped: what stands has changed meanwhile: run it again"
    )


@pytest.mark.parametrize(
    ("statement", "status", "otherwise"),
    [
        ("SELECT tenancy.no_more()", "unknown", r": run sqitch verify"),
        (
            "DO $$BEGIN RAISE 'cache lookup failed for index 7' USING ERRCODE = 'XX000'; END$$",
            "unknown",
            "cache lookup failed for index 7",
        ),
    ],
)
def test_an_error_of_what_a_script_alters(
    phase2_database: str,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    status: str,
    otherwise: str,
) -> None:
    """While a script runs it is none; else it stays what it is."""
    url = phase2_database
    statuses, details = judged(url, monkeypatch, lambda look: look.execute(statement))
    assert statuses["isolation"] == status
    assert details["isolation"].endswith(otherwise)
    with psycopg.connect(url, autocommit=True) as script:
        script.execute(_SQITCH)
        statuses, details = judged(url, monkeypatch, lambda look: look.execute(statement))
        assert statuses["isolation"] == "ok"
        assert details["isolation"].startswith("skipped: sqitch runs now (pid ")


def test_a_phase_that_stands_in_part(recorded_database: str) -> None:
    """What its changes have not filled yet is not there to be mended."""
    url = recorded_database
    move_to(url, "profiles/backfill_progress")
    found = health(url)
    assert found.said("drift")[2].endswith(
        ": profiles are missing until the backfill is finished; @phase1 stands in part: see phase"
    )
    assert found.said("backfill")[2].endswith(
        ": run convo-tenancy backfill, or sqitch deploy --to @phase1"
    )
    with psycopg.connect(url, autocommit=True) as script:
        script.execute(_SQITCH)
        status, _value, detail = health(url).said("backfill")
        assert status == "warning"
        assert ": sqitch runs now (pid " in detail
        assert detail.endswith("): wait for it")
    # As a look sees it that began before the table was filled.
    execute(url, "DELETE FROM tenancy.backfill_progress")
    assert health(url).said("backfill") == ("ok", None, "skipped: not deployed yet")
    execute(url, "INSERT INTO tenancy.backfill_progress DEFAULT VALUES")
    move_to(url, "@phase1")
    execute(url, "DELETE FROM tenancy.backfill_progress")
    assert health(url).said("backfill")[0] == "critical"


def test_a_schema_of_an_older_plan(legacy_database: str) -> None:
    execute(legacy_database, "CREATE SCHEMA tenancy")
    found = health(legacy_database)
    assert (found.exit_code, found.phase) == (3, "none")
    assert found.said("phase")[2].endswith(
        " is not of this plan: use the checkout that it was deployed from"
    )
