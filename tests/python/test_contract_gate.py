"""The contract is refused while it is not safe, and then changes nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import (
    Completed,
    execute,
    pg_dump_data,
    pg_dump_schema,
    psql,
    run,
    sqitch,
    start_sqitch,
    value,
)
from support.sessions import Session, waiting_for
from support.soak import share
from support.waiting import wait_until

_WITHOUT_MIRRORS = "SET session_replication_role = replica"
_DRIFT = """
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id = 7
"""
_LEGACY_WRITE = """
    SET application_name = 'old front desk';
    UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 10
"""


@dataclass(frozen=True)
class Refusal:
    """What makes the gate refuse, what it says, and what makes it open again."""

    cause: str
    message: str
    remedy: str


REFUSALS = {
    "drift": Refusal(
        f"{_WITHOUT_MIRRORS}; {_DRIFT}",
        "drift: customers drift (1 times; customer 7, totals: legacy",
        "SELECT tenancy.repair(ARRAY[7])",
    ),
    "mirror disabled": Refusal(
        "ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles",
        "trigger mirror_customer_to_profiles on public.customers: the mirrors are not as they were"
        " deployed (disabled;",
        "ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles",
    ),
    "mirror for replication only": Refusal(
        "ALTER TABLE public.customers ENABLE REPLICA TRIGGER mirror_customer_to_profiles",
        "trigger mirror_customer_to_profiles on public.customers: the mirrors are not as they were"
        " deployed (disabled;",
        "ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles",
    ),
    "bookings in a wrong shop": Refusal(
        """
        UPDATE public.customer_shop_profiles
        SET total_bookings = total_bookings + CASE shop_id WHEN 3 THEN 2 ELSE -2 END
        WHERE customer_id = 11 AND shop_id IN (1, 3)
        """,
        "shops: bookings count for a wrong shop (1 customers; customer 11, 2 of shop 3 belong to"
        " shop 1; remedy: convo-tenancy repair --shops)",
        "SELECT tenancy.repair(ARRAY[11], 'shops')",
    ),
    "mirror missing": Refusal(
        "DROP TRIGGER confirm_booking ON public.bookings",
        "trigger confirm_booking on public.bookings: the mirrors are not as they were deployed"
        " (missing;",
        "CALL tenancy.attach_mirrors()",
    ),
    "mirror altered": Refusal(
        """
        CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles
        AFTER INSERT OR UPDATE ON public.customer_booking_stats
        FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles()
        """,
        "trigger mirror_statistics_to_profiles on public.customer_booking_stats: the mirrors"
        " are not as they were deployed (altered;",
        "CALL tenancy.attach_mirrors()",
    ),
    "function altered": Refusal(
        """
        CREATE OR REPLACE FUNCTION tenancy.refuse_truncate() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END'
        """,
        "function tenancy.refuse_truncate(): the mirrors are not as they were deployed (altered;",
        r"\i deploy/mirror/attach_mirrors.sql",
    ),
    "a drift view that sees nothing": Refusal(
        """
        CREATE OR REPLACE VIEW tenancy.drift AS
        SELECT ''::text AS kind, 1 AS customer_id, 1 AS shop_id, ''::text AS legacy_value,
            ''::text AS profile_value WHERE FALSE
        """,
        "view tenancy.drift: the mirrors are not as they were deployed (altered;",
        r"\i deploy/profiles/drift.sql",
    ),
    "foreign key not validated": Refusal(
        """
        ALTER TABLE public.customer_shop_profiles
        DROP CONSTRAINT customer_shop_profiles_shop_id_fkey,
        ADD CONSTRAINT customer_shop_profiles_shop_id_fkey
        FOREIGN KEY (shop_id) REFERENCES public.shops (id) ON DELETE CASCADE NOT VALID
        """,
        "constraint customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles: a foreign"
        " key of customer_shop_profiles is not in force (not validated;",
        r"\i deploy/profiles/foreign_keys.sql",
    ),
    "recent legacy writer": Refusal(
        _LEGACY_WRITE,
        'writer "old front desk" as postgres: somebody wrote to the legacy side within 1 day'
        " (last at ",
        "UPDATE tenancy.legacy_writes SET written_at = now() - interval '25 hours'",
    ),
    "a watch of an hour": Refusal(
        "UPDATE tenancy.mirror_watch SET since = now() - interval '1 hour'",
        "watch: nobody knows who wrote to the legacy side within 1 day (the mirrors watch since",
        "",
    ),
    "no watch": Refusal(
        "DELETE FROM tenancy.mirror_watch",
        "(the mirrors do not watch; remedy: CALL tenancy.restart_watch(), then wait",
        "CALL tenancy.restart_watch()",
    ),
    "a watch with a gap": Refusal(
        """
        ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles;
        ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles
        """,
        "was off, replaced, or restored from a dump: trigger mirror_customer_to_profiles on"
        " public.customers; remedy: CALL tenancy.restart_watch(), then wait",
        "CALL tenancy.restart_watch()",
    ),
    "a record of writers that was emptied": Refusal(
        f"{_LEGACY_WRITE}; DELETE FROM tenancy.legacy_writes",
        "watch: nobody knows who wrote to the legacy side within 1 day (the mirrors watch since",
        "",
    ),
    "somebody's view": Refusal(
        "CREATE VIEW public.loyal AS SELECT id FROM public.customers WHERE no_show_count = 0",
        "view public.loyal: something depends on the legacy side (depends on no_show_count;",
        "DROP VIEW public.loyal",
    ),
    "somebody's index": Refusal(
        "CREATE INDEX fans ON public.customers (preferred_stylist_id)",
        "index public.fans: something depends on the legacy side (depends on preferred_stylist_id;",
        "DROP INDEX public.fans",
    ),
}


def state(url: str) -> tuple[str, str]:
    """All that there is, but for what Sqitch notes down."""
    return pg_dump_schema(url, "public", "tenancy*"), pg_dump_data(url, "public", "tenancy*")


def watched(url: str) -> None:
    """The mirrors watch for longer than the quiet period."""
    execute(url, "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")


def findings(url: str, despite: str = "") -> list[str]:
    """The names of what shuts the gate."""
    with psycopg.connect(url) as connection:
        return [
            name
            for (name,) in connection.execute(
                "SELECT name FROM tenancy.contract_findings(NULL, %s) WHERE NOT is_overridden",
                (despite,),
            )
        ]


def contract(url: str, *arguments: str) -> Completed:
    """Ask for the contract."""
    return sqitch(url, "deploy", "--set", "contract=yes", *arguments, check=False)


def assert_refused(url: str, done: Completed) -> None:
    """@phase2 stands."""
    assert done.returncode != 0
    assert value(url, "SELECT change FROM sqitch.changes ORDER BY committed_at DESC LIMIT 1") == (
        "isolation/switch"
    )
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"


@pytest.mark.parametrize("name", share([*REFUSALS], 2))
def test_refused(small_at: Callable[[str | None], str], name: str) -> None:
    url, refusal = small_at("@phase2"), REFUSALS[name]
    watched(url)
    assert findings(url) == []
    execute(url, refusal.cause)
    before = state(url)

    done = contract(url)
    assert_refused(url, done)
    output = done.stdout + done.stderr
    assert "the contract is refused and changed nothing. Findings: " in output
    assert refusal.message in output.replace("\n", " ")
    assert state(url) == before

    said = value(url, "SELECT tenancy.contract_refusal('', '')")
    assert said.startswith("the contract is refused and changed nothing. Findings: ")
    psql(url, stdin=refusal.remedy)
    # Where a mirror was off, only time helps; and where the record was touched.
    assert set(findings(url)) <= {"watch"}
    watched(url)
    if findings(url):
        execute(url, "CALL tenancy.restart_watch()")
        watched(url)
    assert findings(url) == []


def test_everything_at_once(phase2_database: str) -> None:
    """The operator sees all of it in one run."""
    url = phase2_database
    first = REFUSALS["recent legacy writer"]  # what is disabled takes no note
    blind = REFUSALS["a drift view that sees nothing"]
    for refusal in (first, *(each for each in REFUSALS.values() if each not in (first, blind))):
        execute(url, refusal.cause)
    output = contract(url).stderr
    for what in (
        "drift: customers drift",
        "a foreign key of customer_shop_profiles is not in force",
        "watch: nobody knows",
        "view public.loyal: something depends",
    ):
        assert what in output
    number = len(findings(url))
    assert f"changed nothing. Findings: {number}. " in output


def test_a_dozen_is_enough(phase2_database: str) -> None:
    """Of more than that, the message says where they all are; the names are all there."""
    url = phase2_database
    watched(url)
    execute(
        url,
        """
        INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)
        SELECT format('old %s', lpad(n::text, 2, '0')), 'app', now()
        FROM generate_series(1, 13) AS n
        """,
    )
    done = contract(url)
    assert_refused(url, done)
    assert done.stderr.count("somebody wrote to the legacy side") == 12
    assert ". All of them: convo-tenancy gate. To override those" in done.stderr
    assert contract(url, *override(done.stderr)).returncode == 0


def override(output: str) -> list[str]:
    """The arguments that a refusal shows, as a shell reads them."""
    [shown] = re.findall(r"--set contract_despite='.*'", output)
    return shlex.split(shown)


def test_not_unasked(phase2_database: str) -> None:
    url = phase2_database
    before = state(url)
    for arguments in ((), ("--set", "contract=no"), ("--set", "contract=YES")):
        done = sqitch(url, "deploy", *arguments, check=False)
        assert_refused(url, done)
        assert "sqitch deploy --set contract=yes" in done.stderr
        assert state(url) == before


def test_a_shorter_time_since_the_last_legacy_write(phase2_database: str) -> None:
    """By the variable that the refusal names, and by the setting."""
    url = phase2_database
    execute(url, _LEGACY_WRITE)
    execute(url, "UPDATE tenancy.legacy_writes SET written_at = now() - interval '2 hours'")
    watched(url)
    refused = contract(url)
    assert_refused(url, refused)
    assert "--set legacy_quiet_period='1 hour'" in refused.stderr

    for wrong in ("soon", "-1 day"):
        assert_refused(url, contract(url, "--set", f"legacy_quiet_period={wrong}"))
    assert_refused(url, contract(url, "--set", "legacy_quiet_period=3 hours"))
    execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = '1 hour'")
    assert findings(url) == []
    execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = DEFAULT")
    assert contract(url, "--set", "legacy_quiet_period=1 hour").returncode == 0


LATE = {
    "a row drifts": (f"{_WITHOUT_MIRRORS}; {_DRIFT}", "customer 7, totals"),
    "a profile goes": (
        f"""
        {_WITHOUT_MIRRORS};
        DELETE FROM public.customer_shop_profiles
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE total_bookings > 0)
        """,
        "drift: customers drift",
    ),
    "a profile goes and another comes": (
        f"""
        {_WITHOUT_MIRRORS};
        DELETE FROM public.customer_shop_profiles
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE total_bookings > 0);
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        SELECT max(id), 99 FROM public.customers
        """,
        "drift: customers drift",
    ),
    "an old application writes": (_LEGACY_WRITE, '"old front desk" as postgres'),
    "a mirror is disabled": (
        "ALTER TABLE public.bookings DISABLE TRIGGER confirm_booking",
        "trigger confirm_booking on public.bookings: the mirrors are not as they were deployed"
        " (disabled;",
    ),
    "a mirror is off for a moment": (
        """
        ALTER TABLE public.bookings DISABLE TRIGGER confirm_booking;
        ALTER TABLE public.bookings ENABLE TRIGGER confirm_booking
        """,
        "restored from a dump: trigger confirm_booking on public.bookings",
    ),
    "the record of writers is emptied": (
        f"{_LEGACY_WRITE}; TRUNCATE tenancy.legacy_writes",
        "watch: nobody knows who wrote to the legacy side",
    ),
    "somebody makes a view": (
        "CREATE VIEW public.late AS SELECT customer_id FROM public.customer_booking_stats",
        "view public.late: something depends on the legacy side",
    ),
}


@pytest.mark.parametrize("name", share([*LATE], 2))
def test_between_check_and_lock(small_at: Callable[[str | None], str], name: str) -> None:
    """Caught under the lock."""
    url = small_at("@phase2")
    execute(url, "INSERT INTO public.shops (id, name) VALUES (99, 'New')")
    execute(url, "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (10, 99)")
    watched(url)
    statement, message = LATE[name]
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.shops")  # what the script does not lock
        reader.execute("SELECT FROM public.stylists LIMIT 1")  # what it locks last
        contracting = start_sqitch(url, "deploy", "--set", "contract=yes")
        wait_until(lambda: waiting_for(url, reader.pid), "it was checked, and wants the lock")
        execute(url, statement)
        before = state(url)
        reader.rollback()
        output = contracting.communicate()[0]
    finally:
        reader.close()
    assert contracting.returncode != 0, output
    assert message in output
    assert state(url) == before
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"


def test_deletions_meanwhile_are_no_drift(phase2_database: str) -> None:
    """A customer who goes takes everything along, also what was archived already."""
    url = phase2_database
    watched(url)
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.stylists LIMIT 1")
        contracting = start_sqitch(
            url, "deploy", "--set", "contract=yes", "--set", "legacy_quiet_period=0"
        )
        wait_until(lambda: waiting_for(url, reader.pid), "it was checked, and wants the lock")
        for table in (
            "customer_booking_stats",
            "customer_stylist_preferences",
            "customer_service_preferences",
        ):
            execute(url, f"DELETE FROM public.{table} WHERE customer_id = 10")
        execute(url, "DELETE FROM public.customers WHERE id = 10")
        reader.rollback()
        output = contracting.communicate()[0]
    finally:
        reader.close()
    assert contracting.returncode == 0, output
    left = """
        SELECT (SELECT count(*) FROM tenancy_archive.customers WHERE customer_id = 10)
            + (SELECT count(*) FROM tenancy_archive.customer_booking_stats WHERE customer_id = 10)
    """
    assert value(url, left) == "0"


def test_an_untouched_database(legacy_database: str) -> None:
    """Nobody wrote in the last day, and nobody watched: in one go, the contract is refused."""
    url = legacy_database
    move_to(url, "mirror/mirrors")
    done = contract(url)
    assert_refused(url, done)
    assert "watch: nobody knows who wrote to the legacy side within 1 day" in done.stderr
    assert contract(url, "--set", "legacy_quiet_period=0").returncode == 0
    # The way back attaches the mirrors: the watch begins there.
    move_to(url, "@phase2")
    assert findings(url) == ["watch"]
    assert value(url, "SELECT gap IS NULL FROM tenancy.watch") == "t"


def test_a_restored_dump(cluster: Cluster, phase2_database: str) -> None:
    """It is as old as what it was dumped from, and nobody knows who wrote meanwhile."""
    watched(phase2_database)
    url = cluster.create_database("restored")
    psql(url, stdin=run("pg_dump", "-d", phase2_database).stdout)
    assert findings(phase2_database) == []
    assert "watch" in findings(url)
    assert "restored from a dump" in contract(url).stderr
    cluster.drop_database("restored")


def test_a_database_that_was_altered_by_hand(phase2_database: str) -> None:
    """What is meant can be declared: then it is what later alterations are compared with."""
    url = phase2_database
    execute(url, "ALTER FUNCTION tenancy.record_booking SET work_mem = '8MB'")
    watched(url)
    assert len(findings(url)) == 1
    execute(url, "SELECT tenancy.accept_parts()")
    assert findings(url) == []
