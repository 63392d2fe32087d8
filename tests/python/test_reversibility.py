"""A phase deployed, taken back, deployed again: nothing lost, nothing left."""

from __future__ import annotations

import re

import psycopg
import pytest

from support.at_once import move_to, run_scripts, verify
from support.commands import execute, pg_dump_data, pg_dump_schema, psql, psql_file, value
from support.history import legacy_history
from support.plan import CHANGES, TAGS
from support.soak import SOAK, share


def changes_of(tag: str) -> list[str]:
    """The changes that a tag ends, in order."""
    below_it = [end for end in TAGS.values() if end < TAGS[tag]]
    return CHANGES[max(below_it, default=-1) + 1 : TAGS[tag] + 1]


# What an operator may have said of what phase 2 calls deprecated.
COMMENTS = """
    COMMENT ON TABLE public.customer_booking_stats IS 'One row a customer; it''s the owner''s.';
    COMMENT ON COLUMN public.customers.no_show_count IS 'Counted by hand.';
"""


def _schema(url: str) -> str:
    """All but the registry of Sqitch."""
    return pg_dump_schema(url, "public", "tenancy*")


def _profiles(url: str) -> str:
    return psql(
        url, "-Atc", "SELECT * FROM public.customer_shop_profiles ORDER BY customer_id, shop_id"
    ).stdout


def _archived(url: str) -> bool:
    query = "SELECT to_regclass('tenancy_archive.customer_shop_profiles') IS NOT NULL"
    return value(url, query) == "t"


@pytest.mark.parametrize(
    ("start", "tag", "below"),
    [
        ("recorded_database", "@phase1", None),
        ("recorded_database", "@phase2", None),
        *([("phase1_database", "@phase2", "@phase1")] if SOAK else []),
    ],
)
def test_deploy_revert_deploy(
    request: pytest.FixtureRequest, start: str, tag: str, below: str | None
) -> None:
    url: str = request.getfixturevalue(start)
    execute(url, COMMENTS)
    before = [dump(url, "public", "tenancy") for dump in (pg_dump_schema, pg_dump_data)]

    move_to(url, tag)
    schema, profiles = _schema(url), _profiles(url)
    assert profiles
    assert ("Counted by hand" in schema) == (tag == "@phase1")

    move_to(url, below)
    assert [dump(url, "public", "tenancy") for dump in (pg_dump_schema, pg_dump_data)] == before
    assert _archived(url) == (below is None)

    move_to(url, tag)
    verify(url)
    assert _schema(url) == schema
    assert _profiles(url) == profiles
    assert not _archived(url)
    everybody = """
        SELECT b.customers_done = (SELECT count(*) FROM public.customers)
        FROM tenancy.backfill_progress AS b
    """
    assert value(url, everybody) == "t"


def test_what_phase2_wrote_stays(phase2_database: str) -> None:
    url = phase2_database
    with psycopg.connect(url, autocommit=True) as connection:
        busy, quiet, late = (
            row[0]
            for row in connection.execute(
                """
                SELECT customer_id FROM public.customer_booking_stats AS s
                JOIN public.customers AS c ON c.id = s.customer_id
                WHERE NOT EXISTS (
                    SELECT FROM public.customers AS o WHERE o.phone = c.phone AND o.id <> c.id
                )
                ORDER BY s.total_bookings DESC, s.customer_id LIMIT 3
                """
            )
        )
        # Both sides write: new code for one customer and for a new one, old code for another.
        new = connection.execute(
            "SELECT tenancy.get_or_create_customer('new@example.test', NULL, 'New')"
        ).fetchone()
        for customer in (busy, new[0] if new else None):
            connection.execute(
                """
                SELECT tenancy.record_booking(%s, s.shop_id, s.id, 4500, '2026-03-01 10:00+00')
                FROM public.stylists AS s ORDER BY s.shop_id DESC, s.id LIMIT 1
                """,
                (customer,),
            )
        booked = """
            UPDATE public.customer_booking_stats
            SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 500
            WHERE customer_id = %s
        """
        connection.execute(booked, (quiet,))
        assert connection.execute("SELECT * FROM tenancy.drift").fetchall() == []
        data = pg_dump_data(url, "public")

        move_to(url, "@phase1")
        assert pg_dump_data(url, "public") == data

        # Without the mirrors old code goes on, and is caught up.
        connection.execute(booked, (late,))
        assert [
            row[0] for row in connection.execute("SELECT DISTINCT customer_id FROM tenancy.drift")
        ] == [late]
        move_to(url, "@phase2")
        assert connection.execute("SELECT * FROM tenancy.drift").fetchall() == []
        statistics = connection.execute(
            "SELECT count(*), sum(total_bookings) FROM public.customer_booking_stats"
        ).fetchone()

        # All the way back: the legacy side has all of it, and so has the archive.
        move_to(url, None)
        assert (
            connection.execute(
                "SELECT count(*), sum(total_bookings) FROM public.customer_booking_stats"
            ).fetchone()
            == statistics
        )
        assert _archived(url)
        move_to(url, "@phase2")
        assert connection.execute("SELECT * FROM tenancy.drift").fetchall() == []


