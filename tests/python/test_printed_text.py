"""What others named or wrote comes out of no message as a terminal would obey it, nor as values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from convo_tenancy.display import printable
from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.command_line import call, in_terminal
from support.commands import execute, run, sqitch, value
from support.health import health, samples
from support.plan import CONTRACT

# A newline, a title of the terminal, escapes of 7 and 8 bits, text that runs backwards, an end
EVIL = "Eve\nINFO: all is well\033]0;owned\007\033[2J\u009b1m\u202egnp.exe\u2028"
SHOWN = "Eve?INFO: all is well?]0;owned??[2J?1m?gnp.exe?"
# How an application of that name begins: PostgreSQL 16 and later write its bytes otherwise.
APPLICATION = r"application Eve(\?|\\x0a)INFO"
# What a row of a customer's has
SECRETS = ("eve@example.test", "+15550199", "Eve Adams")


def assert_printable(*outputs: str) -> None:
    """Nothing but lines of text, and nobody's data."""
    for output in outputs:
        for line in output.splitlines():
            assert line.isprintable(), line
        for secret in SECRETS:
            assert secret not in output


@contextmanager
def evil_role(url: str, *rights: str) -> Iterator[sql.Identifier]:
    """A role of that name, with these rights; {} is its name."""
    role = sql.Identifier(EVIL)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        try:
            for right in rights:
                connection.execute(sql.SQL(right).format(role))
            yield role
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (
            "UPDATE public.customers SET name = 'Eve Adams' WHERE email = 'eve@example.test'",
            "UPDATE",
        ),
        ("/* +15550199 */ LOCK TABLE public.customers IN ROW EXCLUSIVE MODE", "LOCK"),
        ("DO $$BEGIN LOCK public.customers IN SHARE MODE; PERFORM 'Eve Adams'; END$$", "DO"),
    ],
)
def test_who_holds_a_lock(small_at: Callable[[str | None], str], held: str, kind: str) -> None:
    """A refused deploy says who, since when, and which kind of statement."""
    url = small_at("support/has_legacy_side")
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 2")
    with (
        evil_role(url, "GRANT SELECT, UPDATE, DELETE ON public.customers TO {}"),
        psycopg.connect(url, user=EVIL, application_name=EVIL) as holder,
    ):
        holder.execute(held.encode())
        done = sqitch(url, "deploy", "--to", "profiles/remember_profiles", check=False)
    assert done.returncode != 0
    assert_printable(done.stdout, done.stderr)
    assert re.search(f"user {re.escape(SHOWN)}, {APPLICATION}", done.stderr)
    assert f"(idle in transaction), statement: {kind}" in done.stderr


def test_a_typing_error_at_a_prompt(phase2_database: str) -> None:
    """It may be a password; it is the last that the session sent."""
    with psycopg.connect(phase2_database) as prompt:
        prompt.execute("SELECT FROM public.customers")
        with pytest.raises(psycopg.errors.SyntaxError):
            prompt.execute("eve@example.test")
        described = value(
            phase2_database,
            f"SELECT tenancy.describe_sessions(ARRAY[{prompt.info.backend_pid}])",
        )
    assert described.endswith("(idle in transaction (aborted)), statement: other")


# Each depends on what the contract takes, and goes along with it.
DEPENDENTS = """
    CREATE INDEX {} ON public.customers (no_show_count);
    CREATE FUNCTION public.{}() RETURNS bigint LANGUAGE plpgsql
    AS 'BEGIN RETURN (SELECT count(*) FROM customer_booking_stats); END';
    CREATE PUBLICATION {} FOR TABLE public.customers;
    GRANT SELECT (no_show_count) ON public.customers TO {};
"""


def gate(url: str, *args: str) -> list[dict[str, str]]:
    """What convo-tenancy gate finds, its text proved printable."""
    text = call(url, "gate", *args)
    assert_printable(text.stdout, text.stderr)
    found = json.loads(call(url, "gate", "--format", "json", *args).stdout)["findings"]
    assert_printable(*(text for finding in found for text in map(str, finding.values())))
    findings: list[dict[str, str]] = found
    return findings


