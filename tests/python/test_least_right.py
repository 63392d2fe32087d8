"""What the roles of isolation may not read or write, besides the attacks of a shop's role.

And how many customers a shop's role may introduce: whoever tries phones one by one is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from support.attacks import DENIED, OTHER, OWN, TOO_MANY, Target, target
from support.commands import execute, psql, psql_file
from support.health import health

ROLES = {"clerk": "convo_shop", "reporter": "convo_back_office", "watcher": "convo_health"}


@pytest.fixture
def url(phase2_database: str) -> Iterator[str]:
    """Of a database in which each of the roles has a member."""
    for name, role in ROLES.items():
        execute(phase2_database, f"CREATE ROLE {name} LOGIN IN ROLE {role}")
    execute(phase2_database, "UPDATE tenancy.settings SET introductions_per_hour = 3")
    yield phase2_database
    execute(phase2_database, f"DROP ROLE {', '.join(ROLES)}")


@contextmanager
def logged_in(url: str, name: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, user=name, autocommit=True) as connection:
        yield connection


def at(url: str) -> Target:
    with psycopg.connect(url) as owner:
        return target(owner)


def sqlstate(connection: psycopg.Connection[Any], statement: str, shop: int | None = None) -> str:
    """Of a statement in a transaction of its own, in the context of a shop."""
    try:
        with connection.transaction():
            if shop is not None:
                connection.execute(f"SET LOCAL app.current_shop_id = '{shop}'")
            connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or repr(error)
    return "done"


NO_SECRETS = (
    "SELECT pin_hash FROM public.stylists",
    "SELECT pin_set_at_utc FROM public.stylists",
    "SELECT s FROM public.stylists AS s",
    "COPY public.stylists TO STDOUT",
)
NO_PEOPLE = (
    "SELECT email FROM public.customers",
    "SELECT phone FROM public.customers",
    "SELECT name FROM public.customers",
    "SELECT c FROM public.customers AS c",
    "SELECT xmin FROM public.customers",
    "SELECT count(*) FROM public.bookings",
    "SELECT customer_phone FROM public.bookings",
    "SELECT customer_email FROM public.bookings",
    "SELECT name FROM public.stylists",
    "SELECT name FROM public.shops",
    "SELECT updated_at FROM public.customer_shop_profiles",
    "SELECT * FROM tenancy.evidence_items",
    "SELECT * FROM tenancy.bookings_of(1)",
    "SELECT * FROM tenancy.customer_by_phone('+16025500001')",
    "SELECT * FROM tenancy.customer_context(1, 1)",
    "SELECT * FROM public.customer_service_preferences",
    "UPDATE tenancy.settings SET introductions_per_hour = 9",
)
NO_PAST_THE_API = (
    "UPDATE public.customer_shop_profiles SET total_bookings = -1",
    "UPDATE public.customer_shop_profiles SET preferred_stylist_id = NULL",
    "UPDATE public.bookings SET id = gen_random_uuid()",
    "UPDATE public.customer_booking_stats SET total_bookings = 0",
    "UPDATE public.customers SET name = 'x'",
    "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (1, 1)",
    "INSERT INTO public.customers (id, email) VALUES (1, 'x@example.test')",
    "INSERT INTO public.customer_service_preferences (id, customer_id, service_id)"
    " VALUES (1, 1, 1)",
    "SELECT nextval('public.customer_shop_profiles_id_seq')",
    "SELECT nextval('public.customer_service_preferences_id_seq')",
    "SELECT last_value FROM public.customers_id_seq",
    "SELECT * FROM tenancy.drift",
)


def test_no_more_than_they_need(url: str) -> None:
    for name, statements in {
        "watcher": (*NO_SECRETS, *NO_PEOPLE, *NO_PAST_THE_API[:-1]),
        "reporter": (*NO_SECRETS, *NO_PAST_THE_API),
    }.items():
        with logged_in(url, name) as connection:
            found = {statement: sqlstate(connection, statement) for statement in statements}
        assert found == dict.fromkeys(statements, DENIED), name


def test_the_health_check_sees_whose_a_booking_is_and_no_phone(url: str) -> None:
    count: LiteralString = "SELECT count(*), sum(customer_id) FROM tenancy.customer_bookings"
    with logged_in(url, "watcher") as watcher, psycopg.connect(url) as owner:
        assert watcher.execute(count).fetchone() == owner.execute(count).fetchone()
        columns = watcher.execute("SELECT * FROM tenancy.customer_bookings LIMIT 0").description
        assert columns is not None
        assert not {column.name for column in columns} & {"email", "phone", "customer_phone"}
        classes: LiteralString = "SELECT class, count(*) FROM tenancy.shop_check GROUP BY 1"
        assert {*watcher.execute(classes)} == {*owner.execute(classes)}


def test_the_back_office_works_for_all_shops(url: str) -> None:
    who = at(url)
    with logged_in(url, "reporter") as reporter:
        for statement in (
            f"SELECT tenancy.record_booking({who.customer}, {OTHER}, {who.stylist}, 1, now())",
            f"SELECT tenancy.record_booking({who.customer}, {OWN}, {who.own_stylist}, 1, now())",
            f"SELECT tenancy.set_service_preference({who.customer}, {who.service}, 'short')",
            f"SELECT * FROM tenancy.customer_by_phone('{who.phone}')",
            "SELECT * FROM tenancy.customer_totals",
            "UPDATE public.bookings SET internal_notes = 'x'",
        ):
            assert sqlstate(reporter, statement) == "done", statement
        # Not bound, and so not counted.
        for number in range(5):
            statement = f"SELECT tenancy.get_or_create_customer(NULL, '+1999000000{number}', NULL)"
            assert sqlstate(reporter, statement) == "done"
        assert reporter.execute(
            "SELECT preferred_style_text FROM public.customer_service_preferences"
            " WHERE (customer_id, service_id) = (%s, %s)",
            (who.customer, who.service),
        ).fetchone() == ("short",)


def test_refusals_tell_nothing_of_others(url: str) -> None:
    """Of what is another shop's they say what they say of what is not there."""
    who = at(url)
    theirs: dict[str, object] = {"C": who.customer, "S": who.stylist, "V": who.service, "H": OTHER}
    theirs["B"] = who.booking
    nobody: dict[str, object] = {"C": 987654321, "S": 987654321, "V": 987654321, "H": 987654321}
    nobody["B"] = "00000000-0000-4000-8000-000000000000"
    calls = (
        f"customer_context(C, {OWN})",
        f"customer_context({who.own_customer}, H)",
        "customer_context(C, H)",
        f"record_booking(C, {OWN}, {who.own_stylist}, 1, now())",
        f"record_booking({who.own_customer}, {OWN}, S, 1, now())",
        f"record_booking({who.own_customer}, H, S, 1, now())",
        f"record_no_show(C, {OWN})",
        f"record_no_show({who.own_customer}, H)",
        f"set_preferred_stylist(C, {OWN}, {who.own_stylist})",
        f"set_preferred_stylist({who.own_customer}, {OWN}, S)",
        f"set_preferred_stylist({who.own_customer}, H, S)",
        f"set_service_preference(C, {who.own_service}, 'x')",
        f"set_service_preference({who.own_customer}, V, 'x')",
        "customers_by_preferred_stylist(S)",
        f"confirm_booking('B', {OWN})",
        "confirm_booking('B', H)",
    )

    def refusal(clerk: psycopg.Connection[Any], call: str, ids: dict[str, object]) -> str:
        statement = re.sub(r"\b[BCSVH]\b", lambda letter: str(ids[letter[0]]), call)
        try:
            with clerk.transaction():
                clerk.execute(f"SET LOCAL app.current_shop_id = '{OWN}'")
                clerk.execute(f"SELECT * FROM tenancy.{statement}")
        except psycopg.Error as error:
            message = f"{error.sqlstate} {error.diag.message_primary}"
            return re.sub(rf"\b({'|'.join(map(str, ids.values()))})\b", "N", message)
        return "done"

    with logged_in(url, "clerk") as clerk:
        for call in calls:
            said = refusal(clerk, call, theirs)
            assert said != "done"
            assert said == refusal(clerk, call, nobody), call


