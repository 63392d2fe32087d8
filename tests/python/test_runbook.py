"""Each check is broken in a real database, and mended by the commands of docs/runbook.md.

It alone turns, for the owner, and for a role that only monitors, in every format.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count, cycle
from pathlib import Path

import psycopg
import pytest

from convo_tenancy.database import connect
from convo_tenancy.health.checks import examine
from convo_tenancy.health.formats import FORMATS
from convo_tenancy.health.model import Report
from convo_tenancy.health.thresholds import read_thresholds
from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import Completed, execute, psql, psql_file, run, value
from support.isolation import as_role, give_tables
from support.promtool import rules
from support.runbook import (
    ENTRIES,
    NOBODY_LOOKS,
    PAGE,
    SCRIPT,
    UNKNOWN,
    perform_commands,
)
from support.sessions import Session
from support.stages import Stages
from support.waiting import wait_until
from support.walk import take

OWNER = "runbook_owner"
MONITOR = "runbook_monitor"
STATUSES = ["ok", "warning", "critical", "unknown"]

Values = dict[str, str]
Damage = Callable[[str], AbstractContextManager[Values]]
"""Breaks the database of a superuser's URL, and gives what the message names besides $STATEMENT."""


@dataclass(frozen=True)
class Broken:
    """One thing that is broken."""

    check: str
    """That turns, and no other."""

    causes: str | tuple[str, ...]
    """By which the entry has its commands, in their order."""

    stage: str
    status: str
    damage: str | Damage
    values: Values = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """Of health, so that it need not wait until something lasts for long."""

    added: str = ""
    """To each command, as the entry says."""

    shows: str = ""
    """What "confirm" shows meanwhile."""

    leaves_more: bool = False
    """All is ok afterwards, and other than before."""


def profiles(do: str) -> str:
    """Past the mirrors."""
    return f"SET session_replication_role = replica; {do}"


@contextmanager
def half_deployed(url: str) -> Iterator[Values]:
    move_to(url, "profiles/stylists_id_shop_id_key")
    yield {}


@contextmanager
def half_reverted(url: str) -> Iterator[Values]:
    move_to(url, "mirror/shop_context")
    yield {}


@contextmanager
def open_transaction(url: str) -> Iterator[Values]:
    with ending(Session(url)) as session:
        session.execute("SELECT FROM public.customers FOR UPDATE")
        yield {}


@contextmanager
def ending(session: Session) -> Iterator[Session]:
    """It may be gone by then."""
    try:
        yield session
    finally:
        with suppress(psycopg.OperationalError):
            session.close()


@contextmanager
def lock_wait(url: str) -> Iterator[Values]:
    with ending(Session(url)) as first, ending(Session(url)) as second:
        first.execute("LOCK TABLE public.bookings IN SHARE MODE")
        waiting = second.start("DELETE FROM public.bookings WHERE FALSE")
        second.wait_until_blocked_by(first)
        yield {}
        waiting.result(timeout=60)


@contextmanager
def prepared(url: str) -> Iterator[Values]:
    execute(url, "BEGIN; SELECT FROM public.shops; PREPARE TRANSACTION 'forgotten ''one'")
    yield {"GID": "forgotten ''one"}


@contextmanager
def inactive_slot(url: str) -> Iterator[Values]:
    execute(url, "SELECT pg_create_physical_replication_slot('gone', TRUE)")
    yield {}


@contextmanager
def role_setting(url: str) -> Iterator[Values]:
    execute(url, "CREATE ROLE loader", REPLICA.format("ROLE loader"))
    try:
        yield {}
    finally:
        execute(url, "DROP ROLE loader")


REPLICA = "ALTER {} SET session_replication_role = replica"


@contextmanager
def database_setting(url: str) -> Iterator[Values]:
    execute(url, REPLICA.format(f"DATABASE {value(url, 'SELECT current_database()')}"))
    yield {}


