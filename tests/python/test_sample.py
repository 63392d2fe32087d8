"""The history made by rules: the same each time, with all that the backfill must cope with."""

from __future__ import annotations

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import pg_dump_data, pg_dump_schema, psql, psql_file

CUSTOMERS = 1000


def _sample(cluster: Cluster, name: str) -> str:
    url = cluster.create_database(name)
    psql_file(url, "tests/legacy/schema.sql")
    psql_file(url, "tests/legacy/sample.sql", "-v", f"customers={CUSTOMERS}")
    return url


def test_it_is_deterministic_and_leaves_the_schema_alone(cluster: Cluster) -> None:
    names = ("sample_once", "sample_again")
    try:
        once, again = (_sample(cluster, name) for name in names)
        assert pg_dump_data(once) == pg_dump_data(again)
        bare = cluster.create_database("sample_bare")
        psql_file(bare, "tests/legacy/schema.sql")
        assert pg_dump_schema(once) == pg_dump_schema(bare)
    finally:
        for name in (*names, "sample_bare"):
            cluster.drop_database(name)


def test_it_has_the_oddities_and_phase_1_copes(cluster: Cluster) -> None:
    try:
        url = _sample(cluster, "sample_odd")
        move_to(url, "@phase1")
        with psycopg.connect(url) as connection:
            for question in (
                "SELECT count(*) FROM customers WHERE email IS NULL",
                "SELECT count(*) FROM customers WHERE phone IS NULL",
                "SELECT count(*) - count(DISTINCT phone) FROM customers WHERE phone IS NOT NULL",
                "SELECT count(*) FROM customers WHERE no_show_count > 0",
                """
                SELECT count(*) FROM customers AS c
                WHERE NOT EXISTS (
                    SELECT FROM customer_booking_stats AS s WHERE s.customer_id = c.id
                )
                """,
                "SELECT count(*) FROM bookings WHERE status = 'HOLD'",
                "SELECT count(*) FROM bookings WHERE appointment_status = 'NO_SHOW'",
            ):
                row = connection.execute(question).fetchone()
                assert row is not None
                assert row[0] > 0, question
            shops = connection.execute(
                """
                SELECT n, count(*) FROM (
                    SELECT count(DISTINCT b.shop_id) AS n FROM customers AS c
                    CROSS JOIN LATERAL tenancy.bookings_of(c.id) AS b
                    WHERE b.status = 'CONFIRMED' GROUP BY c.id
                ) AS per_customer GROUP BY n
                """
            ).fetchall()
            several = sum(count for n, count in shops if n > 1)
            assert {n for n, _ in shops} >= {1, 2, 3}
            assert several / CUSTOMERS == pytest.approx(0.4, abs=0.05)
            assert connection.execute("SELECT * FROM tenancy.drift").fetchall() == []
    finally:
        cluster.drop_database("sample_odd")


def test_it_refuses_a_database_with_customers(recorded_database: str) -> None:
    before = pg_dump_data(recorded_database)
    refused = psql(recorded_database, "-f", "tests/legacy/sample.sql", check=False)
    assert refused.returncode != 0
    assert len([line for line in refused.stderr.splitlines() if "ERROR" in line]) == 1
    assert pg_dump_data(recorded_database) == before
