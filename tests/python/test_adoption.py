"""A table that somebody made by the ADR's own statements is taken over, and given back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from support.adopted import USERS, book, book_all, run_the_adr
from support.at_once import move_to, run_scripts, verify
from support.cluster import Cluster
from support.commands import (
    execute,
    pg_dump_data,
    pg_dump_schema,
    psql,
    psql_file,
    sqitch,
    value,
)
from support.holding import wait_until_gone
from support.legacy_replay import Booking, customers_with_history, make_bookings
from support.plan import CHANGES
from support.profiles import wrong_profiles
from support.sessions import Session
from support.sides import drift
from support.soak import share
from support.stages import Stages
from support.statements import kill, start_psql, statements

SEED = 20261130
SCRIPT = "deploy/profiles/customer_shop_profiles.sql"
BACK = "revert/profiles/customer_shop_profiles.sql"
BEFORE = "profiles/adoption"
ADOPT_PSQL = ("-v", "adopt=yes")

# How many profiles hold what bookings and counts show, and what they hold together.
AGREEMENT = """
    SELECT count(*) FILTER (WHERE class = 'agrees'), sum(total_bookings) FROM tenancy.shop_check
"""
TOTALS = "SELECT sum(total_bookings) FROM public.customer_booking_stats"
# Not the spend: what the application counted, with its prices, is the least that its shop has.
PROFILES = """
    SELECT customer_id, shop_id, preferred_stylist_id, total_bookings, last_booking_at,
        no_show_count
    FROM public.customer_shop_profiles ORDER BY customer_id, shop_id
"""
ROWS = "SELECT * FROM public.customer_shop_profiles ORDER BY id"
TIERS = "SELECT count(*) FROM public.customer_shop_profiles WHERE tier = 'gold'"


def _public(url: str) -> tuple[str, str]:
    return pg_dump_schema(url, "public"), pg_dump_data(url, "public")


@pytest.fixture(scope="module")
def adr_template(cluster: Cluster, recorded_template: str) -> str:
    """The recorded database after the ADR's statements, and bookings by code that writes both."""
    url = cluster.create_database("template_adr", recorded_template)
    run_the_adr(url)
    psql(url, stdin=USERS)
    customers = customers_with_history(url, 60, SEED)
    book_all(url, make_bookings(url, customers, 120, SEED))
    cluster.mark_template("template_adr")
    return "template_adr"


@pytest.fixture
def adr_database(cluster: Cluster, adr_template: str) -> Iterator[str]:
    """A copy of it."""
    yield cluster.create_database("adr_copy", adr_template)
    cluster.drop_database("adr_copy")


@pytest.fixture
def small_adr(small_at: Callable[[str | None], str]) -> Callable[[str], str]:
    """A small database at a change, with the table of the ADR."""

    def make(change: str) -> str:
        url = small_at(change)
        run_the_adr(url)
        psql(url, stdin=USERS)
        return url

    return make


def test_as_after_a_deploy_from_scratch(
    cluster: Cluster, adr_template: str, adr_database: str
) -> None:
    """Each profile, and there and back twice."""
    url = adr_database
    scratch = cluster.create_database("adr_scratch", adr_template)
    execute(scratch, "DROP TABLE public.customer_shop_profiles")
    move_to(scratch, "@phase1")
    before, gold = _public(url), int(value(url, TIERS))

    move_to(url, "@phase1", "adopt=yes")
    verify(url)
    assert drift(url) == []
    print(value(url, AGREEMENT), value(scratch, AGREEMENT))
    assert value(url, AGREEMENT) == value(scratch, AGREEMENT)
    assert value(url, PROFILES) == value(scratch, PROFILES)
    assert int(value(url, TIERS)) == gold > 100
    cluster.drop_database("adr_scratch")

    # What is written now is put aside with the profiles, and comes back with them.
    written = """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = 900 AND shop_id = 1;
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id = 900;
    """
    execute(url, written)
    profiles = value(url, PROFILES)
    legacy = value(url, TOTALS)
    move_to(url, None)
    execute(
        url,
        "UPDATE public.customer_booking_stats SET total_bookings = total_bookings - 1"
        " WHERE customer_id = 900",
    )
    assert _public(url) == before
    execute(
        url,
        "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
        " WHERE customer_id = 900",
    )
    assert value(url, TOTALS) == legacy

    refused = sqitch(url, "deploy", "--to", "@phase1", check=False)
    assert "To take it over, run sqitch deploy --set adopt=yes" in refused.stderr
    move_to(url, "@phase1", "adopt=yes")
    verify(url)
    assert value(url, PROFILES) == profiles
    assert int(value(url, TIERS)) == gold