@contextmanager
def subscription(url: str) -> Iterator[Values]:
    """As it is when the publisher cannot be reached."""
    execute(
        url,
        "CREATE SUBSCRIPTION brings CONNECTION 'host=/nowhere' PUBLICATION it"
        " WITH (connect = FALSE, slot_name = NONE)",
        """
        INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)
        SELECT s.oid, 'public.customers'::regclass, 'r' FROM pg_subscription AS s
        WHERE s.subname = 'brings'
        """,
    )
    try:
        yield {"TABLE": "public.customers"}
    finally:
        execute(url, "DROP SUBSCRIPTION brings")


@contextmanager
def server_setting(url: str) -> Iterator[Values]:
    shown = "SHOW session_replication_role"
    change = "ALTER SYSTEM {} session_replication_role{}"
    try:
        execute(url, change.format("SET", " = replica"), "SELECT pg_reload_conf()")
        wait_until(lambda: value(url, shown) == "replica", "the server reads its configuration")
        yield {}
    finally:
        execute(url, change.format("RESET", ""), "SELECT pg_reload_conf()")
        wait_until(lambda: value(url, shown) == "origin", "the server reads its configuration")


@contextmanager
def refused_contract(url: str) -> Iterator[Values]:
    """Under its lock, since somebody reads a table."""
    execute(url, "UPDATE tenancy.settings SET lock_attempts = 1")
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM public.bookings LIMIT 1")
        variables = ("-v", "contract=yes", "-v", "legacy_quiet_period=0")
        done = psql_file(url, "deploy/contract/switch.sql", *variables, check=False)
        assert "could not lock public.bookings within 1 attempts" in done.stderr
    yield {}


@contextmanager
def deadlock(url: str) -> Iterator[Values]:
    """Since a look that was there before."""
    run_health(as_role(url, OWNER))
    with ending(Session(url)) as first, ending(Session(url)) as second:
        for session, shop in ((first, 1), (second, 2)):
            session.execute("SET deadlock_timeout = '10ms'")
            session.execute("SELECT FROM public.shops WHERE id = $1 FOR UPDATE", shop)
        waiting = first.start("SELECT FROM public.shops WHERE id = 2 FOR UPDATE")
        with suppress(psycopg.errors.DeadlockDetected):
            second.execute("SELECT FROM public.shops WHERE id = 1 FOR UPDATE")
        with suppress(psycopg.errors.DeadlockDetected):
            waiting.result(timeout=60)
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    wait_until(lambda: value(url, counted) == "1", "the deadlock is counted")
    yield {}


@contextmanager
def role_that_is_bound_to_nothing(url: str) -> Iterator[Values]:
    execute(url, "CREATE ROLE helper LOGIN IN ROLE convo_shop, convo_back_office")
    try:
        yield {"STATEMENT": "REVOKE convo_back_office FROM helper"}
    finally:
        execute(url, "DROP ROLE helper")


MISPLACED = """
    WITH moved AS (
        SELECT min(p.shop_id) AS here, max(p.shop_id) AS there, p.customer_id
        FROM public.customer_shop_profiles AS p
        JOIN tenancy.shop_check AS c USING (customer_id, shop_id)
        WHERE c.class = 'agrees' AND p.total_bookings > 0
        GROUP BY p.customer_id
        HAVING count(*) > 1
        LIMIT 1
    )
    UPDATE public.customer_shop_profiles AS p
    SET total_bookings = p.total_bookings + CASE p.shop_id WHEN m.here THEN -1 ELSE 1 END
    FROM moved AS m
    WHERE p.customer_id = m.customer_id AND p.shop_id IN (m.here, m.there)
"""
OLD_TABLE = f"""
    CREATE TABLE public.customer_booking_stats (
        customer_id integer PRIMARY KEY REFERENCES public.customers (id),
        total_bookings integer NOT NULL DEFAULT 0
    );
    ALTER TABLE public.customer_booking_stats OWNER TO {OWNER}
"""
CONTINUE = ("convo-tenancy backfill resume", "convo-tenancy backfill")
REPAIR = ("convo-tenancy repair --dry-run", "convo-tenancy repair")
SHOPS = ("convo-tenancy repair --shops --dry-run", "convo-tenancy repair --shops")

