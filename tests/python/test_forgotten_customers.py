"""A customer who is deleted is in nothing that is kept, in any phase and half-way between."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from support.at_once import move_to, verify
from support.commands import execute, psql, psql_file, run, sqitch, value
from support.plan import CONTRACT
from support.sessions import Session
from support.soak import share

EMAIL, PHONE, NAME = "eve.adams@example.test", "+15550199", "Eve Adams-Example"

# Of the small database: with bookings, statistics and counts in two shops or more
CHOSEN = """
    SELECT s.customer_id
    FROM public.customer_booking_stats AS s
    JOIN public.customer_stylist_preferences AS p ON p.customer_id = s.customer_id
    JOIN public.stylists AS t ON t.id = p.stylist_id
    WHERE s.total_bookings > 2
    GROUP BY s.customer_id
    HAVING count(DISTINCT t.shop_id) > 1
    ORDER BY s.customer_id
    LIMIT 1
"""

# In schemas of ours, and the profiles: how many rows are of this customer, by table. A contract
# that works, or was interrupted, notes who goes, until it ends or is given up.
LEFT = """
    SELECT format('%s: %s', t.name, t.rows)
    FROM (
        SELECT
            a.attrelid::regclass AS name,
            (xpath('//n/text()', query_to_xml(
                format('SELECT count(*) AS n FROM %s WHERE customer_id = {}', a.attrelid::regclass),
                FALSE, FALSE, ''
            )))[1]::text AS rows
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE a.attname = 'customer_id'
            AND c.relkind = 'r'
            AND c.relname <> 'tracked_customers'
            AND (
                c.relnamespace::regnamespace::text IN ('tenancy', 'tenancy_archive')
                OR c.relname = 'customer_shop_profiles'
            )
    ) AS t
    WHERE t.rows <> '0'
    ORDER BY 1