def test_the_dry_run_is_the_refusal(adr_database: str) -> None:
    url = adr_database
    before = _public(url)
    refused = sqitch(url, "deploy", "--to", "@phase1", check=False)
    for told in (
        "It has profiles: 1824 in shop 1, ",
        "column tier is kept",
        "column twice is kept",
        "constraint a_tier is kept",
        "constraint all_in_one is left out",
        "constraint customer_shop_profiles_likes_fkey is left out",
        "index prefers is kept",
        "index theirs is called uq_customer_shop_profile",
        'index "by shop" is called idx_customer_shop_profiles_shop',
    ):
        assert told in refused.stderr
    assert refused.stderr.count("ERROR:") == 1
    assert _public(url) == before
    assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"


def test_what_is_left_out_is_said(cluster: Cluster, adr_template: str) -> None:
    """Of the table itself, and of the columns that are ours."""
    url = cluster.create_database("adr_other", adr_template)
    execute(
        url,
        """
        ALTER TABLE public.customer_shop_profiles ALTER total_bookings SET DEFAULT 1;
        ALTER TABLE public.customer_shop_profiles ALTER created_at DROP DEFAULT;
        ALTER TABLE public.customer_shop_profiles REPLICA IDENTITY FULL;
        ALTER TABLE public.customer_shop_profiles SET (fillfactor = 70);
        ALTER TABLE public.customer_shop_profiles ALTER shop_id SET STATISTICS 500;
        CREATE STATISTICS public.both ON customer_id, shop_id FROM public.customer_shop_profiles;
        ALTER SEQUENCE public.customer_shop_profiles_id_seq MAXVALUE 100000;
        """,
    )
    refused = sqitch(url, "deploy", "--to", "@phase1", check=False)
    for told in (
        "the default of column total_bookings is that of ADR-0001 until the revert",
        "the default of column created_at is that of ADR-0001 until the revert",
        "its REPLICA IDENTITY is left out until the revert",
        "its storage parameters are left out until the revert",
        "its extended statistics are left out until the revert",
        "STORAGE and STATISTICS of columns are left out until the revert",
        "the options of sequence customer_shop_profiles_id_seq are left out until the revert",
    ):
        assert told in refused.stderr
    assert "To take it over, run sqitch deploy --set adopt=yes" in refused.stderr
    maybe = sqitch(url, "deploy", "--to", "@phase1", "--set", "adopt=maybe", check=False)
    assert 'adopt is "maybe": yes, or leave it out' in maybe.stderr
    cluster.drop_database("adr_other")