BROKEN = [
    Broken(
        "phase", "forward", "@phase1", "warning", half_deployed, shows="stylists_id_shop_id_key"
    ),
    Broken("phase", "back", "@phase1", "warning", half_reverted, shows="mirror/shop_context"),
    Broken(
        "preconditions",
        "statement",
        "@phase1",
        "critical",
        "DROP INDEX public.ix_customers_phone",
        shows="needs an index",
    ),
    Broken(
        "default_shop",
        "UPDATE tenancy.settings SET default_shop_id = $SHOP",
        "@phase2",
        "critical",
        profiles("UPDATE tenancy.settings SET default_shop_id = 999"),
        {"SHOP": "1"},
        shows="999",
    ),
    Broken(
        "default_shop",
        "statement",
        "@phase2",
        "critical",
        "DELETE FROM tenancy.settings",
        shows="(0 rows)",
    ),
    Broken(
        "backfill",
        CONTINUE,
        "@phase1",
        "warning",
        "UPDATE tenancy.backfill_progress SET finished_at = NULL",
        shows=" f      | \n",
    ),
    Broken(
        "backfill",
        CONTINUE,
        "@phase1",
        "warning",
        "UPDATE tenancy.backfill_progress SET finished_at = NULL, paused = TRUE",
        shows=" t      | \n",
    ),
    Broken(
        "backfill",
        ("statement", *CONTINUE),
        "@phase1",
        "critical",
        "DELETE FROM tenancy.backfill_progress",
        shows="(0 rows)",
    ),
    Broken(
        "drift",
        "sqitch deploy --to @phase2",
        "@phase1",
        "warning",
        "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
        " WHERE customer_id = 7",
        shows="totals",
        leaves_more=True,
    ),
    Broken(
        "drift",
        REPAIR,
        "@phase2",
        "critical",
        profiles("UPDATE public.customers SET no_show_count = 7 WHERE id IN (3, 4)"),
        shows="no_show_count",
    ),
    Broken(
        "drift",
        REPAIR,
        "@phase2",
        "critical",
        profiles("DELETE FROM public.customer_booking_stats WHERE customer_id = 7"),
        added="--source profiles",
        shows="totals",
    ),
    Broken("shops", SHOPS, "@phase2", "warning", MISPLACED, shows="misplaced"),
    Broken(
        "constraints",
        "statement",
        "@phase2",
        "critical",
        """
        ALTER TABLE public.customer_shop_profiles
            DROP CONSTRAINT customer_shop_profiles_shop_id_fkey,
            ADD CONSTRAINT customer_shop_profiles_shop_id_fkey FOREIGN KEY (shop_id)
            REFERENCES public.shops (id) ON DELETE CASCADE NOT VALID
        """,
        shows="not validated",
    ),
    Broken(
        "constraints",
        "script",
        "@phase3",
        "critical",
        "ALTER TABLE public.customer_shop_profiles"
        " DROP CONSTRAINT customer_shop_profiles_preferred_stylist_shop_fkey",
        shows="missing",
    ),
    Broken(
        "indexes",
        "statement",
        "@phase1",
        "critical",
        "DROP INDEX public.idx_customer_shop_profiles_shop",
        shows="missing",
    ),
    Broken(
        "triggers",
        "statement",
        "@phase2",
        "critical",
        "ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles",
        shows="disabled",
    ),
    Broken(
        "functions",
        "script",
        "@phase2",
        "critical",
        "ALTER FUNCTION tenancy.repair(integer[], text, boolean) RESET lock_timeout",
        shows="altered",
    ),
    Broken(
        "parts",
        "script",
        "@phase2",
        "critical",
        "DROP VIEW tenancy.customer_totals",
        shows="missing",
    ),
    Broken(
        "parts",
        "statement",
        "@phase3",
        "warning",
        "ALTER TABLE public.customer_shop_profiles ADD COLUMN note text",
        shows="altered",
        leaves_more=True,
    ),
    Broken(
        "other_triggers",
        "DROP TRIGGER $TRIGGER ON $TABLE",
        "@phase2",
        "warning",
        """
        CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER touch BEFORE UPDATE ON public.customers
        FOR EACH ROW EXECUTE FUNCTION public.touch()
        """,
        {"FUNCTION": "public.touch", "TRIGGER": "touch", "TABLE": "public.customers"},
        shows="RETURN NEW",
    ),
    Broken("replication_role", "statement", "@phase2", "warning", role_setting, shows="loader"),
    Broken(
        "replication_role", "statement", "@phase3", "critical", database_setting, shows="=replica"
    ),
    Broken("subscriptions", "fire", "@phase2", "warning", subscription, shows="brings"),
    Broken(
        "double_writers",
        "statement",
        "@phase2",
        "critical",
        """
        BEGIN;
        UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 7;
        UPDATE public.customer_shop_profiles SET no_show_count = no_show_count + 1
        WHERE customer_id = 7;
        COMMIT
        """,
        shows="no-shows",
    ),
    Broken(
        "isolation",
        "script",
        "@phase2",
        "critical",
        "DROP POLICY as_before ON public.services",
        shows="missing",
    ),
    Broken(
        "isolation",
        "script",
        "@phase3",
        "warning",
        "REVOKE SELECT ON tenancy.customer_totals FROM convo_back_office",
        shows="lacks a right",
    ),
    Broken(
        "isolation",
        "statement",
        "isolated",
        "critical",
        role_that_is_bound_to_nothing,
        shows="several groups",
    ),
    Broken(
        "isolation",
        "CALL tenancy.enforce_isolation()",
        "isolated",
        "critical",
        "ALTER TABLE public.bookings DISABLE ROW LEVEL SECURITY",
        shows="row-level security",
    ),
    Broken(
        "isolation",
        "CALL tenancy.relax_isolation()",
        "@phase2",
        "warning",
        "UPDATE tenancy.isolation SET state = 'enforcing'",
        shows="half-way",
    ),
    Broken(
        "isolation",
        "statement",
        "isolated",
        "critical",
        "DELETE FROM tenancy.isolation",
        shows="(0 rows)",
        leaves_more=True,
    ),
    Broken(
        "tracking",
        "CALL tenancy.give_up_contract()",
        "@phase2",
        "warning",
        refused_contract,
        shows="customers",
        leaves_more=True,
    ),
    Broken(
        "last_bookings",
        "UPDATE public.customer_shop_profiles SET last_booking_at = NULL"
        " WHERE customer_id = $CUSTOMER AND shop_id = $SHOP",
        "@phase2",
        "warning",
        """
        UPDATE public.customer_shop_profiles SET last_booking_at = 'infinity'
        WHERE customer_id = 7 AND shop_id = (
            SELECT min(shop_id) FROM public.customer_shop_profiles WHERE customer_id = 7
        )
        """,
        shows="infinity",
    ),
    Broken(
        "long_transactions",
        "statement",
        "@phase2",
        "warning",
        open_transaction,
        options=("--threshold", "transaction_warning_seconds=0"),
        shows="idle in transaction",
    ),
    Broken(
        "prepared_transactions",
        "ROLLBACK PREPARED '$GID'",
        "@phase2",
        "warning",
        prepared,
        options=("--threshold", "prepared_warning_seconds=0"),
        shows="forgotten",
    ),
    Broken(
        "lock_waits",
        "statement",
        "@phase2",
        "critical",
        lock_wait,
        options=("--threshold", "lock_wait_critical_seconds=0"),
        shows="DELETE FROM public.bookings",
    ),
    Broken("deadlocks", (), "@phase2", "warning", deadlock, shows=" 1 |", leaves_more=True),
    Broken(
        "replicas",
        "statement",
        "@phase2",
        "warning",
        inactive_slot,
        options=("--threshold", "slot_warning_bytes=0"),
        shows="gone",
    ),
    Broken(
        "replication_role",
        "ALTER SYSTEM RESET session_replication_role; SELECT pg_reload_conf()",
        "@phase2",
        "critical",
        server_setting,
        shows="replica",
    ),
    Broken("stray_legacy_table", "statement", "@phase3", "critical", OLD_TABLE, shows="table"),
    Broken(
        "stray_legacy_table",
        "statement",
        "@phase3",
        "critical",
        "ALTER TABLE public.customers ADD COLUMN no_show_count integer DEFAULT 0",
        shows="no_show_count",
    ),
    Broken(
        "stray_legacy_table",
        "CREATE SCHEMA stray; ALTER TABLE public.customer_booking_stats SET SCHEMA stray",
        "@phase3",
        "critical",
        f"{OLD_TABLE}; INSERT INTO public.customer_booking_stats VALUES (10, 1)",
        shows="table",
        leaves_more=True,
    ),
    Broken(
        "archive",
        "SELECT tenancy.purge_archive(current_database())",
        "@phase3",
        "warning",
        "DROP TABLE tenancy_archive.customers",
        shows="customer_booking_stats",
        leaves_more=True,
    ),
    Broken(
        "archive",
        "SELECT tenancy.purge_archive(current_database())",
        "@phase3",
        "warning",
        "SELECT",
        options=("--threshold", "archive_warning_days=0"),
        shows="tenancy_archive",
        leaves_more=True,
    ),
    Broken(
        "archive",
        "INSERT INTO tenancy.contracted (contracted_at)"
        " SELECT standing_since FROM tenancy.changes WHERE change = 'contract/switch'",
        "@phase3",
        "critical",
        "DELETE FROM tenancy.contracted",
        shows="(0 rows)",
    ),
]

