"""Phase 1 while the legacy application writes, killed and deployed again."""

from __future__ import annotations

import os
import signal
from datetime import datetime

import psycopg
from psycopg.rows import scalar_row

from support.at_once import move_to, verify
from support.cluster import Cluster
from support.commands import execute, start_sqitch, value
from support.legacy_application import LegacyLoad
from support.profiles import wrong_profiles
from support.waiting import wait_until

SEED = 20260121


def _done(url: str) -> int:
    return int(value(url, "SELECT customers_done FROM tenancy.backfill_progress"))


def _finished(url: str) -> bool:
    query = "SELECT finished_at IS NOT NULL FROM tenancy.backfill_progress"
    return value(url, query) == "t"


def _running(url: str) -> bool:
    query = """
        SELECT EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'CALL tenancy.run_backfill%'
        )
    """
    return value(url, query) == "t"


def test_deploy_killed_in_the_backfill_and_deployed_again(recorded_database: str) -> None:
    url = recorded_database
    with psycopg.connect(url, autocommit=True, row_factory=scalar_row) as connection:
        with LegacyLoad(url, clients=4, seed=SEED) as load:
            load.go_on(50)
            move_to(url, "profiles/run_backfill")
            connection.execute("UPDATE tenancy.settings SET backfill_batch_size = 7")

            deploy = start_sqitch(url, "deploy", "--to", "@phase1")
            wait_until(lambda: _done(url) > 100, "the backfill is in the middle")
            os.killpg(deploy.pid, signal.SIGKILL)
            # The server goes on until it notices; paused, it does not get to the end before that.
            connection.execute("SELECT tenancy.pause_backfill()")
            deploy.communicate()
            wait_until(lambda: not _running(url), "the server notices that psql is gone")
            assert not _finished(url)

            connection.execute("SELECT tenancy.resume_backfill()")
            load.go_on(50)
            second_deploy = connection.execute("SELECT clock_timestamp()").fetchone()
            move_to(url, "@phase1")
            load.go_on(50)

        assert load.errors == []
        assert load.deleted
        assert second_deploy is not None

        existing = connection.execute("SELECT id FROM public.customers").fetchall()
        profiled = {
            *connection.execute("SELECT customer_id FROM public.customer_shop_profiles").fetchall()
        }
        assert profiled <= set(existing), "profiles of deleted customers"
        too_new = {who for who, when in load.inserted.items() if when >= second_deploy}
        assert set(existing) - too_new <= profiled, "customers without a profile"

        # A profile bears the start of its batch; who was written before that was backfilled after.
        with psycopg.connect(url) as rows:
            made: dict[int, datetime] = dict(
                rows.execute(
                    "SELECT customer_id, min(created_at) FROM customer_shop_profiles GROUP BY 1"
                ).fetchall()
            )
        untouched = [
            customer
            for customer, batch in made.items()
            if customer not in load.last_written or load.last_written[customer] < batch
        ]
        assert len(untouched) > 500
        assert any(customer in load.last_written for customer in untouched)
        assert len(untouched) < len(made), "the load wrote to no one after the backfill"
        assert wrong_profiles(url, untouched) == []
    verify(url)


def test_server_killed_in_the_backfill(cluster: Cluster, recorded_database: str) -> None:
    url = recorded_database
    move_to(url, "profiles/run_backfill")
    execute(url, "UPDATE tenancy.settings SET backfill_batch_size = 1")
    deploy = start_sqitch(url, "deploy", "--to", "@phase1")
    wait_until(lambda: _done(url) > 50, "the backfill is in the middle")
    cluster.kill()
    output, _ = deploy.communicate()
    assert deploy.returncode != 0, output

    cluster.start()
    assert not _finished(url)
    with psycopg.connect(url, row_factory=scalar_row) as connection:
        done = connection.execute("SELECT customers_done FROM tenancy.backfill_progress").fetchone()
        profiled = connection.execute(
            "SELECT count(DISTINCT customer_id) FROM public.customer_shop_profiles"
        ).fetchone()
        assert done == profiled, "the cursor is not where the rows are"

    execute(url, "UPDATE tenancy.settings SET backfill_batch_size = DEFAULT")
    move_to(url, "@phase1")
    assert wrong_profiles(url) == []


def test_reverted_and_deployed_again_under_load(recorded_database: str) -> None:
    url = recorded_database
    with LegacyLoad(url, clients=4, seed=SEED + 1) as load:
        move_to(url, "@phase1")
        load.go_on(50)
        move_to(url, None)
        load.go_on(50)
        second_deploy = value(url, "SELECT clock_timestamp()")
        move_to(url, "@phase1")
        load.go_on(50)
    assert load.errors == []
    assert load.deleted

    with psycopg.connect(url, row_factory=scalar_row) as connection:
        # Whoever was written only before the second deploy is right, split anew where need be.
        written_since = [
            customer
            for customer, when in load.last_written.items()
            if when >= datetime.fromisoformat(second_deploy)
        ]
        drifted = connection.execute(
            "SELECT DISTINCT customer_id FROM tenancy.drift WHERE customer_id <> ALL (%s)",
            (written_since,),
        ).fetchall()
        assert drifted == []
    verify(url)
