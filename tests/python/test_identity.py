"""Who a customer is: as the legacy code has it, in every locale and encoding."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import execute, psql, psql_file, sqitch, value
from support.server import need_icu

SEED = 16
LOCALES = {
    "UTF8, Turkish": "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'",
    "UTF8, C": "ENCODING 'UTF8' LOCALE 'C'",
    "LATIN1, Turkish": "ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'",
    "LATIN1, C": "ENCODING 'LATIN1' LOCALE 'C'",
    "WIN1252, C": "ENCODING 'WIN1252' LOCALE 'C'",
}


def legacy_email(text: str) -> str | None:
    """What the legacy application stores of an email."""
    return text.strip().lower() if "@" in text else None


def legacy_phone(text: str) -> str | None:
    """What it stores of a phone."""
    digits = re.sub(r"[^0-9]", "", text)
    if "+" in text or len(digits) > 10:
        return f"+{digits}" if digits else None
    return f"+1{digits}" if len(digits) == 10 else None


def odd_texts(encoding: str) -> list[str]:
    """Each letter that has a lower case, each space, and thousands of mixtures."""
    everything = [chr(code) for code in range(1, sys.maxunicode) if not 0xD800 <= code < 0xE000]
    odd = [each for each in everything if each.isspace() or each.lower() != each]
    odd += [
        "\u200b",
        "\ufeff",
        "\u180e",
        "\u00df",
        "\u0301",
        "\u03c3",
        "\u03c2",
        "\u00ad",
        "\U0001f600",
    ]
    odd = [each for each in odd if each.encode(encoding, "ignore")]
    usual = [*"abz@@+.- \t\n0123456789AI\u03a3\u0130\u0131\u00c9\u00df'\u0301"]
    usual = [each for each in usual if each.encode(encoding, "ignore")]
    print(f"seed {SEED}")
    dice = random.Random(SEED)  # noqa: S311
    mixed = [
        "".join(
            dice.choice(odd if dice.random() < 0.3 else usual) for _ in range(dice.randrange(14))
        )
        for _ in range(10_000)
    ]
    framed = [f"{each}A{each}@{each}b{each}" for each in odd]
    return [*mixed, *framed, "", "@", " @ ", "noat", "123", "a" * 300 + "@"]


@pytest.fixture(params=LOCALES)
def database(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """URL and encoding of one with the two functions alone, as the script has them."""
    need_icu(cluster)
    made = LOCALES[request.param]
    execute(cluster.url(), f"CREATE DATABASE identity TEMPLATE template0 {made}")
    script = (ROOT / "deploy/api/customer_identity.sql").read_text()
    functions = re.findall(
        r"CREATE OR REPLACE FUNCTION tenancy\.normalized_\w+.*?;\n", script, re.DOTALL
    )
    assert len(functions) == 2
    url = cluster.url("identity")
    try:
        known = "".join(functions).replace(':"letters"', '"und-x-icu"')
        execute(url, "CREATE SCHEMA tenancy", known)
        yield url, request.param.split(",")[0]
    finally:
        cluster.drop_database("identity")


def test_normalised_as_the_legacy_code_does(database: tuple[str, str]) -> None:
    url, encoding = database
    texts = odd_texts({"UTF8": "utf-8", "LATIN1": "latin-1", "WIN1252": "cp1252"}[encoding])
    with psycopg.connect(url, client_encoding="utf8") as connection:
        rows = connection.execute(
            """
            SELECT t.given, tenancy.normalized_email(t.given), tenancy.normalized_phone(t.given)
            FROM unnest(%s::text[]) WITH ORDINALITY AS t (given, position)
            ORDER BY t.position
            """,
            (texts,),
        ).fetchall()
    assert len(rows) == len(texts)
    wrong = [row for row in rows if row[1:] != (legacy_email(row[0]), legacy_phone(row[0]))]
    assert wrong == []


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "EUC_JIS_2004"])
def test_where_nobody_knows_other_letters(cluster: Cluster, encoding: str) -> None:
    """It is said before the first change; A to Z have a lower case."""
    made = f"CREATE DATABASE letters TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
    execute(cluster.url(), made)
    url = cluster.url("letters")
    try:
        psql_file(url, "tests/legacy/schema.sql")
        psql_file(url, "tests/legacy/sample.sql", "-v", "customers=5")
        said = sqitch(url, "deploy", "--to", "support/preconditions").stderr
        assert f'collation "und-x-icu" does not exist for encoding {encoding}, so only A' in said
        move_to(url, "@phase2")
        calls = ("INFO@Example.Test", " info@example.test ")
        found = {
            value(url, f"SELECT tenancy.get_or_create_customer('{call}', NULL, NULL)")
            for call in calls
        }
        assert len(found) == 1
    finally:
        cluster.drop_database("letters")


def test_one_customer_however_it_is_written(phase2_database: str) -> None:
    """JOSE with an accent, on a server whose locale is C."""
    calls = (
        " JOS\u00c9@Example.Test ",
        "jos\u00e9@example.test",
        "\u3000Jos\u00e9@example.test\u2003",
    )
    ids = {
        value(phase2_database, f"SELECT tenancy.get_or_create_customer('{each}', NULL, NULL)")
        for each in calls
    }
    assert len(ids) == 1
    found = "SELECT customer_id FROM tenancy.customer_by_email('JOS\u00c9@EXAMPLE.TEST')"
    assert {value(phase2_database, found)} == ids


def test_a_lookup_by_email_uses_the_index(phase2_database: str) -> None:
    query = (
        "SELECT id FROM public.customers WHERE email = tenancy.normalized_email('ANN@example.test')"
    )
    plan = psql(
        phase2_database, "-At", "-c", "SET enable_seqscan = off", "-c", f"EXPLAIN {query}"
    ).stdout
    assert "Index Cond: ((email)::text = 'ann@example.test'::text)" in plan


def test_no_case_by_the_locale_of_the_database() -> None:
    """Whatever changes or ignores case says by which collation."""
    by_case = re.compile(r"\b(?:lower|upper|initcap)\(|~\*|\bILIKE\b|\(\?i\)")
    for script in [*ROOT.glob("deploy/**/*.sql"), *ROOT.glob("python/**/*.sql")]:
        lines = [re.sub(r"--.*", "", line) for line in script.read_text().splitlines()]
        for number, line in enumerate(lines):
            if by_case.search(line) and not line.startswith("'"):
                near = " ".join(lines[max(0, number - 3) : number + 3])
                assert "COLLATE pg_catalog." in near, f"{script}:{number + 1}: {line.strip()}"