BROKEN.sort(key=lambda one: one.stage)  # each stage has a template


GIVE = "GRANT CREATE ON DATABASE {} TO {}"
_serial = count(1)


class Salons:
    """Small databases whose owner is no superuser, at each stage, all of them ok."""

    def __init__(self, cluster: Cluster, stages: Stages) -> None:
        self._cluster = cluster
        self._stages = stages
        self._templates: dict[str, str] = {}
        self._mended: dict[str, str] = {}

    @contextmanager
    def at(self, stage: str, *, fresh: bool = True) -> Iterator[str]:
        """A superuser's URL of one; the next who wants none that is fresh gets the same.

        Args:
            fresh: it is made for this, and goes with it.
        """
        name = None if fresh else self._mended.pop(stage, None)
        if name is None:
            name = f"runbook_{next(_serial)}"
            self._cluster.create_database(name, self._template(stage))
            execute(self._cluster.url(name), GIVE.format(name, OWNER))
        try:
            yield self._cluster.url(name)
        except BaseException:
            fresh = True
            raise
        finally:
            if fresh:
                self._cluster.drop_database(name)
            else:
                self._mended[stage] = name

    def remove(self) -> None:
        for name in (*self._mended.values(), *self._templates.values()):
            self._cluster.drop_database(name)

    def _template(self, stage: str) -> str:
        if stage not in self._templates:
            name = f"template_runbook_{next(_serial)}"
            with self._stages.at("@phase2" if stage == "isolated" else stage) as small:
                url = self._cluster.create_database(name, value(small, "SELECT current_database()"))
            self._templates[stage] = name
            give_to_owner(url)
            if stage == "isolated":
                execute(url, "CALL tenancy.enforce_isolation()")
            assert run_health(as_role(url, OWNER)).returncode == 0
            self._cluster.mark_template(name)
        return self._templates[stage]


