"""The contract is refused while it is not safe, and then changes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
import pytest

from support.commands import (
    Completed,
    pg_dump_data,
    pg_dump_schema,
    psql,
    sqitch,
    start_sqitch,
    value,
)
from support.sessions import Session, waiting_for
from support.waiting import wait_until

_WITHOUT_MIRRORS = "SET session_replication_role = replica"
_DRIFT = """
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id = 10
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
        "1: customers drift (customer 10, totals: legacy",
        "SELECT tenancy.repair(ARRAY[10])",
    ),
    "mirror disabled": Refusal(
        "ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles",
        "(trigger mirror_customer_to_profiles on public.customers is disabled;",
        "ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles",
    ),
    "mirror for replication only": Refusal(
        "ALTER TABLE public.customers ENABLE REPLICA TRIGGER mirror_customer_to_profiles",
        "(trigger mirror_customer_to_profiles on public.customers is disabled;",
        "ALTER TABLE public.customers ENABLE TRIGGER mirror_customer_to_profiles",
    ),
    "mirror missing": Refusal(
        "DROP TRIGGER confirm_booking ON public.bookings",
        "1: parts of the dual write are missing, disabled or altered (trigger confirm_booking on"
        " public.bookings is missing;",
        "CALL tenancy.attach_mirrors()",
    ),
    "mirror altered": Refusal(
        """
        CREATE OR REPLACE TRIGGER mirror_statistics_to_profiles
        AFTER INSERT OR UPDATE ON public.customer_booking_stats
        FOR EACH ROW EXECUTE FUNCTION tenancy.mirror_statistics_to_profiles()
        """,
        "(trigger mirror_statistics_to_profiles on public.customer_booking_stats is altered;",
        "CALL tenancy.attach_mirrors()",
    ),
    "function altered": Refusal(
        """
        CREATE OR REPLACE FUNCTION tenancy.refuse_truncate() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END'
        """,
        "(function tenancy.refuse_truncate() is altered;",
        r"\i deploy/mirror/attach_mirrors.sql",
    ),
    "foreign key not validated": Refusal(
        """
        ALTER TABLE public.customer_shop_profiles
        DROP CONSTRAINT customer_shop_profiles_shop_id_fkey,
        ADD CONSTRAINT customer_shop_profiles_shop_id_fkey
        FOREIGN KEY (shop_id) REFERENCES public.shops (id) ON DELETE CASCADE NOT VALID
        """,
        "1: foreign keys of customer_shop_profiles are missing or not validated"
        " (customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles is not validated;",
        r"\i deploy/profiles/foreign_keys.sql",
    ),
    "recent legacy writer": Refusal(
        _LEGACY_WRITE,
        '1: applications wrote to the legacy side within 1 day ("old front desk" as postgres, last',
        "UPDATE tenancy.legacy_writes SET written_at = now() - interval '25 hours'",
    ),
    "somebody's view": Refusal(
        "CREATE VIEW public.loyal AS SELECT id FROM public.customers WHERE no_show_count = 0",
        "1: other objects depend on what goes (view public.loyal;",
        "DROP VIEW public.loyal",
    ),
    "somebody's index": Refusal(
        "CREATE INDEX fans ON public.customers (preferred_stylist_id)",
        "1: other objects depend on what goes (index public.fans;",
        "DROP INDEX public.fans",
    ),
}


def state(url: str) -> tuple[str, str]:
    """All that there is, but for what Sqitch notes down."""
    return pg_dump_schema(url, "public", "tenancy*"), pg_dump_data(url, "public", "tenancy*")


def contract(url: str, *arguments: str) -> Completed:
    """Ask for the contract."""
    return sqitch(url, "deploy", "--set", "contract=yes", *arguments, check=False)


