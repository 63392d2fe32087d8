"""Isolation is a switch: off, it changes nobody's life; on, it holds, or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import Completed, execute, pg_dump_schema, psql, psql_file, run, sqitch, value
from support.health import health
from support.isolation import (
    OWNER,
    TABLES,
    as_role,
    findings,
    granted,
    isolate,
    roles,
    secured,
    state,
)
from support.plan import CHANGES, CONTRACT, TAGS
from support.sessions import Session
from support.soak import share
from support.waiting import wait_until

ON, OFF = "CALL tenancy.enforce_isolation()", "CALL tenancy.relax_isolation()"
GOAL = {ON: "on", OFF: "off"}
OTHER_WAY = {ON: OFF, OFF: ON}
SHOPS = "SELECT count(DISTINCT shop_id) FROM public.bookings"
STANDING = "SELECT count(*) FROM tenancy.changes WHERE state = 'standing'"


def _refused(url: str, statement: str) -> str:
    with (
        psycopg.connect(url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused,
    ):
        connection.execute(statement.encode())
    return str(refused.value)


# What phase 2 leaves alone

DUMPERS = {
    "the owner": "GRANT convo_owner TO before_it",
    "a superuser": "ALTER ROLE before_it SUPERUSER",
    "who reads all data": "GRANT pg_read_all_data TO before_it",
    "who has rights": """
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO before_it;
        GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO before_it
    """,
    "who has them by a group": """
        CREATE ROLE readers; GRANT readers TO before_it;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO readers;
        GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO readers
    """,
}
LOADERS = {
    "the owner": DUMPERS["the owner"],
    "a superuser": DUMPERS["a superuser"],
    "who writes all data": "GRANT pg_write_all_data TO before_it",
    "who has rights": "GRANT INSERT ON ALL TABLES IN SCHEMA public TO before_it",
}
EXEMPT = {"the owner", "a superuser"}


@contextmanager
def _before_it(url: str, rights: str) -> Iterator[str]:
    with roles(url, "before_it"):
        execute(url, rights)
        try:
            yield as_role(url, "before_it")
        finally:
            if "readers" in rights:
                execute(url, "DROP OWNED BY readers", "DROP ROLE readers")


def _dump(url: str, *options: str) -> Completed:
    tables = [f"--table=public.{table}" for table in TABLES]
    return run("pg_dump", "--data-only", *tables, *options, url, check=False)


@pytest.mark.parametrize("who", DUMPERS)
def test_a_dump(owned_database: str, who: str) -> None:
    """As it was while isolation is off; while it is on, refused, or by row-level security."""
    with _before_it(owned_database, DUMPERS[who]) as url:
        whole = _dump(owned_database).stdout
        plain = _dump(url)
        assert (plain.returncode, _rows(plain.stdout)) == (0, _rows(whole)), plain.stderr

        if who in EXEMPT:
            isolate(owned_database)
            assert _rows(_dump(url).stdout) == _rows(whole)
            return
        execute(owned_database, "CALL tenancy.enforce_isolation(ARRAY['role before_it'])")
        assert "would be affected by row-level security policy" in _dump(url).stderr
        assert _rows(_dump(url, "--enable-row-security").stdout) == _rows(whole)


def _rows(dump: str) -> list[str]:
    return [line for line in dump.splitlines() if "\t" in line]


@pytest.mark.parametrize("who", LOADERS)
def test_copy_from(owned_database: str, who: str) -> None:
    with _before_it(owned_database, LOADERS[who]) as url:
        assert _copy(url) is None
        name = "" if who in EXEMPT else "ARRAY['role before_it']"
        execute(owned_database, f"CALL tenancy.enforce_isolation({name})")
        refused = None if who in EXEMPT else "COPY FROM not supported with row-level security"
        assert _copy(url) == refused
        execute(owned_database, OFF)
        assert _copy(url) is None


def _copy(url: str) -> str | None:
    """COPY FROM into each of the tables, without a row."""
    with psycopg.connect(url) as connection:
        for table in TABLES:
            try:
                with connection.cursor().copy(f"COPY public.{table} FROM STDIN".encode()):
                    pass
            except psycopg.errors.FeatureNotSupported as error:
                return error.diag.message_primary
    return None


def test_the_deploy_secures_and_grants_nothing(owned_database: str) -> None:
    assert (state(owned_database), secured(owned_database), granted(owned_database)) == (
        "off",
        [],
        [],
    )


# There and back


def test_there_and_back(owned_database: str) -> None:
    before = pg_dump_schema(owned_database)
    with roles(owned_database, "clerk"):
        execute(owned_database, "GRANT convo_shop TO clerk")
        with psycopg.connect(owned_database, user="clerk", autocommit=True) as clerk:
            clerk.execute("SET app.current_shop_id = '2'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                clerk.execute(SHOPS)
            execute(owned_database, ON)
            assert clerk.execute(SHOPS).fetchone() == (1,)
            assert (state(owned_database), secured(owned_database)) == ("on", list(TABLES))
            execute(owned_database, ON)  # again
            assert clerk.execute(SHOPS).fetchone() == (1,)
            execute(owned_database, OFF)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                clerk.execute(SHOPS)
    assert pg_dump_schema(owned_database) == before


def test_the_rights_are_those_that_are_documented(isolated_database: str) -> None:
    done = psql_file(
        isolated_database, "tests/pgtap/isolation/schema/row_level_security.sql", "-At"
    )
    assert "not ok" not in done.stdout
    assert "# Looks like" not in done.stdout


def test_not_inside_of_a_transaction(owned_database: str) -> None:
    with (
        psycopg.connect(owned_database) as connection,
        pytest.raises(psycopg.errors.InvalidTransactionTermination),
    ):
        connection.execute(ON.encode())
    assert (state(owned_database), secured(owned_database)) == ("off", [])


def test_what_somebody_took_is_given_back(isolated_database: str) -> None:
    execute(
        isolated_database,
        "ALTER TABLE public.stylists DISABLE ROW LEVEL SECURITY;"
        " REVOKE ALL ON public.services FROM convo_shop",
    )
    assert findings(isolated_database) == [
        "table public.stylists",
        "SELECT (active, created_at, id, name, shop_id, work_end, work_start) on public.stylists"
        " to convo_shop",
        "SELECT (created_at, duration_minutes, id, name, price_cents, shop_id) on public.services"
        " to convo_shop",
    ]
    execute(isolated_database, ON)
    assert (findings(isolated_database), secured(isolated_database)) == ([], list(TABLES))


def test_a_mending_call_that_was_interrupted(isolated_database: str) -> None:
    """Rights that no policy limits are critical in every state."""
    execute(
        isolated_database,
        "ALTER TABLE public.stylists DISABLE ROW LEVEL SECURITY;"
        " UPDATE tenancy.isolation SET state = 'enforcing'",
    )
    status, _, detail = health(isolated_database).said("isolation")
    assert status == "critical"
    assert "table public.stylists: row-level security and isolation differ" in detail


def test_the_tables_get_an_ordinary_owner(phase2_database: str) -> None:
    """By the script for tables of a superuser."""
    assert "the SQL API would run with the rights of a superuser" in _refused(phase2_database, ON)
    try:
        execute(phase2_database, "CREATE ROLE heir LOGIN")
        psql(phase2_database, "-v", "owner=heir", "-f", str(ROOT / "scripts/change-owner.sql"))
        isolate(phase2_database)
        assert findings(phase2_database) == []
    finally:
        execute(phase2_database, "DROP OWNED BY heir CASCADE", "DROP ROLE heir")


# Refused

FOUND = {
    "a bound login with a right of its own": (
        "GRANT convo_shop TO mallory; GRANT SELECT ON public.services TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.services;",
    ),
    "on a column": (
        "GRANT convo_shop TO mallory; GRANT SELECT (pin_hash) ON public.stylists TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.stylists;",
    ),
    "by a group of its own, that it takes by SET ROLE": (
        "GRANT convo_shop, oscar TO mallory; ALTER ROLE mallory NOINHERIT;"
        " GRANT UPDATE ON public.customers TO oscar",
        "role mallory: it is bound to one shop, and has rights of its own (UPDATE on"
        " public.customers by oscar;",
    ),
    "by PUBLIC": (
        "GRANT convo_shop TO mallory; GRANT SELECT ON public.shops TO PUBLIC",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.shops by PUBLIC;",
    ),
    "by pg_read_all_data": (
        "GRANT convo_shop, pg_read_all_data TO mallory",
        "all that it brings by pg_read_all_data;",
    ),
    "by reading the server's files": (
        "GRANT convo_shop TO mallory; GRANT pg_read_server_files TO oscar; GRANT oscar TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (all that it brings"
        " by pg_read_server_files;",
    ),
    "by giving roles": (
        "GRANT convo_shop TO mallory; ALTER ROLE mallory CREATEROLE",
        "role mallory: it is bound to one shop, and has rights of its own (CREATEROLE;",
    ),
    "by a view of a view of the owner": (
        "CREATE VIEW public.seen AS SELECT * FROM public.bookings;"
        " CREATE VIEW public.seen_too AS SELECT * FROM public.seen;"
        f" ALTER VIEW public.seen OWNER TO {OWNER};"
        " GRANT convo_shop TO mallory; GRANT SELECT ON public.seen_too TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.seen_too;",
    ),
    "by other sessions' statements": (
        "GRANT convo_shop TO mallory; GRANT pg_read_all_stats TO oscar; GRANT oscar TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (all that it brings"
        " by pg_read_all_stats;",
    ),
    "by a monitor, which has that from another one": (
        "GRANT convo_shop, pg_monitor TO mallory",
        "(all that it brings by pg_monitor; all that it brings by pg_read_all_stats;",
    ),
    "by ending other sessions": (
        "GRANT convo_shop, pg_signal_backend TO mallory",
        "(all that it brings by pg_signal_backend;",
    ),
    "by a parameter": (
        "GRANT convo_shop TO mallory; GRANT SET ON PARAMETER log_statement TO oscar;"
        " GRANT oscar TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SET on parameter"
        " log_statement by oscar;",
    ),
    "by a child": (
        "CREATE TABLE public.bookings_2019 () INHERITS (public.bookings);"
        " GRANT convo_shop TO mallory; GRANT SELECT ON public.bookings_2019 TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.bookings_2019;",
    ),
    "by a sequence": (
        "GRANT convo_shop TO mallory; GRANT USAGE ON SEQUENCE public.customers_id_seq TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (USAGE on"
        " public.customers_id_seq;",
    ),
    "a table of ours, for the group": (
        "GRANT SELECT ON tenancy.remembered_profiles TO convo_shop",
        "SELECT on tenancy.remembered_profiles to convo_shop: the group has more rights than are"
        " listed (see tenancy.listed_rights; remedy: REVOKE SELECT ON TABLE"
        " tenancy.remembered_profiles FROM convo_shop CASCADE)",
    ),
    "a whole table": (
        "GRANT SELECT ON public.stylists TO convo_shop",
        "SELECT on public.stylists to convo_shop: the group has more rights than are listed",
    ),
    "a column that is not listed": (
        "GRANT SELECT (pin_hash, pin_set_at_utc) ON public.stylists TO convo_shop",
        "SELECT (pin_hash) on public.stylists to convo_shop: the group has more rights than are"
        " listed (a column that tenancy.listed_rights does not have; remedy: REVOKE SELECT"
        " (pin_hash) ON TABLE public.stylists FROM convo_shop CASCADE)",
    ),
    "a write past the API": (
        "GRANT INSERT ON public.customer_shop_profiles TO convo_back_office",
        "INSERT on public.customer_shop_profiles to convo_back_office: the group has more rights",
    ),
    "a right to empty a table": (
        "GRANT TRUNCATE ON public.bookings TO convo_shop",
        "TRUNCATE on public.bookings to convo_shop: the group has more rights than are listed",
    ),
    "a right to refer to a table": (
        "GRANT REFERENCES (id) ON public.bookings TO convo_shop",
        "REFERENCES (id) on public.bookings to convo_shop: the group has more rights than are",
    ),
    "a right that the group may give": (
        "GRANT SELECT (id) ON public.bookings TO convo_shop WITH GRANT OPTION",
        "SELECT (id) on public.bookings to convo_shop WITH GRANT OPTION: the group has more rights"
        " than are listed (see tenancy.listed_rights; remedy: REVOKE GRANT OPTION FOR SELECT (id)",
    ),
    "a sequence": (
        "GRANT SELECT ON SEQUENCE public.customers_id_seq TO convo_health",
        "SELECT on public.customers_id_seq to convo_health: the group has more rights than are",
    ),
    "a child": (
        "CREATE TABLE public.bookings_2019 () INHERITS (public.bookings);"
        " GRANT SELECT ON public.bookings_2019 TO convo_health",
        "SELECT on public.bookings_2019 to convo_health: the group has more rights than are",
    ),
    "a function of ours": (
        "GRANT EXECUTE ON FUNCTION tenancy.customer_of(text, text) TO convo_shop",
        "EXECUTE on tenancy.customer_of(text,text) to convo_shop: the group has more rights than",
    ),
    "a call that the group may no longer make": (
        "REVOKE EXECUTE ON FUNCTION tenancy.shop_context() FROM convo_shop",
        "EXECUTE on tenancy.shop_context() to convo_shop: the group lacks a right (see"
        " tenancy.listed_rights; remedy: psql -f deploy/isolation/rights.sql)",
    ),
    "columns that the group may no longer read": (
        "REVOKE SELECT (id, shop_id) ON public.stylists FROM convo_health",
        "SELECT (id, shop_id) on public.stylists to convo_health: the group lacks a right",
    ),
    "the schema": (
        "REVOKE USAGE ON SCHEMA tenancy FROM convo_back_office",
        "USAGE on tenancy to convo_back_office: the group lacks a right",
    ),
    "a shop context for everybody": (
        "ALTER DATABASE found SET app.current_shop_id = '2'",
        "database found: a default setting decides what sessions see or whether writes are"
        " mirrored (app.current_shop_id; remedy: ALTER"
        " DATABASE found RESET app.current_shop_id)",
    ),
    "a shop context for a role": (
        "ALTER ROLE mallory SET app.current_shop_id = '2'",
        "role mallory: a default setting decides what sessions see or whether writes are"
        " mirrored (app.current_shop_id; remedy: ALTER"
        " ROLE mallory RESET app.current_shop_id)",
    ),
    "a shop context for a role in a database": (
        "ALTER ROLE mallory IN DATABASE found SET app.current_shop_id = '2'",
        "role mallory in database found: a default setting decides what sessions see or whether"
        " writes are mirrored (app.current_shop_id;"
        " remedy: ALTER ROLE mallory IN DATABASE found RESET app.current_shop_id)",
    ),
    "a role whose triggers are off": (
        "ALTER ROLE mallory SET session_replication_role = replica",
        "role mallory: a default setting decides what sessions see or whether writes are mirrored"
        " (session_replication_role; remedy: ALTER ROLE mallory RESET session_replication_role)",
    ),
    "by a function of ours": (
        "GRANT convo_shop TO mallory;"
        " GRANT EXECUTE ON FUNCTION tenancy.customer_of(text, text) TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (EXECUTE on"
        " tenancy.customer_of(text,text);",
    ),
    "by the schema of ours": (
        "GRANT convo_shop TO mallory; GRANT USAGE ON SCHEMA tenancy TO PUBLIC",
        "role mallory: it is bound to one shop, and has rights of its own (USAGE on tenancy by"
        " PUBLIC;",
    ),
    "by the number that a mirror is known by": (
        "GRANT convo_shop TO mallory; GRANT SELECT ON SEQUENCE tenancy.guard TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " tenancy.guard;",
    ),
    "by making what others run": (
        "GRANT convo_shop TO mallory; GRANT CREATE ON SCHEMA public TO PUBLIC",
        "role mallory: it is bound to one shop, and has rights of its own (CREATE on public by"
        " PUBLIC;",
    ),
    "by a parent": (
        "CREATE TABLE public.ancestor (id uuid NOT NULL);"
        " ALTER TABLE public.bookings INHERIT public.ancestor;"
        " GRANT convo_shop TO mallory; GRANT SELECT ON public.ancestor TO mallory",
        "role mallory: it is bound to one shop, and has rights of its own (SELECT on"
        " public.ancestor;",
    ),
    "by what was copied through a view": (
        "CREATE MATERIALIZED VIEW public.copied AS SELECT * FROM tenancy.customer_totals;"
        " GRANT SELECT ON public.copied TO convo_shop",
        "SELECT on public.copied to convo_shop: the group has more rights than are listed",
    ),
    "a member that may make members": (
        "GRANT convo_shop TO mallory; GRANT convo_back_office TO oscar WITH ADMIN OPTION;"
        " GRANT oscar TO mallory",
        "ADMIN OPTION on convo_back_office",
    ),
    "a listed right that somebody else gave": (
        "GRANT SELECT ON public.bookings TO oscar WITH GRANT OPTION; SET ROLE oscar;"
        " GRANT SELECT (id) ON public.bookings TO convo_shop; RESET ROLE",
        "SELECT (id) on public.bookings to convo_shop GRANTED BY oscar: the group has more rights"
        " than are listed (see tenancy.listed_rights; remedy: SET ROLE oscar; REVOKE SELECT (id) ON"
        " TABLE public.bookings FROM convo_shop CASCADE)",
    ),
    "a trigger where the application writes": (
        "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " ALTER FUNCTION public.trap() OWNER TO mallory; CREATE TRIGGER trap BEFORE INSERT ON"
        " public.bookings FOR EACH ROW EXECUTE FUNCTION public.trap()",
        "trigger trap on public.bookings: it runs with the rights of each writer, and its"
        " function has another owner (function public.trap() of mallory;",
    ),
    "a trigger of ours that somebody took away": (
        "DROP TRIGGER mark_unproven_booking ON public.bookings",
        "trigger mark_unproven_booking on public.bookings: it is not as it was deployed, but"
        " missing",
    ),
    "the legacy statistics of another owner": (
        "ALTER TABLE public.customer_booking_stats OWNER TO mallory",
        "table public.customer_booking_stats: its owner is not that of public.customers",
    ),
    "a sequence of another owner": (
        "ALTER SEQUENCE tenancy.guard OWNER TO mallory",
        "sequence tenancy.guard: its owner is not that of public.customers (owner mallory;",
    ),
    "the schema of another owner": (
        "ALTER SCHEMA tenancy OWNER TO mallory",
        "schema tenancy: its owner is not that of public.customers (owner mallory;",
    ),
    "a way past all triggers": (
        "GRANT SET ON PARAMETER session_replication_role TO mallory",
        "role mallory: it could act with the rights of others (SET on"
        " PARAMETER session_replication_role; remedy: REVOKE SET ON PARAMETER"
        " session_replication_role FROM mallory)",
    ),
    "a right to make triggers where the application writes": (
        "GRANT TRIGGER ON public.bookings TO mallory",
        "role mallory: it could act with the rights of others (TRIGGER on TABLE public.bookings;",
    ),
    "a bound login that no policy binds": (
        "GRANT convo_shop TO mallory; ALTER ROLE mallory BYPASSRLS",
        "role mallory: it is a member of convo_shop, and no policy binds it (BYPASSRLS;",
    ),
    "a bound login that is a member of the owner, by a group": (
        f"GRANT convo_shop, oscar TO mallory; GRANT {OWNER} TO oscar",
        "role mallory: it is a member of convo_shop, and no policy binds it (member of"
        f" {OWNER}, owner of the tables;",
    ),
    "an owner that is bound": (
        f"GRANT oscar TO {OWNER}; GRANT convo_shop TO oscar",
        f"role {OWNER}: it is a member of convo_shop, and no policy binds it (owner of the tables;",
    ),
    "an owner that is a superuser": (
        f"ALTER ROLE {OWNER} SUPERUSER",
        f"role {OWNER}: the SQL API would run with the rights of a superuser (owner of"
        " public.customers, superuser, owner of the tables;",
    ),
    "an owner that is a member of one": (
        f"GRANT postgres TO {OWNER}",
        f"role {OWNER}: the SQL API would run with the rights of a superuser (owner of"
        " public.customers, owner of the tables; member of postgres, superuser;",
    ),
    "a right to make triggers": (
        "GRANT TRIGGER ON public.customer_stylist_preferences TO mallory",
        "role mallory: it could act with the rights of others"
        " (TRIGGER on TABLE public.customer_stylist_preferences; remedy: REVOKE TRIGGER ON TABLE"
        " public.customer_stylist_preferences FROM mallory)",
    ),
    "all rights": (
        "GRANT ALL ON public.customer_booking_stats TO mallory",
        "role mallory: it could act with the rights of others"
        " (TRIGGER on TABLE public.customer_booking_stats;",
    ),
    "a right to make triggers, for everybody": (
        "GRANT TRIGGER ON public.customers TO PUBLIC",
        "PUBLIC: it could act with the rights of others (TRIGGER on TABLE public.customers;",
    ),
    "a right to write a table of ours": (
        "GRANT DELETE ON tenancy.settings TO mallory",
        "role mallory: it could act with the rights of others (DELETE on TABLE tenancy.settings;",
    ),
    "a right to make things in our schema": (
        "GRANT CREATE ON SCHEMA tenancy TO mallory",
        "role mallory: it could act with the rights of others (CREATE on SCHEMA tenancy;",
    ),
    "a trigger that somebody made while they could": (
        "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " ALTER FUNCTION public.trap() OWNER TO mallory; CREATE TRIGGER trap BEFORE INSERT ON"
        " public.customer_shop_profiles FOR EACH ROW EXECUTE FUNCTION public.trap()",
        "trigger trap on public.customer_shop_profiles: it runs with the rights of each writer,"
        " and its function has another owner (function public.trap() of mallory;",
    ),
    "a group that reads all data": (
        "GRANT pg_read_all_data TO convo_health",
        "role convo_health: the group has attributes or memberships that it must not have"
        " (member of pg_read_all_data;",
    ),
    "a group that writes all data, by another role": (
        "GRANT oscar TO convo_shop; GRANT pg_write_all_data TO oscar",
        "role convo_shop: the group has attributes or memberships that it must not have"
        " (member of pg_write_all_data;",
    ),
    "a group that is a member of the owner": (
        f"GRANT {OWNER} TO convo_back_office",
        "role convo_back_office: the group has attributes or memberships that it must not"
        f" have (member of {OWNER};",
    ),
    "a group that can log in": (
        "ALTER ROLE convo_back_office LOGIN",
        "role convo_back_office: the group has attributes or memberships that it must not"
        " have (LOGIN;",
    ),
    "a login in two groups": (
        "GRANT convo_health, convo_back_office TO mallory",
        "role mallory: it is a member of several groups (convo_back_office, convo_health;",
    ),
    "who could no longer dump": (
        "GRANT pg_read_all_data TO mallory",
        "role mallory: its pg_dump or COPY FROM would fail (pg_dump: 7 of the tables;",
    ),
    "who could no longer load": (
        "GRANT INSERT ON public.bookings TO mallory",
        "role mallory: its pg_dump or COPY FROM would fail (COPY FROM: 1 of the tables;",
    ),
    "a policy that somebody dropped": (
        "DROP POLICY of_the_shop ON public.customers",
        "policy of_the_shop on public.customers: it is not as it was deployed, but missing",
    ),
    "a policy that somebody opened": (
        "ALTER POLICY of_the_shop ON public.customers USING (TRUE)",
        "policy of_the_shop on public.customers: it is not as it was deployed, but altered",
    ),
    "a function that somebody replaced": (
        "CREATE OR REPLACE FUNCTION tenancy.is_restricted() RETURNS boolean LANGUAGE sql STABLE"
        " RETURN FALSE",
        "function tenancy.is_restricted(): it is not as it was deployed, but altered",
    ),
    "a function that everybody may run": (
        "GRANT EXECUTE ON FUNCTION tenancy.customer_context(integer, integer) TO PUBLIC",
        "PUBLIC: every role may execute functions of this project (EXECUTE on 1 functions of schema"
        " tenancy;",
    ),
    "a function of another owner": (
        "ALTER FUNCTION tenancy.record_no_show(integer, integer) OWNER TO postgres",
        "routine tenancy.record_no_show(integer,integer): its owner is not that of"
        " public.customers (owner postgres; remedy: ALTER ROUTINE"
        f" tenancy.record_no_show(integer,integer) OWNER TO {OWNER})",
    ),
    "a table of another owner": (
        "ALTER TABLE public.bookings OWNER TO postgres",
        "table public.bookings: its owner is not that of public.customers (owner postgres;",
    ),
}


@pytest.fixture(scope="module")
def on(cluster: Cluster, isolated_template: str) -> Iterator[psycopg.Connection]:
    url = cluster.create_database("found", isolated_template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CALL tenancy.check_isolation()")
        yield connection
        connection.execute("CALL tenancy.check_isolation()")
    cluster.drop_database("found")


@pytest.mark.parametrize("what", FOUND)
def test_it_is_found(on: psycopg.Connection, what: str) -> None:
    statements, said = FOUND[what]
    with on.transaction(force_rollback=True):
        on.execute("CREATE ROLE mallory LOGIN; CREATE ROLE oscar")
        on.execute(statements.encode())
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as found:
            on.execute("CALL tenancy.check_isolation()")
    assert said in str(found.value)


HARMLESS = {
    "another view with the rights of who reads": (
        "CREATE VIEW public.seen WITH (security_invoker = yes) AS SELECT * FROM public.bookings;"
        " GRANT convo_shop TO mallory; GRANT SELECT ON public.seen TO mallory"
    ),
    "tables and functions of the application": (
        "CREATE TABLE public.promotions (id serial PRIMARY KEY);"
        " CREATE FUNCTION public.today() RETURNS date LANGUAGE sql RETURN current_date;"
        " GRANT convo_shop TO mallory; GRANT ALL ON public.promotions TO mallory, convo_shop;"
        " GRANT USAGE ON SEQUENCE public.promotions_id_seq TO convo_shop;"
        " GRANT USAGE ON SCHEMA public TO convo_shop"
    ),
    "a column that nobody opened": "ALTER TABLE public.bookings ADD COLUMN channel text",
    "a parameter that everybody may set": (
        "GRANT convo_shop TO mallory; GRANT SET ON PARAMETER log_min_duration_statement TO PUBLIC"
    ),
    "settings of the application": (
        "GRANT convo_shop TO mallory; ALTER ROLE mallory SET statement_timeout = '5s';"
        " ALTER ROLE mallory SET app.locale = 'en'"
    ),
    "an application before it is bound": (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON public.shops TO oscar;"
        " GRANT USAGE ON SCHEMA tenancy TO oscar;"
        " GRANT EXECUTE ON FUNCTION tenancy.customer_context(integer, integer) TO oscar"
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_no_false_alarm(on: psycopg.Connection, what: str) -> None:
    with on.transaction(force_rollback=True):
        on.execute("CREATE ROLE mallory LOGIN; CREATE ROLE oscar")
        on.execute(HARMLESS[what].encode())
        on.execute("CALL tenancy.check_isolation()")


def test_what_somebody_else_gave_is_taken_before_it_is_off(strangers: str) -> None:
    """Else the right would open all shops as soon as no policy limits it."""
    execute(strangers, ON)
    execute(
        strangers,
        "GRANT SELECT ON public.bookings TO oscar WITH GRANT OPTION; SET ROLE oscar;"
        " GRANT SELECT (id, shop_id) ON public.bookings TO convo_shop",
    )
    assert "(SET ROLE oscar; REVOKE SELECT (id, shop_id) ON TABLE public.bookings" in _refused(
        strangers, OFF
    )
    assert (state(strangers), secured(strangers)) == ("on", list(TABLES))
    execute(
        strangers, "SET ROLE oscar; REVOKE SELECT (id, shop_id) ON public.bookings FROM convo_shop"
    )
    execute(strangers, OFF)
    assert (state(strangers), secured(strangers)) == ("off", [])


def test_a_name_of_control_characters(on: psycopg.Connection) -> None:
    with on.transaction(force_rollback=True):
        on.execute('CREATE ROLE "x\x1b[2J\nDROP" LOGIN IN ROLE convo_shop BYPASSRLS')
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as found:
            on.execute("CALL tenancy.check_isolation()")
    assert str(found.value.diag.message_primary).isprintable()


SOME = ("all rights", "a login in two groups", "a policy that somebody opened")


@pytest.fixture
def strangers(owned_database: str) -> Iterator[str]:
    with roles(owned_database, "mallory", "oscar"):
        yield owned_database


@pytest.mark.parametrize("what", SOME)
def test_it_is_refused(strangers: str, what: str) -> None:
    statements, said = FOUND[what]
    execute(strangers, statements)
    assert said in _refused(strangers, ON)
    assert (state(strangers), secured(strangers), granted(strangers)) == ("off", [], [])


@pytest.mark.parametrize("what", share([*SOME, "who could no longer dump"], 2))
def test_it_is_seen_once_it_is_on(strangers: str, what: str) -> None:
    """By the health check, and by the script that puts the rights back."""
    execute(strangers, ON)
    statements, said = FOUND[what]
    execute(strangers, statements)
    status, is_on, detail = health(strangers).said("isolation")
    assert (status, is_on) == ("warning" if "no longer" in what else "critical", "on")
    said = said.partition("; remedy")[0].rstrip(";")
    assert said in detail
    again = psql_file(strangers, "deploy/isolation/rights.sql", check=False)
    assert again.returncode != 0
    assert said in again.stderr


def test_several_are_named_at_once_and_some_do_not_matter(strangers: str) -> None:
    execute(
        strangers, "GRANT pg_read_all_data TO mallory; GRANT SELECT ON public.services TO oscar"
    )
    refused = _refused(strangers, ON)
    assert "Findings: 2." in refused
    command = "CALL tenancy.enforce_isolation(ARRAY['role mallory', 'role oscar'])"
    assert refused.splitlines()[0].endswith(f"name them: {command}")
    assert "Findings: 1. role oscar" in _refused(
        strangers, "CALL tenancy.enforce_isolation(ARRAY['role mallory'])"
    )
    execute(strangers, command)
    assert health(strangers).said("isolation")[:2] == ("ok", "on")
    execute(strangers, ON)  # what was named stays named
    execute(strangers, OFF)
    assert "Findings: 2." in _refused(strangers, ON)


@pytest.mark.parametrize("name", ["role nobody", "PUBLIC"])
def test_only_what_is_found_and_may_be_overridden(strangers: str, name: str) -> None:
    execute(strangers, "GRANT TRIGGER ON public.customers TO PUBLIC")
    with (
        psycopg.connect(strangers, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InvalidParameterValue, match=name),
    ):
        connection.execute(f"CALL tenancy.enforce_isolation(ARRAY['{name}'])".encode())
    assert state(strangers) == "off"


# Half-way


@contextmanager
def _half_way(url: str, call: str) -> Iterator[None]:
    """The switch was killed while it waited for a table in the middle."""
    if call == OFF:
        isolate(url)
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1000")
    holder, switcher = Session(url), Session(url)
    switcher.connection.autocommit = True
    holder.execute("LOCK TABLE public.customers IN ACCESS SHARE MODE")
    try:
        done = switcher.start(call)
        wait_until(
            lambda: (
                state(url) in ("enforcing", "relaxing")
                and len(secured(url)) == (4 if call == ON else 3)
            ),
            "the tables before it are switched",
        )
        switcher.wait_until_sleeping()
        value(url, f"SELECT pg_terminate_backend({switcher.pid})")
        with pytest.raises(psycopg.OperationalError):
            done.result()
    finally:
        holder.close()
        switcher.close()
    yield


@pytest.mark.parametrize("way", ["on", "back"])
@pytest.mark.parametrize("call", [ON, OFF], ids=["enforcing", "relaxing"])
def test_killed(owned_database: str, call: str, way: str) -> None:
    url = owned_database
    with _half_way(url, call):
        assert granted(url) == []
        found = health(url)
        assert found.said("isolation")[:2] == ("warning", "enforcing" if call == ON else "relaxing")
        assert f"run {call} goes on, {OTHER_WAY[call]} goes back" in found.said("isolation")[2]
        next_call = call if way == "on" else OTHER_WAY[call]
        execute(url, next_call)
        assert state(url) == GOAL[next_call]
        assert secured(url) == (list(TABLES) if next_call == ON else [])
        assert bool(granted(url)) == (next_call == ON)
        assert health(url).said("isolation")[:2] == ("ok", GOAL[next_call])


def test_a_table_that_cannot_be_locked(owned_database: str) -> None:
    execute(owned_database, "UPDATE tenancy.settings SET lock_attempts = 1")
    holder = Session(owned_database)
    holder.execute("LOCK TABLE public.stylists IN ACCESS SHARE MODE")
    refused = psql(owned_database, "-c", ON, check=False)
    assert "could not lock public.stylists within 1 attempts" in refused.stderr
    assert (state(owned_database), granted(owned_database)) == ("enforcing", [])
    holder.close()
    execute(owned_database, ON)
    assert (state(owned_database), secured(owned_database)) == ("on", list(TABLES))


def test_two_at_once(owned_database: str) -> None:
    """The second one waits, and says for whom; no script runs in between."""
    execute(owned_database, "UPDATE tenancy.settings SET lock_attempts = 1000")
    holder, switcher = Session(owned_database), Session(owned_database)
    switcher.connection.autocommit = True
    holder.execute("LOCK TABLE public.customers IN ACCESS SHARE MODE")
    done = switcher.start(ON)
    switcher.wait_until_sleeping()
    for other in (
        psql(owned_database, "-c", OFF, check=False),
        psql_file(owned_database, "deploy/isolation/rights.sql", check=False),
    ):
        assert "another script of convo_tenancy runs" in other.stderr
        assert f"pid {switcher.pid}" in other.stderr
    holder.rollback()
    done.result()
    assert state(owned_database) == "on"
    holder.close()
    switcher.close()


def test_the_other_one_was_faster(owned_database: str) -> None:
    execute(owned_database, "UPDATE tenancy.isolation SET state = 'relaxing'")
    assert "isolation is now relaxing" in _refused(
        owned_database, "CALL tenancy.set_isolation('on')"
    )
    execute(owned_database, OFF)
    assert "isolation is now off" in _refused(
        owned_database, "CALL tenancy.switch_table('public.bookings')"
    )


# The other changes ask


def test_phase_2_is_not_taken_back(isolated_database: str) -> None:
    before = value(isolated_database, STANDING)
    refused = sqitch(isolated_database, "revert", "--to", "@phase1", "-y", check=False)
    assert refused.returncode != 0
    assert "isolation is on, and members of convo_shop rely on it: CALL" in refused.stderr
    assert value(isolated_database, STANDING) == before
    assert findings(isolated_database) == []

    execute(isolated_database, OFF)
    move_to(isolated_database, "@phase1")
    assert (secured(isolated_database), granted(isolated_database)) == ([], [])


@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
def test_the_contract_and_its_revert(owned_database: str, is_on: bool) -> None:
    url = owned_database
    if is_on:
        isolate(url)
    before = (state(url), secured(url), granted(url))
    assert bool(before[2]) == is_on
    for command in (
        ("deploy", *CONTRACT),
        ("revert", "--to", "@phase2", "-y"),
    ):
        sqitch(url, *command)
        assert (state(url), secured(url), granted(url)) == before
        assert findings(url) == []
    move_to(url, "@phase3")
    execute(url, OFF if is_on else ON)
    assert (state(url), bool(granted(url))) == (("off", False) if is_on else ("on", True))


def test_a_membership_does_not_undo_the_way_back(strangers: str) -> None:
    """It is for the health check to say, not for the script of the contract."""
    isolate(strangers)
    move_to(strangers, "@phase3")
    execute(strangers, "GRANT convo_health, convo_back_office TO mallory")
    move_to(strangers, "@phase2")
    assert value(strangers, STANDING) == str(TAGS["@phase2"])
    assert health(strangers).said("isolation")[0] == "critical"


@pytest.mark.parametrize("change", [c for c in CHANGES if c.startswith("isolation/")])
def test_scripts_that_run_again(isolated_database: str, change: str) -> None:
    """While it is on, they put back what they made, and change nothing."""
    before = pg_dump_schema(isolated_database)
    psql_file(isolated_database, f"deploy/{change}.sql")
    assert pg_dump_schema(isolated_database) == before
    assert findings(isolated_database) == []


def test_the_health_role_sees_it(isolated_database: str) -> None:
    with roles(isolated_database, "watchman"):
        execute(isolated_database, "GRANT convo_health TO watchman")
        found = health(as_role(isolated_database, "watchman"))
        assert found.said("isolation")[:2] == ("ok", "on")