@pytest.fixture(scope="module")
def salons(cluster: Cluster, stages: Stages) -> Iterator[Salons]:
    url, made = cluster.url(), Salons(cluster, stages)
    execute(url, f"CREATE ROLE {OWNER} LOGIN IN ROLE pg_read_all_stats")
    with made.at("@phase2", fresh=False):
        pass  # its roles are there, as a superuser may have made them before
    execute(url, f"CREATE ROLE {MONITOR} LOGIN IN ROLE convo_health, pg_read_all_stats")
    yield made
    made.remove()
    execute(url, f"DROP ROLE {OWNER}, {MONITOR}")


def give_to_owner(url: str) -> None:
    """By the script that docs/isolation.md has for it."""
    psql(url, "-v", f"owner={OWNER}", "-f", str(ROOT / "scripts/change-owner.sql"))


@contextmanager
def monitor(url: str, stage: str) -> Iterator[str]:
    """The URL for a role that monitors, with the rights that the pages give it, and no others."""
    if stage != "@phase1":
        yield as_role(url, MONITOR)
        return
    execute(url, f"GRANT pg_read_all_data TO {MONITOR}")
    try:
        yield as_role(url, MONITOR)
    finally:
        execute(url, f"REVOKE pg_read_all_data FROM {MONITOR}")


