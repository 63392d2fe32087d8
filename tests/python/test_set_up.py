"""`make up` on a database that DATABASE_URL names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import ROOT, Cluster
from support.commands import Completed, execute, pg_dump_data, pg_dump_schema, run, value
from support.isolation import OWNER
from support.noting import Noting


def _up(url: str, *, check: bool = True, env: dict[str, str] | None = None) -> Completed:
    return run(ROOT / "scripts/up.sh", env={"DATABASE_URL": url} | (env or {}), check=check)


def _refusal(url: str) -> str:
    refused = _up(url, check=False)
    assert refused.returncode == 1
    lines = refused.stderr.splitlines()
    assert len(lines) == 1, refused.stderr
    return lines[0]


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """A database without a table."""
    yield cluster.create_database("set_up")
    cluster.drop_database("set_up")


def test_an_empty_database_is_filled_once(empty_database: str, tmp_path: Path) -> None:
    """And nobody on the machine sees its password."""
    noting = Noting(tmp_path)
    first = _up(empty_database, env=noting.env(empty_database))
    noting.check()
    assert "Loading the recorded legacy database" in first.stdout
    assert "health: ok, phase @phase2" in first.stdout
    assert re.search("^ok +isolation +on +members of convo_shop see", first.stdout, re.MULTILINE)
    assert first.stdout.splitlines()[-1] == "In the way    nothing"
    tables = "FROM pg_tables WHERE schemaname IN ('public', 'tenancy')"
    assert value(empty_database, f"SELECT DISTINCT tableowner {tables}") == OWNER
    before = pg_dump_schema(empty_database, "public"), pg_dump_data(empty_database, "public")

    second = _up(empty_database)
    assert "is loaded already" in second.stdout
    after = pg_dump_schema(empty_database, "public"), pg_dump_data(empty_database, "public")
    assert after == before


def test_customers_that_it_did_not_load_are_left_alone(legacy_database: str) -> None:
    execute(
        legacy_database,
        """
        INSERT INTO public.customers (phone, average_spend_cents, no_show_count)
        VALUES ('+15550000001', 0, 0)
        """,
    )
    before = pg_dump_schema(legacy_database), pg_dump_data(legacy_database)
    assert "customers" in _refusal(legacy_database)
    assert (pg_dump_schema(legacy_database), pg_dump_data(legacy_database)) == before


def test_somebody_elses_tables_are_left_alone(empty_database: str) -> None:
    execute(empty_database, "CREATE TABLE public.invoices (id integer)")
    before = pg_dump_schema(empty_database)
    assert _refusal(empty_database)
    assert pg_dump_schema(empty_database) == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://postgres@/x?host=/nonexistent&port=5432", "No such file"),
        ("mysql://root@localhost/x", "DATABASE_URL is not a URI like postgresql://"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, words: str) -> None:
    assert words in _refusal(url)


def test_an_empty_folder_of_pgtap_tests_is_no_success(cluster: Cluster, tmp_path: Path) -> None:
    done = run(
        "bash",
        "-c",
        'source scripts/environment.sh && cd "$ROOT" && prove "$0"',
        tmp_path,
        env={"DATABASE_URL": cluster.url()},
        check=False,
    )
    assert done.returncode == 1
    assert "no pgTAP tests" in done.stderr
