"""A setting is an argument of the caller, never a fact: what a session makes up opens nothing.

docs/support.md, "What a setting says", names the settings of which somebody may make a false claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest

from support import bookings
from support.bookings import HERE, THERE, held
from support.cluster import ROOT
from support.commands import execute, value
from support.legacy_replay import Customer, statement
from support.sessions import Session
from support.sides import drift

SECONDS = 60  # for what should be there at once
START = int(datetime(2041, 1, 1, tzinfo=UTC).timestamp())  # no booking starts then


@pytest.fixture
def url(phase2_database: str) -> str:
    return phase2_database


@pytest.fixture
def known(url: str) -> Customer:
    """Two bookings in shop 1, one in shop 2."""
    return bookings.new_and_known(url)[1]


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def writer(url: str) -> Iterator[str]:
    """URL for somebody who may write the tables of both sides, and is neither owner nor bound."""
    execute(
        url,
        """
        CREATE ROLE writer LOGIN;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer;
        """,
    )
    yield url.replace("postgres@", "writer@")
    execute(url, "DROP OWNED BY writer CASCADE", "DROP ROLE writer")


# --- The list


# What a script passes to itself: only the owner can record what it says.
OF_SCRIPTS = {
    *("tenancy.adopt", "tenancy.adoption", "tenancy.begun", "tenancy.change"),
    *("tenancy.default_shop_id", "tenancy.parts_before", "tenancy.preconditions"),
    "tenancy.target_phase",
}
# What PostgreSQL keeps true.
OF_POSTGRESQL = {
    *("pg_stat_statements.track", "role", "server_encoding", "server_version"),
    *("server_version_num", "session_replication_role", "transaction_isolation"),
    "transaction_read_only",
}


def test_every_setting_that_is_read_is_listed() -> None:
    """The page says of each one that anybody may set why that does no harm."""
    scripts = "\n".join(script.read_text() for script in (ROOT / "deploy").rglob("*.sql"))
    read = {*re.findall(r"current_setting\('([^']+)'", scripts)}
    assert "tenancy.written_" in read  # and a side
    read = read - {"tenancy.written_"} | {"tenancy.written_legacy", "tenancy.written_profiles"}
    page = (ROOT / "docs/support.md").read_text().partition("\n## What a setting says\n")[2]
    listed = re.findall(r"`([^`]+)`", page.partition("\n## ")[0])
    assert sorted(listed) == sorted(read - OF_SCRIPTS - OF_POSTGRESQL)
    assert read > OF_SCRIPTS | OF_POSTGRESQL


def test_nobody_but_the_owner_makes_a_number_that_is_believed(writer: str) -> None:
    with psycopg.connect(writer, autocommit=True) as connection:
        for query in (
            "SELECT last_value FROM tenancy.guard",
            "SELECT nextval('tenancy.guard')",
            "SELECT setval('tenancy.guard', 1)",
            "SELECT tenancy.raise_guard()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(query)


# --- The guard

WRITES: dict[str, LiteralString] = {
    "totals of a profile": """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = %s
    """,
    "no-shows of a profile": """
        UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 1
        WHERE customer_id = %s
    """,
    "preference of a profile": """
        UPDATE public.customer_shop_profiles SET preferred_stylist_id = 2
        WHERE customer_id = %s AND shop_id = 1
    """,
    "a profile that goes": "DELETE FROM public.customer_shop_profiles WHERE customer_id = %s",
    "statistics": """
        UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
        WHERE customer_id = %s
    """,
    "statistics that go": "DELETE FROM public.customer_booking_stats WHERE customer_id = %s",
    "no-shows": "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = %s",
    "preference": "UPDATE public.customers SET preferred_stylist_id = 2 WHERE id = %s",
    "stylists' counts": """
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        VALUES (%s, 3, 9)
    """,
}

# How a session has its statement run, with what it says of the guard.
WAYS: dict[str, LiteralString] = {
    "a statement": "{write}",
    "a trigger of a temporary table": """
        CREATE TEMPORARY TABLE t (id integer);
        CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql
        AS $$BEGIN {write}; RETURN NULL; END$$;
        CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f();
        INSERT INTO t VALUES (1);
    """,
    "a function of the owner's": "SELECT public.by_the_owner({literal})",
    "a trigger, and a function of the owner's": """
        CREATE TEMPORARY TABLE t (id integer);
        CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql
        AS $$BEGIN PERFORM public.by_the_owner({literal}); RETURN NULL; END$$;
        CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f();
        INSERT INTO t VALUES (1);
    """,
}
GUARDS = ["", "on", "ON", "true", "0", "1", "9223372036854775807", "x"]

BOTH_SIDES: LiteralString = """
    SELECT preferred_stylist_id, no_show_count, NULL::integer AS shop_id, average_spend_cents, 0
    FROM public.customers
    WHERE id = %(customer)s
    UNION ALL
    SELECT NULL, NULL, NULL::integer, total_bookings, total_spend_cents
    FROM public.customer_booking_stats
    WHERE customer_id = %(customer)s
    UNION ALL
    SELECT preferred_stylist_id, no_show_count, shop_id, total_bookings, total_spend_cents
    FROM public.customer_shop_profiles
    WHERE customer_id = %(customer)s
    ORDER BY shop_id