def run_health(url: str, *args: str, folder: Path = ROOT) -> Completed:
    return run("convo-tenancy", "health", *args, check=False, env={"DATABASE_URL": url}, cwd=folder)


def look(url: str, *options: str) -> Report:
    thresholds = read_thresholds(None, [each for each in options if "=" in each])
    with connect(url, "convo-tenancy health") as connection:
        return examine(connection, 60, None, thresholds)


def printed(report: Report, output: str) -> str:
    with redirect_stdout(io.StringIO()) as shown:
        FORMATS[output](report)
    return shown.getvalue()


def said(output: str, text: str) -> dict[str, str]:
    """The status of each check that is not ok, as this format has it."""
    if output == "json":
        found = {each["name"]: each["status"] for each in json.loads(text)["checks"]}
    elif output == "prometheus":
        samples = re.findall(r'^convo_tenancy_check_status\{.*?check="(\w+)".*\} (\d)$', text, re.M)
        found = {name: STATUSES[int(number)] for name, number in samples}
    elif output == "nagios":
        lines = re.findall(r"^([A-Z]+) (\w+): ", text.partition("\n")[2], re.M)
        found = {name: status.lower() for status, name in lines}
    else:
        found = {line.split()[1]: line.split()[0] for line in text.splitlines()[1:]}
    assert len(found) > 20
    return {name: status for name, status in found.items() if status != "ok"}


_formats = cycle(FORMATS)
WITHOUT_PLAN = ("--plan-directory", "/nonexistent")  # Sqitch takes its time to read it
RUN = re.compile(
    r"\brun ([A-Z].*?)(?:,? (?:and look )?again| goes on.*|, if you altered it on purpose|, with .*"
    r"|, then convo-tenancy.*)?(?:; |$)"
)
CHANGE = re.compile(r"psql -f deploy/([\w/]+)\.sql")


def named(detail: str) -> Values:
    """What the message names, as the page says to read it."""
    values: Values = {}
    if script := CHANGE.search(detail):
        values["SCRIPT"] = SCRIPT.replace("$CHANGE", script[1])
    if place := re.search(r"customer (\d+) in shop (\d+)", detail):
        values |= {"CUSTOMER": place[1], "SHOP": place[2]}
    bracket = re.search(r"\(((?:ALTER|CREATE|GRANT) [^()]*)\)", detail)
    statement = RUN.search(detail) or bracket or re.search(r": (CREATE .*)$", detail)
    if statement:
        values["STATEMENT"] = statement[1].replace(", then ", "; ")
    return values


@pytest.mark.parametrize("broken", BROKEN, ids=[f"{one.check}, {one.stage}" for one in BROKEN])
def test_broken_and_mended(salons: Salons, broken: Broken) -> None:
    with salons.at(broken.stage, fresh=broken.leaves_more) as url, ExitStack() as damaged:
        owner, entry = as_role(url, OWNER), ENTRIES[broken.check]
        values = dict(broken.values)
        if isinstance(broken.damage, str):
            execute(url, broken.damage)
        else:
            values |= damaged.enter_context(broken.damage(url))

        # It, and no other: for a role that only monitors, and for the owner in each format.
        alone, exit_code = {broken.check: broken.status}, STATUSES.index(broken.status)
        output = next(_formats)
        with monitor(url, broken.stage) as watcher:
            done = run_health(watcher, "--format", output, *WITHOUT_PLAN, *broken.options)
        assert (done.returncode, done.stderr) == (exit_code, "")
        assert said(output, done.stdout) == alone, done.stdout
        report = look(owner, *broken.options)
        if broken.check != "deadlocks":  # which one look alone sees, the one above
            assert report.status == exit_code
            for each in FORMATS:
                assert said(each, printed(report, each)) == alone

        [check] = [one for one in report.checks if one.name == broken.check]
        values = named(check.detail) | values
        if report.ways:
            values |= {"FORWARD": report.ways.forward.command, "BACK": report.ways.back.command}
        if entry.confirm:
            done = perform_commands(entry.confirm, owner, url, values)
            assert done.returncode == entry.confirmed_exit_code, f"{done.stdout}\n{done.stderr}"
            assert broken.shows in done.stdout

        assert f"`{broken.added}`" in entry.text or not broken.added
        for cause in causes(broken):
            done = perform_commands(entry.remedies[cause], owner, url, values, broken.added)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        if broken.check == "deadlocks":  # which only the looks from here count
            assert run_health(owner).returncode == 0
        # The server may need a moment to end a session, or to read its configuration.
        mended = partial(look, owner, *broken.options)
        wait_until(lambda: mended().status == 0, "it is mended", seconds=10)


