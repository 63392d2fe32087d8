"""convo-tenancy health: what is wrong is found, named, and given its exit code."""

from __future__ import annotations

import re
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import pytest

from convo_tenancy.health.checks import check_version
from convo_tenancy.health.model import Check, Report, Status
from convo_tenancy.health.prometheus import escape
from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.command_line import call, in_terminal
from support.commands import CONVO_TENANCY, execute, psql, value
from support.health import AS_DEPLOYED, follow, health, recorded, role, samples, shop_profiles

# In every phase, and before the first.
SURROUNDINGS = [
    "long_transactions",
    "prepared_transactions",
    "lock_waits",
    "deadlocks",
    "replicas",
]
# Skipped until phase 2.
LATER = [
    "other_triggers",
    "replication_role",
    "subscriptions",
    "double_writers",
    "legacy_writers",
    "legacy_watch",
    "legacy_readers",
    "isolation",
]
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
    *LATER,
    *SURROUNDINGS,
]
KINDS = {
    "missing_profile",
    "totals",
    "last_booking_at",
    "no_show_count",
    "preferred_stylist",
    "foreign_stylist",
    "negative",
}
KINDS_OF_PARTS = {
    "constraints": ["constraint"],
    "indexes": ["index"],
    "triggers": ["trigger"],
    "functions": ["function"],
    "parts": ["view", "table"],
}
BY_RANGES = ("drift", "shops", "last_bookings")
NOWHERE = "postgresql://postgres@127.0.0.1:1/nowhere"


def test_everything_is_right(phase1_database: str) -> None:
    found = health(phase1_database)
    assert (found.exit_code, found.status, found.phase) == (0, "ok", "@phase1")
    assert list(found.checks) == NAMES
    assert {check["status"] for check in found.checks.values()} == {"ok"}
    assert found.said("drift")[1] == 0
    assert found.said("backfill")[1] == 100.0
    assert found.said("plan")[2].startswith("deployed from this plan")
    assert found.said("default_shop")[1] == 1
    assert found.said("phase")[2].endswith(" changes stand")
    for check, kinds in KINDS_OF_PARTS.items():
        assert found.said(check) == ("ok", recorded(phase1_database, *kinds), AS_DEPLOYED)
    for name in LATER:
        assert found.said(name) == ("ok", None, "skipped: checked once @phase2 is deployed")

    text = call(phase1_database, "health")
    assert (text.returncode, text.stderr) == (0, "")
    headline, *lines = text.stdout.splitlines()
    assert headline == "convo-tenancy health: ok, phase @phase1"
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]

    exit_code, found_samples = samples(phase1_database)
    assert exit_code == 0
    when = {name for name in found_samples if name.split("{")[0].endswith("_seconds")}
    assert {name.removeprefix("convo_tenancy_") for name in when} == {
        "backfill_finished_timestamp_seconds",
        "backfill_started_timestamp_seconds",
        "backfill_updated_timestamp_seconds",
        "health_duration_seconds",
        "health_run_timestamp_seconds",
        "longest_lock_wait_seconds",
        "oldest_prepared_transaction_seconds",
        "oldest_transaction_seconds",
        *(f'whole_pass_timestamp_seconds{{check="{name}"}}' for name in BY_RANGES),
    }
    assert time.time() - found_samples["convo_tenancy_health_run_timestamp_seconds"] < 300
    [info] = (name for name in found_samples if name.startswith("convo_tenancy_info{"))
    release = version("convo-tenancy")
    assert f'version="{release}",phase="@phase1",isolation="unknown",postgresql="1' in info
    assert {name: found_samples[name] for name in found_samples if name not in when} == {
        info: 1,
        "convo_tenancy_health_status": 0,
        "convo_tenancy_phase": 1,
        **{f'convo_tenancy_check_status{{check="{name}"}}': 0 for name in NAMES},
        **{f'convo_tenancy_drift_rows{{kind="{kind}"}}': 0 for kind in KINDS},
        **{f'convo_tenancy_seen_ratio{{check="{name}"}}': 1 for name in BY_RANGES},
        **{
            f'convo_tenancy_shop_profiles{{class="{name}"}}': number
            for name, number in shop_profiles(phase1_database).items()
        },
        "convo_tenancy_backfill_customers_done": 1824,
        "convo_tenancy_backfill_customers_estimated": 1824,
        "convo_tenancy_backfill_paused": 0,
        "convo_tenancy_prepared_transactions": 0,
        "convo_tenancy_lock_waits": 0,
        "convo_tenancy_deadlocks_total": 0,
    }