# Each with what the refusal says of it.
REFUSED = {
    "CREATE SEQUENCE numbers; ALTER TABLE {} ALTER id SET DEFAULT nextval('numbers')": (
        "column id does not draw from its own sequence customer_shop_profiles_id_seq: rename"
    ),
    "ALTER SEQUENCE public.customer_shop_profiles_id_seq RENAME TO numbers": (
        "column id does not draw from its own sequence"
    ),
    "ALTER TABLE {} ALTER id DROP DEFAULT": "column id does not draw from its own sequence",
    "CREATE SEQUENCE places OWNED BY {}.shop_id": (
        "sequence public.places is owned by column shop_id, and would go with it: ALTER SEQUENCE"
    ),
    "ALTER TABLE {} ADD COLUMN n serial": "is owned by column n, and would go with it",
    "ALTER TABLE {} ADD COLUMN needed integer NOT NULL": (
        "column needed is NOT NULL without a default: ALTER COLUMN ... SET DEFAULT"
    ),
    "ALTER TABLE {} ADD COLUMN n integer GENERATED ALWAYS AS IDENTITY": (
        "column n draws numbers as an identity"
    ),
    "CREATE DOMAIN public.some AS integer NOT NULL; ALTER TABLE {} ADD COLUMN needed public.some": (
        "column needed is NOT NULL without a default"
    ),
    "ALTER TABLE {} ALTER COLUMN id TYPE bigint": "column id is bigint, expected integer",
    "ALTER TABLE {} ALTER COLUMN total_spend_cents TYPE numeric": (
        "column total_spend_cents is numeric, expected integer"
    ),
    "ALTER TABLE {} ALTER COLUMN last_booking_at TYPE timestamp": (
        "column last_booking_at is timestamp without time zone"
    ),
    "ALTER TABLE {} ALTER COLUMN last_booking_at SET NOT NULL": (
        "column last_booking_at is NOT NULL: ALTER COLUMN ... DROP NOT NULL"
    ),
    "ALTER TABLE {} ALTER COLUMN no_show_count DROP NOT NULL": (
        "column no_show_count lacks NOT NULL"
    ),
    "ALTER TABLE {} DROP COLUMN no_show_count": "column no_show_count is missing",
    "ALTER TABLE {} DROP CONSTRAINT uq_customer_shop_profile": (
        "it has no unique index on (customer_id, shop_id): add one"
    ),
    "ALTER TABLE {} DROP CONSTRAINT customer_shop_profiles_pkey": (
        "it has no unique index on (id): add one"
    ),
    "CREATE UNIQUE INDEX one_each ON {} (customer_id)": (
        "index one_each may stop profiles of other shops: drop it"
    ),
    "CREATE UNIQUE INDEX one ON {} (total_bookings) WHERE total_bookings > 10000": (
        "index one may stop profiles of other shops: drop it"
    ),
    "CREATE INDEX customer_shop_profiles_check ON {} (last_booking_at)": (
        "customer_shop_profiles_check has a name that is needed: rename it"
    ),
    "ALTER TABLE {} ADD COLUMN s integer REFERENCES public.services (id)": (
        "constraint customer_shop_profiles_s_fkey stops a DELETE"
    ),
    "CREATE VIEW public.report AS SELECT * FROM {}": "on view public.report would stay behind",
    "CREATE TABLE public.notes (profile integer REFERENCES {} (id))": (
        "constraint notes_profile_fkey on table public.notes would stay behind: drop it"
    ),
    "CREATE FUNCTION public.f({}) RETURNS integer LANGUAGE sql RETURN 1": "would stay behind",
    "CREATE TRIGGER t BEFORE UPDATE ON {} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": "trigger t would stay behind",
    "CREATE RULE r AS ON DELETE TO {} DO INSTEAD NOTHING": "rule r would stay behind: drop it",
    "CREATE PUBLICATION of_it FOR TABLE {}": "in publication of_it would stay behind",
    "ALTER TABLE {} ENABLE ROW LEVEL SECURITY": "it has row-level security",
    "CREATE POLICY p ON {}": "it has row-level security",
    "CREATE TABLE public.child () INHERITS ({})": "it has children or a parent",
    "ALTER TABLE {} SET UNLOGGED": "it is not logged",
    "ALTER TABLE {} OWNER TO pg_monitor": "it belongs to pg_monitor, customers to postgres",
    "ALTER TABLE {} RENAME TO t; CREATE VIEW public.customer_shop_profiles AS TABLE public.t": (
        "it is not an ordinary table: rename it"
    ),
    "DROP TABLE {}; CREATE TABLE {} (shop_id integer) PARTITION BY LIST (shop_id)": (
        "it is not an ordinary table: rename it"
    ),
    "CREATE SCHEMA tenancy_archive; CREATE TABLE tenancy_archive.adopted_profiles ()": (
        "tenancy_archive.adopted_profiles exists: rename it"
    ),
}


