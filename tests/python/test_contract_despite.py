"""What others made and depends on what goes is found, by a name that overrides it or does not."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import psycopg
import pytest

from support.commands import execute, sqitch, value
from support.soak import share

_FUNCTION = "RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN ({}); END $$"


@dataclass(frozen=True)
class Dependent:
    """What somebody made, the name that the gate gives it, and whether the contract may pass it."""

    made: str
    name: str
    goes_along: bool = True


DEPENDENTS = {
    # DROP COLUMN would fail of these: PostgreSQL says so, and the gate has no override for them.
    "a view": Dependent(
        "CREATE VIEW public.loyal AS SELECT id FROM public.customers WHERE no_show_count = 0",
        "view public.loyal",
        goes_along=False,
    ),
    "a materialized view of both": Dependent(
        """
        CREATE MATERIALIZED VIEW public.big AS
        SELECT c.average_spend_cents FROM public.customers AS c
        JOIN public.customer_booking_stats AS s ON s.customer_id = c.id
        """,
        "materialized view public.big",
        goes_along=False,
    ),
    "a rule": Dependent(
        """
        CREATE RULE note AS ON UPDATE TO public.customers WHERE NEW.no_show_count > 5
        DO ALSO DELETE FROM public.customer_service_preferences AS p WHERE p.customer_id = NEW.id
        """,
        "rule note on public.customers",
        goes_along=False,
    ),
    "a policy": Dependent(
        "CREATE POLICY kept ON public.customers USING (no_show_count < 3)",
        "policy kept on public.customers",
        goes_along=False,
    ),
    "a policy of another table": Dependent(
        """
        CREATE POLICY seen ON public.services
        USING (EXISTS (SELECT FROM public.customers AS c WHERE c.preferred_stylist_id = 1))
        """,
        "policy seen on public.services",
        goes_along=False,
    ),
    "a trigger of a column": Dependent(
        """
        CREATE FUNCTION public.does_nothing() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER noted AFTER UPDATE OF no_show_count ON public.customers
        FOR EACH ROW EXECUTE FUNCTION public.does_nothing()
        """,
        "trigger noted on public.customers",
        goes_along=False,
    ),
    "a generated column": Dependent(
        """
        ALTER TABLE public.customers
        ADD COLUMN is_late boolean GENERATED ALWAYS AS (no_show_count > 3) STORED
        """,
        "table column public.customers.is_late",
        goes_along=False,
    ),
    "a function with a parsed body": Dependent(
        """
        CREATE FUNCTION public.late() RETURNS bigint LANGUAGE sql
        BEGIN ATOMIC SELECT sum(c.no_show_count) FROM public.customers AS c; END
        """,
        "function public.late()",
        goes_along=False,
    ),
    "a publication with a list of columns": Dependent(
        "CREATE PUBLICATION listed FOR TABLE public.customers (id, no_show_count)",
        "publication listed",
        goes_along=False,
    ),
    "a publication with a condition": Dependent(
        """
        CREATE PUBLICATION filtered FOR TABLE public.customers WHERE (no_show_count > 0)
        WITH (publish = 'insert')
        """,
        "publication filtered",
        goes_along=False,
    ),
    # These go along with a column, or stay behind the table.
    "a check": Dependent(
        "ALTER TABLE public.customers ADD CONSTRAINT sane CHECK (no_show_count >= 0)",
        "table constraint sane on public.customers",
    ),
    "a check of several columns": Dependent(
        """
        ALTER TABLE public.customers ADD CONSTRAINT known
        CHECK (email IS NOT NULL OR phone IS NOT NULL OR no_show_count = 0)
        """,
        "table constraint known on public.customers",
    ),
    "an index": Dependent(
        "CREATE INDEX fans ON public.customers (preferred_stylist_id)", "index public.fans"
    ),
    "an index with a condition": Dependent(
        "CREATE INDEX late ON public.customers (phone) WHERE no_show_count > 0",
        "index public.late",
    ),
    "a unique constraint": Dependent(
        "ALTER TABLE public.customers ADD CONSTRAINT one UNIQUE (phone, average_spend_cents)",
        "table constraint one on public.customers",
    ),
    "a statistics object": Dependent(
        "CREATE STATISTICS public.numbers ON email, no_show_count FROM public.customers",
        "statistics object public.numbers",
    ),
    "a sequence": Dependent(
        "CREATE SEQUENCE public.numbers OWNED BY public.customers.no_show_count",
        "sequence public.numbers",
    ),
    "a default": Dependent(
        "ALTER TABLE public.customers ALTER COLUMN preferred_stylist_id SET DEFAULT 1",
        "default of public.customers.preferred_stylist_id",
    ),
    "another default than ours": Dependent(
        "ALTER TABLE public.customers ALTER COLUMN no_show_count SET DEFAULT 1",
        "default of public.customers.no_show_count",
    ),
    "a right on a column": Dependent(
        "GRANT SELECT (no_show_count) ON public.customers TO PUBLIC",
        "rights on public.customers.no_show_count",
    ),
    "a child": Dependent(
        "CREATE TABLE public.guests () INHERITS (public.customers)", "table public.guests"
    ),
    "a publication of the table": Dependent(
        "CREATE PUBLICATION salon_pub FOR TABLE public.customer_booking_stats",
        "publication salon_pub",
    ),
    "a publication of customers": Dependent(
        "CREATE PUBLICATION whole FOR TABLE public.customers", "publication whole"
    ),
    "a publication of the schema": Dependent(
        'CREATE PUBLICATION "All, of it" FOR TABLES IN SCHEMA public', 'publication "All, of it"'
    ),
    "a publication of all": Dependent(
        "CREATE PUBLICATION all_tables FOR ALL TABLES", "publication all_tables"
    ),
    "a view of the table": Dependent(
        "CREATE VIEW public.busy AS SELECT customer_id FROM public.customer_booking_stats",
        "view public.busy",
    ),
    "a foreign key to the table": Dependent(
        """
        CREATE TABLE public.cards (
            customer_id integer REFERENCES public.customer_booking_stats (customer_id)
        )
        """,
        "table constraint cards_customer_id_fkey on public.cards",
    ),
    "a trigger of the table": Dependent(
        """
        CREATE FUNCTION public.does_nothing() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER told AFTER UPDATE ON public.customer_booking_stats
        FOR EACH ROW EXECUTE FUNCTION public.does_nothing()
        """,
        "trigger told on public.customer_booking_stats",
    ),
    "a policy of the table": Dependent(
        "CREATE POLICY own ON public.customer_booking_stats USING (TRUE)",
        "policy own on public.customer_booking_stats",
    ),
    "a child of the table": Dependent(
        "CREATE TABLE public.old_stats () INHERITS (public.customer_booking_stats)",
        "table public.old_stats",
    ),
    "a function of its rows": Dependent(
        """
        CREATE FUNCTION public.spend(s public.customer_booking_stats)
        RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN s.total_spend_cents; END $$
        """,
        "function public.spend(public.customer_booking_stats)",
    ),
    # No catalog knows these.
    "a function that names the table": Dependent(
        "CREATE FUNCTION public.report(a integer, b text) "
        + _FUNCTION.format("SELECT sum(s.total_bookings) FROM customer_booking_stats AS s"),
        "function public.report(integer,text)",
    ),
    "a function that names a column": Dependent(
        "CREATE FUNCTION public.late() "
        + _FUNCTION.format("SELECT sum(no_show_count) FROM customers"),
        "function public.late()",
    ),
    "a procedure": Dependent(
        """
        CREATE PROCEDURE public.forgive() LANGUAGE plpgsql
        AS 'BEGIN UPDATE customers SET no_show_count = 0; END'
        """,
        "procedure public.forgive()",
    ),
    "a function in SQL": Dependent(
        """
        CREATE FUNCTION public.late() RETURNS bigint LANGUAGE sql
        AS 'SELECT sum(no_show_count) FROM public.customers'
        """,
        "function public.late()",
    ),
    "a trigger function that names a column": Dependent(
        """
        CREATE FUNCTION public.guard() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN IF NEW.no_show_count < 0 THEN RETURN NULL; END IF; RETURN NEW; END';
        CREATE TRIGGER guard BEFORE UPDATE ON public.customers
        FOR EACH ROW EXECUTE FUNCTION public.guard()
        """,
        "function public.guard()",
    ),
    "a function of a row": Dependent(
        """
        CREATE FUNCTION public.is_late(c public.customers) RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RETURN c.no_show_count > 3; END'
        """,
        "function public.is_late(public.customers)",
    ),
}

NO_DEPENDENTS = {
    "of other columns": """
        CREATE VIEW public.mails AS SELECT email FROM public.customers;
        CREATE INDEX by_name ON public.customers (name);
        ALTER TABLE public.customers ADD CHECK (email <> '');
        GRANT SELECT (email) ON public.customers TO PUBLIC;
        CREATE PUBLICATION mails FOR TABLE public.customers (id, email) WHERE (id > 0)
    """,
    "of profiles": """
        CREATE VIEW public.late AS SELECT customer_id FROM public.customer_shop_profiles
        WHERE no_show_count > 3;
        CREATE FUNCTION public.late() RETURNS bigint LANGUAGE sql
        AS 'SELECT sum(no_show_count) FROM public.customer_shop_profiles';
        CREATE PUBLICATION profiles FOR TABLE public.customer_shop_profiles
    """,
    "what moves with the table": """
        CREATE INDEX busy ON public.customer_booking_stats (total_bookings);
        ALTER TABLE public.customer_booking_stats ADD CHECK (total_bookings >= 0);
        CREATE STATISTICS public.s ON total_bookings, total_spend_cents
        FROM public.customer_booking_stats;
        GRANT SELECT (total_bookings) ON public.customer_booking_stats TO PUBLIC
    """,
    "a function that names customers": """
        CREATE FUNCTION public.mails() RETURNS bigint LANGUAGE sql
        AS 'SELECT count(email) FROM public.customers'
    """,
}

QUIET = ("--set", "contract=yes", "--set", "legacy_quiet_period=0")


def found(url: str, despite: str = "") -> dict[str, tuple[bool, bool]]:
    """Of each finding, whether it may be overridden, and is."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT name, may_be_overridden, is_overridden
            FROM tenancy.contract_findings('0', %s)
            """,
            (despite,),
        ).fetchall()
    assert len({name for name, *_ in rows}) == len(rows), "a name names one thing"
    return {name: (may_be, is_) for name, may_be, is_ in rows}


@pytest.mark.parametrize("what", share([*DEPENDENTS], 3))
def test_a_dependent(phase2_database: str, what: str) -> None:
    """It is found, and PostgreSQL lets the contract pass it where the gate says so."""
    url, dependent = phase2_database, DEPENDENTS[what]
    assert found(url) == {}
    execute(url, dependent.made)
    assert found(url) == {dependent.name: (dependent.goes_along, False)}
    assert found(url, dependent.name) == {
        dependent.name: (dependent.goes_along, dependent.goes_along)
    }

    go = """
        BEGIN;
        CALL tenancy.detach_mirrors();
        DROP VIEW tenancy.drift;
        ALTER TABLE public.customer_booking_stats SET SCHEMA tenancy;
        ALTER TABLE public.customers
        DROP COLUMN preferred_stylist_id,
        DROP COLUMN average_spend_cents,
        DROP COLUMN no_show_count;
        ROLLBACK
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if dependent.goes_along:
            connection.execute(go)
        else:
            with pytest.raises(psycopg.errors.DependentObjectsStillExist):
                connection.execute(go)