def _introduce(clerk: psycopg.Connection[Any], number: int, shop: int = OWN) -> str:
    return sqlstate(
        clerk, f"SELECT tenancy.get_or_create_customer(NULL, '+1999000{number:04}', NULL)", shop
    )


def test_a_column_that_the_application_adds(isolated_database: str) -> None:
    """Whoever opens it says so to the switch, by name, and then it stays open."""
    name = "SELECT (channel) on public.bookings to convo_shop"
    execute(
        isolated_database,
        "ALTER TABLE public.bookings ADD COLUMN channel text, ADD COLUMN agent text",
        "GRANT SELECT (channel), UPDATE (agent) ON public.bookings TO convo_shop",
    )
    for column in ("channel", "agent"):
        assert f"({column}) on public.bookings" in health(isolated_database).said("isolation")[2]
    psql(
        isolated_database,
        "-c",
        f"CALL tenancy.enforce_isolation(ARRAY['{name}', '{name.replace('SELECT', 'UPDATE')}'])",
        check=False,
    )
    execute(isolated_database, "REVOKE UPDATE (agent) ON public.bookings FROM convo_shop")
    execute(isolated_database, f"CALL tenancy.enforce_isolation(ARRAY['{name}'])")
    execute(isolated_database, "GRANT UPDATE (agent) ON public.bookings TO convo_shop")
    psql_file(isolated_database, "deploy/isolation/rights.sql")  # takes the other one away
    assert health(isolated_database).said("isolation")[:2] == ("ok", "on")
    assert psql(
        isolated_database,
        "-At",
        "-c",
        "SELECT has_column_privilege('convo_shop', 'public.bookings', 'channel', 'SELECT'),"
        " has_column_privilege('convo_shop', 'public.bookings', 'agent', 'UPDATE')",
    ).stdout.split() == ["t|f"]


