"""convo-tenancy health in phase 2: mirrors that do not work, who goes past them, who needs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to, verify
from support.cluster import ROOT, Cluster
from support.command_line import call
from support.commands import execute, run, value
from support.health import AS_DEPLOYED, follow, go, health, recorded, role, samples, shop_profiles
from support.waiting import wait_until

NO_READS = (
    "skipped: reads are seen by pg_stat_statements alone: add it to shared_preload_libraries,"
    " restart the server, and CREATE EXTENSION pg_stat_statements"
)
PAST_THE_TRIGGERS = (
    "session_replication_role is replica, so no trigger fires and nothing is mirrored, for "
)


def test_everything_is_right(phase2_database: str) -> None:
    found = health(phase2_database)
    assert (found.exit_code, found.status, found.phase) == (0, "ok", "@phase2")
    said = [found.said(name) for name in found.checks if name not in ("legacy_watch", "shops")][7:]
    assert said == [
        ("ok", 0, "the profiles say what the legacy side says"),
        ("ok", 0, "Python can read when each customer was last booked"),
        *(
            ("ok", recorded(phase2_database, *kinds), AS_DEPLOYED)
            for kinds in (
                ["constraint"],
                ["index"],
                ["trigger"],
                ["function"],
                ["view", "table"],
            )
        ),
        ("ok", 0, "none on the mirrored tables"),
        ("ok", 0, "no setting switches the triggers off"),
        ("ok", 0, "none writes mirrored tables"),
        ("ok", 0, "nobody writes both sides in one transaction"),
        ("ok", 0, "nobody wrote to the legacy side directly in the last seven days"),
        ("ok", None, NO_READS),
        (
            "ok",
            "off",
            "no member of convo_shop has a right on a table: CALL tenancy.enforce_isolation() binds"
            " them to one shop",
        ),
        ("ok", 0, "no trigger records changed customers"),
        ("ok", 0, "no transaction is open for long"),
        ("ok", 0, "no prepared transaction waits for its end"),
        ("ok", 0, "no session waits long for a lock on these tables"),
        ("ok", 0, "no new deadlock"),
        ("ok", 0, "no standby, no replication slot"),
    ]
    assert not any(
        "legacy_write" in name or "legacy_read_" in name
        for name in samples(phase2_database)[1]
        if "check=" not in name
    )


def test_drift_is_critical(phase2_database: str) -> None:
    execute(
        phase2_database,
        """
        SET session_replication_role = replica;
        UPDATE public.customers SET no_show_count = 7 WHERE id IN (3, 4);
        DELETE FROM public.customer_shop_profiles WHERE customer_id = 7;
        UPDATE public.customer_booking_stats
        SET total_bookings = 6, total_spend_cents = 24000, last_booking_at = NULL
        WHERE customer_id = 7;
        UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 7;
        """,
    )
    found = health(phase2_database)
    assert (found.exit_code, *found.said("drift")) == (
        2,
        "critical",
        3,
        "missing_profile 1 (customer 7: legacy 6 bookings, 24000 cents, 0 no-shows);"
        " no_show_count 2 (customer 3: legacy 7, profiles 0; customer 4: legacy 7, profiles 0):"
        " run convo-tenancy repair --dry-run",
    )
    others = {name: check["status"] for name, check in found.checks.items() if name != "drift"}
    assert {*others.values()} == {"ok"}, others

    assert call(phase2_database, "repair").returncode == 0
    assert health(phase2_database).exit_code == 0


@pytest.mark.parametrize(
    ("damage", "check", "detail"),
    [
        (
            "ALTER TABLE public.bookings ENABLE REPLICA TRIGGER confirm_booking",
            "triggers",
            "confirm_booking on public.bookings disabled: run ALTER TABLE"
            " public.bookings ENABLE TRIGGER confirm_booking",
        ),
        (
            """
            DROP TRIGGER refuse_truncate ON public.customers;
            DROP TRIGGER mirror_profile_to_legacy ON public.customer_shop_profiles;
            """,
            "triggers",
            "mirror_profile_to_legacy on public.customer_shop_profiles missing: run CREATE OR"
            " REPLACE TRIGGER mirror_profile_to_legacy AFTER INSERT OR DELETE OR UPDATE ON"
            " public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION"
            " tenancy.mirror_profiles_to_legacy(); refuse_truncate on public.customers missing: run"
            " CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.customers FOR"
            " EACH STATEMENT EXECUTE FUNCTION tenancy.refuse_truncate()",
        ),
        *(
            (
                f"""
                CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles
                AFTER {events} ON public.customer_booking_stats
                FOR EACH ROW {condition} EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles()
                """,
                "triggers",
                "mirror_statistics_to_profiles on public.customer_booking_stats altered: run"
                " CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles AFTER INSERT OR DELETE OR"
                " UPDATE ON public.customer_booking_stats FOR EACH ROW EXECUTE FUNCTION"
                " tenancy.mirror_statistics_to_profiles()",
            )
            for events, condition in (
                ("INSERT OR UPDATE", ""),
                ("INSERT OR UPDATE OR DELETE", "WHEN (pg_trigger_depth() = 0)"),
            )
        ),
        (
            """
            CREATE OR REPLACE TRIGGER mirror_stylist_preference_to_profile
            AFTER INSERT OR UPDATE OR DELETE ON public.customer_stylist_preferences
            FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_profiles_to_legacy()
            """,
            "triggers",
            "mirror_stylist_preference_to_profile on public.customer_stylist_preferences"
            " altered: run CREATE OR REPLACE TRIGGER mirror_stylist_preference_to_profile AFTER"
            " INSERT OR DELETE OR UPDATE ON public.customer_stylist_preferences FOR EACH ROW"
            " EXECUTE FUNCTION tenancy.mirror_stylist_preferences_to_profiles()",
        ),
        (
            """
            CREATE OR REPLACE FUNCTION tenancy.note_confirmed_booking() RETURNS trigger
            LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            BEGIN
                RETURN NULL;
            END;
            $$
            """,
            "functions",
            "tenancy.note_confirmed_booking() altered: run psql -f"
            " deploy/mirror/confirm_booking.sql again",
        ),
        (
            """
            CREATE OR REPLACE FUNCTION tenancy.residual(total bigint, others bigint)
            RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN total - others
            """,
            "functions",
            "tenancy.residual(bigint,bigint) altered: run psql -f"
            " deploy/profiles/residual.sql again",
        ),
        (
            "ALTER FUNCTION tenancy.mirror_statistics_to_profiles() SECURITY INVOKER",
            "functions",
            "tenancy.mirror_statistics_to_profiles() altered: run psql -f"
            " deploy/mirror/mirror_statistics_to_profiles.sql again",
        ),
        (
            """
            ALTER FUNCTION tenancy.repair(integer[], text, boolean) RESET lock_timeout;
            DROP FUNCTION tenancy.record_no_show(integer, integer);
            DROP FUNCTION tenancy.set_preferred_stylist(integer, integer, integer);
            """,
            "functions",
            "tenancy.record_no_show(integer,integer) missing: run psql -f"
            " deploy/api/record_no_show.sql again; tenancy.repair(integer[],text,boolean) altered:"
            " run psql -f deploy/mirror/repair.sql again;"
            " tenancy.set_preferred_stylist(integer,integer,integer) missing: run psql -f"
            " deploy/api/set_preferred_stylist.sql again",
        ),
    ],
)
def test_what_is_broken_is_critical_and_the_advice_helps(
    phase2_database: str, damage: str, check: str, detail: str
) -> None:
    execute(phase2_database, damage)
    found = health(phase2_database)
    assert (found.exit_code, found.said(check)[0], found.said(check)[2]) == (2, "critical", detail)
    others = {name: seen["status"] for name, seen in found.checks.items() if name != check}
    assert {*others.values()} == {"ok"}, others

    follow(phase2_database, detail)
    assert health(phase2_database).exit_code == 0


def test_a_trigger_that_always_fires_is_enabled(phase2_database: str) -> None:
    execute(
        phase2_database,
        "ALTER TABLE public.customers ENABLE ALWAYS TRIGGER mirror_customer_to_profiles",
    )
    assert health(phase2_database).said("triggers")[::2] == ("ok", AS_DEPLOYED)


def test_the_reconcile_is_not_finished(phase1_database: str) -> None:
    move_to(phase1_database, "mirror/mirrors")
    found = health(phase1_database)
    assert (found.exit_code, found.phase) == (1, "@phase1")
    status, _value, detail = found.said("phase")
    assert (status, found.said("triggers")[2]) == ("warning", AS_DEPLOYED)
    assert "the last is mirror/mirrors: to go forward to @phase2, run sqitch" in detail
    go(phase1_database, found.forward)
    assert health(phase1_database).exit_code == 0


def test_a_trigger_of_the_reconcile_is_left_over(phase2_database: str) -> None:
    execute(
        phase2_database,
        """
        CREATE TRIGGER catch_up_booking BEFORE UPDATE ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION tenancy.catch_up_customer()
        """,
    )
    found = health(phase2_database)
    status, _number, detail = found.said("triggers")
    assert (found.exit_code, status, found.said("other_triggers")[0]) == (1, "warning", "ok")
    assert detail == (
        "catch_up_booking on public.bookings left over: run DROP TRIGGER catch_up_booking ON"
        " public.bookings"
    )
    follow(phase2_database, detail)
    assert health(phase2_database).exit_code == 0


def test_triggers_of_others(phase2_database: str) -> None:
    execute(
        phase2_database,
        """
        CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RETURN NEW;
        END;
        $$;
        CREATE TRIGGER "Touch" BEFORE UPDATE ON public.customers
        FOR EACH ROW EXECUTE FUNCTION public.touch();
        CREATE TRIGGER count_it BEFORE INSERT ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION public.touch();
        -- None of these fires on a mirror's write, or before confirm_booking.
        CREATE TRIGGER count_them AFTER INSERT ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION public.touch();
        CREATE TRIGGER touch BEFORE UPDATE ON public.stylists
        FOR EACH ROW EXECUTE FUNCTION public.touch();
        CREATE TRIGGER off BEFORE UPDATE ON public.customer_shop_profiles
        FOR EACH ROW EXECUTE FUNCTION public.touch();
        ALTER TABLE public.customer_shop_profiles DISABLE TRIGGER off;
        """,
    )
    found = health(phase2_database)
    assert (found.exit_code, *found.said("other_triggers")) == (
        1,
        "warning",
        2,
        'count_it on public.bookings (public.touch), "Touch" on public.customers (public.touch):'
        " such a trigger causes drift if it writes to a mirrored table while a mirror writes, or"
        " before confirm_booking has locked the customer: make it write elsewhere"
        " (docs/runbook.md#other_triggers)",
    )


def test_who_has_triggers_switched_off_by_setting(phase2_database: str) -> None:
    database = phase2_database.split("@/")[1].split("?")[0]
    roles = ("loader", "copier", "reader", "unconcerned")
    for name in roles:
        execute(phase2_database, f"CREATE ROLE {name}")
    try:
        execute(
            phase2_database,
            f"""
            ALTER ROLE loader SET session_replication_role = 'Replica';
            ALTER ROLE copier IN DATABASE {database} SET session_replication_role = replica;
            ALTER ROLE reader SET session_replication_role = local;
            ALTER ROLE unconcerned IN DATABASE postgres SET session_replication_role = replica;
            """,
        )
        found = health(phase2_database)
        assert (found.exit_code, *found.said("replication_role")) == (
            1,
            "warning",
            2,
            f"{PAST_THE_TRIGGERS}role copier in this database (ALTER ROLE copier IN DATABASE"
            f" {database} RESET session_replication_role),"
            " role loader (ALTER ROLE loader RESET session_replication_role)",
        )
    finally:
        for name in roles:
            execute(phase2_database, f"DROP ROLE {name}")

    execute(phase2_database, f"ALTER DATABASE {database} SET session_replication_role = replica")
    found = health(phase2_database)
    assert (found.exit_code, *found.said("replication_role")) == (
        2,
        "critical",
        1,
        f"{PAST_THE_TRIGGERS}everybody in this database"
        f" (ALTER DATABASE {database} RESET session_replication_role)",
    )


def test_who_writes_to_the_legacy_side(phase2_database: str) -> None:
    for application in ('the "old" \\ one', ""):
        with psycopg.connect(phase2_database, application_name=application) as legacy:
            legacy.execute(
                "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 3"
            )
    execute(
        phase2_database,
        """
        UPDATE tenancy.legacy_writes SET written_at = '2030-01-02 03:04:05+00'
        WHERE application_name <> '';
        UPDATE tenancy.legacy_writes SET written_at = '2030-01-01 03:04:05+00'
        WHERE application_name = '';
        INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)
        SELECT '', 'postgres', 1, now() FROM generate_series(1, 1233)
        UNION ALL
        VALUES
        ('', 'postgres', NULL, '2029-01-01 03:04:05+00'),
        ('long ago', 'postgres', 1, now() - interval '8 days');
        ALTER DATABASE current SET timezone = 'UTC';
        """.replace("current", phase2_database.split("@/")[1].split("?")[0]),
    )
    found = health(phase2_database)
    assert (found.exit_code, *found.said("legacy_writers")) == (
        0,
        "ok",
        2,
        'application the "old" \\ one as role postgres for shop 1: 1 rows, last at 2030-01-02 03:04'
        " UTC; application (none) as role postgres for shop 1: 1,234 rows, last at 2030-01-01 03:04"
        " UTC; application (none) as role postgres for no shop: 1 rows, last at 2029-01-01 03:04"
        " UTC",
    )
    exit_code, found_samples = samples(phase2_database)
    assert exit_code == 0
    assert {
        name: number
        for name, number in found_samples.items()
        if "legacy_" in name and "quiet" not in name
    } == {
        'convo_tenancy_check_status{check="legacy_writers"}': 0,
        'convo_tenancy_check_status{check="legacy_watch"}': 0,
        'convo_tenancy_check_status{check="legacy_readers"}': 0,
        'convo_tenancy_legacy_writes{application="the \\"old\\" \\\\ one"'
        ',role="postgres",shop="1"}': 1,
        'convo_tenancy_legacy_writes{application="",role="postgres",shop="1"}': 1234,
        'convo_tenancy_legacy_writes{application="",role="postgres",shop=""}': 1,
        'convo_tenancy_legacy_last_write_timestamp_seconds{application="the \\"old\\" \\\\ one"'
        ',role="postgres",shop="1"}': 1893553445,
        'convo_tenancy_legacy_last_write_timestamp_seconds{application="",role="postgres",shop="1"}'
        "": 1893467045,
        'convo_tenancy_legacy_last_write_timestamp_seconds{application="",role="postgres",shop=""}'
        "": 1861931045,
    }


def test_who_writes_both_sides(phase2_database: str) -> None:
    """Critical, with an example, until it is cleared."""
    both = """
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id = 7;
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = 7 AND shop_id = 2;
    """
    with psycopg.connect(phase2_database, application_name="by the letter") as connection:
        connection.execute(both)
        connection.execute("UPDATE tenancy.double_writes SET written_at = '2030-01-02 03:04:05+00'")
    name = value(phase2_database, "SELECT current_database()")
    execute(phase2_database, f"ALTER DATABASE {name} SET timezone = 'UTC'")
    found = health(phase2_database)
    assert (found.exit_code, *found.said("double_writers")) == (
        2,
        "critical",
        1,
        "application by the letter as role postgres: bookings, last at 2030-01-02 03:04 UTC of"
        " customer 7: a booking that is written to both sides counts twice: remove one of the"
        " writes, correct the counts (docs/phase-2.md#double-writers), then run DELETE FROM"
        " tenancy.double_writes",
    )
    assert found.said("drift") == ("ok", 0, "the profiles say what the legacy side says")
    labels = '{application="by the letter",role="postgres",kind="bookings"}'
    assert samples(phase2_database)[1][f"convo_tenancy_double_writes_total{labels}"] == 1
    execute(phase2_database, "DELETE FROM tenancy.double_writes")
    assert health(phase2_database).said("double_writers") == (
        "ok",
        0,
        "nobody writes both sides in one transaction",
    )


def test_bookings_in_a_wrong_shop(phase2_database: str) -> None:
    """A warning that names the repair; honest differences are none."""
    found = health(phase2_database)
    status, number, detail = found.said("shops")
    assert (found.exit_code, status, number) == (0, "ok", 0)
    for name, profiles in shop_profiles(phase2_database).items():
        assert (f"{name} {profiles:,}" in detail) == (profiles > 0)
    assert re.search(
        r"; public_confirms \d+ \(customer \d+ in shop \d: profile \d+, bookings \d+, counts \d+\)",
        detail,
    )
    execute(
        phase2_database,
        """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings - 3
        WHERE customer_id = 7 AND shop_id = 4;
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 3
        WHERE customer_id = 7 AND shop_id = 2;
        """,
    )
    found = health(phase2_database)
    assert (found.exit_code, found.said("drift")[1]) == (1, 0)
    status, number, detail = found.said("shops")
    assert (status, number) == ("warning", 2)
    assert (
        "misplaced 2 (customer 7 in shop 2: profile 4, bookings 1, counts 1;"
        " customer 7 in shop 4: profile 1, bookings 4, counts 4)"
    ) in detail
    assert detail.endswith(": run convo-tenancy repair --shops --dry-run")
    assert samples(phase2_database)[1]['convo_tenancy_shop_profiles{class="misplaced"}'] == 2


def test_since_when_the_mirrors_watch(phase2_database: str) -> None:
    """As information, whatever it is."""
    url = phase2_database
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER DATABASE {name} SET timezone = 'UTC'")
    moment = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
    watching = rf"the mirrors watch who writes since {moment}"
    for statement, hours, detail in (
        ("SELECT", 0, rf"{watching}; the quiet period of 1 day is over at {moment}"),
        (
            "UPDATE tenancy.mirror_watch SET since = now() - interval '1 day 1 hour'",
            25,
            rf"{watching}; the quiet period of 1 day is over",
        ),
        (
            "ALTER FUNCTION tenancy.note_confirmed_booking() COST 99",
            None,
            rf"{watching}, with a gap: function tenancy\.note_confirmed_booking\(\) was off,"
            r" replaced, or restored from a dump: CALL tenancy\.restart_watch\(\) restarts it",
        ),
        (
            "CALL tenancy.restart_watch()",
            0,
            rf"{watching}; the quiet period .* is over at {moment}",
        ),
        (
            "DELETE FROM tenancy.mirror_watch",
            None,
            r"the mirrors do not watch who writes: CALL tenancy\.restart_watch\(\) restarts it",
        ),
    ):
        execute(url, statement)
        found = health(url)
        status, number, said = found.said("legacy_watch")
        assert (found.exit_code, status, number) == (0, "ok", hours)
        assert re.fullmatch(detail, said), said


def test_a_write_moves_the_end_of_the_quiet_period(phase2_database: str) -> None:
    """One rule for health, its metric, and the next step of status."""
    url = phase2_database
    execute(
        url,
        "UPDATE tenancy.mirror_watch SET since = now() - interval '3 days'",
        "INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)"
        " VALUES ('web', 'app', now() - interval '1 hour')",
    )
    end = "max(written_at) + interval '1 day 5 minutes'"
    moment = f"to_char(({end}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
    said = value(url, f"SELECT {moment} FROM tenancy.legacy_writes")
    name = value(url, "SELECT current_database()")
    execute(url, f"ALTER DATABASE {name} SET timezone = 'UTC'")
    detail = health(url).said("legacy_watch")[2]
    assert detail.endswith(f"; the quiet period of 1 day is over at {said} UTC")
    seconds = float(value(url, f"SELECT extract(EPOCH FROM {end}) FROM tenancy.legacy_writes"))
    found = samples(url)[1]["convo_tenancy_legacy_quiet_end_timestamp_seconds"]
    assert found == pytest.approx(seconds, abs=1)
    status = json.loads(call(url, "status", "--format", "json").stdout)
    assert status["next"]["not_before"][:16] == said.replace(" ", "T")


def test_many_writers(phase2_database: str) -> None:
    execute(
        phase2_database,
        """
        INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)
        SELECT 'application ' || n, 'postgres', now() - n * interval '1 second'
        FROM generate_series(1, 250) AS n
        """,
    )
    _status, number, detail = health(phase2_database).said("legacy_writers")
    assert number == 100
    assert detail.count("rows, last at") == 5
    assert detail.endswith("; and 95 more")


def test_the_extension_without_its_library(phase2_database: str) -> None:
    execute(phase2_database, "CREATE EXTENSION pg_stat_statements")
    found = health(phase2_database)
    assert (found.exit_code, found.said("legacy_readers")) == (
        0,
        (
            "ok",
            None,
            NO_READS.removesuffix(", and CREATE EXTENSION pg_stat_statements").replace(
                " restart", " and restart"
            ),
        ),
    )


def test_a_monitoring_role(phase2_database: str) -> None:
    with role(phase2_database, "GRANT pg_read_all_data TO watcher") as url:
        found = health(url)
        assert (found.exit_code, found.said("functions")[0]) == (0, "ok"), found
        # What it sees is what the owner sees, but for what a function must be called for.
        by_function = ("connection", "legacy_readers")
        assert found.checks == {
            **health(phase2_database).checks,
            **{name: found.checks[name] for name in by_function},
        }
        assert found.said("legacy_readers")[2].endswith(": GRANT it, or convo_health")
    some = ["GRANT USAGE ON SCHEMA tenancy TO watcher"]
    some += ["GRANT SELECT ON tenancy.changes TO watcher"]
    with role(phase2_database, *some) as url:
        found = health(url)
        # A registry that it may not read is no error.
        assert found.said("phase") == health(phase2_database).said("phase")
        assert found.said("plan")[2] == "skipped: what Sqitch has registered is not known"
        status, _number, detail = found.said("legacy_writers")
        assert status == "unknown"
        assert detail.startswith(
            "permission denied for view legacy_writers_by_shop: run it as the owner "
        )
    with role(phase2_database, "GRANT USAGE ON SCHEMA tenancy TO watcher") as url:
        found = health(url)
        assert (found.exit_code, found.phase, found.said("phase")[0]) == (3, None, "unknown")
        assert found.said("legacy_writers")[2] == "skipped: the deployed phase is not known"


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
        assert health(phase2_database).exit_code == 0


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that may be set up as a whole, with pg_stat_statements and logical replication."""
    cluster = Cluster.create(shared_preload_libraries="pg_stat_statements", wal_level="logical")
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def salon(own_cluster: Cluster) -> str:
    """URL of a database in it, at @phase2."""
    url = own_cluster.create_database("salon")
    run(ROOT / "scripts/load-legacy.sh", url, "minimal")
    move_to(url, "@phase2")
    execute(url, "ALTER DATABASE salon SET timezone = 'UTC'")
    return url