@pytest.mark.parametrize("what", NO_DEPENDENTS)
def test_no_dependent(phase2_database: str, what: str) -> None:
    execute(phase2_database, NO_DEPENDENTS[what])
    assert found(phase2_database) == {}


def test_a_parent(phase2_database: str) -> None:
    """A column that customers inherits cannot be dropped there."""
    url = phase2_database
    execute(
        url,
        """
        CREATE TABLE public.people (no_show_count integer NOT NULL);
        ALTER TABLE public.customers INHERIT public.people
        """,
    )
    assert found(url) == {"table public.people": (False, False)}


def test_a_subscription(phase2_database: str) -> None:
    url = phase2_database
    execute(
        url,
        """
        CREATE SUBSCRIPTION head_office CONNECTION 'dbname=nowhere' PUBLICATION p
        WITH (connect = FALSE, slot_name = NONE);
        INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)
        SELECT oid, 'public.customers'::regclass, 'r' FROM pg_subscription
        WHERE subname = 'head_office'
        """,
    )
    try:
        assert found(url) == {"subscription head_office": (True, False)}
    finally:
        execute(url, "DROP SUBSCRIPTION head_office")


def test_each_by_its_name(phase2_database: str) -> None:
    """The refusal shows what overrides all that may be; less of it overrides less."""
    url = phase2_database
    for what in ("a publication of the schema", "a function that names the table", "an index"):
        execute(url, DEPENDENTS[what].made)
    execute(
        url,
        """
        SET application_name = 'old "web", as app';
        UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 10
        """,
    )
    execute(url, "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")
    names = [
        'writer "old ""web"", as app" as postgres',
        "index public.fans",
        'publication "All, of it"',
        "function public.report(integer,text)",
    ]
    refused = sqitch(url, "deploy", "--set", "contract=yes", check=False)
    assert refused.returncode != 0
    assert "changed nothing. Findings: 4. " in refused.stderr
    [shown] = re.findall(r"--set contract_despite='.*'", refused.stderr)
    override = shlex.split(shown)
    assert override == ["--set", f"contract_despite={', '.join(names)}"]

    for left_out in names:
        despite = " ,".join(f" {name} " for name in names if name != left_out)
        refused = sqitch(
            url,
            "deploy",
            "--set",
            "contract=yes",
            "--set",
            f"contract_despite={despite}",
            check=False,
        )
        assert refused.returncode != 0
        assert f"changed nothing. Findings: 1. {left_out}: " in refused.stderr

    assert sqitch(url, "deploy", "--set", "contract=yes", *override).returncode == 0
    assert value(url, "SELECT to_regclass('public.fans') IS NULL") == "t"
    assert value(url, "SELECT tenancy.has_legacy_side()") == "f"


