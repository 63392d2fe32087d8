"""convo-tenancy health: standbys and replication slots, and the check on a standby itself."""

from __future__ import annotations

import re

from support.cluster import Cluster
from support.command_line import call
from support.commands import execute, value
from support.health import health, role, samples
from support.standby import standby
from support.status import in_the_way, status
from support.waiting import wait_until

BEHIND = ("--threshold", "lag_warning_bytes=1", "--threshold", "lag_critical_bytes=1e6")
KEEPS = ("--threshold", "slot_warning_bytes=0")


def test_a_standby(cluster: Cluster, phase2_database: str) -> None:
    url = phase2_database
    database = url.partition("@/")[2].partition("?")[0]
    with standby(cluster, "near", "for_near") as near:
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: value(url, streaming) == "1", "the standby follows")
        execute(url, "CREATE TABLE public.much (words text)")
        caught_up = "SELECT pg_current_wal_lsn() = replay_lsn FROM pg_stat_replication"
        wait_until(lambda: value(url, caught_up) == "t", "it has replayed all there is")
        found = health(url, *KEEPS)
        assert (found.exit_code, found.said("replicas")[:2]) == (0, ("ok", 1))
        assert found.said("replicas")[2].startswith("standby near (streaming) is 0 bytes")

        # All of it works where nothing can be written.
        own = health(near.url(database))
        assert own.exit_code == 0, own
        assert re.search(
            r", on a standby: what follows is what it has replayed, as of \d{4}-",
            own.said("connection")[2],
        )
        assert own.said("replicas") == (
            "ok",
            1,
            "this server (streaming) is 0 bytes and 0 s behind",
        )
        assert own.said("shops") == found.said("shops")
        assert call(near.url(database), "health", "--format", "nagios").returncode == 0
        assert in_the_way(status(near.url(database)))["standby"] == "critical"

        execute(near.url(), "SELECT pg_wal_replay_pause()")
        execute(
            url, "INSERT INTO public.much SELECT repeat('x', 2000) FROM generate_series(1, 999)"
        )
        lag = "pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)"
        behind = f"SELECT {lag} > 1e6 FROM pg_stat_replication"
        wait_until(lambda: value(url, behind) == "t", "it is behind")
        found = health(url, *BEHIND)
        assert (found.exit_code, found.said("replicas")[:2]) == (2, ("critical", 1))
        assert re.match(
            r"standby near \(streaming\) is \d\.\d MB (and \d+ s )?behind: see the log of",
            found.said("replicas")[2],
        ), found.said("replicas")
        assert samples(url, *BEHIND)[1]['convo_tenancy_replica_lag_bytes{replica="near"}'] > 1e6
        wait_until(
            lambda: health(near.url(database), *BEHIND).said("replicas")[0] == "critical",
            "the standby has received what it does not replay",
        )
        with role(url, "GRANT convo_health TO watcher") as watcher:
            assert health(watcher, *BEHIND).said("replicas") == (
                "ok",
                None,
                "skipped: how far 1 of them are cannot be seen: GRANT pg_read_all_stats TO the"
                " role",
            )
        with role(url, "GRANT convo_health, pg_read_all_stats TO watcher") as watcher:
            assert health(watcher, *BEHIND).said("replicas")[0] == "critical"
        execute(near.url(), "SELECT pg_wal_replay_resume()")
        wait_until(lambda: health(url, *BEHIND).exit_code == 0, "it has caught up")

        near.stop()
        found = health(url, *KEEPS)
        assert (found.exit_code, found.said("replicas")[:2]) == (1, ("warning", 1))
        detail = found.said("replicas")[2]
        assert re.match(r"slot for_near is inactive and keeps \d", detail), detail
        assert 'convo_tenancy_slot_kept_bytes{slot="for_near"}' in samples(url, *KEEPS)[1]
        execute(url, re.findall(r"run (SELECT .+)", detail)[0])
        assert health(url, *KEEPS).said("replicas")[2] == "no standby, no replication slot"