def test_a_table_in_a_terminal(phase1_database: str) -> None:
    code, output = in_terminal(phase1_database, "health")
    assert code == 0, output
    for words in ("Check", "Status", "Value", "Detail", "━", *NAMES):
        assert words in output


DRIFT = """
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id IN (3, 5, 7, 9, 11);
    UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 13;
"""


def test_drift_is_a_warning_until_phase_2(phase1_database: str) -> None:
    execute(phase1_database, DRIFT)
    found = health(phase1_database)
    status, value, detail = found.said("drift")
    assert (found.exit_code, status, value) == (1, "warning", 6)
    assert "totals 5 (customer 3: legacy " in detail
    assert "; customer 5: legacy " in detail
    assert "; customer 7: legacy " in detail
    assert "customer 9" not in detail
    assert "no_show_count 1 (customer 13: legacy " in detail
    assert "profiles go stale with live traffic until sqitch deploy --to @phase2" in detail
    exit_code, found_samples = samples(phase1_database)
    assert exit_code == 1
    assert found_samples['convo_tenancy_drift_rows{kind="totals"}'] == 5
    assert found_samples['convo_tenancy_drift_rows{kind="no_show_count"}'] == 1
    assert found_samples['convo_tenancy_drift_rows{kind="negative"}'] == 0
    assert found_samples['convo_tenancy_check_status{check="drift"}'] == 1


def test_a_view_that_is_gone(phase1_database: str) -> None:
    execute(phase1_database, "DROP VIEW tenancy.drift CASCADE")
    found = health(phase1_database)
    assert found.said("drift")[::2] == (
        "unknown",
        'relation "tenancy.drift" does not exist: run sqitch verify',
    )
    assert found.said("parts")[::2] == (
        "critical",
        "tenancy.drift missing: run psql -f deploy/profiles/drift.sql again",
    )


def test_the_advice_of_the_details_helps(phase1_database: str) -> None:
    execute(
        phase1_database,
        """
        ALTER TABLE public.customer_shop_profiles
            DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey,
            DROP CONSTRAINT uq_customer_shop_profile,
            DROP CONSTRAINT customer_shop_profiles_shop_id_fkey,
            ADD CONSTRAINT customer_shop_profiles_shop_id_fkey
            FOREIGN KEY (shop_id) REFERENCES public.shops (id);
        ALTER TABLE public.customer_shop_profiles ADD CONSTRAINT somebody_elses
        CHECK (total_bookings >= 0) NOT VALID;
        DROP INDEX public.idx_customer_shop_profiles_shop;
        CREATE INDEX idx_customer_shop_profiles_shop
        ON public.customer_shop_profiles (shop_id, customer_id);
        DROP INDEX public.stylists_id_shop_id_key;
        UPDATE pg_index SET indisvalid = FALSE
        WHERE indexrelid = 'public.idx_customer_shop_profiles_customer'::regclass;
        """,
    )
    found = health(phase1_database)
    assert found.exit_code == 2
    assert (
        "somebody_elses on public.customer_shop_profiles not validated"
        in found.said("constraints")[2]
    )
    # An index that goes with its constraint comes back with it.
    assert "uq_customer_shop_profile" not in found.said("indexes")[2]
    for _look in range(2):  # what is altered is dropped first
        found = health(phase1_database)
        for check in ("indexes", "constraints"):
            follow(phase1_database, found.said(check)[2])
    assert health(phase1_database).exit_code == 0


