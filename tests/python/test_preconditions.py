"""What a database must be like for phases 1 to 3, looked at before the first change.

Each case is altered in a transaction that is rolled back, and looked at there by the block that a
deploy runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest

from convo_tenancy.health.model import Check, Status
from convo_tenancy.preflight.preconditions import blocks, read_checks
from support.cluster import ROOT
from support.commands import execute, pg_dump_schema, psql_file, sqitch, value
from support.health import health
from support.isolation import give_tables
from support.plan import TAGS
from support.stages import Stages

BLOCK = blocks()[b"preconditions"].decode()

LEGACY_TABLES = {
    *("shops", "stylists", "services", "bookings", "customers", "customer_booking_stats"),
    *("customer_stylist_preferences", "customer_service_preferences"),
}
SCRIPTS = {script: script.read_text() for script in sorted((ROOT / "deploy").rglob("*.sql"))}


@pytest.fixture(scope="module")
def legacy(stages: Stages) -> Iterator[str]:
    """The small legacy database; nothing that a test does stays in it."""
    with stages.at(None) as url:
        yield url


@pytest.fixture
def connection(legacy: str) -> Iterator[psycopg.Connection]:
    """To it, in a transaction that is rolled back."""
    with psycopg.connect(legacy, cursor_factory=psycopg.RawCursor) as opened:
        opened.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        yield opened
        opened.rollback()


def seen(connection: psycopg.Connection, target: int = 3, shop: str = "1") -> dict[str, Check]:
    """Each check that is not ok, by its name."""
    checks = read_checks(connection, target, shop)
    assert len(checks) == 19
    return {check.name: check for check in checks if check.status is not Status.OK}


def test_the_legacy_schema(connection: psycopg.Connection) -> None:
    assert seen(connection) == {}


# Those that another database of the cluster has made
NO_ROLES = b"""
    DO $$
    DECLARE
        name text;
    BEGIN
        FOREACH name IN ARRAY '{convo_shop,convo_back_office,convo_health}'::text[] LOOP
            IF to_regrole(name) IS NOT NULL THEN
                EXECUTE format('ALTER ROLE %I RENAME TO %I', name, 'former_' || name);
            END IF;
        END LOOP;
    END;
    $$
"""
PREFERENCES = "public.customer_stylist_preferences"
OTHERS_FUNCTION = """
    CREATE FUNCTION public.fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""


