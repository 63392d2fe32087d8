"""The commands under test, as a person would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import psycopg

from .cluster import ROOT

Completed = subprocess.CompletedProcess[str]

# Whoever runs the tests, their own settings decide nothing: not Sqitch's, nor PG* and PYTHON*.
_FIXED = {
    "LC_ALL": "C.UTF-8",
    "SQITCH_FULLNAME": "Test Runner",
    "SQITCH_EMAIL": "tests@example.test",
    "SQITCH_USER_CONFIG": "/nonexistent/sqitch.conf",
    "SQITCH_SYSTEM_CONFIG": "/nonexistent/sqitch.conf",
}

# The commands as they are installed: what kills one, or runs it as somebody else, takes these.
SQITCH = str(shutil.which("sqitch"))
CONVO_TENANCY = str(ROOT / ".venv/bin/convo-tenancy")

# What each worker adds (conftest), so that their bare names mean those that are loaded already.
LOADED: dict[str, str] = {}


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Without PG*, PYTHON* and DATABASE_URL, plus `extra`; None takes a variable away."""
    result = {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith(("PG", "PYTHON")) and name != "PG_BINDIR")
        and name != "DATABASE_URL"
    }
    result |= _FIXED | LOADED
    for name, value in (extra or {}).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def run(
    *command: str | Path,
    check: bool = True,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float | None = None,
) -> Completed:
    """Run a command in the repository; with check, a failure raises with what it said."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=cwd or ROOT,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        words = " ".join(map(str, command))
        raise AssertionError(
            f"exit {done.returncode}: {words}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        )
    return done


def _sqitch_command(sqitch: str, url: str, args: tuple[str, ...]) -> list[str]:
    command, *rest = args
    # The verify scripts have tests of their own; "--verify" runs them in a deploy, too.
    if command == "deploy" and not {"--verify", "--log-only"} & {*rest}:
        rest.append("--no-verify")
    return [sqitch, command, "--target", f"db:{url}", *rest]


def sqitch(
    url: str,
    *args: str,
    check: bool = True,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
) -> Completed:
    """`sqitch(url, "deploy", "--to", "@phase1")`; a revert needs "-y"."""
    return run(*_sqitch_command("sqitch", url, args), check=check, env=env, cwd=cwd)


def start_sqitch(
    url: str,
    *args: str,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[str]:
    """Sqitch in the background, stderr within stdout, leader of a process group of its own.

    To kill it together with its psql: `os.killpg(process.pid, signal.SIGKILL)`.
    """
    return subprocess.Popen(
        _sqitch_command(SQITCH, url, args),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(env),
        cwd=cwd or ROOT,
        start_new_session=True,
    )


def psql(
    url: str,
    *args: str,
    check: bool = True,
    stdin: str = "",
    env: Mapping[str, str | None] | None = None,
) -> Completed:
    """psql that stops at the first error: `psql(url, "-Atc", "SELECT 1").stdout`."""
    return run(
        "psql",
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        url,
        *args,
        check=check,
        stdin=stdin,
        env=env,
    )


def execute(url: str, *statements: str) -> None:
    """Each statement as `psql -c` does, in one session; psycopg.Error if one fails."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def value(url: str, statement: str) -> str:
    """The value that the last statement returns, as psql -At prints it; columns divided by |."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        while cursor.nextset():
            pass
        result = cursor.pgresult
        assert result
        rows = (
            "|".join(
                (result.get_value(row, column) or b"").decode() for column in range(result.nfields)
            )
            for row in range(result.ntuples)
        )
        return "\n".join(rows).strip()


def psql_file(
    url: str,
    path: str | Path,
    *args: str,
    check: bool = True,
    env: Mapping[str, str | None] | None = None,
) -> Completed:
    """psql runs a file of the repository."""
    return psql(url, *args, "-f", str(ROOT / path), check=check, env=env)


def convo_tenancy(
    url: str,
    *args: str,
    check: bool = False,
    env: Mapping[str, str | None] | None = None,
    timeout: float | None = 120,
) -> Completed:
    """The console script with DATABASE_URL set; its exit codes are a part of what is tested."""
    return run(
        "convo-tenancy",
        *args,
        check=check,
        env={"DATABASE_URL": url, **(env or {})},
        timeout=timeout,
    )


def start_convo_tenancy(
    url: str, *args: str, env: Mapping[str, str | None] | None = None
) -> subprocess.Popen[str]:
    """The console script in the background, like start_sqitch."""
    return subprocess.Popen(
        [CONVO_TENANCY, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment({"DATABASE_URL": url, **(env or {})}),
        cwd=ROOT,
        start_new_session=True,
    )


_NOISE = ("--", "SET ", "SELECT pg_catalog.set_config(", "\\restrict ", "\\unrestrict ", "\n")


def _lines(dump: str) -> Iterator[str]:
    """Of a dump, without those that say nothing of what is in it."""
    return (line for line in dump.splitlines(keepends=True) if not line.startswith(_NOISE))


_TABLE = re.compile(r"^(CREATE TABLE [^\n]* \(\n)(.*?)(\n\)[^;]*;)$", re.MULTILINE | re.DOTALL)


def _sort_columns(table: re.Match[str]) -> str:
    columns = sorted(line.rstrip(",") for line in table[2].split("\n"))
    return table[1] + ",\n".join(columns) + table[3]


# What is said of columns: rights, comments and settings. One that came back stands last.
_OF_COLUMNS = re.compile(
    r"(?:^(?:GRANT [A-Z]+\(|COMMENT ON COLUMN |ALTER TABLE ONLY \S+ ALTER COLUMN )[^\n]*\n)+",
    re.MULTILINE,
)

# A pg_dump before PostgreSQL 17 calls all that has rows a table here.
_OWNER = re.compile(r"^ALTER (?:SEQUENCE|VIEW) (\S+ OWNER TO )", re.MULTILINE)


def pg_dump_schema(url: str, *schemas: str) -> str:
    """`pg_dump -s` of these schemas (of all, if none is named), less what differs each time.

    The columns of a table are sorted, and what is said of them.
    """
    chosen = [f"--schema={schema}" for schema in schemas]
    dump = run("pg_dump", "--schema-only", *chosen, "-d", url).stdout
    tables = _TABLE.sub(_sort_columns, "".join(_lines(dump)))
    columns = _OF_COLUMNS.sub(lambda said: "".join(sorted(said[0].splitlines(True))), tables)
    return _OWNER.sub(r"ALTER TABLE \1", columns)


_MOMENT = re.compile(r"\t20[\d-]+ [\d:.]+\+00\t")


def pg_dump_data(url: str, *schemas: str) -> str:
    """`pg_dump -a` of these schemas, less what differs each time.

    The rows of a table are sorted: one that was written again stands elsewhere.
    """
    chosen = [f"--schema={schema}" for schema in schemas]
    dump = run("pg_dump", "--data-only", *chosen, "-d", url).stdout
    sorted_lines: list[str] = []
    lines = _lines(dump)
    for line in lines:
        sorted_lines.append(line)
        if line.startswith("COPY "):
            rows = [*takewhile(lambda row: row != "\\.\n", lines)]
            if line.startswith("COPY tenancy.changes "):  # when a change was deployed differs
                rows = [_MOMENT.sub("\t(then)\t", row) for row in rows]
            sorted_lines += sorted(rows)
    return "".join(sorted_lines)