def test_what_somebody_added(phase1_database: str) -> None:
    execute(
        phase1_database,
        """
        ALTER TABLE public.customer_shop_profiles ADD COLUMN note text;
        CREATE TRIGGER mine BEFORE TRUNCATE ON public.stylists
        FOR EACH STATEMENT EXECUTE FUNCTION tenancy.clear_stylist_preferences();
        CREATE FUNCTION tenancy.mine() RETURNS integer LANGUAGE sql RETURN 1;
        CREATE INDEX mine ON public.customer_shop_profiles (updated_at);
        CREATE INDEX theirs ON public.stylists (name);
        UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'public.theirs'::regclass;
        """,
    )
    found = health(phase1_database)
    assert found.exit_code == 1
    assert found.said("parts")[::2] == (
        "warning",
        "public.customer_shop_profiles altered: run SELECT tenancy.accept_parts(), if you altered"
        " it on purpose",
    )
    triggers = found.said("triggers")
    assert triggers[::2] == (
        "warning",
        "mine on public.stylists left over: run DROP TRIGGER mine ON public.stylists",
    )
    follow(phase1_database, triggers[2])
    execute(phase1_database, "SET search_path = pg_catalog; SELECT tenancy.accept_parts()")
    assert health(phase1_database).exit_code == 0


INVOKER = "WITH (security_invoker = TRUE)"
# As another server enters a view: the columns of an only table without its name, or with it.
ENTERED = r"""
    UPDATE tenancy.deployed_parts AS d
    SET
        definition = n.definition,
        fingerprint = md5(n.definition),
        server_version = d.server_version + {newer}
    FROM
        tenancy.deployed_parts AS o,
        regexp_replace(
            o.definition,
            CASE WHEN o.definition ~ '\me\.' THEN '\me\.' ELSE '(?<=SELECT )' END,
            CASE WHEN o.definition ~ '\me\.' THEN '' ELSE 'e.' END,
            'g'
        ) AS n (definition)
    WHERE d.name = 'tenancy.evidence' AND o.name = d.name AND n.definition <> o.definition
    RETURNING d.name
"""


@pytest.mark.parametrize(
    ("newer", "by_hand", "problems"),
    [(1, False, ""), (0, False, "tenancy.evidence altered"), (1, True, "tenancy.evidence altered")],
)
def test_views_of_another_version(
    phase1_database: str, newer: int, by_hand: bool, problems: str
) -> None:
    """A dump keeps what its server entered; PostgreSQL 15 and 16 write such a view in two ways."""
    url = phase1_database
    if by_hand:
        text = value(url, "SELECT pg_get_viewdef('tenancy.evidence'::regclass)")
        altered = text.replace(" = ", " <> ", 1)
        execute(url, f"CREATE OR REPLACE VIEW tenancy.evidence {INVOKER} AS {altered}")
    assert value(url, ENTERED.format(newer=newer)).startswith("tenancy.evidence")
    found = value(
        url,
        "SET search_path = pg_catalog; SELECT name || ' ' || problem FROM tenancy.part_problems",
    )
    assert found == problems


def test_the_backfill_is_on_its_way(phase1_database: str) -> None:
    def stand(change: str) -> tuple[str, Any, str]:
        execute(phase1_database, f"UPDATE tenancy.backfill_progress SET {change}")
        found = health(phase1_database)
        assert found.exit_code == 1
        return found.said("backfill")

    status, value, detail = stand("finished_at = NULL, customers_done = 912")
    assert (status, value) == ("warning", 50.0)
    assert detail.startswith("not finished at 50.0 % (912 customers, ")
    with psycopg.connect(phase1_database, autocommit=True) as runner:
        runner.execute("SELECT tenancy.join_backfill()")
        # More customers than the estimate knew are no reason to say that it is finished.
        status, value, detail = stand("customers_done = 1900")
        assert (status, value) == ("warning", 99.9)
        assert detail.startswith("running at 99.9 %")
    status, _value, detail = stand("paused = true")
    assert detail.startswith("paused at 99.9 %")
    assert "convo-tenancy backfill resume" in detail
    assert stand("paused = false, started_at = NULL")[2].startswith("not started at ")


