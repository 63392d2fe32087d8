"""convo-tenancy gate asks the gate of phase 3, changes nothing, and says what comes next."""

from __future__ import annotations

import json
import re
import shlex
import signal
from typing import Any

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.command_line import Running, call, refusal
from support.commands import execute, pg_dump_data, pg_dump_schema, sqitch, value
from support.health import role
from support.waiting import wait_until

RESTORE_POINT = "SELECT pg_create_restore_point('before_contract')"
FIELDS = ["quiet_period", "since", "findings", "unseen_readers", "extent", "columns"]
FIELDS += ["locked_tables", "way_back"]
FINDINGS = """
    SELECT finding, name, detail, remedy, may_be_overridden, is_overridden
    FROM tenancy.contract_findings()
"""
DRIFT = """
    SET session_replication_role = replica;
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id IN (10, 20);
"""
LEGACY_WRITE = """
    SET application_name = 'old front desk';
    UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 10;
"""
WATCHED = "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'"
DENIED = "run it as the owner of the legacy tables, who also runs sqitch deploy"


def gate(url: str, *args: str, exit_code: int = 0) -> dict[str, Any]:
    """What it says as JSON, of the promised shape."""
    done = call(url, "gate", "--format", "json", *args)
    assert done.returncode == exit_code, done.stderr
    assert (done.stderr == "") == (exit_code == 0)
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found) == ["is_open", *FIELDS, "restore_point", "deploy"]
    assert list(found["extent"]) == ["customers", "statistics_rows", "statistics_bytes"]
    refused = [each for each in found["findings"] if not each["is_overridden"]]
    assert found["is_open"] == (refused == []) == (exit_code == 0)
    return found


def slow_drift(url: str, seconds: float) -> None:
    """A drift, and whoever looks at it, looks at it for so long."""
    execute(
        url,
        f"""
        CREATE OR REPLACE VIEW tenancy.drift AS
        SELECT 'totals'::text AS kind, 1 AS customer_id, 1 AS shop_id,
            pg_sleep({seconds})::text AS legacy_value, ''::text AS profile_value
        """,
    )


def test_what_it_says_is_what_happens(phase2_database: str) -> None:
    url = phase2_database
    execute(url, WATCHED)
    schemas = ("public", "tenancy", "sqitch")
    before = pg_dump_schema(url), pg_dump_data(url, *schemas)
    found = gate(url)
    text = call(url, "gate")
    assert (pg_dump_schema(url), pg_dump_data(url, *schemas)) == before

    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.startswith("Gate of phase 3: open\nLegacy quiet period: 1 day, since ")
    rows = int(value(url, "SELECT count(*) FROM public.customer_booking_stats"))
    assert found["extent"]["customers"] == 1824
    assert found["extent"]["statistics_rows"] == rows
    assert "copy these columns of 1,824 customers to tenancy_archive.customers" in text.stdout
    assert f"move public.customer_booking_stats to tenancy_archive: {rows:,} rows, " in text.stdout
    assert "as the last ones of public.customers" in found["way_back"]
    assert f"Readers of the legacy side: not all seen: {found['unseen_readers']}\n" in text.stdout
    for words in (*found["columns"], *found["locked_tables"], found["way_back"], RESTORE_POINT):
        assert words in text.stdout
    assert found["restore_point"] == RESTORE_POINT
    assert text.stdout.splitlines()[-1] == f"  {found['deploy']}"
    size = "SELECT pg_total_relation_size('{}.customer_booking_stats')"
    assert found["extent"]["statistics_bytes"] == int(value(url, size.format("public")))

    columns = """
        SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'public.customers'::regclass AND attnum > 0 AND NOT attisdropped
    """
    columns_before = value(url, columns).split(",")
    execute(url, found["restore_point"])
    command, *args = shlex.split(found["deploy"])
    assert (command, sqitch(url, *args).returncode) == ("sqitch", 0)
    assert value(url, "SELECT tenancy.has_legacy_side()") == "f"
    gone = [name for name in columns_before if name not in value(url, columns).split(",")]
    assert sorted(gone) == sorted(found["columns"])
    for table, number in (("customers", 1824), ("customer_booking_stats", rows)):
        assert value(url, f"SELECT count(*) FROM tenancy_archive.{table}") == str(number)
    assert value(url, "SELECT to_regclass('public.customer_booking_stats') IS NULL") == "t"


def test_the_tables_that_it_names_are_those_that_are_locked(phase2_database: str) -> None:
    script = (ROOT / "deploy/contract/remove_legacy_side.sql").read_text()
    calls = re.findall(r"tenancy\.try_lock_tables\((.*?)\);", script, re.DOTALL)
    mode, *tables = re.findall(r"'(.*?)'", calls[0])
    assert (len(calls), mode) == (1, "ACCESS EXCLUSIVE")
    named = gate(phase2_database, "--legacy-quiet-period", "0")["locked_tables"]
    assert [*named, "tenancy_archive.customers"] == tables


