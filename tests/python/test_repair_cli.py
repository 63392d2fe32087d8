"""convo-tenancy repair: it says what it changes, changes only that, and gives way to everybody."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.command_line import Running, call, in_terminal, refusal
from support.commands import Completed, convo_tenancy, execute, pg_dump_data, value
from support.health import role
from support.holding import held_in_a_batch, wait_until_gone, wait_until_held
from support.sides import drift
from support.waiting import wait_until

APPLICATION = "convo-tenancy repair"
PROGRESS = re.compile(r"^[\d,]+ of [\d,]+ customers, [\d,]+ values, ")
VALUES = """
    SELECT v.*
    FROM tenancy.both_sides(ARRAY(SELECT id FROM public.customers)) AS v
"""
Values = dict[tuple[int, int | None, str], str | None]


def make_drift(url: str, statements: str) -> None:
    """Write to one side alone."""
    execute(url, f"SET tenancy.mirroring = 'on'; {statements}")


# Customers 3 and 7 by totals, 13 by no-shows, 20 has no profile, 40 another stylist, 50 less.
SOME = """
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id IN (3, 7);
    UPDATE public.customers SET no_show_count = no_show_count + 2 WHERE id = 13;
    DELETE FROM public.customer_shop_profiles WHERE customer_id = 20;
    UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 40;
    UPDATE public.customer_shop_profiles SET total_spend_cents = total_spend_cents + 1
    WHERE customer_id = 50 AND shop_id = 2;