@pytest.mark.parametrize("way", ["NOINHERIT", "another role", "the health check"])
def test_a_function_of_ones_own_is_bound(url: str, way: str) -> None:
    """One with the rights of convo_shop, called by who has none: the caller is not known."""
    who = at(url)
    execute(url, "CREATE ROLE team; CREATE ROLE temp LOGIN IN ROLE convo_shop, team")
    if way == "the health check":
        execute(url, "GRANT convo_health TO team")
    calls = {
        f"SELECT c::text FROM tenancy.customer_context({who.customer}, {OTHER}) AS c": DENIED,
        f"SELECT c::text FROM tenancy.customer_by_phone('{who.phone}') AS c": "None",
        f"SELECT tenancy.record_booking({who.customer}, {OTHER}, {who.stylist}, 1, now())": DENIED,
        f"SELECT tenancy.get_or_create_customer('{who.email}', NULL, NULL)": DENIED,
    }
    try:
        if way == "NOINHERIT":
            execute(url, "ALTER ROLE temp NOINHERIT")
        with logged_in(url, "temp") as login:
            login.execute("SET ROLE convo_shop")
            login.execute(
                """
                CREATE FUNCTION pg_temp.run(query text) RETURNS text
                LANGUAGE plpgsql SECURITY DEFINER
                AS 'DECLARE result text; BEGIN EXECUTE query INTO result; RETURN result; END';
                GRANT EXECUTE ON FUNCTION pg_temp.run(text) TO PUBLIC
                """
            )
            login.execute("RESET ROLE" if way == "NOINHERIT" else "SET ROLE team")
            for call, expected in calls.items():
                try:
                    row = login.execute("SELECT pg_temp.run(%s)", (call,)).fetchone()
                except psycopg.Error as error:
                    found = str(error.sqlstate)
                else:
                    assert row is not None
                    found = str(row[0])
                assert found == expected, call
    finally:
        execute(url, "DROP OWNED BY temp, team", "DROP ROLE temp, team")


def test_phones_beside_an_email_that_is_known(url: str) -> None:
    """Each one is counted, whether it is somebody's or not."""
    who = at(url)
    with logged_in(url, "clerk") as clerk, psycopg.connect(url) as owner:
        row = owner.execute(
            "SELECT email FROM public.customers WHERE id = %s", (who.own_customer,)
        ).fetchone()
        assert row is not None
        phones = ["+19990000001", who.phone, "+19990000002", "+19990000003"]
        calls = [
            sqlstate(
                clerk, f"SELECT tenancy.get_or_create_customer('{row[0]}', '{phone}', NULL)", OWN
            )
            for phone in phones
        ]
        assert calls == ["done"] * 3 + [TOO_MANY]


def test_what_is_too_long_tells_nothing(url: str) -> None:
    """A new customer's name, which is stored, and that of one who is there, which is not."""
    who = at(url)
    long = "x" * 256
    with logged_in(url, "clerk") as clerk:
        for email in (who.email, "new@example.test"):
            call = f"SELECT tenancy.get_or_create_customer('{email}', NULL, '{long}')"
            assert [sqlstate(clerk, call, OWN) for _ in range(50)] == ["22001"] * 50
        assert _introduce(clerk, 1) == "done"  # none was counted


def test_no_introduction_in_a_read_only_transaction(url: str) -> None:
    """Where it fails would tell who is there, and nothing would count it."""
    who = at(url)

    def said(email: str) -> tuple[str | None, str | None, str | None]:
        with logged_in(url, "clerk") as clerk:
            clerk.execute("BEGIN READ ONLY")
            clerk.execute(f"SET LOCAL app.current_shop_id = '{OWN}'")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                clerk.execute("SELECT tenancy.get_or_create_customer(%s, NULL, NULL)", (email,))
        diagnosis = refused.value.diag
        return diagnosis.message_primary, diagnosis.message_detail, diagnosis.context

    assert said(who.email) == said("new@example.test")