def assert_refused(url: str, done: Completed) -> None:
    """@phase2 stands."""
    assert done.returncode != 0
    assert value(url, "SELECT change FROM sqitch.changes ORDER BY committed_at DESC LIMIT 1") == (
        "contract/gate"
    )
    assert value(url, "SELECT tenancy.has_legacy_side()") == "t"


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(phase2_database: str, name: str) -> None:
    url, refusal = phase2_database, REFUSALS[name]
    psql(url, "-c", refusal.cause)
    before = state(url)

    done = contract(url)
    assert_refused(url, done)
    output = done.stdout + done.stderr
    assert "the contract is refused and changed nothing. 1: " in output
    assert refusal.message in output.replace("\n", " ")
    assert state(url) == before

    with (
        psycopg.connect(url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is refused"),
    ):
        connection.execute("CALL tenancy.check_contract('yes', '')")
    psql(url, stdin=refusal.remedy)
    assert value(url, "SELECT count(*) FROM tenancy.contract_findings()") == "0"


def test_everything_at_once(phase2_database: str) -> None:
    """The operator sees all of it in one run."""
    url = phase2_database
    writer = REFUSALS["recent legacy writer"]  # first: what is disabled takes no note
    for refusal in (writer, *(one for one in REFUSALS.values() if one is not writer)):
        psql(url, "-c", refusal.cause)
    output = contract(url).stderr
    for what in ("customers drift", "foreign keys", "applications wrote", "other objects"):
        assert what in output
    assert re.search(r"4: parts of the dual write", output)


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
    psql(url, "-c", _LEGACY_WRITE)
    psql(url, "-c", "UPDATE tenancy.legacy_writes SET written_at = now() - interval '2 hours'")
    refused = contract(url)
    assert_refused(url, refused)
    assert "--set legacy_quiet_period='1 hour'" in refused.stderr

    for wrong in ("soon", "-1 day"):
        assert_refused(url, contract(url, "--set", f"legacy_quiet_period={wrong}"))
    assert_refused(url, contract(url, "--set", "legacy_quiet_period=3 hours"))
    psql(url, "-c", "UPDATE tenancy.settings SET legacy_quiet_period = '1 hour'")
    assert value(url, "SELECT count(*) FROM tenancy.contract_findings()") == "0"
    psql(url, "-c", "UPDATE tenancy.settings SET legacy_quiet_period = DEFAULT")
    assert contract(url, "--set", "legacy_quiet_period=1 hour").returncode == 0


LATE = {
    "a row drifts": (f"{_WITHOUT_MIRRORS}; {_DRIFT}", "customer 10, totals"),
    "a profile goes": (
        f"""
        {_WITHOUT_MIRRORS};
        DELETE FROM public.customer_shop_profiles
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE total_bookings > 0)
        """,
        "Rows went since the check",
    ),
    "a profile without numbers goes": (
        f"""
        {_WITHOUT_MIRRORS};
        DELETE FROM public.customer_shop_profiles
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE total_bookings = 0)
        """,
        "Rows went since the check",
    ),
    "a profile goes and another comes": (
        f"""
        {_WITHOUT_MIRRORS};
        DELETE FROM public.customer_shop_profiles
        WHERE id = (SELECT min(id) FROM public.customer_shop_profiles WHERE total_bookings > 0);
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
        SELECT max(id), 99 FROM public.customers
        """,
        "Rows went since the check",
    ),
    "an old application writes": (_LEGACY_WRITE, '"old front desk" as postgres'),
    "a mirror is disabled": (
        "ALTER TABLE public.bookings DISABLE TRIGGER confirm_booking",
        "trigger confirm_booking on public.bookings is disabled",
    ),
}


@pytest.mark.parametrize("name", LATE)
def test_between_check_and_lock(phase2_database: str, name: str) -> None:
    """Caught under the lock."""
    url = phase2_database
    psql(url, "-c", "INSERT INTO public.shops (id, name) VALUES (99, 'New')")
    psql(
        url,
        "-c",
        "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (10, 99)",
    )
    sqitch(url, "deploy", "--to", "contract/restore", "--set", "contract=yes")
    statement, message = LATE[name]
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.shops")  # what the script does not lock
        reader.execute("SELECT FROM public.stylists LIMIT 1")  # what it locks last
        contracting = start_sqitch(url, "deploy", "--set", "contract=yes")
        wait_until(lambda: waiting_for(url, reader.pid), "it was checked, and wants the lock")
        psql(url, "-c", statement)
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
    sqitch(url, "deploy", "--to", "contract/restore", "--set", "contract=yes")
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
            psql(url, "-c", f"DELETE FROM public.{table} WHERE customer_id = 10")
        psql(url, "-c", "DELETE FROM public.customers WHERE id = 10")
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


def test_a_database_that_was_altered_by_hand(phase2_database: str) -> None:
    """What is meant can be declared: then it is what later alterations are compared with."""
    url = phase2_database
    psql(
        url,
        "-c",
        "ALTER FUNCTION tenancy.record_booking SET work_mem = '8MB'",
    )
    assert value(url, "SELECT count(*) FROM tenancy.contract_findings()") == "1"
    psql(url, "-c", "SELECT tenancy.accept_parts()")
    assert value(url, "SELECT count(*) FROM tenancy.contract_findings()") == "0"
