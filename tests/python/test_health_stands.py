"""convo-tenancy health where database and Sqitch's registry differ: its advice puts it right."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from support.cluster import ROOT
from support.commands import environment, psql, psql_file, sqitch, value
from support.health import follow, health, role
from support.waiting import wait_until


def said(url: str) -> str:
    """What the check of the phase has to say; all other checks are ok."""
    found = health(url)
    wrong = {name: each["status"] for name, each in found.checks.items() if each["status"] != "ok"}
    assert wrong == {"phase": "warning"}, found.checks
    return found.said("phase")[2]


def follow_until_ok(url: str, *details: str) -> None:
    """Each is said in turn, and done; then all is right."""
    for detail in details:
        found = said(url)
        assert found == detail
        follow(url, found)
    assert health(url).exit_code == 0


def half_way(url: str, tag: str) -> str:
    """What it says of a deploy to this tag that stopped where this database stands."""
    beyond = f"""
        FROM tenancy.changes WHERE state = 'standing' AND position > coalesce((
            SELECT max(position) FROM tenancy.changes WHERE tag < '{tag}'), 0)
    """
    number = value(url, f"SELECT count(*) {beyond}")
    last = value(url, f"SELECT change {beyond} ORDER BY position DESC LIMIT 1")
    return (
        f"{number} changes of {tag} stand, the last is {last}: run sqitch deploy --to {tag} again"
    )


def last_standing(url: str) -> str:
    """The change that was deployed last."""
    standing = "FROM tenancy.changes WHERE state = 'standing'"
    return value(url, f"SELECT change {standing} ORDER BY position DESC LIMIT 1")


def said_of_phase(url: str) -> str:
    """What the check of the phase says, whatever else is not there yet."""
    return health(url).said("phase")[2]


def test_the_contract_stands_and_is_not_registered(phase2_database: str) -> None:
    url = phase2_database
    sqitch(
        url,
        "deploy",
        "--to",
        "contract/restore",
        "--set",
        "contract=yes",
        "--set",
        "legacy_quiet_period=0",
    )
    psql_file(
        url, "deploy/contract/switch.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0"
    )
    archived = "SELECT count(*) FROM tenancy_archive.customers"
    customers = value(url, archived)

    detail = (
        "contract/switch stands, and Sqitch's registry does not have it:"
        " run sqitch deploy --to contract/switch --set contract=yes"
    )
    assert said(url) == detail
    assert health(url).said("drift")[2] == "skipped: the legacy side is gone (phase 3)"
    with role(url, "GRANT pg_read_all_data TO watcher") as watcher:
        assert said(watcher) == detail.replace(
            "sqitch deploy --to contract/switch --set contract=yes",
            "what SELECT tenancy.command_for('contract/switch', 'deploy') says to the owner",
        )
    with role(url, "GRANT convo_health TO watcher") as watcher:
        assert said(watcher) == detail
    follow(url, detail)
    assert "run sqitch deploy --set contract=yes, or, to go back, " in said(url)
    assert value(url, archived) == customers
    sqitch(url, "revert", "--to", "@phase2", "-y")
    assert health(url).exit_code == 0


def test_the_mirrors_are_gone_and_registered(phase2_database: str) -> None:
    url = phase2_database
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname ~ '^mirror_'"
    mirrors = value(url, triggers)
    sqitch(url, "revert", "--to", "mirror/mirrors", "-y")
    psql_file(url, "revert/mirror/mirrors.sql")
    assert value(url, triggers) == "0"
    follow_until_ok(
        url,
        "mirror/mirrors does not stand, and Sqitch's registry has it:"
        f" run sqitch revert --to {last_standing(url)} -y",
        half_way(url, "@phase2"),
    )
    assert value(url, triggers) == mirrors


def test_stylists_move_and_it_is_not_registered(legacy_database: str) -> None:
    url = legacy_database
    sqitch(url, "deploy", "--to", "profiles/customer_shop_profiles")
    psql_file(url, "deploy/profiles/stylist_moves.sql")
    detail = said_of_phase(url)
    assert detail == (
        "profiles/stylist_moves stands, and Sqitch's registry does not have it:"
        " run sqitch deploy --to profiles/stylist_moves"
    )
    follow(url, detail)
    assert said_of_phase(url) == half_way(url, "@phase1")
    sqitch(url, "revert", "-y")
    assert health(url).said("phase")[0] == "unknown"


@pytest.mark.parametrize("stage", ["phase2", "phase3"])
def test_a_registry_that_is_lost(request: pytest.FixtureRequest, stage: str) -> None:
    url = request.getfixturevalue(f"{stage}_database")
    last = last_standing(url)
    for loss in (
        "DROP SCHEMA sqitch CASCADE",
        "TRUNCATE sqitch.changes, sqitch.tags, sqitch.dependencies, sqitch.events",
    ):
        psql(url, "-c", loss)
        assert health(url).said("plan")[2] == "skipped: what Sqitch has registered is not known"
        assert health(url).phase == f"@{stage}"
        follow_until_ok(
            url,
            "Sqitch's registry (schema sqitch) is missing or knows nothing of project"
            f" convo_tenancy: run sqitch deploy --log-only --to {last}",
        )


def test_a_registry_of_another_name(legacy_database: str) -> None:
    url = legacy_database
    sqitch(url, "deploy", "--to", "@phase2", "--registry", "Our registry")
    found = health(url)
    assert (found.exit_code, found.phase) == (0, "@phase2")
    assert found.said("plan")[2].startswith("deployed from this plan")
    with role(url, "GRANT convo_health TO watcher") as watcher:
        assert health(watcher).said("plan") == found.said("plan")
    psql(url, "-c", 'DROP SCHEMA "Our registry" CASCADE')
    follow_until_ok(
        url,
        "Sqitch's registry (schema Our registry) is missing or knows nothing of project"
        " convo_tenancy: run sqitch deploy --log-only --to contract/gate"
        " --registry 'Our registry'",
    )
    assert value(url, "SELECT to_regnamespace('sqitch') IS NULL") == "t"


def test_a_registry_of_another_plan(phase1_database: str) -> None:
    psql(
        phase1_database,
        "-c",
        "UPDATE sqitch.changes SET change = 'expand/tenancy' WHERE change = 'support/schema'",
    )
    assert said(phase1_database) == (
        "Sqitch's registry (schema sqitch) is of another plan, expand/tenancy is not in that of"
        " this database: use the checkout that it was deployed from"
    )


def test_a_script_that_runs_and_is_killed(legacy_database: str) -> None:
    """It waits for a profile of nobody, which it would delete."""
    url = legacy_database
    sqitch(url, "deploy", "--to", "profiles/stylists_id_shop_id_key")
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
    assert found.said("phase")[2] == (
        "profiles/foreign_keys was interrupted while deploying:"
        " run sqitch deploy --to profiles/foreign_keys"
    )
    follow(url, found.said("phase")[2])
    assert health(url).exit_code == 0


@pytest.mark.parametrize(
    ("change", "state", "registered", "command"),
    [
        (
            "profiles/foreign_keys",
            "deploying",
            True,
            'psql -X "$DATABASE_URL" -f deploy/profiles/foreign_keys.sql',
        ),
        ("contract/gate", "reverting", True, "sqitch revert --to contract/dependents -y"),
        (
            "contract/gate",
            "reverting",
            False,
            'psql -X "$DATABASE_URL" -f revert/contract/gate.sql',
        ),
    ],
)
def test_an_interrupted_script(
    phase2_database: str, change: str, state: str, registered: bool, command: str
) -> None:
    url = phase2_database
    psql(
        url,
        "-c",
        f"UPDATE tenancy.changes SET state = '{state}', standing_since = NULL"
        f" WHERE change = '{change}'",
    )
    if not registered:
        for table in ("tags", "dependencies", "changes"):
            psql(
                url,
                "-c",
                f"DELETE FROM sqitch.{table} WHERE change_id IN"
                f" (SELECT change_id FROM sqitch.changes WHERE change = '{change}')",
            )
    assert health(url).said("phase")[2] == (
        f"{change} was interrupted while {state}: run {command}"
    )
    follow(url, health(url).said("phase")[2])
    found = health(url)
    if found.exit_code:
        assert found.said("phase")[2] == half_way(url, "@phase2")
        follow(url, found.said("phase")[2])
    assert health(url).exit_code == 0


def test_how_a_script_begins_is_gone(legacy_database: str) -> None:
    url = legacy_database
    sqitch(url, "deploy", "--to", "support/begin")
    psql_file(url, "revert/support/begin.sql")
    assert said_of_phase(url) == (
        "support/begin does not stand, and Sqitch's registry has it:"
        " run sqitch revert --to support/schema -y"
    )
    follow(url, said_of_phase(url))
    psql_file(url, "revert/support/schema.sql")
    found = health(url)
    assert (found.exit_code, found.phase) == (3, "none")
    assert found.said("phase")[2].endswith(
        "Sqitch's registry has support/schema: run sqitch revert --to support/preconditions -y"
    )
    follow(url, said_of_phase(url))
    follow(url, said_of_phase(url))
    assert health(url).exit_code == 0


def test_a_schema_of_an_older_plan(legacy_database: str) -> None:
    psql(legacy_database, "-c", "CREATE SCHEMA tenancy")
    found = health(legacy_database)
    assert (found.exit_code, found.phase) == (3, "none")
    assert found.said("phase")[2].endswith(
        " is not of this plan: use the checkout that it was deployed from"
    )
