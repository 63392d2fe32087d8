"""What the documentation shows is there: snippets, commands, changes, names, messages, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer

from convo_tenancy.cli import app
from support.cluster import ROOT, Cluster
from support.commands import psql, run, value

# The ADR is older than all of it.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - {ROOT / "docs/adr-0001.md"})
PHASE_2 = ROOT / "docs/phase-2.md"
PHASE_3 = ROOT / "docs/phase-3.md"
ISOLATION = ROOT / "docs/isolation.md"
ARCHITECTURE = ROOT / "docs/architecture.md"

PHASES = ("expand", "migrate", "contract")

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r"<!-- from (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("pg_stat_statements", "monitor")  # an extension and a role that are not everywhere

each_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


def shown(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page, with their language."""
    return [(match[2], dedent(match[3])) for match in FENCE.finditer(page.read_text())]


def commands(page: Path, name: str) -> Iterator[list[str]]:
    """Each command of that name that a page shows, without its comment."""
    text = page.read_text()
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in [*inline, *(line for _, block in shown(page) for line in block.splitlines())]:
        if (
            re.match(rf"{name} [a-z-]+( |$)", line.strip())
            and "…" not in line
            and "..." not in line
        ):
            yield shlex.split(line.strip(), comments=True)[1:]


def plan(phase: str) -> list[str]:
    """The changes of a phase, without its name."""
    return re.findall(rf"^{phase}/(\w+) ", (ROOT / "sqitch.plan").read_text(), re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    level = heading.split()[0]
    _, found, rest = page.read_text().partition(f"\n{heading}\n")
    assert found, f"{page.name} has no {heading}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str) -> list[list[str]]:
    """The rows of all tables, each a list of cells."""
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]


def quoted(text: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`]+)`", text)


def test_snippets_are_from_files_that_run() -> None:
    snippets = SNIPPET.findall(PHASE_2.read_text())
    python = [block for language, block in shown(PHASE_2) if language == "python"]
    assert [block for _, block in snippets] == python, "each has a line that says where it is from"
    for name, block in snippets:
        lines, size = (ROOT / name).read_text().splitlines(keepends=True), len(block.splitlines())
        parts = (dedent("".join(lines[start : start + size])) for start in range(len(lines)))
        assert block in parts, f"not in {name}:\n{block}"


@each_page
def test_make_targets(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page, "make"):
        assert words[0] in targets


@each_page
def test_sqitch_targets(page: Path) -> None:
    text = (ROOT / "sqitch.plan").read_text()
    known = {*re.findall(r"^(@\w+|\w+/\w+) ", text, re.MULTILINE), "@ROOT"}
    for words in commands(page, "sqitch"):
        if "--to" in words:
            assert words[words.index("--to") + 1] in known


@each_page
def test_options(page: Path) -> None:
    for words in commands(page, "convo-tenancy"):
        command: Any = typer.main.get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {"--help", *(name for parameter in command.params for name in parameter.opts)}
        assert {word for word in words if word.startswith("-")} <= known, words
        assert not words or words[0].startswith("-"), words


@pytest.mark.parametrize("phase", PHASES)
def test_changes(phase: str) -> None:
    """The tables of changes have each of them, and in the order of the plan."""
    heading = f"## The changes of phase {1 + PHASES.index(phase)}"
    listed = [quoted(row[0])[0] for row in cells(section(ARCHITECTURE, heading))[1:]]
    assert listed == [f"{phase}/{name}" for name in plan(phase)]


@pytest.mark.parametrize(
    ("page", "heading", "phase"),
    [
        ("phase-1.md", "## Locks", "expand"),
        ("phase-2.md", "### Locks", "migrate"),
        ("phase-3.md", "## Locks", "contract"),
    ],
)
def test_locks(page: str, heading: str, phase: str) -> None:
    """Each change says what it locks when it is deployed."""
    deploy, _ = section(ROOT / "docs" / page, heading).split("\nRevert")
    listed = [name for row in cells(deploy)[1:] for name in quoted(row[0])]
    assert sorted(listed) == sorted(plan(phase))


def test_names_of_the_database(phase2_database: str, phase3_database: str) -> None:
    """What is called tenancy.something is something there: an object, or a setting."""
    names = """
        SELECT relname FROM pg_class WHERE relnamespace = 'tenancy'::regnamespace
        UNION SELECT proname FROM pg_proc WHERE pronamespace = 'tenancy'::regnamespace
    """
    there = {
        name for url in (phase2_database, phase3_database) for name in value(url, names).split()
    }
    settings = {"confirmed", "mirroring"}
    own = {"with_keys", "without_keys"}  # a measurement makes them
    for page in PAGES:
        named = set(re.findall(r"\btenancy\.(\w+)", page.read_text()))
        assert named <= {*there, *settings, *own}, page.name


def test_psql_blocks(phase2_database: str) -> None:
    """Each command for psql on the page of phase 2 runs."""
    blocks = [block for _, block in shown(PHASE_2) if block.startswith("psql ")]
    blocks = [block for block in blocks if not any(word in block for word in ELSEWHERE)]
    assert len(blocks) > 5
    for block in blocks:
        env = {"DATABASE_URL": phase2_database, "PGOPTIONS": "-c client_min_messages=warning"}
        done = run("bash", "-ec", block, env=env)
        assert "ERROR" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("page", "heading", "least"),
    [(PHASE_2, "### Refused", 15), (PHASE_3, "## Refused", 7), (ISOLATION, "## Errors", 7)],
)
def test_messages(page: Path, heading: str, least: int) -> None:
    """Each message in the tables of refusals is in a script or in the command line."""
    sources = [
        *(ROOT / "deploy").rglob("*.sql"),
        *(ROOT / "python").rglob("*.py"),
    ]
    # As one text: SQL's %, Python's {…} and the page's … all stand for a value.
    text = "\n".join(source.read_text() for source in sources)
    text = re.sub(r"""['"]\s*\n\s*f?['"]""", "", text)
    known = re.sub(r"\{[^{}]*\}|%[sIL]?", "…", text.replace("''", "'"))
    # PostgreSQL's own, and one that the command line puts together.
    others = (
        *("permission denied", "integer out of range", "function ", "relation ", "phase 2 is not"),
        *("new row violates", "invalid input syntax", "COPY FROM", "query would be affected"),
    )
    messages = [
        message
        for row in cells(section(page, heading))
        for message in quoted(row[0])
        if not message.startswith(others)
    ]
    assert len(messages) > least
    for message in messages:
        for part in filter(None, (part.strip(' ":;()') for part in message.split("…"))):
            assert part in known, f"{part!r} of {message!r}"