def causes(broken: Broken) -> tuple[str, ...]:
    """In their order; none where there is nothing to run."""
    return (broken.causes,) if isinstance(broken.causes, str) else broken.causes


OTHERS = {
    ("connection", "ALTER ROLE $ROLE LOGIN"),
    ("legacy_watch", "CALL tenancy.restart_watch()"),
    ("replicas", "convo-tenancy backfill pause"),
}
"""Those that have a test of their own: below, and of the last one in test_backfill_cli.py."""


def test_each_check_has_an_entry(salons: Salons) -> None:
    """And no entry, cause or block is of something that is not there."""
    found = set()
    for stage in ("@phase1", "@phase2", "@phase3"):
        with salons.at(stage, fresh=False) as url:
            found |= {check.name for check in look(as_role(url, OWNER)).checks}
    assert found == set(ENTRIES)

    tried = {(one.check, cause) for one in BROKEN for cause in causes(one)} | OTHERS
    for entry in ENTRIES.values():
        for cause in entry.remedies:
            assert any((name, cause) in tried for name in entry.names), (entry.names, cause)
    for name, cause in tried:
        assert cause in ENTRIES[name].remedies, (name, cause)
    # What turns has been seen to turn. No server here is too old: that check has a test of its own
    # in test_health.py; connection and plan have theirs below. Legacy use never turns.
    never = {"server_version", "connection", "plan", *ENTRIES["legacy_writers"].names}
    assert {one.check for one in BROKEN} | never == set(ENTRIES)


def test_a_role_that_may_not_log_in(salons: Salons) -> None:
    """Nothing else is known then."""
    with salons.at("@phase2", fresh=False) as url:
        execute(url, f"ALTER ROLE {MONITOR} NOLOGIN")
        for output in FORMATS:
            done = run_health(as_role(url, MONITOR), "--format", output)
            assert done.returncode == 3
            assert "connection" in done.stdout
            assert "is not permitted to log in" in done.stdout or output == "prometheus"
        entry = ENTRIES["connection"]
        assert entry.confirm
        assert perform_commands(entry.confirm, as_role(url, MONITOR), "", {}).returncode != 0
        [login] = entry.remedies.values()
        done = perform_commands(login, "", url, {"ROLE": MONITOR})
        assert done.returncode == 0, done.stderr
        assert perform_commands(entry.confirm, as_role(url, MONITOR), "", {}).returncode == 0
        assert run_health(as_role(url, MONITOR)).returncode == 0


def test_a_role_without_rights(salons: Salons) -> None:
    """It sees no more than that, and the page has what gives it eyes."""
    with salons.at("@phase3", fresh=False) as url:
        execute(url, "CREATE ROLE newcomer LOGIN")
        try:
            own = as_role(url, "newcomer")
            done = run_health(own)
            assert done.returncode == 3
            assert "\nunknown " in done.stdout
            assert "GRANT " in done.stdout
            [rights] = UNKNOWN.remedies.values()
            done = perform_commands(rights, "", url, {"ROLE": "newcomer"})
            assert done.returncode == 0, done.stderr
            assert run_health(own).returncode == 0
        finally:
            execute(url, "DROP ROLE newcomer")