@pytest.mark.parametrize(
    "typo",
    share(
        [
            "index public.fan",
            "index  public.fans",
            "public.fans",
            "INDEX PUBLIC.FANS",
            "index public.fans; index public.other",
            '"index public.fans',
            "index public.fans)",
            "all",
            "*",
        ],
        3,
    ),
)
def test_a_name_that_names_nothing(phase2_database: str, typo: str) -> None:
    url = phase2_database
    execute(url, DEPENDENTS["an index"].made)
    done = sqitch(
        url, "deploy", *QUIET, "--set", f"contract_despite=index public.fans, {typo}", check=False
    )
    assert done.returncode != 0
    assert "contract_despite names a finding that the gate does not have" in done.stderr
    assert found(url, typo)["index public.fans"] == (True, False)
    # What is gone by now does not pass, either.
    execute(url, "DROP INDEX public.fans")
    assert found(url, "index public.fans") == {"index public.fans": (False, False)}


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        (
            """
            SET session_replication_role = replica;
            UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 10
            """,
            "drift",
        ),
        (
            "ALTER TABLE public.bookings DISABLE TRIGGER confirm_booking",
            "trigger confirm_booking on public.bookings",
        ),
        (
            "ALTER FUNCTION tenancy.record_booking SET work_mem = '8MB'",
            "function tenancy.record_booking(integer,integer,integer,integer,"
            "timestamp with time zone)",
        ),
        (
            "ALTER TABLE public.customer_shop_profiles "
            "DROP CONSTRAINT customer_shop_profiles_shop_id_fkey",
            "constraint customer_shop_profiles_shop_id_fkey on public.customer_shop_profiles",
        ),
    ],
)
def test_what_no_name_overrides(phase2_database: str, cause: str, name: str) -> None:
    """It would lose data, and there is a remedy of ours for each."""
    url = phase2_database
    execute(url, cause)
    assert found(url, name) == {name: (False, False)}
    done = sqitch(url, "deploy", *QUIET, "--set", f"contract_despite={name}", check=False)
    assert done.returncode != 0
    assert "contract_despite" not in done.stderr