def test_shapes_that_are_refused(cluster: Cluster, stages: Stages) -> None:
    """By name, and before the first change, with or without consent."""
    with stages.at(None) as made:
        run_the_adr(made)
        execute(made, "DELETE FROM public.customer_shop_profiles")
        name = made.partition("@/")[2].partition("?")[0]
        for number, (shape, message) in enumerate(REFUSED.items()):
            url = cluster.create_database("adr_refused", name)
            psql(url, stdin=shape.replace("{}", "public.customer_shop_profiles"))
            consent = ("-v", "adopt=yes") if number % 2 else ()
            done = psql_file(url, "deploy/support/preconditions.sql", *consent, check=False)
            assert done.returncode != 0, shape
            assert "It cannot be taken over: " in done.stderr, (shape, done.stderr)
            assert message in done.stderr, (shape, done.stderr)
            assert done.stderr.count("ERROR:") == 1
            cluster.drop_database("adr_refused")


def test_an_application_that_goes_on(adr_database: str) -> None:
    """It books all the while, on both sides, and sees no error; nothing of it is lost."""
    url = adr_database
    customers = customers_with_history(url, 40, SEED + 1)
    wanted = [
        replace(booking, slot=replace(booking.slot, start=booking.slot.start + timedelta(1000)))
        for booking in make_bookings(url, customers, 4000, SEED + 1)
    ]
    stop = threading.Event()
    booked: list[Booking] = []
    errors: list[Exception] = []

    def work() -> None:
        with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
            for booking in wanted:
                if stop.is_set():
                    return
                try:
                    book(connection, booking)
                except Exception as error:
                    errors.append(error)
                    return
                booked.append(booking)

    totals = int(value(url, TOTALS))
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        move_to(url, "@phase1", "adopt=yes")
    finally:
        stop.set()
        thread.join(60)
    assert errors == []
    assert len(booked) > 5
    print(f"{len(booked)} bookings meanwhile")
    assert int(value(url, TOTALS)) == totals + len(booked)
    # It does not write preferences to profiles.
    assert {row[0] for row in drift(url)} <= {"preferred_stylist"}
    with psycopg.connect(url) as connection:
        held: dict[str, int] = dict(
            connection.execute(
                "SELECT (customer_id, shop_id)::text, total_bookings"
                " FROM public.customer_shop_profiles"
            ).fetchall()
        )
    counted = Counter(f"({one.customer.id},{one.slot.shop})" for one in booked)
    assert {key for key, number in counted.items() if held[key] < number} == set()


def _chunks() -> tuple[list[str], int]:
    """The script's statements, and how many of them are before it copies rows."""
    chunks = statements(SCRIPT)
    return chunks, next(n for n, one in enumerate(chunks) if "tenancy.run_copy()" in one)