def test_another_plan(salons: Salons, tmp_path: Path) -> None:
    """In a folder that has one."""
    with salons.at("@phase2", fresh=False) as url:
        owner = as_role(url, OWNER)
        plan = (ROOT / "sqitch.plan").read_text()
        (tmp_path / "sqitch.plan").write_text(
            plan.replace("# The residual rule:", "# Another one:")
        )
        shutil.copy(ROOT / "sqitch.conf", tmp_path)
        for output in FORMATS:
            done = run_health(owner, "--format", output, folder=tmp_path)
            assert (done.returncode, said(output, done.stdout)) == (1, {"plan": "warning"})
        entry = ENTRIES["plan"]
        assert entry.confirm
        assert "isolation/switch" in perform_commands(entry.confirm, owner, "", {}).stdout
        done = run_health(owner, folder=ROOT)
        assert (done.returncode, "deployed from this plan" in done.stdout) == (0, True), done.stdout


def test_who_uses_the_legacy_side(salons: Salons) -> None:
    """It is told, and is no fault; a gap of the watch ends by the page's command."""
    with salons.at("@phase2") as url:
        owner, entry = as_role(url, OWNER), ENTRIES["legacy_watch"]
        execute(url, "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = 7")
        execute(url, "ALTER FUNCTION tenancy.note_confirmed_booking() COST 99")
        details = {check.name: check.detail for check in look(owner).checks}
        assert "as role postgres for shop" in details["legacy_writers"]
        assert ", with a gap: " in details["legacy_watch"]
        assert entry.confirm
        assert "postgres" in perform_commands(entry.confirm, owner, url, {}).stdout
        [gap] = entry.remedies.values()
        perform_commands(gap, owner, url, {})
        report = look(owner)
        [check] = [each for each in report.checks if each.name == "legacy_watch"]
        assert (report.status, "gap" in check.detail) == (0, False)


def test_the_rollout(salons: Salons, stages: Stages) -> None:
    """Each command of its table runs, step by step, and each way back, in the opposite order."""
    with stages.at(None) as url:
        name = value(url, "SELECT current_database()")
        execute(url, GIVE.format(name, OWNER), give_tables("public", OWNER))
        execute(url, f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
        owner = as_role(url, OWNER)

        def do(command: str) -> None:
            take(command.replace("'convo'", f"'{name}'"), owner, url)

        rows = rollout()
        assert [number for number, *_rest in rows] == [str(number) for number in range(1, 11)]
        back = {}
        for number, step, _go_on, way_back in rows:
            for command in commands_of(step):
                if "scan" not in command:  # the developers' own, where their code is
                    do(command)
            if number in ("3", "4", "6", "9"):
                assert run_health(owner).returncode == 0
                [back[number]] = commands_of(way_back)
            if number == "7":  # the quiet period is over
                execute(url, "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")
        assert value(url, "SELECT purged_at IS NOT NULL FROM tenancy.contracted") == "t"
        for number in reversed(back):
            do(back[number])
        assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
        assert value(url, "SELECT count(*) > 0 FROM public.customer_booking_stats") == "t"


def rollout() -> list[list[str]]:
    """The rows of the table: number, step, go on if, way back."""
    text = PAGE.read_text().partition("\n## The rollout\n")[2].partition("\n## ")[0]
    return [row[2:-2].split(" | ") for row in re.findall(r"^\| \d+ \|.*", text, re.M)]


def commands_of(cell: str) -> list[str]:
    return re.findall(r"`((?:convo-tenancy|sqitch|psql) [^`]+)`", cell)


def test_each_alert_leads_to_its_entry() -> None:
    """By its link: to that of its check, or of one of its checks."""
    headings = {",".join(entry.names) for entry in ENTRIES.values()}
    places = {each.replace(",", "-"): each.split(",") for each in headings}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert ROOT / page == PAGE
        watched = re.search(r'_check_status\{check=~?"([\w|]+)"', rule["expr"])
        if watched:
            assert {*watched[1].split("|")} & {*places[anchor]}, rule["alert"]
        else:
            others = {"checks", "the-rollout", "nobody-looks", "a-check-is-unknown"}
            assert anchor in others | {"backfill", *places}, rule["alert"]
    assert NOBODY_LOOKS.confirm
