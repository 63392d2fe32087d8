"""DATABASE_URL as libpq or SQLAlchemy has it, libpq's own variables, and hostile names in them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from convo_tenancy.conninfo import libpq_uri
from convo_tenancy.database import connect
from convo_tenancy.errors import Problem
from support.cluster import Cluster
from support.command_line import call, refusal
from support.commands import psql, run, sqitch, value

NAME = "d'b\" %41/?#@\x1b é"
ROLE = "r'ole\" %41:/?#@\x1b é"
WORD = "p'ass\" %41:/?#@\x1b\\é"


def _quoted(text: str) -> str:
    return quote(text, safe="")


# --- SQLAlchemy's


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://u:p%40s%2Fs%25%3A@h:5433/d",
        "postgresql+psycopg://u:pa/ss:wo rd@h/d",
        "postgresql+psycopg2://h/d",
        "postgresql+psycopg_async://u@h:1/d",
        "postgres+asyncpg://u@[::1]:5433/d",
        "postgresql+asyncpg:///d",
        "postgresql+asyncpg://",
        "postgresql+asyncpg://u@h/d%41 b#c",
        f"postgresql+asyncpg://{_quoted(ROLE)}:{_quoted(WORD)}@h/d",
    ],
)
def test_the_same_database_as_for_sqlalchemy(url: str) -> None:
    meant = make_url(url)
    read = conninfo_to_dict(libpq_uri(url))
    names = ("user", "password", "host", "port", "dbname")
    given = (meant.username, meant.password, meant.host, meant.port, meant.database or None)
    assert [read.get(name) for name in names] == [
        None if each is None else str(each) for each in given
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ssl=verify-full&sslrootcert=/a%20b", {"sslmode": "verify-full", "sslrootcert": "/a b"}),
        ("sslmode=require&prepared_statement_cache_size=0", {"sslmode": "require"}),
        ("async_fallback=True&command_timeout=5&application_name=a+b", {"application_name": "a b"}),
        ("host=/run/postgresql&port=5433", {"host": "/run/postgresql", "port": "5433"}),
        ("host=one:5432&host=two:5433", {"host": "one,two", "port": "5432,5433"}),
        ("host=one&host=two", {"host": "one,two"}),
        ("options=-c%20jit%3Doff", {"options": "-c jit=off"}),
    ],
)
def test_arguments_of_drivers(query: str, expected: dict[str, Any]) -> None:
    read = conninfo_to_dict(libpq_uri(f"postgresql+asyncpg://u@/d?{query}"))
    assert read == {"user": "u", "dbname": "d", **expected}


def test_sqlalchemys_url_in_a_command(phase1_database: str) -> None:
    url = phase1_database.replace("postgresql:", "postgresql+asyncpg:") + "&ssl=prefer"
    assert call(url, "backfill", "status").returncode == 0
    assert call("", "health", "--database-url", url).returncode == 0


# --- libpq's


def test_a_libpq_uri_comes_back_unchanged() -> None:
    for url in ("postgresql://", "postgres://u:p%40@h,i:1,2/d?a=b@c", "postgresql:///?service=x"):
        assert libpq_uri(url) == url


@pytest.mark.parametrize(
    "env",
    [
        {"PGSERVICE": "here", "PGSERVICEFILE": "{folder}/services"},
        {"DATABASE_URL": "postgresql:///?service=here", "PGSERVICEFILE": "{folder}/services"},
        {"PGHOST": "{host}", "PGUSER": "postgres", "PGDATABASE": "{name}"},
        {"PGHOST": "{host}", "PGUSER": "postgres", "DATABASE_URL": "postgresql:///{name}"},
    ],
)
def test_libpqs_own_variables(
    cluster: Cluster, phase1_database: str, tmp_path: Path, env: dict[str, str]
) -> None:
    name = str(conninfo_to_dict(phase1_database)["dbname"])
    (tmp_path / "services").write_text(
        f"[here]\nhost={cluster.directory}\nuser=postgres\ndbname={name}\n"
    )
    own = {
        key: text.format(folder=tmp_path, host=cluster.directory, name=name)
        for key, text in env.items()
    }
    done = call("", "health", "--format", "json", env=own)
    assert json.loads(done.stdout)["checks"][0]["value"] == name


def test_variables_that_lead_nowhere(tmp_path: Path) -> None:
    """Which of them is named, in one line."""
    nobody = {"PGSERVICEFILE": str(tmp_path / "none")}
    for env, words in (
        ({"PGUSER": "postgres"}, "which database? Set DATABASE_URL, or pass --database-url"),
        ({"PGSERVICE": "x", **nobody}, 'service file "'),
        ({"PGHOST": "/nonexistent"}, "(check the PG... variables)"),
    ):
        done = call("", "gate", env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr


# --- What would be misread, and shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:sec@ret@host/db", "in a password write @ as %40"),
        ("postgresql://u:12/sec@ret/db", "in a password write @ as %40"),
        ("postgresql://u:sec%zzret@host/db", "% as %25"),
        ("postgresql+asyncpg://u:sec@ret@host/db", "in a password write @ as %40"),
        ("postgresql://u:secret%FF@host/db", "bytes that are not UTF-8"),
        (
            "postgresql://u:secret@h/d?ssl=require",
            "libpq does not know, ssl; for ssl write sslmode",
        ),
        ("postgresql+asyncpg://u:secret@h/d?wrong=1", "libpq does not know, wrong"),
        ("postgresql+asyncpg://u:secret@/d?host=/nonexistent&ssl=true", 'sslmode value: "true"'),
        ("mysql+asyncmy://u:secret@h/d", "is not a URI like postgresql://"),
        ("db:postgresql://u:secret@h/d", "is not a URI like postgresql://"),
    ],
)
def test_no_password_is_shown(url: str, words: str) -> None:
    with pytest.raises(Problem) as raised:
        connect(url, "test")
    assert words in str(raised.value)
    assert "sec" not in str(raised.value)
    assert "ret" not in str(raised.value).replace("secret", "")


@pytest.fixture
def hostile(cluster: Cluster) -> Iterator[str]:
    """URL of a database with a hostile name, for a role with a hostile name and password."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for statement in (
            "CREATE ROLE {role} SUPERUSER LOGIN PASSWORD {word}",
            "CREATE DATABASE {name} TEMPLATE template0",
        ):
            connection.execute(
                psycopg.sql.SQL(statement).format(
                    role=psycopg.sql.Identifier(ROLE),
                    word=WORD,
                    name=psycopg.sql.Identifier(NAME),
                )
            )
        server = f"?host={cluster.directory}&port=5432"
        who = f"{_quoted(ROLE)}:{_quoted(WORD)}"
        yield f"postgresql://{who}@/{_quoted(NAME)}{server}"
        for kind, name in (("DATABASE", NAME), ("ROLE", ROLE)):
            connection.execute(
                psycopg.sql.SQL(f"DROP {kind} {{}}").format(psycopg.sql.Identifier(name))
            )