def test_a_deploy_that_stopped_half_way(legacy_database: str) -> None:
    move_to(legacy_database, "support/schema")
    found = health(legacy_database)
    assert (found.exit_code, found.phase, found.said("phase")) == (
        1,
        "none",
        (
            "warning",
            "none",
            "1 changes of @phase1 stand, the last is support/schema: to go forward to @phase1, run"
            " sqitch deploy --to @phase1; to go back to the legacy schema, run sqitch revert -y;"
            " both are safe",
        ),
    )
    for name in ("backfill", "drift", *KINDS_OF_PARTS):
        assert found.said(name) == ("ok", None, "skipped: not deployed yet")
    # Nothing is claimed of what was not measured.
    assert not any("drift_rows" in name for name in samples(legacy_database)[1])

    move_to(legacy_database, "profiles/drift")
    execute(
        legacy_database,
        "INSERT INTO public.customers (phone, average_spend_cents, no_show_count)"
        " VALUES ('+15550000001', 0, 1)",
    )
    found = health(legacy_database)
    assert (found.exit_code, found.said("drift")[0]) == (1, "warning")
    assert "profiles are missing until the backfill is finished" in found.said("drift")[2]
    for check in KINDS_OF_PARTS:
        assert found.said(check)[2] == AS_DEPLOYED


def test_another_plan(phase1_database: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "sqitch.conf", tmp_path)
    plan = (ROOT / "sqitch.plan").read_text()
    (tmp_path / "sqitch.plan").write_text(plan.replace("# The residual rule:", "# Another rule:"))
    found = health(phase1_database, "--plan-directory", str(tmp_path))
    status, _value, detail = found.said("plan")
    assert (found.exit_code, status) == (1, "warning")
    assert "deployed from another plan, from profiles/residual on" in detail
    assert "make down && make up" in detail

    longer = plan + "contract/later 2030-01-01T00:00:00Z A <a@example.test> # Later.\n"
    (tmp_path / "sqitch.plan").write_text(longer)
    found = health(phase1_database, "--plan-directory", str(tmp_path))
    assert found.exit_code == 0
    of_later_phases = len(re.findall(r"^\w+/", longer.partition("\n@phase1")[2], re.MULTILINE))
    assert f", {of_later_phases} more changes in it" in found.said("plan")[2]


def test_no_plan_or_no_sqitch_at_hand(phase1_database: str, tmp_path: Path) -> None:
    found = health(phase1_database, "--plan-directory", str(tmp_path))
    assert (found.exit_code, found.said("plan")[0]) == (0, "ok")
    assert found.said("plan")[2].startswith("skipped: found no sqitch.plan of this project")

    done = call(phase1_database, "health", env={"PATH": str(Path(CONVO_TENANCY).parent)})
    assert done.returncode == 0
    assert "skipped: sqitch is not installed here" in done.stdout


def test_not_deployed_and_not_legacy(cluster: Cluster, legacy_database: str) -> None:
    found = health(legacy_database)
    assert (found.exit_code, found.phase, found.said("phase")[0]) == (3, "none", "unknown")
    assert "run sqitch deploy --to @phase1" in found.said("phase")[2]
    found = health(cluster.url())
    assert found.exit_code == 3
    assert 'database "postgres" does not have the legacy schema' in found.said("phase")[2]
    assert samples(cluster.url())[0] == 3


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "which database? Set DATABASE_URL"),
        ("salon", "is not a URI like postgresql://"),
        (NOWHERE, "Connection refused"),
    ],
)
def test_no_connection_is_unknown_in_every_format(url: str, words: str) -> None:
    found = health(url)
    assert (found.exit_code, found.phase, list(found.checks)) == (3, None, ["connection"])
    assert words in found.said("connection")[2]
    for output in ("text", "nagios"):  # once, and where a monitoring looks
        done = call(url, "health", "--format", output)
        assert (done.returncode, done.stderr) == (3, "")
        assert words in done.stdout
    assert done.stdout.startswith(
        f"CONVO_TENANCY UNKNOWN - connection: {found.said('connection')[2][:20]}"
    )
    exit_code, found_samples = samples(url)
    found_samples.pop("convo_tenancy_health_run_timestamp_seconds")
    assert (
        exit_code,
        {name: found_samples[name] for name in found_samples if "_info" not in name},
    ) == (
        3,
        {
            "convo_tenancy_health_status": 3,
            'convo_tenancy_check_status{check="connection"}': 3,
        },
    )


def test_called_wrongly_is_unknown_not_critical() -> None:
    for args in (["--format", "xml"], ["--timeout", "0"], ["now"]):
        done = call(NOWHERE, "health", *args)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.endswith(": see convo-tenancy health -h\n")