@pytest.mark.parametrize("tag", ["@phase2", "@phase3"])
def test_each_change_taken_back_and_deployed_again(
    request: pytest.FixtureRequest, tag: str
) -> None:
    """Wherever a deploy of a phase stops, a revert leads to what was there before."""
    before = f"@phase{int(tag[-1]) - 1}"
    url: str = request.getfixturevalue(f"{before.removeprefix('@')}_database")
    if tag == "@phase2":
        execute(url, COMMENTS)
    changes = changes_of(tag)
    done = 0
    for change in share(changes, 10):
        at = changes.index(change)
        run_scripts(url, (f"deploy/{each}" for each in changes[done:at]))
        schema = _schema(url)
        run_scripts(url, [f"deploy/{change}"])
        done = at + 1
        deployed = _schema(url)
        psql_file(url, f"revert/{change}.sql")
        # The triggers of the catch-up go for good when the reconcile is over.
        assert _schema(url) == (deployed if change == "mirror/reconcile_profiles" else schema), (
            change
        )
        run_scripts(url, [f"deploy/{change}"])
        assert _schema(url) == deployed, change


def test_one_shop_leaves_no_archive(legacy_database: str) -> None:
    execute(
        legacy_database,
        """
        INSERT INTO public.customers (id, phone, average_spend_cents, no_show_count)
        VALUES (1, '+15550000001', 500, 2);
        INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
        VALUES (1, 3, 1500);
        """,
    )
    before = pg_dump_schema(legacy_database), pg_dump_data(legacy_database, "public")
    move_to(legacy_database, "@phase1")
    move_to(legacy_database, None)
    execute(legacy_database, "DROP SCHEMA sqitch CASCADE")
    assert (pg_dump_schema(legacy_database), pg_dump_data(legacy_database, "public")) == before