def test_hostile_names(hostile: str) -> None:
    """In the command line and in the scripts; a terminal is shown a ? for what it would obey."""
    line = refusal(hostile, "backfill")
    assert f'database "{NAME}" does not have'.replace("\x1b", "?") in line
    found = json.loads(call(hostile, "health", "--format", "json").stdout)["checks"][0]
    assert found["value"] == NAME
    words = ("-Atc", "SELECT current_database() || current_user")
    shown = run("scripts/psql.sh", *words, env={"DATABASE_URL": hostile})
    assert shown.stdout == f"{NAME}{ROLE}\n"


# --- Scripts and Sqitch


def test_the_scripts_read_sqlalchemys_url(phase1_database: str) -> None:
    """And hand on what psql and Sqitch read; the password goes where libpq looks."""
    url = phase1_database.replace("postgresql://postgres@", "postgresql+asyncpg://postgres:p%40@")
    done = run(
        "bash",
        "-c",
        'source scripts/environment.sh && query "SELECT 1" && echo "$DATABASE_URL $PGPASSWORD"',
        env={"DATABASE_URL": f"{url}&ssl=prefer&prepared_statement_cache_size=0"},
    )
    assert done.stdout == f"1\n{phase1_database}&sslmode=prefer p@\n"


def test_what_to_give_sqitch(legacy_database: str, tmp_path: Path) -> None:
    """As docs/phase-1.md says, of SQLAlchemy's URL; and a service."""
    command = (sys.executable, "-m", "convo_tenancy.conninfo")
    url = legacy_database.replace("postgresql:", "postgresql+asyncpg:")
    printed = run(*command, env={"DATABASE_URL": url}).stdout.strip()
    sqitch(printed, "deploy", "--to", "support/begin")
    refused = run(*command, env={"DATABASE_URL": "postgresql://u:1/secret@h/d"}, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("DATABASE_URL is not a URI like postgresql://")
    assert "secret" not in refused.stderr

    given = conninfo_to_dict(legacy_database)
    lines = "".join(f"{name}={given[name]}\n" for name in ("host", "port", "user", "dbname"))
    (tmp_path / "services").write_text(f"[here]\n{lines}")
    env = {"PGSERVICEFILE": str(tmp_path / "services")}
    sqitch("postgresql:///?service=here", "revert", "-y", env=env)
    assert value(legacy_database, "SELECT to_regnamespace('tenancy') IS NULL") == "t"
    psql("postgresql:///?service=here", "-c", "SELECT 1", env=env)