def test_a_role_without_rights_is_told_which(phase1_database: str) -> None:
    with role(phase1_database) as url:
        found = health(url)
        assert found.exit_code == 3
        status, _value, detail = found.said("drift")
        assert status == "unknown"
        assert "permission denied" in detail
        assert "GRANT pg_read_all_data" in detail
    with role(phase1_database, "GRANT pg_read_all_data TO watcher") as url:
        assert health(url).exit_code == 0


def test_it_stands_in_nobodys_way(phase1_database: str) -> None:
    """EXCLUSIVE lets nothing pass but ACCESS SHARE."""
    with psycopg.connect(phase1_database) as busy:
        tables = busy.execute(
            """
            SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
            WHERE schemaname IN ('public', 'tenancy', 'sqitch')
            """
        ).fetchone()
        assert tables
        busy.execute(f"LOCK TABLE {tables[0]} IN EXCLUSIVE MODE".encode())
        assert health(phase1_database).exit_code == 0

        # And whom it would have to wait for, it does not wait for long.
        busy.execute("LOCK TABLE tenancy.settings IN ACCESS EXCLUSIVE MODE")
        found = health(phase1_database)
        assert (found.exit_code, found.said("default_shop")[0]) == (3, "unknown")
        assert "a table is locked, run it again" in found.said("default_shop")[2]
        assert found.said("drift")[0] == "ok"


def test_it_only_reads(phase1_database: str) -> None:
    execute(
        phase1_database,
        """
        CREATE FUNCTION public.writes() RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            INSERT INTO public.shops (name) VALUES ('written');
            RETURN 1;
        END;
        $$;
        ALTER TABLE tenancy.settings RENAME TO renamed;
        CREATE VIEW tenancy.settings AS SELECT public.writes() AS default_shop_id;
        """,
    )
    status, _value, detail = health(phase1_database).said("default_shop")
    assert status == "unknown"
    assert "read-only transaction" in detail
    shops = psql(phase1_database, "-Atc", "SELECT count(*) FROM shops WHERE name = 'written'")
    assert shops.stdout.strip() == "0"


def test_a_statement_that_takes_too_long(phase1_database: str) -> None:
    execute(
        phase1_database,
        """
        CREATE OR REPLACE VIEW tenancy.drift AS
        SELECT 'totals'::text AS kind, 1 AS customer_id, 1 AS shop_id,
            pg_sleep(600)::text AS legacy_value, ''::text AS profile_value;
        SET search_path = pg_catalog;
        SELECT tenancy.accept_parts();
        """,
    )
    found = health(phase1_database, "--timeout", "1")
    assert (found.exit_code, found.said("drift")[0]) == (3, "unknown")
    assert "raise --timeout" in found.said("drift")[2]
    assert found.said("indexes")[0] == "ok"


def test_a_connection_that_breaks(phase1_database: str) -> None:
    execute(
        phase1_database,
        """
        CREATE OR REPLACE VIEW tenancy.drift AS
        SELECT 'totals'::text AS kind, 1 AS customer_id, 1 AS shop_id,
            pg_terminate_backend(pg_backend_pid())::text AS legacy_value, ''::text AS profile_value
        """,
    )
    found = health(phase1_database)
    assert (found.exit_code, list(found.checks)) == (3, ["connection"])
    assert "the connection to the server was lost" in found.said("connection")[2]


def test_a_server_that_is_too_old() -> None:
    check = check_version("14.19 (Debian)", 140019)
    assert (check.status, check.value) == (Status.CRITICAL, "14.19")
    assert "upgrade to PostgreSQL 15 or later" in check.detail
    assert check_version("15.0", 150000).status is Status.OK


def test_the_worst_check_decides() -> None:
    def worst(*statuses: Status) -> Status:
        return Report(checks=[Check("any", status, None, "") for status in statuses]).status

    assert worst(Status.OK, Status.WARNING) is Status.WARNING
    assert worst(Status.UNKNOWN, Status.WARNING, Status.OK) is Status.UNKNOWN
    assert worst(Status.CRITICAL, Status.UNKNOWN) is Status.CRITICAL


def test_label_values_are_escaped() -> None:
    assert escape('a\\b"c\nd') == 'a\\\\b\\"c\\nd'