def test_beyond_the_limit_nobody_queues(url: str) -> None:
    """Who is new was looked for, and would have been seen in the statistics of the transaction."""
    with logged_in(url, "clerk") as clerk:
        queued: LiteralString = (
            "SELECT n_tup_ins FROM pg_stat_xact_user_tables"
            " WHERE relid = 'tenancy.customers_under_way'::regclass"
        )
        assert [_introduce(clerk, number) for number in range(3)] == ["done"] * 3
        with clerk.transaction(force_rollback=True):
            before = clerk.execute(queued).fetchone()
            for number in range(5, 25):
                assert _introduce(clerk, number) == TOO_MANY
            assert clerk.execute(queued).fetchone() == before


def test_a_shop_finds_its_own_customer_behind_another_one(url: str) -> None:
    """Two customers with one phone: a shop's call finds the one whom the shop knows."""
    who = at(url)
    with logged_in(url, "clerk") as clerk, psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "UPDATE public.customers SET phone = %s WHERE id IN (%s, %s)",
            ("+19990007777", who.customer, who.own_customer),
        )
        for shop, customer in ((OWN, who.own_customer), (OTHER, who.customer)):
            with clerk.transaction():
                clerk.execute(f"SET LOCAL app.current_shop_id = '{shop}'".encode())
                found = clerk.execute(
                    "SELECT customer_id FROM tenancy.customer_by_phone('+1 999 000 7777')"
                ).fetchall()
                assert found == [(customer,)]


def test_a_context_of_control_characters(url: str) -> None:
    call = f"SELECT tenancy.record_no_show({at(url).own_customer}, {OWN})"
    with logged_in(url, "clerk") as clerk:
        clerk.execute("SELECT set_config('app.current_shop_id', E'2\\x1b[2J\\n', FALSE)")
        with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
            clerk.execute(call.encode())
        assert str(refused.value.diag.message_primary).isprintable()


def test_so_many_new_customers_an_hour(url: str) -> None:
    with logged_in(url, "clerk") as clerk, psycopg.connect(url, autocommit=True) as owner:
        assert [_introduce(clerk, number) for number in range(4)] == ["done"] * 3 + [TOO_MANY]
        # Who is known by now may come as often as they like.
        assert {_introduce(clerk, number) for number in [0, 1, 2] * 5} == {"done"}
        # Another shop has its own, and so has another role.
        assert _introduce(clerk, 3, OTHER) == "done"
        execute(url, "CREATE ROLE second_clerk LOGIN IN ROLE convo_shop")
        try:
            with logged_in(url, "second_clerk") as second:
                assert _introduce(second, 4) == "done"
        finally:
            execute(url, "DROP ROLE second_clerk")

        assert owner.execute(
            "SELECT role_name, shop_id, introductions FROM tenancy.introducers ORDER BY 1, 2"
        ).fetchall() == [("clerk", OWN, 3), ("clerk", OTHER, 1), ("second_clerk", OWN, 1)]
        owner.execute(
            "UPDATE tenancy.introductions SET introduced_at = introduced_at - interval '1 hour'"
        )
        assert _introduce(clerk, 5) == "done"


def test_an_hour_begins_when_it_begins(url: str) -> None:
    """Not when a TimeZone of somebody's own says."""
    with logged_in(url, "clerk") as clerk, psycopg.connect(url, autocommit=True) as owner:
        assert {_introduce(clerk, number) for number in range(3)} == {"done"}
        owner.execute(
            "UPDATE tenancy.introductions SET introduced_at = date_trunc('hour', now(), 'UTC')"
        )
        clerk.execute(
            "SELECT set_config('TimeZone',"
            " to_char(clock_timestamp() AT TIME ZONE 'UTC', '\"X\"00:MI'), FALSE)"
        )
        assert _introduce(clerk, 3) == TOO_MANY


def test_a_rollback_gives_no_attempt_back(url: str) -> None:
    """Ten times as many as may be introduced; the next hour brings new ones."""
    with logged_in(url, "clerk") as clerk, psycopg.connect(url, autocommit=True) as owner:
        for number in range(30):
            with clerk.transaction(force_rollback=True):
                assert _introduce(clerk, number) == "done"
        assert _introduce(clerk, 30) == TOO_MANY
        assert _introduce(clerk, 31, OTHER) == TOO_MANY
        assert owner.execute("SELECT count(*) FROM tenancy.introductions").fetchone() == (0,)

        owner.execute(
            "SELECT setval('tenancy.introductions_id_seq', last_value - 3600000000)"
            " FROM tenancy.introductions_id_seq"
        )
        assert _introduce(clerk, 32) == "done"