@pytest.mark.parametrize(
    ("change", "name", "detail"),
    [
        # Columns that no INSERT of ours gives
        (
            f"DELETE FROM {PREFERENCES}; ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL",
            "inserts",
            f"column {PREFERENCES}.shop_id is NOT NULL without a default",
        ),
        (
            "ALTER TABLE public.customers ADD locale text;"
            " ALTER TABLE public.customers ADD CHECK (locale IS NOT NULL) NOT VALID",
            "inserts",
            "ALTER TABLE public.customers ALTER COLUMN locale SET DEFAULT ..., or DROP NOT NULL",
        ),
        (
            "CREATE DOMAIN public.tenant AS integer NOT NULL;"
            " DELETE FROM public.customer_booking_stats;"
            " ALTER TABLE public.customer_booking_stats ADD tenant public.tenant",
            "inserts",
            "column public.customer_booking_stats.tenant is NOT NULL",
        ),
        (
            "CREATE DOMAIN public.tenant AS integer CHECK (VALUE IS NOT NULL);"
            " DELETE FROM public.customer_service_preferences;"
            " ALTER TABLE public.customer_service_preferences ADD tenant public.tenant",
            "inserts",
            "column public.customer_service_preferences.tenant is NOT NULL",
        ),
        (
            "ALTER TABLE public.customer_service_preferences ALTER id DROP DEFAULT",
            "inserts",
            "column public.customer_service_preferences.id is NOT NULL without a default",
        ),
        # Columns that ours gives
        (
            "UPDATE public.customers SET email = id;"
            " ALTER TABLE public.customers ALTER email SET NOT NULL",
            "legacy_schema",
            "column public.customers.email must take NULL",
        ),
        (
            "ALTER TABLE public.customers ADD CHECK (phone IS NOT NULL) NOT VALID",
            "legacy_schema",
            "column public.customers.phone must take NULL",
        ),
        (
            "ALTER TABLE public.customer_booking_stats DROP COLUMN updated_at,"
            " ADD updated_at timestamptz GENERATED ALWAYS AS (last_booking_at) STORED",
            "legacy_schema",
            "column public.customer_booking_stats.updated_at is generated, but this project writes",
        ),
        (
            f"ALTER TABLE {PREFERENCES} ALTER booking_count TYPE bigint",
            "legacy_schema",
            f"column {PREFERENCES}.booking_count is bigint, expected integer",
        ),
        (
            "DROP TABLE public.customer_service_preferences",
            "legacy_schema",
            "table public.customer_service_preferences is missing",
        ),
        (
            "ALTER TABLE public.bookings DROP COLUMN internal_notes",
            "legacy_schema",
            "column public.bookings.internal_notes is missing",
        ),
        (
            "ALTER TYPE public.appointmentstatus RENAME VALUE 'NO_SHOW' TO 'NOSHOW'",
            "legacy_schema",
            "type public.appointmentstatus lacks the value NO_SHOW",
        ),
        (
            "ALTER TABLE public.customer_service_preferences SET UNLOGGED",
            "legacy_schema",
            "ALTER TABLE public.customer_service_preferences SET LOGGED",
        ),
        # Indexes and keys
        ("DROP INDEX public.ix_customers_email", "indexes", "needs a unique index on (email)"),
        (
            "DROP INDEX public.ix_customers_email; CREATE UNIQUE INDEX ON public.customers (email)"
            " WHERE email <> ''",
            "indexes",
            "CREATE UNIQUE INDEX CONCURRENTLY ON public.customers (email)",
        ),
        (
            "UPDATE public.customers SET email = id; DROP INDEX public.ix_customers_email;"
            " CREATE UNIQUE INDEX ON public.customers (email) NULLS NOT DISTINCT",
            "indexes",
            "needs a unique index on (email)",
        ),
        (
            "DROP INDEX public.ix_bookings_customer_phone;"
            " CREATE INDEX ON public.bookings USING brin (customer_phone)",
            "indexes",
            "needs an index on (customer_phone)",
        ),
        (
            f"ALTER TABLE {PREFERENCES} DROP CONSTRAINT uq_customer_stylist_preference",
            "indexes",
            "ADD CONSTRAINT uq_customer_stylist_preference UNIQUE (customer_id, stylist_id)",
        ),
        (
            f"ALTER TABLE {PREFERENCES} DROP CONSTRAINT uq_customer_stylist_preference,"
            " ADD CONSTRAINT uq_customer_stylist_preference UNIQUE (customer_id, stylist_id)"
            " DEFERRABLE",
            "indexes",
            "needs the constraint uq_customer_stylist_preference",
        ),
        # Tables of others around them
        (
            "CREATE TABLE public.guests () INHERITS (public.customer_service_preferences)",
            "inheritance",
            "table public.guests inherits from public.customer_service_preferences",
        ),
        (
            "CREATE TABLE public.people (id integer NOT NULL);"
            " ALTER TABLE public.customers INHERIT public.people",
            "inheritance",
            "ALTER TABLE public.customers NO INHERIT public.people",
        ),
        (
            "ALTER TABLE public.services ENABLE ROW LEVEL SECURITY",
            "row_security",
            "row-level security is already on: public.services",
        ),
        (
            "ALTER TABLE public.shops FORCE ROW LEVEL SECURITY",
            "row_security",
            "ALTER TABLE public.shops NO FORCE ROW LEVEL SECURITY",
        ),
        (
            "CREATE RULE keep AS ON UPDATE TO public.customers WHERE FALSE DO INSTEAD NOTHING",
            "inserts",
            "rule keep on public.customers prevents ON CONFLICT",
        ),
        # Names
        (
            OTHERS_FUNCTION + "CREATE TRIGGER stylist_leaves BEFORE DELETE ON public.stylists"
            " FOR EACH ROW EXECUTE FUNCTION public.fill()",
            "names",
            "trigger stylist_leaves on public.stylists has a name that this project needs",
        ),
        (
            "CREATE POLICY as_before ON public.bookings USING (TRUE)",
            "names",
            "policy as_before on public.bookings has a name that this project needs",
        ),
        (
            "CREATE TABLE public.stylists_id_shop_id_key ()",
            "names",
            "public.stylists_id_shop_id_key has the name of an index or sequence",
        ),
        (
            "CREATE SEQUENCE public.idx_customer_shop_profiles_shop",
            "names",
            "public.idx_customer_shop_profiles_shop has the name of an index or sequence",
        ),
        # Owners and roles
        (
            "CREATE ROLE other_owner;"
            " ALTER TABLE public.customer_service_preferences OWNER TO other_owner",
            "owner",
            "customer_service_preferences of other_owner",
        ),
        (
            "CREATE ROLE convo_shop LOGIN",
            "roles",
            "ALTER ROLE convo_shop NOLOGIN NOSUPERUSER NOBYPASSRLS",
        ),
        ("CREATE SCHEMA tenancy", "schemas", "schema tenancy exists, and this plan did not make"),
        (
            "CREATE ROLE other_owner; CREATE SCHEMA tenancy AUTHORIZATION other_owner",
            "schemas",
            "schema tenancy and public.customers have different owners",
        ),
        (
            "CREATE ROLE other_owner; CREATE SCHEMA tenancy_archive AUTHORIZATION other_owner",
            "schemas",
            "schema tenancy_archive and public.customers have different owners",
        ),
        ("SET LOCAL tenancy.mirroring = 'on'", "session", "tenancy.mirroring or tenancy.confirmed"),
        (
            "SET LOCAL session_replication_role = replica",
            "session",
            "session_replication_role is replica",
        ),
    ],
)
def test_refused(connection: psycopg.Connection, change: str, name: str, detail: str) -> None:
    """By name, with what to do, and nothing else is said."""
    connection.execute(NO_ROLES)
    connection.execute(change.encode())
    found = seen(connection)
    assert found[name].status is Status.CRITICAL
    assert detail in found[name].detail
    assert {*found} - {"checks"} == {name}