"""


def rows_of(url: str, customer: int) -> list[str]:
    """The tables of ours that have rows of this customer, with how many."""
    return value(url, LEFT.format(customer)).splitlines()


def known_customer(url: str) -> int:
    """A customer whom the application knows by email, phone and name, and so do their bookings."""
    customer = int(value(url, CHOSEN))
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE public.bookings AS b SET customer_email = %s, customer_phone = %s,"
            " customer_name = %s FROM public.customers AS c"
            " WHERE c.id = %s AND (b.customer_email = c.email OR b.customer_phone = c.phone)",
            (EMAIL, PHONE, NAME, customer),
        )
        connection.execute(
            "UPDATE public.customers SET email = %s, phone = %s, name = %s WHERE id = %s",
            (EMAIL, PHONE, NAME, customer),
        )
    return customer


def delete_customer(url: str, customer: int) -> None:
    """As an application has to: what refers to them first, and what their bookings say of them."""
    psql(
        url,
        "-v",
        f"customer={customer}",
        stdin=f"""
        BEGIN;
        UPDATE public.bookings
        SET customer_name = NULL, customer_email = NULL, customer_phone = NULL
        WHERE lower(btrim(customer_email)) = '{EMAIL}' OR customer_phone = '{PHONE}';
        SELECT to_regclass('public.customer_booking_stats') IS NOT NULL AS has_statistics \\gset
        \\if :has_statistics
        DELETE FROM public.customer_booking_stats WHERE customer_id = :customer;
        \\endif
        DELETE FROM public.customer_stylist_preferences WHERE customer_id = :customer;
        DELETE FROM public.customer_service_preferences WHERE customer_id = :customer;
        DELETE FROM public.customers WHERE id = :customer;
        COMMIT;
        """,
    )


def assert_forgotten(url: str, customer: int) -> None:
    """No row is theirs, and no text of a whole dump."""
    assert rows_of(url, customer) == []
    dump = run("pg_dump", "-d", url).stdout
    for text in (EMAIL, PHONE, PHONE.removeprefix("+"), NAME):
        assert text not in dump, text


# From the first change that keeps anything
CHANGES = [
    "profiles/remember_profiles",
    "profiles/customer_shop_profiles",
    "profiles/backfill_profiles",
    "@phase1",
    "mirror/mirrors",
    "api/deprecated",
    "@phase2",
    "@phase3",
]


def leave_traces(url: str, customer: int) -> None:
    """As far as it stands: calls, writes of both sides at once, statistics that came and went."""
    if value(url, "SELECT to_regclass('tenancy.profile_origins') IS NOT NULL") == "t":
        execute(
            url,
            f"""
            INSERT INTO public.customer_shop_profiles (customer_id, shop_id)
            VALUES ({customer}, 1) ON CONFLICT DO NOTHING;
            UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 1
            WHERE customer_id = {customer}
            """,
        )
    if (
        value(url, "SELECT count(*) FROM pg_trigger WHERE tgname = 'mirror_profile_to_legacy'")
        == "0"
    ):
        return
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
            " WHERE customer_id = %s",
            (customer,),
        )
        connection.execute(
            "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1"
            " WHERE customer_id = %s",
            (customer,),
        )
    execute(
        url,
        f"""
        CREATE TEMPORARY TABLE gone AS
        SELECT * FROM public.customer_booking_stats WHERE customer_id = {customer};
        DELETE FROM public.customer_booking_stats WHERE customer_id = {customer};
        INSERT INTO tenancy.inserted_statistics VALUES ({customer}, 1, 1);
        """,
    )


@pytest.mark.parametrize("change", share([*CHANGES], 3))
def test_at_a_change(small_at: Callable[[str | None], str], change: str) -> None:
    url = small_at("@phase2" if change == "@phase3" else change)
    customer = known_customer(url)
    leave_traces(url, customer)
    traces = {line.split(":")[0] for line in rows_of(url, customer)}
    if change == "@phase3":
        execute(url, "TRUNCATE tenancy.double_writes")
        move_to(url, "@phase3")
    elif change in ("mirror/mirrors", "api/deprecated", "@phase2"):
        assert traces >= {
            "customer_shop_profiles",
            "tenancy.profile_origins",
            "tenancy.remembered_profiles",
            "tenancy.inserted_statistics",
            "tenancy.double_writes",
        }
    delete_customer(url, customer)
    assert_forgotten(url, customer)


def test_of_many_at_once(phase2_database: str) -> None:
    """Others are forgotten by nobody."""
    url = phase2_database
    others = "SELECT count(*) FROM {} WHERE customer_id NOT IN (10, 20, 30)"
    tables = ("tenancy.profile_origins", "tenancy.double_writes", "public.customer_shop_profiles")
    execute(
        url,
        "UPDATE public.customer_shop_profiles SET no_show_count = 7",
        "INSERT INTO tenancy.double_writes"
        " (application_name, role_name, kind, customer_id, written_at)"
        " SELECT '', '', 'bookings', id, now() FROM public.customers",
    )
    before = [value(url, others.format(table)) for table in tables]
    for table in (
        "customer_booking_stats",
        "customer_stylist_preferences",
        "customer_service_preferences",
    ):
        execute(url, f"DELETE FROM public.{table} WHERE customer_id IN (10, 20, 30)")
    execute(url, "DELETE FROM public.customers WHERE id IN (10, 20, 30)")
    assert [rows_of(url, customer) for customer in (10, 20, 30)] == [[], [], []]
    assert [value(url, others.format(table)) for table in tables] == before


@pytest.mark.parametrize("deploys_again", [False, True])
def test_after_the_way_back(small_at: Callable[[str | None], str], deploys_again: bool) -> None:
    """What a revert of everything put aside, and what comes back of it."""
    url = small_at("@phase1")
    customer = known_customer(url)
    leave_traces(url, customer)
    move_to(url, None)
    assert {line.split(":")[0] for line in rows_of(url, customer)} == {
        "tenancy_archive.customer_shop_profiles",
        "tenancy_archive.profile_origins",
    }
    if deploys_again:
        move_to(url, "profiles/customer_shop_profiles")
        assert len(rows_of(url, customer)) == 2
    delete_customer(url, customer)
    assert_forgotten(url, customer)
    move_to(url, "@phase2" if deploys_again else "@phase1")
    verify(url)
    assert_forgotten(url, customer)


def test_put_aside_before_the_backfill_was_complete(small_at: Callable[[str | None], str]) -> None:
    """The profiles have no foreign key by then."""
    url = small_at("profiles/backfill_profiles")
    customer = known_customer(url)
    leave_traces(url, customer)
    move_to(url, None)
    assert len(rows_of(url, customer)) == 2
    delete_customer(url, customer)
    assert_forgotten(url, customer)
    move_to(url, "@phase1")
    verify(url)
    assert_forgotten(url, customer)


# The command that is refused while somebody reads what it locks last, and what it starts from
HALF_WAY = {
    "contract": ("@phase2", False, ("deploy", *CONTRACT)),
    "its revert": ("@phase3", False, ("revert", "-y", "--to", "@phase2")),
    "its revert after a purge": ("@phase3", True, ("revert", "-y", "--to", "@phase2")),
}


def stop_half_way(url: str, *command: str) -> None:
    """Everything is copied, and the locks are not to be had."""
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 2")
    reader = Session(url)
    try:
        reader.execute("SELECT FROM public.stylists LIMIT 1")
        assert "could not lock public.stylists" in sqitch(url, *command, check=False).stderr
    finally:
        reader.close()


@pytest.mark.parametrize("name", HALF_WAY)
def test_half_way(small_at: Callable[[str | None], str], name: str) -> None:
    """By the half state itself, by the end that follows, and by giving it up."""
    start, purged, command = HALF_WAY[name]
    url = small_at("@phase2")
    customer = known_customer(url)
    if start == "@phase3":
        move_to(url, "@phase3")
    if purged:
        execute(url, "SELECT tenancy.purge_archive(current_database())")
    stop_half_way(url, *command)
    assert "tenancy_archive.customers: 1" in rows_of(url, customer)

    delete_customer(url, customer)
    assert_forgotten(url, customer)
    sqitch(url, *command)
    assert_forgotten(url, customer)


def test_a_contract_that_is_given_up(small_at: Callable[[str | None], str]) -> None:
    url = small_at("@phase2")
    customer = known_customer(url)
    stop_half_way(url, "deploy", *CONTRACT)
    execute(url, "CALL tenancy.give_up_contract()")
    assert value(url, "SELECT to_regclass('tenancy_archive.customers') IS NULL") == "t"
    delete_customer(url, customer)
    assert_forgotten(url, customer)


@pytest.mark.parametrize("has_key", [True, False])
def test_a_stray_table(small_at: Callable[[str | None], str], has_key: bool) -> None:
    """An old application's, put aside: who is deleted before and after is not in it."""
    url = small_at("@phase2")
    customer = known_customer(url)
    move_to(url, "@phase3")
    key = "REFERENCES public.customers (id)" if has_key else ""
    psql(
        url,
        stdin=f"""
        CREATE TABLE public.customer_booking_stats (customer_id integer NOT NULL {key}, note text);
        INSERT INTO public.customer_booking_stats SELECT id, '{NAME}' FROM public.customers;
        """,
    )
    if not has_key:
        delete_customer_but_not_the_stray(url, customer)
    move_to(url, "@phase2")
    stray = value(
        url,
        "SELECT oid::regclass FROM pg_class WHERE relname LIKE 'stray_booking%' AND relkind = 'r'",
    )
    of_customer = f"SELECT count(*) FROM {stray} WHERE customer_id = {customer}"
    assert value(url, f"SELECT count(*) > 1 FROM {stray}") == "t"
    if has_key:
        assert value(url, of_customer) == "1"
        delete_customer(url, customer)
    assert value(url, of_customer) == "0"
    assert rows_of(url, customer) == []


def delete_customer_but_not_the_stray(url: str, customer: int) -> None:
    """The old application does not know of it, or its table has no foreign key."""
    for table in ("customer_stylist_preferences", "customer_service_preferences"):
        execute(url, f"DELETE FROM public.{table} WHERE customer_id = {customer}")
    execute(url, f"DELETE FROM public.customers WHERE id = {customer}")


def test_each_part_of_the_rule_is_seen(small_at: Callable[[str | None], str]) -> None:
    """Without the trigger something stays: what the tests above would find."""
    url = small_at("@phase2")
    customer = known_customer(url)
    leave_traces(url, customer)
    execute(url, "DROP TRIGGER forget_customers ON public.customers")
    delete_customer(url, customer)
    assert rows_of(url, customer) == ["tenancy.double_writes: 1"]
    assert (
        "forget_customers"
        in psql_file(url, "verify/profiles/remember_profiles.sql", check=False).stderr
    )
