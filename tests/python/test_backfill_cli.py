"""convo-tenancy backfill: right, held, killed, resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.backfill import assert_all_right
from support.cluster import ROOT, Cluster, new_folder
from support.command_line import Running, call, in_terminal, refusal
from support.commands import environment, execute, run, value
from support.holding import held_in_a_batch, wait_until_gone, wait_until_held
from support.waiting import wait_until

APPLICATION = "convo-tenancy backfill"
RUNNER = f"""
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = '{APPLICATION}'
"""


def test_the_recorded_database_from_the_estimate_to_the_tag(backfill_database: str) -> None:
    dry = call(backfill_database, "backfill", "--dry-run", "--format", "json")
    assert dry.returncode == 0
    estimate = json.loads(dry.stdout)
    assert set(estimate) == {"customers", "profiles", "disk_bytes", "wal_bytes"}
    assert value(backfill_database, "SELECT count(*) FROM public.customer_shop_profiles") == "0"
    assert (
        value(backfill_database, "SELECT started_at IS NULL FROM tenancy.backfill_progress") == "t"
    )

    done = call(backfill_database, "backfill", "--batch-size", "100")
    assert (done.returncode, done.stderr) == (0, "")
    assert_all_right(backfill_database)
    # The recording is small enough to be estimated from all of it.
    customers = value(backfill_database, "SELECT count(*) FROM public.customers")
    profiles = value(backfill_database, "SELECT count(*) FROM public.customer_shop_profiles")
    assert (str(estimate["customers"]), str(estimate["profiles"])) == (customers, profiles)
    first, *_, summary, hint = done.stdout.splitlines()
    assert first.startswith("To do: about 1,824 customers, ")
    assert summary.startswith("Backfill finished: 1,824 customers got ")
    assert "sqitch deploy --to @phase1" in hint

    execute(
        backfill_database,
        "INSERT INTO public.customers (phone, average_spend_cents, no_show_count)"
        " VALUES ('+15559990000', 0, 0)",
    )
    again = call(backfill_database, "backfill")
    assert again.returncode == 0
    assert "The backfill finished at " in again.stdout
    assert "1 customers got 1 profiles" in again.stdout
    assert_all_right(backfill_database)

    move_to(backfill_database, "@phase1")
    assert call(backfill_database, "health").returncode == 0


def test_the_setting_is_the_default_batch_size(backfill_database: str) -> None:
    execute(backfill_database, "UPDATE tenancy.settings SET backfill_batch_size = 700")
    with held_in_a_batch(backfill_database), Running(backfill_database, "backfill") as running:
        wait_until_held(backfill_database, APPLICATION)
        assert (
            value(backfill_database, "SELECT customers_done FROM tenancy.backfill_progress")
            == "700"
        )
        running.process.send_signal(signal.SIGTERM)
        assert running.end()[0] == 143


def test_paused_watched_and_resumed_from_elsewhere(backfill_database: str) -> None:
    paused = call(backfill_database, "backfill", "pause")
    assert (paused.returncode, paused.stderr) == (0, "")
    assert "No backfill runs now" in paused.stdout
    with Running(backfill_database, "backfill", "--batch-size", "100") as running:
        assert "paused" in running.read_until("waiting:")

        pid = value(backfill_database, f"SELECT pid {RUNNER}")
        status = json.loads(
            call(backfill_database, "backfill", "status", "--format", "json").stdout
        )
        assert (status["paused"], status["percent"]) == (True, 0.0)
        assert status["running"]["pid"] == int(pid)
        assert [worker["pid"] for worker in status["workers"]] == [int(pid)]
        text = call(backfill_database, "backfill", "status").stdout
        assert ", paused" in text
        assert f"Running:   pid {pid}," in text
        assert value(backfill_database, "SELECT count(*) FROM public.customer_shop_profiles") == "0"

        resumed = call(backfill_database, "backfill", "resume")
        assert "the running backfill goes on" in resumed.stdout
        code, output = running.end()
        assert code == 0
        assert "goes on" in output
    assert_all_right(backfill_database)
    status = json.loads(call(backfill_database, "backfill", "status", "--format", "json").stdout)
    assert (status["percent"], status["running"], status["paused"]) == (100.0, None, False)
    assert status["workers"] == []


def _terminate(running: Running, url: str) -> None:
    value(url, f"SELECT pg_terminate_backend(pid) {RUNNER}")


def _send(number: signal.Signals) -> Callable[[Running, str], None]:
    return lambda running, _url: running.process.send_signal(number)


@pytest.mark.parametrize(
    ("end_it", "exit_code", "words"),
    [
        (_send(signal.SIGKILL), -signal.SIGKILL, ""),
        (_send(signal.SIGINT), 130, "convo-tenancy: cancelled; run again to go on"),
        (_send(signal.SIGTERM), 143, "convo-tenancy: cancelled; run again to go on"),
        (_terminate, 1, "the connection to the server was lost"),
    ],
    ids=["kill", "interrupt", "terminate", "connection"],
)
def test_ended_in_the_middle_of_a_batch_and_run_again(
    backfill_database: str, end_it: Callable[[Running, str], None], exit_code: int, words: str
) -> None:
    with (
        held_in_a_batch(backfill_database),
        Running(backfill_database, "backfill", "--batch-size", "100") as running,
    ):
        wait_until_held(backfill_database, APPLICATION)
        end_it(running, backfill_database)
        code, output = running.end()
        assert code == exit_code, output
        assert words in output
        wait_until_gone(backfill_database, APPLICATION)
    done = "SELECT customers_done, finished_at IS NULL FROM tenancy.backfill_progress"
    assert value(backfill_database, done) == "800|t"
    profiled = "SELECT count(DISTINCT customer_id) FROM public.customer_shop_profiles"
    assert value(backfill_database, profiled) == "800"

    again = call(backfill_database, "backfill", "--batch-size", "100")
    assert again.returncode == 0
    assert "Backfill finished: 1,024 customers got" in again.stdout
    assert_all_right(backfill_database)


def test_sqitch_shares_the_work_of_the_command(backfill_database: str) -> None:
    call(backfill_database, "backfill", "pause")
    with Running(backfill_database, "backfill") as running:
        running.read_until("waiting:")
        with subprocess.Popen(
            ["sqitch", "deploy", "--target", f"db:{backfill_database}", "--to", "@phase1"],
            env=environment(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as deploying:
            assert deploying.stdout is not None
            for line in deploying.stdout:
                if "a backfill is running, and this session shares its work: pid" in line:
                    break
            else:
                pytest.fail("Sqitch did not say so")
            call(backfill_database, "backfill", "resume")
            assert running.end()[0] == 0
            deploying.communicate(timeout=60)
            assert deploying.returncode == 0
    assert_all_right(backfill_database)


def test_a_customer_whose_deletion_is_under_way(backfill_database: str) -> None:
    with psycopg.connect(backfill_database, application_name="a deletion") as deleting:
        for table in ("booking_stats", "stylist_preferences", "service_preferences"):
            deleting.execute(f"DELETE FROM public.customer_{table} WHERE customer_id = 900")
        deleting.execute("DELETE FROM public.customers WHERE id = 900")
        with Running(backfill_database, "backfill", "--batch-size", "100") as running:
            assert "application a deletion" in running.read_until("waiting: 1 customers")
            deleting.commit()
            code, output = running.end()
            assert code == 0, output
    assert_all_right(backfill_database)


def test_tables_that_are_locked_for_a_while(backfill_database: str) -> None:
    """As the legacy application locks its tables when it boots, for its own ALTERs."""
    call(backfill_database, "backfill", "pause")
    with (
        psycopg.connect(backfill_database) as booting,
        Running(backfill_database, "backfill", "--batch-size", "100") as running,
    ):
        assert "paused" in running.read_until("waiting:")
        booting.execute("LOCK TABLE public.customer_booking_stats IN ACCESS EXCLUSIVE MODE")
        call(backfill_database, "backfill", "resume")
        assert "customers from 1 on: canceling" in running.read_until("waiting: somebody holds a")
        booting.execute("LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE")
        assert "lock timeout" in running.read_until("tries again (canceling")
        booting.commit()
        code, output = running.end()
        assert code == 0, output
    assert_all_right(backfill_database)


def test_a_pause_that_is_not_committed(backfill_database: str) -> None:
    """It holds the row of the cursor; the batch waits for that as for any other lock."""
    call(backfill_database, "backfill", "pause")
    with (
        psycopg.connect(backfill_database) as undecided,
        Running(backfill_database, "backfill", "--batch-size", "5") as running,
    ):
        running.read_until("waiting: paused")
        undecided.execute("SELECT tenancy.resume_backfill()")
        undecided.commit()
        undecided.execute("SELECT tenancy.pause_backfill()")
        assert "lock timeout" in running.read_until("waiting: somebody holds a lock")
        undecided.rollback()
        code, output = running.end()
        assert code == 0, output
    assert_all_right(backfill_database)


def test_a_bar_in_a_terminal(backfill_database: str) -> None:
    code, output = in_terminal(backfill_database, "backfill", "--batch-size", "100")
    assert code == 0, output
    for words in ("1,824 of 1,824 customers", "100%", "profiles, ", "/s", "Next: sqitch deploy"):
        assert words in output
    assert_all_right(backfill_database)


@pytest.fixture
def replicated() -> Iterator[tuple[Cluster, Cluster]]:
    """A cluster of its own and a streaming replica, by name "far_away", that replays nothing."""
    primary = Cluster.create()
    replica = Cluster(new_folder())
    try:
        as_owner: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(replica.directory, "postgres", "postgres")
            as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        subprocess.run(
            [
                *as_owner,
                str(shutil.which("pg_basebackup")),
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                f"--pgdata={replica.directory}/data",
                f"--dbname={primary.url()}&application_name=far_away",
            ],
            check=True,
            capture_output=True,
            cwd="/tmp",
        )
        with (replica.directory / "data/postgresql.conf").open("a") as conf:
            conf.write(f"unix_socket_directories = '{replica.directory}'\n")
        replica.start()
        yield primary, replica
    finally:
        replica.remove()
        primary.remove()


def test_a_replica_that_lags_holds_the_backfill(replicated: tuple[Cluster, Cluster]) -> None:
    primary, replica = replicated
    url = primary.create_database("salon")
    run(ROOT / "scripts/load-legacy.sh", url, "minimal")
    move_to(url, "profiles/run_backfill")
    wait_until(
        lambda: (
            value(url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1"
        ),
        "the replica streams",
    )
    value(replica.url(), "SELECT pg_wal_replay_pause()")
    wait_until(
        lambda: value(replica.url(), "SELECT pg_get_wal_replay_pause_state()") == "paused",
        "the replica replays nothing",
    )
    execute(
        url,
        """
        UPDATE tenancy.settings SET replica_lag_limit_bytes = 1000;
        INSERT INTO public.customers (phone, average_spend_cents, no_show_count)
        SELECT '+1555' || n, 0, 0 FROM generate_series(1, 500) AS n;
        """,
    )
    with Running(url, "backfill", "--batch-size", "100") as running:
        line = running.read_until("waiting:")
        assert "replica far_away is" in line
        assert "replica_lag_limit_bytes" in line
        assert value(url, "SELECT count(*) FROM public.customer_shop_profiles") == "0"

        value(replica.url(), "SELECT pg_wal_replay_resume()")
        code, output = running.end()
        assert code == 0, output
    assert_all_right(url)

    # A health check reads and nothing else: it works on a replica.
    in_step = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
    wait_until(lambda: value(url, in_step) == "1", "the replica has caught up")
    health = call(replica.url("salon"), "health", "--format", "json")
    assert health.returncode == 1
    backfill = next(c for c in json.loads(health.stdout)["checks"] if c["name"] == "backfill")
    assert (backfill["status"], backfill["value"]) == ("ok", 100.0)

    # A role that may not see the lag is told that nothing slows down.
    execute(url, "CREATE ROLE clerk LOGIN IN ROLE postgres")
    blind = call(url.replace("postgres@", "clerk@"), "backfill")
    assert blind.returncode == 0, blind.stderr
    assert "GRANT pg_read_all_stats" in blind.stdout


def test_a_role_without_rights(cluster: Cluster, backfill_database: str) -> None:
    execute(backfill_database, "CREATE ROLE bystander LOGIN")
    try:
        url = backfill_database.replace("postgres@", "bystander@")
        for command in ([], ["--dry-run"], ["pause"], ["resume"], ["status"]):
            line = refusal(url, "backfill", *command)
            assert "permission denied for schema tenancy: run it as the owner" in line
        assert value(backfill_database, "SELECT paused FROM tenancy.backfill_progress") == "f"
    finally:
        execute(backfill_database, "DROP ROLE bystander")


def test_not_deployed_and_not_legacy(cluster: Cluster, legacy_database: str) -> None:
    for command in ([], ["status"], ["pause"]):
        line = refusal(legacy_database, "backfill", *command)
        assert "run sqitch deploy --to profiles/run_backfill first" in line
    line = refusal(cluster.url(), "backfill")
    assert 'database "postgres" does not have the legacy schema' in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "which database? Set DATABASE_URL"),
        ("postgres//u:secret@host/db", "is not a URI like postgresql://"),
        ("postgresql://u:secret@host:port/db", "is not a URI like postgresql://"),
        ("postgresql://u:sec/ret@host/db", "is not a URI like postgresql://"),
        ("host=somewhere password=secret", "is not a URI like postgresql://"),
        ("postgresql://postgres@/postgres?host=/nonexistent", "No such file or directory"),
        ("postgresql://postgres@127.0.0.1:1/postgres", "Connection refused"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, words: str) -> None:
    line = refusal(url, "backfill")
    assert words in line
    assert "secret" not in line
    assert "sec/ret" not in line
    assert words in refusal("", "backfill", "--database-url", url, "status")


def test_a_database_or_user_that_is_not_there(cluster: Cluster) -> None:
    assert 'database "nowhere" does not exist' in refusal(cluster.url("nowhere"), "backfill")
    url = cluster.url().replace("postgres@", "nobody@")
    assert 'role "nobody" does not exist' in refusal(url, "backfill")


@pytest.mark.parametrize(
    "args",
    [
        ("--batch-size", "0"),
        ("--batch-size", "100001"),
        ("--batch-size", "many"),
        ("--workers", "0"),
        ("--workers", "65"),
        ("--workers", "2", "status"),
        ("--format", "json"),
        ("--dry-run", "pause"),
        ("--batch-size", "7", "status"),
        ("stop",),
    ],
)
def test_called_wrongly(args: tuple[str, ...]) -> None:
    done = call("", "backfill", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": see convo-tenancy backfill -h\n")


def test_the_url_before_the_command_counts(backfill_database: str) -> None:
    done = call(
        "postgresql://postgres@127.0.0.1:1/wrong",
        "backfill",
        "--database-url",
        backfill_database,
        "pause",
    )
    assert done.returncode == 0
    assert value(backfill_database, "SELECT paused FROM tenancy.backfill_progress") == "t"


def test_version_and_help() -> None:
    assert call("", "--version").stdout.startswith("convo-tenancy ")
    for words in ([], ["backfill"], ["backfill", "pause"], ["backfill", "status"], ["health"]):
        done = call("", *words, "--help")
        assert done.returncode == 0
        assert "Example" in done.stdout