@pytest.mark.parametrize(
    "change",
    [
        f"ALTER TABLE {PREFERENCES} ADD shop_id integer",
        f"ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL DEFAULT 1",
        f"ALTER TABLE {PREFERENCES} ADD copy_id integer GENERATED ALWAYS AS (stylist_id) STORED",
        "ALTER TABLE public.customers ADD number bigint NOT NULL GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE public.customers ADD created_on date NOT NULL DEFAULT current_date",
        "CREATE DOMAIN public.tenant AS integer NOT NULL DEFAULT 1;"
        " ALTER TABLE public.customers ADD tenant public.tenant",
        "ALTER TABLE public.bookings ADD tenant integer NOT NULL DEFAULT 1;"
        " ALTER TABLE public.bookings ALTER tenant DROP DEFAULT",  # no row is added to them here
        "ALTER TABLE public.shops ADD slug text",
        "CREATE INDEX ON public.customers (preferred_stylist_id) WHERE preferred_stylist_id > 0",
        "ALTER INDEX public.ix_customers_email RENAME TO customers_email_key",
        f"ALTER SEQUENCE {PREFERENCES}_id_seq RENAME TO preference_numbers",
        f"ALTER TABLE {PREFERENCES} ALTER id DROP DEFAULT,"
        " ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE public.customer_booking_stats ENABLE ROW LEVEL SECURITY",
        "CREATE RULE keep AS ON DELETE TO public.customers DO ALSO SELECT 1",
        "CREATE TABLE public.notes (customer_id integer REFERENCES public.customers (id))",
        "CREATE VIEW public.names AS SELECT name FROM public.customers",
    ],
)
def test_harmless(connection: psycopg.Connection, change: str) -> None:
    """What is theirs, and in nobody's way."""
    connection.execute(change.encode())
    assert seen(connection) == {}


@pytest.mark.parametrize(
    ("change", "name", "detail"),
    [
        (
            OTHERS_FUNCTION + f"DELETE FROM {PREFERENCES};"
            f" ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL;"
            f" CREATE TRIGGER fill BEFORE INSERT ON {PREFERENCES}"
            " FOR EACH ROW EXECUTE FUNCTION public.fill()",
            "inserts",
            f"column {PREFERENCES}.shop_id is NOT NULL",
        ),
        (
            OTHERS_FUNCTION + "CREATE TRIGGER mine AFTER UPDATE ON public.customers"
            " FOR EACH ROW EXECUTE FUNCTION public.fill()",
            "triggers",
            "trigger mine on public.customers (public.fill)",
        ),
        (
            "ALTER TABLE public.customer_booking_stats"
            " ADD CONSTRAINT booked CHECK (total_bookings > 0) NOT VALID",
            "checks",
            "constraint booked on public.customer_booking_stats (CHECK ((total_bookings > 0))",
        ),
    ],
)
def test_warned(connection: psycopg.Connection, change: str, name: str, detail: str) -> None:
    """Of what may be meant so."""
    connection.execute(change.encode())
    found = seen(connection)
    assert found[name].status is Status.WARNING
    assert detail in found[name].detail
    assert all(check.status is Status.WARNING for check in found.values())