def test_writes_while_it_is_copied(small_adr: Callable[[str], str]) -> None:
    """Whatever is written to the table is in the copy; the copy waits for who writes."""
    url = small_adr(BEFORE)
    chunks, at = _chunks()
    running = start_psql(url, SCRIPT, chunks[:at], *ADOPT_PSQL)
    columns = value(url, "SELECT tenancy.copied_columns()")
    step = f"SELECT tenancy.copy_step($1, 10, '{columns}')"
    table = "public.customer_shop_profiles"

    execute(url, f"DELETE FROM {table} WHERE customer_id = 3")
    copier, writer = Session(url), Session(url)
    [(copied,)] = copier.execute(step, -1)
    copier.commit()
    # Rows that are copied, and rows that are not yet
    for customer in (2, 30):
        writer.execute(f"UPDATE {table} SET tier = 'first' WHERE customer_id = {customer}")
        writer.execute(f"UPDATE {table} SET id = id + 1000 WHERE customer_id = {customer + 1}")
        writer.execute(f"DELETE FROM {table} WHERE customer_id = {customer + 2}")
        writer.execute(
            f"INSERT INTO {table} (customer_id, shop_id, total_bookings) VALUES ({customer}, 2, 1)"
        )
    writer.commit()
    writer.execute(f"DELETE FROM {table} WHERE id = 15")
    assert copier.execute(step, copied) == [(copied,)], "it waits"
    copier.commit()
    writer.execute(f"UPDATE {table} SET tier = 'second' WHERE customer_id IN (2, 16)")
    writer.commit()
    while copied is not None:
        [(copied,)] = copier.execute(step, copied)
        copier.commit()
    names = columns.replace('"', "")
    differs = f"""
        (SELECT {names} FROM {table} EXCEPT SELECT {names} FROM tenancy.customer_shop_profiles)
        UNION ALL
        (SELECT {names} FROM tenancy.customer_shop_profiles EXCEPT SELECT {names} FROM {table})
    """
    assert value(url, differs) == ""
    writer.execute(f"UPDATE {table} SET tier = 'never' WHERE customer_id = 2")
    writer.rollback()
    assert value(url, differs) == ""
    execute(url, f"ALTER TABLE {table} ADD COLUMN late integer")
    execute(url, f"UPDATE {table} SET late = 1, tier = 'late' WHERE customer_id = 2")
    assert value(url, differs) == ""
    execute(url, f"TRUNCATE {table}")
    assert value(url, differs) == ""
    copier.close()
    writer.close()
    kill(running)
    wait_until_gone(url, "killed")

    # A column that came late is told; a second run takes it along.
    psql_file(url, SCRIPT, *ADOPT_PSQL)
    assert value(url, f"SELECT count(late) FROM {table}") == "0"


def test_a_column_that_comes_while_it_is_copied(small_adr: Callable[[str], str]) -> None:
    url = small_adr(BEFORE)
    chunks, at = _chunks()
    running = start_psql(url, SCRIPT, chunks[: at + 1], *ADOPT_PSQL)
    execute(url, "ALTER TABLE public.customer_shop_profiles ADD COLUMN late integer DEFAULT 7")
    assert running.stdin is not None
    output, _ = running.communicate("".join(chunks[at + 1 :]))
    assert "somebody altered a column of public.customer_shop_profiles meanwhile" in output
    wait_until_gone(url, "killed")
    psql_file(url, SCRIPT)  # that it was agreed is known
    assert value(url, "SELECT DISTINCT late FROM public.customer_shop_profiles") == "7"


def test_ids_go_on(small_adr: Callable[[str], str]) -> None:
    url = small_adr(BEFORE)
    execute(url, "SELECT setval('public.customer_shop_profiles_id_seq', 5000)")
    psql_file(url, SCRIPT, *ADOPT_PSQL)
    as_application = """
        SET ROLE pg_monitor;
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (1, 3);
    """
    execute(url, as_application)
    assert int(value(url, "SELECT max(id) FROM public.customer_shop_profiles")) > 5000


@pytest.mark.parametrize("way", ["forward", "back"])
def test_killed_after_each_statement(cluster: Cluster, stages: Stages, way: str) -> None:
    """The same script finishes, or its revert gives back the table as it was."""
    with stages.at(BEFORE) as made:
        run_the_adr(made)
        psql(made, stdin=USERS)
        before = _public(made)
        name = made.partition("@/")[2].partition("?")[0]
        done = cluster.create_database("adr_done", name)
        psql_file(done, SCRIPT, *ADOPT_PSQL)
        after = pg_dump_schema(done, "public", "tenancy*"), value(done, PROFILES)
        cluster.drop_database("adr_done")

        chunks, at = _chunks()
        first = next(n for n, one in enumerate(chunks) if "begin.sql" in one) + 1
        for number in sorted({*share(range(first, len(chunks)), 16), at, at + 1, at + 3}):
            url = cluster.create_database("adr_killed", name)
            kill(start_psql(url, SCRIPT, chunks[:number], *ADOPT_PSQL))
            wait_until_gone(url, "killed")
            # Somebody writes meanwhile.
            execute(url, "UPDATE public.customer_shop_profiles SET tier = tier WHERE id = 1")
            if way == "forward":
                psql_file(url, SCRIPT, *ADOPT_PSQL)
                found = pg_dump_schema(url, "public", "tenancy*"), value(url, PROFILES)
                assert found == after, chunks[number - 1]
            else:
                psql_file(url, BACK)
                assert _public(url) == before, chunks[number - 1]
            cluster.drop_database("adr_killed")