def test_what_the_gate_finds(phase2_database: str) -> None:
    """Objects, roles and writers of any name; a finding is overridden by what it is printed as."""
    url = phase2_database
    quiet = ("--legacy-quiet-period", "1 hour")
    rights = "GRANT SELECT, UPDATE ON public.customer_booking_stats TO {}"
    with evil_role(url, rights):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL(DEPENDENTS).format(*[sql.Identifier(EVIL)] * 4))
            connection.execute("UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")
        with psycopg.connect(url, user=EVIL, autocommit=True, application_name=EVIL) as writer:
            for change in (1, -1):
                writer.execute(
                    "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + %s"
                    " WHERE customer_id = 10",
                    (change,),
                )

        found = gate(url, *quiet)
        named = [finding["name"] for finding in found if finding["may_be_overridden"]]
        for kind in ("index", "function", "publication", "writer"):
            assert any(name.startswith(kind) and "INFO" in name for name in named), (kind, named)
        refused = sqitch(url, "deploy", "--set", "contract=yes", check=False)
        assert refused.returncode != 0
        assert_printable(refused.stdout, refused.stderr)

        [index] = [name for name in named if name.startswith("index")]
        again = gate(url, *quiet, "--contract-despite", index)
        [finding] = [finding for finding in again if finding["name"] == index]
        assert finding["is_overridden"]

        # The contract records the right, and the way back cannot give it to a role that is gone.
        with psycopg.connect(url, autocommit=True) as connection:
            drop = sql.SQL("DROP PUBLICATION {0}; DROP FUNCTION public.{0}()")
            connection.execute(drop.format(sql.Identifier(EVIL)))
        despite = ", ".join(name for name in named if name.startswith(("index", "rights")))
        sqitch(url, "deploy", *CONTRACT, "--set", f"contract_despite={despite}")
    done = sqitch(url, "revert", "-y", "--to", "@phase2")
    assert_printable(done.stdout, done.stderr)
    assert "could not restore " in done.stdout + done.stderr


def test_the_health_check(phase2_database: str) -> None:
    """In each of its forms, with a trigger, a writer and a role of such names."""
    url = phase2_database
    rights = "GRANT SELECT, UPDATE ON public.customer_booking_stats TO {}"
    with evil_role(url, rights, "ALTER ROLE {} SET session_replication_role = replica") as role:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                sql.SQL(
                    "CREATE FUNCTION public.{0}() RETURNS trigger LANGUAGE plpgsql"
                    " AS 'BEGIN RETURN NEW; END';"
                    "CREATE TRIGGER {0} BEFORE UPDATE ON public.customers"
                    " FOR EACH ROW EXECUTE FUNCTION public.{0}()"
                ).format(role)
            )
            connection.execute(
                "INSERT INTO tenancy.legacy_writes (application_name, role_name, written_at)"
                " VALUES (%s, %s, now())",
                (EVIL, EVIL),
            )
            connection.execute(
                "INSERT INTO tenancy.double_writes"
                " (application_name, role_name, kind, customer_id, written_at)"
                " VALUES (%s, %s, 'bookings', 10, now())",
                (EVIL, EVIL),
            )
        text = call(url, "health")
        assert_printable(text.stdout)
        for check in ("other_triggers", "legacy_writers", "double_writers", "replication_role"):
            [line] = [line for line in text.stdout.splitlines() if check in line.split()]
            assert "gnp.exe" in line, line
        assert "\033]0;" not in in_terminal(url, "health")[1]
        health(url)
        assert any("gnp.exe" in sample for sample in samples(url)[1])
        with psycopg.connect(url, application_name=EVIL) as open_transaction:
            open_transaction.execute("LOCK TABLE public.shops IN SHARE MODE")
            at_once = ("--threshold", "transaction_warning_seconds=0")
            for output in ("text", "prometheus", "nagios"):
                done = call(url, "health", "--format", output, *at_once)
                assert_printable(done.stdout)
            assert re.search(rf"long_transactions: pid \d+ .*{APPLICATION}", done.stdout)