def test_who_deploys(connection: psycopg.Connection) -> None:
    """The owner is enough for phase 1, and for phase 2 once the roles are there."""
    connection.execute(NO_ROLES)
    connection.execute(
        f"""
        CREATE ROLE preparer;
        CREATE ROLE visitor;
        CREATE SEQUENCE public.numbers;
        ALTER TABLE public.customers ALTER id SET DEFAULT nextval('public.numbers');
        {give_tables("public", "preparer")};
        GRANT SELECT ON public.shops TO visitor;
        SET LOCAL SESSION AUTHORIZATION preparer
        """.encode()
    )
    found = seen(connection, target=1)
    assert "GRANT USAGE ON SEQUENCE public.numbers TO preparer" in found["inserts"].detail
    assert "GRANT CREATE ON SCHEMA public TO preparer" in found["owner"].detail
    assert "role preparer may not create schemas" in found["deployer"].detail
    assert found["deployer"].status is Status.CRITICAL
    assert "CREATE ROLE convo_shop" in found["roles"].detail
    assert found["roles"].status is Status.WARNING
    assert seen(connection, target=2)["roles"].status is Status.CRITICAL

    connection.execute("SET LOCAL SESSION AUTHORIZATION visitor")
    found = seen(connection)
    assert found["deployer"].status is Status.WARNING  # who looks need not be who deploys
    assert "deploy as preparer" in found["deployer"].detail
    assert found["roles"].status is Status.WARNING

    connection.execute("RESET SESSION AUTHORIZATION")
    connection.execute("ALTER ROLE preparer CREATEROLE")
    connection.execute("SET LOCAL SESSION AUTHORIZATION preparer")
    assert "roles" not in seen(connection)


@pytest.mark.parametrize("shop", ["2147483648", "99999999999", "first", "-1"])
def test_no_shop(connection: psycopg.Connection, shop: str) -> None:
    found = seen(connection, shop=shop)
    assert f'default_shop_id is "{shop}", not the id of a shop' in found["default_shop"].detail


def test_the_last_shop(connection: psycopg.Connection) -> None:
    assert "is not in public.shops" in seen(connection, shop="2147483647")["default_shop"].detail
    connection.execute("INSERT INTO public.shops (id, name) VALUES (2147483647, 'Last')")
    assert seen(connection, shop="2147483647") == {}