def test_given_back_from_a_backfill_that_was_interrupted(small_adr: Callable[[str], str]) -> None:
    """What was written since is kept, and told; nothing that the ADR placed comes back as ours."""
    url = small_adr(BEFORE)
    before = _public(url)
    changes = CHANGES[CHANGES.index(BEFORE) + 1 : CHANGES.index("profiles/backfill_profiles")]
    run_scripts(url, (f"deploy/{change}" for change in changes), "adopt=yes")
    execute(
        url,
        "SELECT tenancy.prepare_backfill()",
        "SELECT tenancy.backfill_step(15)",
        "UPDATE public.customer_shop_profiles SET total_bookings = 77 WHERE customer_id = 40",
    )
    assert value(url, "SELECT is_divided FROM tenancy.adoption") == "f"
    for change in reversed(changes[1:]):
        psql_file(url, f"revert/{change}.sql")
    done = psql_file(url, BACK)
    [told] = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert "has what was written to the profiles since the table was taken over: copy" in told
    kept = value(
        url,
        "SELECT oid::regclass FROM pg_class WHERE relname LIKE 'interrupted\\_profiles\\_%'"
        " AND relkind = 'r'",
    )
    assert kept in told
    assert value(url, f"SELECT total_bookings FROM {kept} WHERE customer_id = 40") == "77"
    assert _public(url) == before

    run_scripts(url, (f"deploy/{change}" for change in changes), "adopt=yes")
    execute(url, "CALL tenancy.run_backfill()")
    assert drift(url) == []
    assert wrong_profiles(url) == []


def test_a_customer_who_is_being_deleted(small_adr: Callable[[str], str]) -> None:
    """The batches stop before them, and come back; no profile stays where the ADR put it."""
    url = small_adr(BEFORE)
    changes = CHANGES[CHANGES.index(BEFORE) + 1 : CHANGES.index("profiles/backfill_profiles")]
    run_scripts(url, (f"deploy/{change}" for change in changes), "adopt=yes")
    deleter = Session(url)
    customer = value(url, "SELECT min(customer_id) + 5 FROM public.customer_shop_profiles")
    deleter.execute(f"SELECT FROM public.customers WHERE id = {customer} FOR UPDATE")
    execute(url, "SELECT tenancy.prepare_backfill()")
    steps = [value(url, "SELECT state FROM tenancy.backfill_step(15)") for _ in range(3)]
    assert steps == ["working", "waiting", "waiting"]
    assert value(url, "SELECT next_id FROM tenancy.backfill_ranges") == customer
    deleter.rollback()
    deleter.close()
    execute(url, "CALL tenancy.run_backfill()")
    assert drift(url) == []
    assert wrong_profiles(url) == []


def test_a_profile_that_is_held(small_adr: Callable[[str], str]) -> None:
    """A batch waits for the booking that holds it, and counts it."""
    url = small_adr(BEFORE)
    changes = CHANGES[CHANGES.index(BEFORE) + 1 : CHANGES.index("profiles/backfill_profiles")]
    run_scripts(url, (f"deploy/{change}" for change in changes), "adopt=yes")
    [customer] = customers_with_history(url, 1, SEED)
    [booking, _] = make_bookings(url, [customer], 2, SEED)
    writer = Session(url)
    writer.execute("SAVEPOINT a")
    book(writer.connection, booking)
    execute(url, "SELECT tenancy.prepare_backfill()")
    assert value(url, "SELECT state FROM tenancy.backfill_step(1000)") == "waiting"
    writer.commit()
    writer.close()
    execute(url, "CALL tenancy.run_backfill()")
    assert drift(url) == []
    shop = booking.slot.shop
    counted = f"""
        SELECT total_bookings > 0 FROM public.customer_shop_profiles
        WHERE customer_id = {customer.id} AND shop_id = {shop}
    """
    assert value(url, counted) == "t"