def test_the_gate_is_shut(phase2_database: str) -> None:
    url = phase2_database
    execute(url, WATCHED)
    execute(url, LEGACY_WRITE)
    execute(url, DRIFT)
    with psycopg.connect(url) as connection:
        expected = connection.execute(FINDINGS).fetchall()
    writer = 'writer "old front desk" as postgres'
    assert [row[1] for row in expected] == ["drift", writer]

    found = gate(url, exit_code=1)
    assert [tuple(finding.values()) for finding in found["findings"]] == expected
    done = call(url, "gate")
    assert (done.returncode, done.stderr) == (
        1,
        "convo-tenancy: the contract would be refused (2 findings): do what each one says, then"
        " run convo-tenancy gate again\n",
    )
    assert done.stdout.startswith("Gate of phase 3: shut\n")
    for what, name, detail, remedy, *_ in expected:
        block = f"\n{name}\n  finding:  {what}\n  detail:   {detail}\n  remedy:   {remedy}\n"
        assert block in done.stdout
    assert done.stdout.count("  override: ") == 1
    assert f"  override: --contract-despite {shlex.quote(writer)}\n" in done.stdout
    assert "\nOnce the gate is open:\n" in done.stdout
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"

    # The remedies help.
    assert call(url, "repair").returncode == 0
    assert "(1 finding)" in call(url, "gate").stderr
    assert gate(url, "--legacy-quiet-period", "0")["findings"] == []
    named = call(url, "gate", "--contract-despite", writer)
    assert named.returncode == 0
    assert f"\n{writer} (overridden)\n" in named.stdout
    deploy = f"  sqitch deploy --set contract=yes --set contract_despite={shlex.quote(writer)}"
    assert named.stdout.splitlines()[-1] == deploy
    assert gate(url, "--contract-despite", writer)["findings"][0]["is_overridden"]
    wrong = gate(url, "--contract-despite", f"{writer}, view public.x", exit_code=1)
    assert [each["name"] for each in wrong["findings"]] == [writer, "view public.x"]


def test_the_time_since_the_last_legacy_write(phase2_database: str) -> None:
    url = phase2_database
    execute(url, LEGACY_WRITE)
    execute(url, "UPDATE tenancy.legacy_writes SET written_at = now() - interval '2 hours'")
    execute(url, WATCHED)
    shut = gate(url, exit_code=1)
    assert (shut["quiet_period"], shut["deploy"]) == ("1 day", "sqitch deploy --set contract=yes")
    found = gate(url, "--legacy-quiet-period", "1 hour")
    assert found["quiet_period"] == "01:00:00"
    assert found["deploy"] == (
        "sqitch deploy --set contract=yes --set legacy_quiet_period='1 hour'"
    )
    gate(url, "--legacy-quiet-period", "3 hours", exit_code=1)
    execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = '1 hour'")
    assert gate(url)["quiet_period"] == "01:00:00"

    for wrong in ("soon", "", "-1 day", "300000 years", "999999999999 years", "1\nhour or so"):
        line = refusal(url, "gate", "--legacy-quiet-period", wrong, exit_code=2)
        assert line.startswith("convo-tenancy: legacy quiet period: ")
        assert line.endswith(": expected a time like '1 hour', or 0\n")


def test_sqitch_deploys_it(phase2_database: str) -> None:
    for url in (phase2_database, ""):
        line = refusal(url, "contract", "--legacy-quiet-period", "1 hour", exit_code=2)
        assert line == (
            "convo-tenancy: the contract is deployed by sqitch: see what convo-tenancy gate says,"
            " then run sqitch deploy --set contract=yes --set legacy_quiet_period='1 hour'\n"
        )
    assert value(phase2_database, "SELECT tenancy.has_legacy_side()") == "t"


def test_the_old_spelling(phase2_database: str) -> None:
    now = call(phase2_database, "gate", "--legacy-quiet-period", "0").stdout
    for spelling in (["contract", "--dry-run"], ["gate", "--dry-run"]):
        done = call(phase2_database, *spelling, "--legacy-quiet-period", "0")
        assert (done.returncode, done.stderr) == (0, "")
        # But for the moment that the period reaches back to
        assert done.stdout.splitlines()[2:] == now.splitlines()[2:]
    assert "contract" not in call("", "--help").stdout.replace("contract=yes", "")


def test_not_in_phase_2(cluster: Cluster, legacy_database: str, phase1_database: str) -> None:
    for url in (legacy_database, phase1_database):
        line = refusal(url, "gate")
        assert line.startswith("convo-tenancy: phase 2 is not deployed in database ")
        assert line.endswith(": run sqitch deploy --to @phase2 first\n")
    assert 'database "postgres" does not have the legacy schema' in refusal(cluster.url(), "gate")