def test_what_was_put_aside_comes_back(phase1_database: str) -> None:
    url = phase1_database
    with psycopg.connect(url, autocommit=True) as connection:
        # The busiest customers with profiles at several shops.
        written, moved, cancelled, deleted, booked = (
            row[0]
            for row in connection.execute(
                """
                SELECT p.customer_id FROM public.customer_shop_profiles AS p
                JOIN public.customers AS c ON c.id = p.customer_id
                WHERE p.shop_id <> 1 AND p.total_bookings > 1
                    AND NOT EXISTS (
                        SELECT FROM public.customers AS o WHERE o.phone = c.phone AND o.id <> c.id
                    )
                GROUP BY p.customer_id
                HAVING count(*) > 1
                ORDER BY p.customer_id
                LIMIT 5
                """
            )
        )
        # New code moved a booking from shop to shop: the legacy side cannot tell.
        for shops, step in (((1,), 1), ((2, 3, 4), -1)):
            connection.execute(
                """
                UPDATE public.customer_shop_profiles
                SET total_bookings = total_bookings + %(step)s, updated_at = clock_timestamp()
                WHERE id = (
                    SELECT id FROM public.customer_shop_profiles
                    WHERE customer_id = %(customer)s AND shop_id = ANY (%(shops)s)
                    ORDER BY total_bookings DESC LIMIT 1
                )
                """,
                {"step": step, "customer": written, "shops": list(shops)},
            )
        profiles = "SELECT * FROM public.customer_shop_profiles WHERE customer_id = %s ORDER BY id"
        expected = {
            customer: connection.execute(profiles, (customer,)).fetchall()
            for customer in (written, cancelled)
        }

        move_to(url, None)

        # The evidence of a split goes, a customer goes, one books, a preferred stylist moves.
        connection.execute(
            """
            DELETE FROM public.bookings AS b USING public.customers AS c
            WHERE c.id = %s AND (b.customer_phone = c.phone OR b.customer_email = c.email)
            """,
            (cancelled,),
        )
        for table in (
            "customer_booking_stats",
            "customer_stylist_preferences",
            "customer_service_preferences",
        ):
            connection.execute(f"DELETE FROM public.{table} WHERE customer_id = %s", (deleted,))
        connection.execute("DELETE FROM public.customers WHERE id = %s", (deleted,))
        left = connection.execute(
            "SELECT count(*) FROM tenancy_archive.customer_shop_profiles WHERE customer_id = %s",
            (deleted,),
        ).fetchone()
        assert left == (0,)
        connection.execute(
            """
            UPDATE public.customer_booking_stats
            SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 500
            WHERE customer_id = %s
            """,
            (booked,),
        )
        connection.execute(
            """
            UPDATE public.stylists SET shop_id = shop_id %% 4 + 1, name = name || ' moved'
            WHERE id = (SELECT preferred_stylist_id FROM public.customers WHERE id = %s)
            """,
            (moved,),
        )

        move_to(url, "@phase1")
        verify(url)

        for customer, rows in expected.items():
            assert connection.execute(profiles, (customer,)).fetchall() == rows
        assert connection.execute(profiles, (deleted,)).fetchall() == []
        drift = connection.execute("SELECT * FROM tenancy.drift").fetchall()
        assert [row for row in drift if row[1] not in (written, cancelled)] == []
        foreign = connection.execute(
            """
            SELECT count(*) FROM public.customer_shop_profiles AS p
            JOIN public.stylists AS s ON s.id = p.preferred_stylist_id
            WHERE s.shop_id <> p.shop_id
            """
        ).fetchone()
        assert foreign == (0,)


def test_revert_of_a_deploy_that_stopped_half_way(recorded_database: str) -> None:
    url = recorded_database
    legacy = pg_dump_schema(url), pg_dump_data(url, "public")
    move_to(url, "profiles/run_backfill")
    execute(url, "SELECT tenancy.prepare_backfill()", "SELECT tenancy.backfill_step(100)")
    move_to(url, None)
    execute(url, "DROP SCHEMA sqitch CASCADE")
    assert (pg_dump_schema(url), pg_dump_data(url, "public")) == legacy


def test_each_script_twice(
    recorded_database: str, phase1_database: str, phase2_database: str, phase3_database: str
) -> None:
    """Sqitch killed between a script's end and its registration runs the script again.

    At each tag, the schema is as if each had run once.
    """
    url = recorded_database
    once = dict(zip(TAGS, (phase1_database, phase2_database, phase3_database), strict=True))
    execute(url, COMMENTS)
    before = pg_dump_schema(url, "public"), legacy_history(url)
    for tag in TAGS:
        twice = ("deploy", "deploy", "verify")
        run_scripts(url, (f"{tree}/{change}" for change in changes_of(tag) for tree in twice))
        assert without_comments(_schema(url)) == without_comments(_schema(once[tag])), tag
    assert "Counted by hand" not in _schema(url)
    for tag in reversed(TAGS):
        assert without_comments(_schema(url)) == without_comments(_schema(once[tag])), tag
        back = [*reversed(changes_of(tag))]
        run_scripts(url, (f"revert/{change}" for change in back for _ in range(2)))
    assert (pg_dump_schema(url, "public"), legacy_history(url)) == before


def without_comments(schema: str) -> str:
    """Less what COMMENTS says, and what a revert of phase 1 put aside."""
    legacy = r"TABLE public.customer_booking_stats|COLUMN public.customers.no_show_count"
    return re.sub(rf"^COMMENT ON ({legacy}) IS .*\n", "", schema, flags=re.MULTILINE)