def test_what_the_application_counted_is_the_least(small_at: Callable[[str | None], str]) -> None:
    url = small_at("profiles/fill_profiles")
    psql(
        url,
        stdin="""
        INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
        SELECT 900 + n, '+1990000' || n, 0, n % 2 FROM generate_series(1, 4) AS n;
        INSERT INTO public.customer_booking_stats
            (customer_id, total_bookings, total_spend_cents, last_booking_at)
        VALUES (901, 10, 5000, '2026-01-01'), (902, 2, 500, NULL), (903, 4, 4000, NULL);
        INSERT INTO public.customer_shop_profiles
            (customer_id, shop_id, total_bookings, total_spend_cents, no_show_count,
            preferred_stylist_id)
        VALUES
            (901, 1, 7, 4100, 1, NULL),
            (901, 2, 3, 900, 0, (SELECT max(id) FROM public.stylists WHERE shop_id = 2)),
            (902, 2, 2, 300, 5, (SELECT max(id) FROM public.stylists WHERE shop_id = 1)),
            (902, 3, 3, 400, 0, NULL),
            (903, 1, 4, 4000, 1, NULL), (903, 2, 0, 0, 0, NULL),
            (904, 3, -1, 0, 0, NULL);
        INSERT INTO tenancy.adoption (literal_shop_id) VALUES (1);
        DELETE FROM tenancy.profile_origins;
        """,
    )
    rule = """
        SELECT customer_id, shop_id, total_bookings, total_spend_cents, no_show_count,
            preferred_stylist_id IS NOT NULL
        FROM {} WHERE customer_id > 900 ORDER BY 1, 2
    """
    expected = [
        "901|1|7|4100|1|f",
        "901|2|3|900|0|t",
        "902|1|0|0|0|f",
        "902|2|2|300|0|f",
        "902|3|0|200|0|f",
        "903|1|4|4000|1|f",
        "903|2|0|0|0|f",
        "904|1|0|0|0|f",
        "904|3|0|0|0|f",
    ]
    found = value(url, rule.format("tenancy.split_beside('{901,902,903,904}', 1)")).splitlines()
    assert found == expected
    execute(url, "SELECT tenancy.split_anew('{901,902,903,904}', TRUE)")
    assert value(url, rule.format("public.customer_shop_profiles")).splitlines() == expected
    origins = "SELECT customer_id, shop_id, origin FROM tenancy.profile_origins ORDER BY 1, 2"
    assert value(url, origins).splitlines() == [
        "901|2|adoption",
        "902|2|adoption",
        "902|3|adoption",
        "904|3|adoption",
    ]


def test_through_all_phases_and_back(
    small_at: Callable[[str | None], str],
) -> None:
    url = small_at(None)
    run_the_adr(url)
    psql(url, stdin=USERS)
    before, gold = (pg_dump_schema(url, "public"), value(url, ROWS)), value(url, TIERS)
    # The first ones come before there is a schema.
    run_scripts(url, (f"deploy/{change}" for change in CHANGES), "adopt=yes")
    run_scripts(url, (f"verify/{change}" for change in CHANGES))
    assert value(url, TIERS) == gold
    assert value(url, "SELECT bool_and(twice = total_bookings * 2) FROM customer_shop_profiles")
    run_scripts(url, (f"revert/{change}" for change in reversed(CHANGES)))
    # The columns of customers that came back stand last.
    assert (pg_dump_schema(url, "public"), value(url, ROWS)) == before
    kept = "SELECT count(*) FROM tenancy_archive.customer_shop_profiles WHERE tier = 'gold'"
    assert value(url, kept) == gold