def test_who_reads_the_legacy_side(salon: str) -> None:
    execute(
        salon,
        'CREATE SCHEMA "X-statements"',
        'CREATE EXTENSION pg_stat_statements SCHEMA "X-statements"',
        "CREATE ROLE legacy LOGIN IN ROLE pg_read_all_data, pg_write_all_data",
        'SELECT "X-statements".pg_stat_statements_reset()',
    )
    # What we do ourselves is not meant.
    for command in (["health"], ["repair"], ["backfill", "--dry-run"]):
        assert call(salon, *command).returncode == 0
    verify(salon)
    found = health(salon)
    assert found.said("legacy_readers") == ("ok", 0, "no statement names the legacy side")

    with psycopg.connect(salon.replace("postgres@", "legacy@"), autocommit=True) as legacy:
        for _ in range(3):
            legacy.execute(
                """
                SELECT customer_booking_stats.customer_id, customer_booking_stats.total_bookings
                FROM customer_booking_stats
                WHERE customer_booking_stats.customer_id = %s
                """,
                (1,),
            )
        legacy.execute("/* orm */ SELECT average_spend_cents FROM Customers")
        legacy.execute("UPDATE customer_booking_stats SET total_bookings = total_bookings")
        # No reads of the legacy side.
        legacy.execute("SELECT id, phone FROM customers")
        legacy.execute("SELECT preferred_stylist_id, no_show_count FROM customer_shop_profiles")
        legacy.execute("SELECT average_spend_cents FROM tenancy.customer_totals")
    with psycopg.connect(salon, autocommit=True) as connection:
        connection.execute("SELECT count(no_show_count) FROM customers")
        # Inside of a block the block is meant.
        connection.execute("SET pg_stat_statements.track = 'all'")
        connection.execute("DO 'BEGIN PERFORM FROM customer_booking_stats; END'")
    found = health(salon)
    status, number, detail = found.said("legacy_readers")
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    assert (found.exit_code, status, number) == (0, "ok", 5)
    assert re.fullmatch(
        rf"role legacy: 5 calls of 3 statements {since}, mostly SELECT"
        r" customer_booking_stats\.customer_id, customer_booking_stats\.total_bookings FROM"
        r" customer_booking_stats WHERE.*; role postgres: 2 calls of 2 statements"
        rf" {since}, mostly DO .*",
        detail,
    ), detail
    exit_code, found_samples = samples(salon)
    assert exit_code == 0
    assert found_samples['convo_tenancy_legacy_read_calls{role="legacy"}'] == 5
    assert found_samples['convo_tenancy_legacy_read_calls{role="postgres"}'] == 2

    with role(salon, "GRANT pg_read_all_data, pg_read_all_stats, convo_health TO watcher") as url:
        assert health(url).said("legacy_readers")[1] == 5