@pytest.mark.parametrize(
    ("args", "purpose"),
    [
        ("gate", "to take away"),
        ("repair", "to repair"),
        ("repair --dry-run --source profiles", "to repair"),
        ("backfill", "to backfill from"),
        ("backfill --dry-run", "to backfill from"),
        ("backfill pause", "to backfill from"),
        ("backfill resume", "to backfill from"),
        ("backfill status --format json", "to backfill from"),
    ],
)
def test_after_the_contract(phase3_database: str, args: str, purpose: str) -> None:
    assert refusal(phase3_database, *args.split()) == (
        f"convo-tenancy: phase 3 is deployed: there is no legacy side {purpose}; look at what is"
        " there with convo-tenancy health, or go back with sqitch revert --to @phase2\n"
    )


def test_after_the_revert(phase3_database: str) -> None:
    move_to(phase3_database, "@phase2")
    found = gate(phase3_database, exit_code=1)
    assert [each["name"] for each in found["findings"]] == ["watch"]
    assert found["extent"]["customers"] == 1824
    for command in (["repair"], ["backfill", "status"]):
        assert call(phase3_database, *command).returncode == 0


def test_a_role_without_rights(phase2_database: str) -> None:
    for right in ((), ("GRANT pg_read_all_data TO watcher",), ("GRANT convo_health TO watcher",)):
        with role(phase2_database, *right) as url:
            line = refusal(url, "gate")
            assert "permission denied for " in line
            assert line.endswith(f": {DENIED}\n")


def test_it_only_reads(phase2_database: str) -> None:
    execute(
        phase2_database,
        """
        CREATE FUNCTION public.writes() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            INSERT INTO public.shops (name) VALUES ('written');
            RETURN 'written';
        END;
        $$;
        CREATE OR REPLACE VIEW tenancy.drift AS
        SELECT 'totals'::text AS kind, 1 AS customer_id, 1 AS shop_id,
            public.writes() AS legacy_value, ''::text AS profile_value
        """,
    )
    assert "in a read-only transaction" in refusal(phase2_database, "gate")


def test_it_stands_in_nobodys_way(phase2_database: str) -> None:
    """EXCLUSIVE lets nothing pass but ACCESS SHARE."""
    with psycopg.connect(phase2_database) as busy:
        tables = busy.execute(
            """
            SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
            WHERE schemaname IN ('public', 'tenancy', 'sqitch')
            """
        ).fetchone()
        assert tables
        busy.execute(f"LOCK TABLE {tables[0]} IN EXCLUSIVE MODE".encode())
        assert gate(phase2_database, "--legacy-quiet-period", "0")["is_open"]


def test_a_statement_that_takes_long(phase2_database: str) -> None:
    """No timeout of the server ends it, but anybody may."""
    url = phase2_database
    slow_drift(url, 0.7)
    hasty = f"{url}&options=-c%20statement_timeout%3D500"
    found = gate(hasty, "--legacy-quiet-period", "0", exit_code=1)
    assert [each["name"] for each in found["findings"]] == ["drift", "view tenancy.drift"]

    slow_drift(url, 600)
    asking = """
        FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'convo-tenancy gate'
            AND wait_event = 'PgSleep'
    """
    with Running(url, "gate") as running:
        wait_until(lambda: value(url, f"SELECT count(*) {asking}") == "1", "it asks the gate")
        execute(url, f"SELECT pg_cancel_backend(pid) {asking}")
        assert running.end() == (
            1,
            "convo-tenancy: somebody cancelled the statement (canceling statement due to user"
            " request): run it again\n",
        )
    with Running(url, "gate") as running:
        wait_until(lambda: value(url, f"SELECT count(*) {asking}") == "1", "it asks the gate")
        running.process.send_signal(signal.SIGINT)
        assert running.end() == (130, "convo-tenancy: cancelled; run it again\n")
    assert value(url, f"SELECT count(*) {asking}") == "0"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "which database? Set DATABASE_URL"),
        ("salon", "is not a URI like postgresql://"),
        ("postgresql://postgres@127.0.0.1:1/nowhere", "Connection refused"),
    ],
)
def test_no_connection(url: str, words: str) -> None:
    assert words in refusal(url, "gate")
    assert words in refusal("", "gate", "--database-url", url, "--format", "json")


@pytest.mark.parametrize("args", [("--format", "prometheus"), ("--force",), ("now",)])
def test_called_wrongly(args: tuple[str, ...]) -> None:
    done = call("", "gate", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": see convo-tenancy gate -h\n")


def test_help() -> None:
    done = call("", "gate", "--help")
    assert done.returncode == 0
    assert "convo-tenancy gate --legacy-quiet-period '1 hour'" in done.stdout
    assert "Exit codes: 0 the gate is open, 1 the contract would be refused" in done.stdout
    assert "convo-tenancy gate" in call("", "--help").stdout