def test_rights(cluster: Cluster, phase2_database: str) -> None:
    """With what the page grants, and nothing else, a role can make all calls."""
    [grants] = [block for language, block in shown(PHASE_2) if language == "sql"]
    psql(cluster.url(), "-c", "CREATE ROLE app LOGIN")
    psql(phase2_database, stdin=grants)
    psql(
        phase2_database,
        stdin="""
        SET SESSION AUTHORIZATION app;
        SELECT tenancy.get_or_create_customer('ann@example.test', NULL, 'Ann') AS id \\gset
        SELECT * FROM tenancy.customer_by_email('ann@example.test');
        SELECT * FROM tenancy.customer_by_phone('+15550100001');
        SELECT * FROM tenancy.record_booking(:id, 1, 1, 4500, '2040-01-01 10:00+00');
        SELECT * FROM tenancy.record_booking(:id, 1, 2, 4500, '2040-01-02 10:00+00');
        SELECT * FROM tenancy.record_booking(:id, 1, 2, 4500, '2040-01-03 10:00+00');
        SELECT * FROM tenancy.record_no_show(:id, 2);
        SELECT * FROM tenancy.set_preferred_stylist(:id, 1, 1);
        SELECT * FROM tenancy.customer_context(:id, 1);
        SELECT * FROM tenancy.customers_by_preferred_stylist(1);
        SELECT * FROM tenancy.customer_totals;
        """,
    )
    assert value(phase2_database, "SELECT * FROM tenancy.drift") == ""


def anchors(page: Path) -> set[str]:
    """What a link to a place in a page may name."""
    text = FENCE.sub("", page.read_text())
    made = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    return made | set(re.findall(r'<a name="([\w-]+)"', text))


@each_page
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target