"""


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_whoever_sets_the_guard_is_mirrored(
    url: str,
    writer: str,
    owner: psycopg.Connection,
    known: Customer,
    write: LiteralString,
    way: LiteralString,
) -> None:
    owner.execute(
        """
        CREATE FUNCTION public.by_the_owner(statement text) RETURNS void LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$BEGIN EXECUTE statement; END$$
        """
    )
    made = write.replace("%s", str(known.id)).strip()
    statement = way.format(write=made, literal="'" + made.replace("'", "''") + "'").encode()
    with psycopg.connect(writer, autocommit=True, cursor_factory=psycopg.ClientCursor) as session:
        found = {"before": session.execute(BOTH_SIDES, {"customer": known.id}).fetchall()}
        for guard in GUARDS:
            with session.transaction(force_rollback=True):
                session.execute("SELECT set_config('tenancy.mirroring', %s, TRUE)", (guard,))
                session.execute(statement)
                found[guard] = session.execute(BOTH_SIDES, {"customer": known.id}).fetchall()
        session.execute("SET tenancy.mirroring = 'on'")
        session.execute(statement)
    assert found[""] != found["before"]
    assert [guard for guard in GUARDS if found[guard] != found[""]] == []
    assert drift(url) == []


@pytest.mark.parametrize("group", ["convo_shop", "convo_back_office"])
def test_a_member_of_a_group_who_sets_the_guard_is_mirrored(
    url: str, writer: str, owner: psycopg.Connection, known: Customer, group: str
) -> None:
    owner.execute(f"GRANT {group} TO writer".encode())
    with psycopg.connect(writer) as session:
        session.execute("SET LOCAL app.current_shop_id = '1'")
        session.execute("SET LOCAL tenancy.mirroring = 'on'")
        session.execute(WRITES["no-shows of a profile"], (known.id,))
    assert drift(url) == []


def test_a_session_of_the_owner_may_write_past_the_mirrors(
    url: str, owner: psycopg.Connection, known: Customer
) -> None:
    """As rollback.md has it; not where it has taken somebody else's role."""
    execute(url, "CREATE ROLE guest", "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
    try:
        for role, mirrored in (("guest", True), ("postgres", False)):
            with owner.transaction(force_rollback=True):
                owner.execute(f"SET LOCAL ROLE {role}".encode())
                owner.execute("SET LOCAL tenancy.mirroring = 'on'")
                owner.execute(WRITES["totals of a profile"], (known.id,))
                owner.execute("RESET ROLE")
                found = owner.execute("SELECT count(*) FROM tenancy.drift").fetchone()
                assert found == (0 if mirrored else 1,)
    finally:
        execute(url, "DROP OWNED BY guest", "DROP ROLE guest")


def test_the_number_is_another_one_in_each_database(url: str, phase1_database: str) -> None:
    """It is made by the deploy, once; both of these are copies of one."""
    number = "SELECT pg_sequence_last_value('tenancy.guard') > 1000"
    assert (value(url, number), value(phase1_database, number)) == ("t", "t")


# --- The note of a confirmed booking

NOTES = {
    "the note itself": " {id}:0.000000=1",
    "one that names no shop": " {id}:",
    "one among others": " 1:0=1 {id}:0=2 2:0=1",
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
@pytest.mark.parametrize("scope", ["LOCAL", "SESSION"])
def test_a_made_up_note_passes_over_no_lock(
    url: str, known: Customer, note: str, scope: str
) -> None:
    """The legacy booking holds the customer, and comes to want the statistics: no deadlock."""
    booking = held(url, known, HERE)
    legacy, call = Session(url), Session(url)
    try:
        legacy.execute(statement("confirm_booking"), booking.id)
        call.execute(f"SET {scope} tenancy.confirmed = '{note.format(id=known.id)}'")
        waiting = call.start(
            "SELECT FROM tenancy.record_booking($1, $2, $3, 100, '2040-01-02')",
            known.id,
            THERE.shop,
            THERE.stylist,
        )
        call.wait_until_blocked_by(legacy)
        legacy.execute(
            """
            UPDATE public.customer_booking_stats
            SET total_bookings = total_bookings + 1, last_booking_at = '2040-01-01 10:00+00'
            WHERE customer_id = $1
            """,
            known.id,
        )
        legacy.commit()
        waiting.result(SECONDS)
        call.commit()
    finally:
        legacy.close()
        call.close()
    assert drift(url) == []


@pytest.mark.parametrize("shop", [1, 2])
def test_a_made_up_note_chooses_what_the_context_may_choose(
    url: str, writer: str, known: Customer, shop: int
) -> None:
    """The shop of its own session's write, and nothing more."""
    write: LiteralString = """
        UPDATE public.customer_booking_stats
        SET total_bookings = total_bookings + 1, last_booking_at = '2041-01-01 00:00+00'
        WHERE customer_id = %s
    """
    outcomes = []
    for setting, says in (
        ("tenancy.confirmed", f" {known.id}:{START}.000000={shop}"),
        ("app.current_shop_id", str(shop)),
    ):
        with psycopg.connect(writer) as session, session.transaction(force_rollback=True):
            session.execute("SELECT set_config(%s, %s, TRUE)", (setting, says))
            session.execute(write, (known.id,))
            outcomes.append(
                session.execute(
                    """
                    SELECT shop_id, total_bookings FROM public.customer_shop_profiles
                    WHERE customer_id = %s ORDER BY shop_id
                    """,
                    (known.id,),
                ).fetchall()
            )
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("shop", ["999999", "x", "99999999999999999999"])
def test_a_made_up_note_of_no_shop_fails_its_own_write(
    writer: str, known: Customer, shop: str
) -> None:
    with psycopg.connect(writer) as session:
        session.execute(
            "SELECT set_config('tenancy.confirmed', %s, TRUE)",
            (f" {known.id}:{START}.000000={shop}",),
        )
        with pytest.raises((psycopg.errors.ForeignKeyViolation, psycopg.errors.DataError)):
            session.execute(
                """
                UPDATE public.customer_booking_stats SET last_booking_at = '2041-01-01 00:00+00'
                WHERE customer_id = %s
                """,
                (known.id,),
            )


# --- What a transaction wrote


def test_a_made_up_record_accuses_its_own_role(url: str, writer: str, known: Customer) -> None:
    with psycopg.connect(writer) as session:
        session.execute(
            "SELECT set_config('tenancy.written_legacy', %s, TRUE)", (f",{known.id} no-shows,",)
        )
        session.execute("SET LOCAL application_name = 'somebody else'")
        session.execute(WRITES["no-shows of a profile"], (known.id,))
    assert value(url, "SELECT DISTINCT role_name FROM tenancy.double_writes") == "writer"