def test_what_would_hold_it_up(legacy: str, connection: psycopg.Connection) -> None:
    """Timeouts of the role or database are those of a session that begins."""
    name = value(legacy, "SELECT current_database()")
    execute(legacy, f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '90s'")
    try:
        with psycopg.connect(legacy, cursor_factory=psycopg.RawCursor) as other:
            other.execute("SET idle_in_transaction_session_timeout = 0")
            detail = seen(other)["timeouts"].detail
    finally:
        execute(legacy, f"ALTER DATABASE {name} RESET ALL")
    assert "idle_in_transaction_session_timeout is 90s: run PGOPTIONS='-c idle_in_tran" in detail

    with psycopg.connect(legacy, autocommit=True) as locker:
        locker.execute("BEGIN")
        locker.execute("LOCK TABLE public.shops")
        connection.execute("SET LOCAL lock_timeout = '10ms'")
        detail = seen(connection)["default_shop"].detail
        assert f"public.shops is locked (pid {locker.info.backend_pid})" in detail


# --- What the scripts need is what is looked at


def _listed() -> list[tuple[str, str, str]]:
    """Table, column and use of each column that the block lists."""
    return re.findall(r"\('(\w+)', '(\w+)', (?:NULL|'[^']+'), (?:NULL|'\w+'), '(\w+)'\)", BLOCK)


def test_every_insert() -> None:
    """What the list has as inserted, each INSERT gives or a change gives a default; and no more."""
    given: dict[str, list[set[str]]] = {}
    for script, text in SCRIPTS.items():
        for table, columns in re.findall(
            r"INSERT INTO public\.(\w+)(?: AS \w+)? \(([^)]*)\)", text
        ):
            if table in LEGACY_TABLES:
                given.setdefault(table, []).append({*re.findall(r"\w+", columns)})
        assert not re.search(
            r"INSERT INTO public\.(?!customer_shop_profiles)\w+ (?!AS|\()", text
        ), script
    defaults = {
        *re.findall(
            r"ALTER COLUMN (\w+) SET DEFAULT",
            (ROOT / "deploy/api/customer_defaults.sql").read_text(),
        )
    }
    assert len(given) == 4
    listed = _listed()
    for table in LEGACY_TABLES:
        inserted = {column for name, column, use in listed if name == table and use == "insert"}
        written = {column for name, column, use in listed if name == table and use != "read"}
        always = set[str].intersection(*given[table]) if table in given else set[str]()
        assert inserted - (defaults if table == "customers" else set()) == always, table
        assert set[str]().union(*given.get(table, [])) <= written, table


def test_every_right() -> None:
    """Each column on which somebody gets a right is looked at."""
    rights = (ROOT / "deploy/isolation/listed_rights.sql").read_text()
    found = re.findall(r"'TABLE',\s+'public\.(\w+)',\s+((?:'[a-z_, ]+'\s*)+),", rights)
    columns = {
        (table, column)
        for table, text in found
        for column in re.findall(r"\w+", text)
        if table in LEGACY_TABLES
    }
    assert len(columns) > 50
    assert columns <= {(table, column) for table, column, _use in _listed()}


def test_every_constraint_by_name() -> None:
    """ON CONFLICT names no constraint of the legacy schema that is not looked at."""
    text = "".join(SCRIPTS.values())
    named = {*re.findall(r"ON CONFLICT ON CONSTRAINT (\w+)", text)}
    made = {*re.findall(r"CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE)", text.replace(BLOCK, ""))}
    assert named - made == {"uq_customer_stylist_preference"}


def test_every_trigger() -> None:
    """The names that are taken are those of the triggers on the legacy tables."""
    text = "".join(SCRIPTS.values())
    made = re.findall(r"CREATE OR REPLACE TRIGGER (\w+)[^;]*? ON public\.(\w+)", text)
    made += [
        (name, table)
        for name, table in re.findall(r"'(track_\w+)'.*?'public\.(\w+)'", text, re.DOTALL)
    ]
    [names] = re.findall(r"g\.tgname IN \(([^)]*)\)", BLOCK)
    assert {*re.findall(r"\w+", names)} == {name for name, table in made if table in LEGACY_TABLES}


# --- When it is looked at


def test_before_the_first_change(legacy_database: str) -> None:
    """A deploy is refused as a whole: all that is wrong is said at once."""
    execute(
        legacy_database,
        f"""
        ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL;
        DROP INDEX public.ix_customers_email;
        CREATE TABLE public.guests () INHERITS (public.services);
        """,
    )
    before = pg_dump_schema(legacy_database, "public")
    refused = sqitch(legacy_database, "deploy", "--to", "@phase1", check=False)
    [error] = [line for line in refused.stderr.splitlines() if "ERROR:" in line]
    for part in ("shop_id is NOT NULL", "unique index on (email)", "public.guests inherits"):
        assert part in error
    assert pg_dump_schema(legacy_database, "public") == before
    assert value(legacy_database, "SELECT to_regnamespace('tenancy') IS NULL") == "t"


def test_again_where_phase_2_begins(small_at: Callable[[str | None], str]) -> None:
    """The application altered a table since phase 1."""
    url = small_at("@phase1")
    execute(url, f"DELETE FROM {PREFERENCES}")
    execute(url, f"ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL")
    refused = sqitch(url, "deploy", "--to", "@phase2", check=False)
    assert f"column {PREFERENCES}.shop_id is NOT NULL" in refused.stderr
    standing = "SELECT count(*) FROM tenancy.changes WHERE state = 'standing'"
    assert value(url, standing) == str(TAGS["@phase1"])
    execute(url, f"ALTER TABLE {PREFERENCES} ALTER shop_id SET DEFAULT 1")
    psql_file(url, "deploy/mirror/shop_context.sql")


def test_again_before_the_policies(small_at: Callable[[str | None], str]) -> None:
    url = small_at("isolation/unproven_bookings")
    execute(url, "ALTER TABLE public.services ENABLE ROW LEVEL SECURITY")
    refused = psql_file(url, "deploy/isolation/policies.sql", check=False)
    assert "row-level security is already on: public.services" in refused.stderr


def test_in_the_health_check(small_at: Callable[[str | None], str]) -> None:
    """And whenever it may be altered: then a call fails, and the health check says why."""
    url = small_at("@phase2")
    assert health(url).said("preconditions")[0] == "ok"
    execute(url, f"DELETE FROM {PREFERENCES}")
    execute(url, f"ALTER TABLE {PREFERENCES} ADD shop_id integer NOT NULL")
    with (
        psycopg.connect(url) as connection,
        pytest.raises(psycopg.errors.NotNullViolation),
    ):
        connection.execute(
            "SELECT tenancy.record_booking(c.id, s.shop_id, s.id, 4500, '2026-03-01')"
            " FROM public.customers AS c, public.stylists AS s LIMIT 1"
        )
    status, number, detail = health(url).said("preconditions")
    assert (status, number) == ("critical", 1)
    assert f"ALTER TABLE {PREFERENCES} ALTER COLUMN shop_id SET DEFAULT" in detail