def test_a_logical_subscription(own_cluster: Cluster, salon: str) -> None:
    """What it brings is not mirrored; the check says so."""
    publisher = own_cluster.create_database("publisher")
    run(ROOT / "scripts/load-legacy.sh", publisher, "minimal")
    execute(
        publisher,
        "CREATE PUBLICATION changes FOR TABLE public.customers, public.services",
        "SELECT pg_create_logical_replication_slot('brings', 'pgoutput')",
    )
    execute(
        salon,
        f"""
        CREATE SUBSCRIPTION brings
        CONNECTION 'host={own_cluster.directory} user=postgres dbname=publisher'
        PUBLICATION changes WITH (create_slot = FALSE, copy_data = FALSE, slot_name = brings)
        """,
    )
    try:
        execute(
            publisher,
            "INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)"
            " VALUES (900, '+15550000900', 0, 2)",
        )
        arrived = "SELECT count(*) FROM public.customers WHERE id = 900"
        wait_until(lambda: value(salon, arrived) == "1", "the subscription brought a customer")
        found = health(salon)
        assert found.said("drift")[:2] == ("critical", 1)
        assert found.said("subscriptions") == (
            "warning",
            1,
            "brings writes public.customers: replication fires no triggers, so its rows are not"
            " mirrored: take these tables out of the publication; or, if it brings one side only,"
            " ALTER TABLE ... ENABLE ALWAYS TRIGGER for the triggers of schema tenancy"
            " (docs/runbook.md#subscriptions)",
        )
        with role(salon, "GRANT pg_read_all_data TO watcher") as url:
            assert health(url).said("subscriptions")[0] == "warning"

        triggers = value(
            salon,
            """
            SELECT string_agg(format('ALTER TABLE public.customers ENABLE ALWAYS TRIGGER %I',
                tgname), ';') FROM pg_trigger
            WHERE tgrelid = 'public.customers'::regclass AND NOT tgisinternal
            """,
        )
        execute(salon, triggers)
        found = health(salon)
        assert found.said("subscriptions") == ("ok", 0, "none writes mirrored tables")
        assert found.said("triggers")[2] == AS_DEPLOYED
    finally:
        execute(salon, "DROP SUBSCRIPTION brings")
        execute(salon, "DELETE FROM public.customers WHERE id = 900")