"""
DRIFTED = [3, 7, 13, 20, 50]  # that nobody is preferred by customers is no drift


def make_many_drift(url: str) -> list[int]:
    """A value of each of a few hundred customers, among them 900."""
    make_drift(
        url,
        "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id % 4 = 0",
    )
    return sorted(row[1] for row in drift(url))


def values(url: str) -> Values:
    """What both sides hold of every customer."""
    with psycopg.connect(url) as connection:
        return {
            (customer, shop, field): text
            for customer, shop, field, text in connection.execute(VALUES)
        }


def run(url: str, *args: str, exit_code: int = 0) -> Completed:
    """Run it to its end; stderr is left with the problem, without lines of progress."""
    done = convo_tenancy(url, "repair", *args)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not PROGRESS.search(line)]
    assert len(lines) <= 1
    done.stderr = "".join(lines)
    return done


def repair(url: str, *args: str, exit_code: int = 0) -> dict[str, Any]:
    """What it says as JSON, of the promised shape."""
    done = run(url, "--format", "json", *args, exit_code=exit_code)
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found) == [
        "source",
        "dry_run",
        "drifted_customers",
        "changed_customers",
        "changed_values",
        "changes",
        "unrepaired",
        "held_customers",
        "finished",
    ]
    for change in found["changes"]:
        assert list(change) == ["customer_id", "shop_id", "field", "before", "after"]
    return found


def changes_between(before: Values, after: Values) -> list[dict[str, Any]]:
    """As the JSON has them."""
    return [
        {
            "customer_id": customer,
            "shop_id": shop,
            "field": field,
            "before": before.get((customer, shop, field)),
            "after": after.get((customer, shop, field)),
        }
        for customer, shop, field in sorted(
            {*before, *after}, key=lambda key: (key[0], key[1] or 0, key[2])
        )
        if before.get((customer, shop, field)) != after.get((customer, shop, field))
    ]


@pytest.mark.parametrize("source", ["legacy", "profiles"])
def test_it_says_what_it_changes_and_changes_only_that(phase2_database: str, source: str) -> None:
    url = phase2_database
    make_drift(url, SOME)
    before = values(url)
    data = pg_dump_data(url, "public", "tenancy")
    dry = repair(url, "--dry-run", "--source", source, "--batch-size", "2")
    # Only sequences, which no rollback takes back.
    assert _rows(pg_dump_data(url, "public", "tenancy")) == _rows(data)

    done = repair(url, "--source", source, "--batch-size", "3")
    assert drift(url) == []
    assert done["changes"] == changes_between(before, values(url))
    changed = {change["customer_id"] for change in done["changes"]}
    assert sorted(changed) == DRIFTED
    sides = {change["field"].split(".")[0] for change in done["changes"] if _is_not_of(20, change)}
    assert sides == (
        {"customer_shop_profiles"}
        if source == "legacy"
        else {"customer_booking_stats", "customers"}
    )
    assert done == {
        "source": source,
        "dry_run": False,
        "drifted_customers": 5,
        "changed_customers": 5,
        "changed_values": len(done["changes"]),
        "changes": done["changes"],
        "unrepaired": [],
        "held_customers": [],
        "finished": True,
    }
    assert dry == {**done, "dry_run": True}
    # It is nobody who uses the legacy side.
    assert value(url, "SELECT count(*) FROM tenancy.legacy_writers") == "0"

    data = pg_dump_data(url, "public", "tenancy")
    again = run(url, "--source", source)
    assert (again.stdout, again.stderr) == ("No drift: nothing to repair\n", "")
    assert pg_dump_data(url, "public", "tenancy") == data


def _rows(dump: str) -> str:
    return re.sub(r"^SELECT pg_catalog\.setval\(.*\n", "", dump, flags=re.MULTILINE)


def _is_not_of(customer: int, change: dict[str, Any]) -> bool:
    return bool(change["customer_id"] != customer)


def test_what_it_prints(phase2_database: str) -> None:
    url = phase2_database
    make_drift(url, SOME)
    dry = run(url, "--dry-run")
    assert dry.stderr == ""
    *lines, summary, following = dry.stdout.splitlines()
    assert sum(line.startswith("customer 13, shop ") for line in lines) == 1
    assert "customer 20, shop 4: customer_shop_profiles.total_bookings: none -> 2" in lines
    assert summary == f"Dry run: {len(lines)} values of 5 customers would change"
    assert following == "Next: convo-tenancy repair"

    short = run(url, "--dry-run", "--source", "profiles", "--limit", "2")
    assert short.stdout.splitlines() == [
        "customer 3: customer_booking_stats.total_bookings: 325 -> 324",
        "customer 7: customer_booking_stats.total_bookings: 7 -> 6",
        "... and 10 more (--limit)",
        "Dry run: 12 values of 5 customers would change",
        "Next: convo-tenancy repair --source profiles",
    ]
    assert len(repair(url, "--dry-run", "--limit", "3")["changes"]) == 3
    assert repair(url, "--dry-run", "--limit", "0")["changed_values"] == len(lines)

    done = run(url)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [*lines, f"Changed {len(lines)} values of 5 customers"]
    assert drift(url) == []


def test_a_list_that_is_too_long_for_people(phase2_database: str) -> None:
    make_drift(
        phase2_database,
        "UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1"
        " WHERE customer_id <= 150",
    )
    dry = run(phase2_database, "--dry-run").stdout.splitlines()
    found = repair(phase2_database)
    customers = len({change["customer_id"] for change in found["changes"]})
    number = len(found["changes"])
    assert len(dry) == 100 + 3
    assert dry[100:102] == [
        f"... and {number - 100:,} more (--limit)",
        f"Dry run: {number:,} values of {customers:,} customers would change",
    ]
    assert found["changed_values"] == number


def test_a_source_that_is_wrong_itself(phase2_database: str) -> None:
    url = phase2_database
    make_drift(
        url,
        SOME
        + """
        UPDATE public.customer_booking_stats SET total_bookings = -1 WHERE customer_id = 7;
        UPDATE public.customers SET no_show_count = -1 WHERE id IN (30, 31, 32);
        """,
    )
    dry = run(url, "--dry-run", exit_code=1)
    assert dry.stderr.startswith(
        "convo-tenancy: 4 customers still drift, for the legacy side is wrong itself"
        " (negative: customer 7: legacy -1 bookings, "
    )
    more = len(repair(url, "--dry-run", exit_code=1)["unrepaired"]) - 3
    assert dry.stderr.endswith(
        f"; and {more} more): correct it there, or look at convo-tenancy repair --dry-run"
        " --source profiles"
    )

    assert run(url, exit_code=1).stderr == dry.stderr
    assert {row[1] for row in drift(url)} == {7, 30, 31, 32}
    again = run(url, exit_code=1)
    assert (again.stdout, again.stderr) == ("Changed 0 values of 0 customers\n", dry.stderr)

    assert repair(url, "--source", "profiles")["changed_customers"] == 4
    assert drift(url) == []

    make_drift(
        url,
        """
        ALTER TABLE public.customer_shop_profiles DROP CONSTRAINT customer_shop_profiles_check;
        UPDATE public.customer_shop_profiles SET no_show_count = -1 WHERE id = 9
        """,
    )
    wrong = run(url, "--source", "profiles", exit_code=1)
    assert " 1 customers still drift, for the profiles are wrong themselves (" in wrong.stderr
    assert wrong.stderr.endswith("look at convo-tenancy repair --dry-run --source legacy")
    run(url)
    assert drift(url) == []


def _terminate(running: Running, url: str) -> None:
    value(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND application_name = '{APPLICATION}'",
    )


def _send(number: signal.Signals) -> Callable[[Running, str], None]:
    return lambda running, _url: running.process.send_signal(number)


@pytest.mark.parametrize(
    ("end_it", "exit_code", "words"),
    [
        (_send(signal.SIGKILL), -signal.SIGKILL, ""),
        (_send(signal.SIGINT), 130, "convo-tenancy: cancelled; run it again to go on"),
        (_send(signal.SIGTERM), 143, "convo-tenancy: cancelled; run it again to go on"),
        (_terminate, 1, "the connection to the server was lost"),
    ],
    ids=["kill", "interrupt", "terminate", "connection"],
)
def test_ended_in_the_middle_of_a_batch_and_run_again(
    phase2_database: str,
    end_it: Callable[[Running, str], None],
    exit_code: int,
    words: str,
) -> None:
    url = phase2_database
    drifted = make_many_drift(url)
    with (
        held_in_a_batch(url, "UPDATE"),
        Running(url, "repair", "--batch-size", "30") as running,
    ):
        wait_until_held(url, APPLICATION)
        end_it(running, url)
        code, output = running.end()
        assert code == exit_code, output
        assert words in output
        wait_until_gone(url, APPLICATION)
    # The batches before the one with customer 900 are there, and nothing of that one.
    done = drifted.index(900) // 30 * 30
    assert done > 0
    if words:
        assert f"Changed {done} values of {done} customers" in output
    assert sorted(row[1] for row in drift(url)) == drifted[done:]
    again = repair(url, "--batch-size", "30")
    assert again["drifted_customers"] == again["changed_customers"] == len(drifted) - done
    assert drift(url) == []


def test_interrupted_as_json(phase2_database: str) -> None:
    drifted = make_many_drift(phase2_database)
    with (
        held_in_a_batch(phase2_database, "UPDATE"),
        Running(
            phase2_database, "repair", "--format", "json", "--dry-run", "--batch-size", "30"
        ) as running,
    ):
        wait_until_held(phase2_database, APPLICATION)
        running.process.send_signal(signal.SIGTERM)
        code, output = running.end()
    assert code == 143
    start, end = output.index("{\n"), output.rindex("}")
    assert "cancelled" in output[end:]
    found = json.loads(output[start : end + 1])
    changed = [change["customer_id"] for change in found["changes"]]
    assert (found["finished"], changed) == (False, drifted[: len(changed)])
    assert len(changed) == drifted.index(900) // 30 * 30
    assert len(drift(phase2_database)) == len(drifted)


@pytest.mark.parametrize(
    "held",
    [
        "UPDATE public.customers SET name = 'Held' WHERE id IN (7, 13)",
        "SELECT FROM public.customer_booking_stats WHERE customer_id IN (7, 13) FOR UPDATE",
        "SELECT FROM public.customer_shop_profiles WHERE customer_id IN (7, 13) FOR UPDATE",
    ],
    ids=["customers", "statistics", "profiles"],
)
def test_customers_whom_somebody_holds(phase2_database: str, held: str) -> None:
    url = phase2_database
    make_drift(url, SOME)
    with psycopg.connect(url, application_name="a correction") as holder:
        holder.execute(held.encode())
        with Running(url, "repair") as running:
            # All others are repaired meanwhile.
            wait_until(lambda: {row[1] for row in drift(url)} == {7, 13}, "the others are repaired")
            running.read_until("waiting: customers from ")
            # What they write until they let go is seen.
            holder.execute("SET tenancy.mirroring = 'on'")
            holder.execute(
                "UPDATE public.customer_booking_stats SET total_bookings = 99 WHERE customer_id = 7"
            )
            holder.commit()
            code, output = running.end()
            assert code == 0, output
    assert drift(url) == []
    shops = "SELECT sum(total_bookings) FROM public.customer_shop_profiles WHERE customer_id = 7"
    assert value(url, shops) == "99"


@pytest.mark.parametrize(
    "held",
    [
        "UPDATE public.customers SET name = 'Held' WHERE id <> 900",
        "SELECT FROM public.customer_booking_stats WHERE customer_id <> 900 FOR UPDATE",
    ],
    ids=["customers", "statistics"],
)
def test_customers_whom_somebody_holds_to_the_end(phase2_database: str, held: str) -> None:
    url = phase2_database
    drifted = make_many_drift(url)
    with psycopg.connect(url, application_name="a correction") as holder:
        holder.execute(held.encode())
        done = convo_tenancy(url, "repair", "--format", "json")
        pid = holder.info.backend_pid
        assert done.returncode == 1
        assert json.loads(done.stdout)["held_customers"] == [
            each for each in drifted if each != 900
        ]
        assert "waiting: customers from " in done.stderr
        *_, line = done.stderr.splitlines()
        assert re.fullmatch(
            rf"convo-tenancy: {len(drifted) - 1} customers are held by other transactions"
            rf" \(customer {drifted[0]}; {drifted[1]}; {drifted[2]}; and {len(drifted) - 4} more\):"
            r" wait for them or end them, then run it again:"
            rf" pid {pid}, user postgres, application a correction, in transaction for \d+ s"
            rf" \(idle in transaction\), statement: {held.split()[0]}",
            line,
        ), line
        # However many are held, whoever is free is repaired.
        assert sorted(row[1] for row in drift(url)) == [each for each in drifted if each != 900]


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (20, 4)",
        "UPDATE public.stylists SET shop_id = 1, name = 'Moved' WHERE id = 17",
    ],
    ids=["a profile", "a stylist who moves"],
)
def test_somebody_writes_what_it_would_write(phase2_database: str, write: str) -> None:
    """It waits for their commit, and then fails: on a key, and on a foreign key."""
    url = phase2_database
    make_drift(
        url,
        f"{SOME}; UPDATE public.customers SET preferred_stylist_id = NULL WHERE id = 20",
    )
    stylist = "SELECT preferred_stylist_id FROM tenancy.split(ARRAY[20]) WHERE shop_id = 4"
    assert value(url, stylist) == "17"
    with psycopg.connect(url) as writer:
        writer.execute("SET tenancy.mirroring = 'on'")
        writer.execute(write.encode())
        blocked = f"""
            SELECT count(*) FROM pg_stat_activity
            WHERE {writer.info.backend_pid} = ANY (pg_blocking_pids(pid))
        """
        with Running(url, "repair", "--batch-size", "1") as running:
            wait_until(lambda: value(url, blocked) == "1", "it waits for the writer")
            writer.commit()
            code, output = running.end()
            assert code == 0, output
    assert drift(url) == []


def test_a_customer_who_is_deleted_meanwhile(phase2_database: str) -> None:
    url = phase2_database
    make_drift(url, SOME)
    with psycopg.connect(url) as deleting:
        for table in ("booking_stats", "stylist_preferences", "service_preferences"):
            deleting.execute(f"DELETE FROM public.customer_{table} WHERE customer_id = 7".encode())
        deleting.execute("DELETE FROM public.customers WHERE id = 7")
        with Running(url, "repair") as running:
            running.read_until("waiting: customers from 7 to 7")
            deleting.commit()
            code, output = running.end()
            assert code == 0, output
    assert drift(url) == []


def test_a_bar_in_a_terminal(phase2_database: str) -> None:
    make_drift(phase2_database, SOME)
    code, output = in_terminal(phase2_database, "repair")
    assert code == 0, output
    for words in ("5 of 5 customers", "100%", " values, ", "/s", "Changed "):
        assert words in output
    assert drift(phase2_database) == []


def test_not_deployed_and_not_legacy(
    cluster: Cluster, legacy_database: str, phase1_database: str
) -> None:
    for url in (legacy_database, phase1_database):
        line = refusal(url, "repair", "--dry-run")
        assert line.startswith("convo-tenancy: phase 2 is not deployed in database ")
        assert line.endswith(": run sqitch deploy --to @phase2 first\n")
    line = refusal(cluster.url(), "repair")
    assert 'database "postgres" does not have the legacy schema' in line


def test_before_the_backfill_is_complete(phase2_database: str) -> None:
    execute(phase2_database, "UPDATE tenancy.backfill_progress SET finished_at = NULL")
    line = refusal(phase2_database, "repair")
    assert line.endswith("the backfill is not complete: run convo-tenancy backfill first\n")


def test_after_the_revert(phase2_database: str) -> None:
    move_to(phase2_database, "@phase1")
    assert "run sqitch deploy --to @phase2 first" in refusal(phase2_database, "repair")


def test_a_role_without_rights(phase2_database: str) -> None:
    make_drift(phase2_database, SOME)
    rights: list[tuple[str, ...]] = [(), ("GRANT pg_read_all_data TO watcher",)]
    for right in rights:
        with role(phase2_database, *right) as url:
            for args in (["--dry-run"], ["--format", "json"]):
                line = refusal(url, "repair", *args)
                assert "permission denied for " in line
                assert "run it as the owner of the legacy tables, who also runs sqitch" in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "which database? Set DATABASE_URL"),
        ("salon", "is not a URI like postgresql://"),
        ("postgresql://postgres@127.0.0.1:1/nowhere", "Connection refused"),
    ],
)
def test_no_connection(url: str, words: str) -> None:
    assert words in refusal(url, "repair")
    assert words in refusal("", "repair", "--database-url", url, "--format", "json")


@pytest.mark.parametrize(
    "args",
    [
        ("--source", "both"),
        ("--batch-size", "0"),
        ("--limit", "-1"),
        ("--format", "prometheus"),
        ("now",),
    ],
)
def test_called_wrongly(args: tuple[str, ...]) -> None:
    done = call("", "repair", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": see convo-tenancy repair -h\n")


def test_help() -> None:
    done = call("", "repair", "--help")
    assert done.returncode == 0
    assert "convo-tenancy repair --dry-run --source profiles --limit 20" in done.stdout
    assert "convo-tenancy repair --dry-run" in call("", "--help").stdout