def test_whoever_runs_the_backfill(phase1_database: str) -> None:
    with (
        evil_role(phase1_database),
        psycopg.connect(phase1_database, user=EVIL, application_name=EVIL) as runner,
    ):
        runner.execute("SELECT pg_advisory_lock(4711)")
        execute(
            phase1_database,
            f"INSERT INTO tenancy.backfill_workers VALUES ({runner.info.backend_pid}, 4711)",
        )
        status = call(phase1_database, "backfill", "status")
        another = call(phase1_database, "backfill")
    assert SHOWN in status.stdout
    assert SHOWN in another.stdout
    assert_printable(status.stdout, status.stderr, another.stdout, another.stderr)


def test_a_type_of_that_name(legacy_database: str) -> None:
    """The preconditions come before all that is ours."""
    with psycopg.connect(legacy_database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DOMAIN public.{} AS text").format(sql.Identifier(EVIL)))
        connection.execute(
            sql.SQL("ALTER TABLE public.customers ALTER name TYPE public.{}").format(
                sql.Identifier(EVIL)
            )
        )
    done = sqitch(legacy_database, "deploy", "--to", "@phase1", check=False)
    assert "does not have the legacy schema: column public.customers.name is" in done.stderr
    assert_printable(done.stdout, done.stderr)


READS = [
    "/* Eve Adams */ SELECT average_spend_cents FROM customers WHERE email = 'eve@example.test'",
    "COPY (SELECT no_show_count FROM customers WHERE phone = '+15550199') TO '/dev/null'",
    "DO $$BEGIN PERFORM total_bookings FROM customer_booking_stats AS s JOIN customers AS c"
    " ON c.id = s.customer_id WHERE c.email = 'eve@example.test' AND c.name = 'Eve Adams'; END$$",
    "DECLARE c CURSOR WITH HOLD FOR SELECT no_show_count FROM customers"
    " WHERE name = E'Eve\\x20Adams\\'' OR name = 'Eve Adams'",
]


@pytest.fixture(scope="module")
def watched() -> Iterator[Cluster]:
    """A cluster with pg_stat_statements, which keeps utility statements as they were sent."""
    cluster = Cluster.create(shared_preload_libraries="pg_stat_statements")
    yield cluster
    cluster.remove()


def test_statements_that_read_the_legacy_side(watched: Cluster) -> None:
    url = watched.create_database("salon")
    run(ROOT / "scripts/load-legacy.sh", url, "minimal")
    execute(url, "CREATE EXTENSION pg_stat_statements")
    move_to(url, "@phase2")
    execute(url, "SELECT pg_stat_statements_reset()")
    with psycopg.connect(url, autocommit=True) as application:
        for statement in READS:
            application.execute(statement.encode())
    kept = value(url, "SELECT string_agg(query, ' ') FROM pg_stat_statements")
    assert all(secret in kept for secret in SECRETS)

    found = [finding for finding in gate(url) if finding["name"].startswith("reader")]
    assert len(found) >= len(READS)
    assert any("SELECT average_spend_cents FROM customers WHERE" in f["detail"] for f in found)
    assert any("COPY (SELECT no_show_count FROM customers" in f["detail"] for f in found)
    refused = sqitch(url, "deploy", "--set", "contract=yes", check=False)
    assert "somebody reads the legacy side" in refused.stderr
    assert_printable(refused.stdout, refused.stderr)
    assert_printable(call(url, "health").stdout, call(url, "health", "--format", "json").stdout)
    watched.drop_database("salon")


def test_both_rules_are_one(phase1_database: str) -> None:
    """The command line shows what the database would."""
    assert printable(EVIL) == SHOWN
    with psycopg.connect(phase1_database) as connection:
        assert connection.execute("SELECT tenancy.printable(%s)", (EVIL,)).fetchone() == (SHOWN,)
