"""What the documentation shows is there: snippets, commands, changes, names, messages, links."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer

from convo_tenancy.cli import app
from convo_tenancy.preflight.locks import locks, locks_of
from convo_tenancy.verbosity import common_options
from support.cluster import ROOT, Cluster
from support.commands import convo_tenancy, execute, psql, run, value
from support.front_desk import STEPS
from support.messages import as_shown

# The ADR is older than all of it.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - {ROOT / "docs/adr-0001.md"})
REFERENCE = sorted(ROOT.glob("docs/reference/*.md"))
PHASE_2 = ROOT / "docs/phase-2.md"
MOVING_CODE = ROOT / "docs/moving-code.md"
OPERATING = ROOT / "docs/operating.md"
MIRROR = ROOT / "docs/mirror.md"

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r"<!-- from (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXCERPT = re.compile(r"<!-- from (\S+) -->\n```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# An extension and a role that are not everywhere; what changes what Sqitch or the scripts made.
ELSEWHERE = ("pg_stat_statements", "monitor", "sqitch", "deploy/")

OF_ALL = {"-h", "--help", *(name for option in common_options() for name in option.opts)}
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


def plan() -> dict[str, str]:
    """The changes in their order, each with the tag of its phase."""
    tag, changes = "", {}
    for line in reversed((ROOT / "sqitch.plan").read_text().splitlines()):
        tag = line.split()[0] if line.startswith("@phase") else tag
        if re.match(r"\w+/\w+ ", line):
            changes[line.split()[0]] = tag
    return dict(reversed(changes.items()))


ROOMS = list(dict.fromkeys(change.split("/")[0] for change in plan()))


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


def test_steps() -> None:
    """The guide shows lines of each step's patch, in their order; `...` stands for others."""
    excerpts = EXCERPT.findall(MOVING_CODE.read_text())
    assert [ROOT / name for name, _ in excerpts] == STEPS
    assert len(excerpts) == sum(language == "diff" for language, _ in shown(MOVING_CODE))
    for name, excerpt in excerpts:
        rest = (ROOT / name).read_text()
        for part in excerpt.split("...\n"):
            _, found, rest = f"\n{rest}".partition(f"\n{part}")
            assert found, f"not in {name}, or before the part above:\n{part}"


@each_page
def test_snippets_are_from_files_that_run(page: Path) -> None:
    snippets = SNIPPET.findall(page.read_text())
    python = [block for language, block in shown(page) if language == "python"]
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
    known = {*re.findall(r"^(@[\w.]+|\w+/\w+) ", text, re.MULTILINE), "@ROOT"}
    for words in commands(page, "sqitch"):
        if "--to" in words:
            assert words[words.index("--to") + 1] in known


@each_page
def test_options(page: Path) -> None:
    for words in commands(page, "convo-tenancy"):
        command: Any = typer.main.get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {*OF_ALL, *(name for parameter in command.params for name in parameter.opts)}
        assert {word for word in words if word.startswith("-")} <= known, words
        arguments = sum(parameter.param_type_name == "argument" for parameter in command.params)
        assert not words[arguments:] or words[arguments].startswith("-"), words


def test_commands() -> None:
    """The page has every command, and the options that all of them take."""
    root: Any = typer.main.get_command(app)
    described = {name.lower() for name in re.findall(r"^## (\w+)$", OPERATING.read_text(), re.M)}
    others = section(OPERATING, "## Other commands")
    listed = {name for names, _ in cells(others)[1:] for name in quoted(names)}
    expected = {name for name, command in root.commands.items() if not command.hidden}
    assert {"status", "watch", "report"} <= described
    assert listed == expected - described
    for name, command in root.commands.items():
        if not command.hidden:
            for each in (command, *getattr(command, "commands", {}).values()):
                assert re.search(r"Exit codes: .*?\d.*?\.\n\n", each.help, re.DOTALL), name
    assert {name for name in quoted(others) if name[0] == "-"} == OF_ALL


def test_keys_of_status(phase2_database: str) -> None:
    """The page names each key of its JSON, in their order."""
    keys = [*json.loads(convo_tenancy(phase2_database, "status", "--format", "json").stdout)]
    [listed] = re.findall(
        r"`--format json` is for programs: (.*?)\.", OPERATING.read_text(), re.DOTALL
    )
    assert quoted(listed) == keys


@each_page
def test_paths(page: Path) -> None:
    """Each path, each change of the plan, and each test that a page names is there."""
    text = page.read_text()
    folders = "deploy|revert|verify|templates|tests|docs|scripts|python|bench|monitoring"
    for path in re.findall(rf"(?<![\w./-])(?:{folders})/[\w./*-]*\w", text):
        assert list(ROOT.glob(path)), path
    for change in re.findall(rf"`((?:{'|'.join(ROOMS)}|expand|migrate)/\w+)`", text):
        assert change in plan(), change

    tests = {each.name: each for each in (ROOT / "tests").rglob("*.*")}
    for name in re.findall(r"`(\w+\.(?:sql|py))`", section_of_tests(text)):
        assert name in tests, name
    functions = "\n".join(each.read_text() for each in (ROOT / "tests/python").glob("*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in functions, name


def section_of_tests(text: str) -> str:
    """The paragraphs that name tests."""
    return "\n".join(each for each in text.split("\n\n") if "*Test" in each)


@pytest.mark.parametrize("direction", ["deploy", "revert"])
def test_locks(direction: str) -> None:
    """The list has each change that takes strong locks, with the locks that its script takes."""
    listed = locks(1, 3) if direction == "deploy" else locks_of(tuple(plan()), ())
    for change in plan():
        said = "|".join(f"{each.lock}|{each.tables}" for each in listed if each.change == change)
        for mode, tables in strong_locks(ROOT / direction / f"{change}.sql"):
            assert mode in said, change
            for table in tables:
                assert table in said, (change, table)
    assert {each.change for each in listed} <= {*plan()}


BODY = re.compile(r"(?<!DO )\$\$.*?\$\$", re.DOTALL)  # of a function that is made, not run
# What the contract and its revert call, which are scripts of several transactions.
PROCEDURES = {
    "start_tracking": "tracking",
    "remove_legacy_side": "remove_legacy_side",
    "return_legacy_side": "return_legacy_side",
}


def strong_locks(script: Path) -> list[tuple[str, list[str]]]:
    """What a script locks when it runs, mode and tables; the tables of the application."""
    text = BODY.sub("", script.read_text())
    text += "".join(
        (ROOT / f"deploy/contract/{path}.sql").read_text()
        for procedure, path in PROCEDURES.items()
        if f"\nCALL tenancy.{procedure}(" in text
    )
    called = [
        (mode, re.findall(r"'public\.(\w+)'", tables))
        for mode, tables in re.findall(
            r"tenancy\.(?:try_)?lock_tables\(\s*'([A-Z ]+)',(.*?)\);", text, re.DOTALL
        )
    ]
    isolated = re.findall(r"CALL tenancy\.(?:isolate|open)_table\(\s*'public\.(\w+)'", text)
    return [*called, *(("ACCESS EXCLUSIVE", [table]) for table in isolated)]


def test_names_of_the_database(phase2_database: str, phase3_database: str) -> None:
    """What is called tenancy.something is something there: an object, or a setting."""
    names = """
        SELECT relname FROM pg_class WHERE relnamespace = 'tenancy'::regnamespace
        UNION SELECT proname FROM pg_proc WHERE pronamespace = 'tenancy'::regnamespace
    """
    there = {
        name for url in (phase2_database, phase3_database) for name in value(url, names).split()
    }
    settings = {"confirmed", "mirroring", "written_legacy", "written_profiles"}
    settings |= {"begun", "change", "default_shop_id", "parts_before"}  # of the scripts
    settings |= {"preconditions", "target_phase"}
    settings |= {"adopt", "adoption"}
    for page in PAGES:
        named = set(re.findall(r"\btenancy\.(\w+)", page.read_text()))
        assert named <= {*there, *settings}, page.name


@pytest.mark.parametrize(("page", "least"), [(PHASE_2, 3), (MIRROR, 0)])
def test_psql_blocks(page: Path, least: int, phase2_database: str) -> None:
    """Each command for psql on these pages runs."""
    blocks = [block for _, block in shown(page) if block.startswith("psql ")]
    blocks = [block for block in blocks if not any(word in block for word in ELSEWHERE)]
    assert len(blocks) > least
    for block in blocks:
        env = {"DATABASE_URL": phase2_database, "PGOPTIONS": "-c client_min_messages=warning"}
        done = run("bash", "-ec", block, env=env)
        assert "ERROR" not in done.stderr, done.stderr


def test_status(isolated_database: str) -> None:
    """The screen with which make up ends, but for its times and the database's name."""
    env = {"SQITCH_TARGET": None, "COLUMNS": "80"}
    said = convo_tenancy(isolated_database, "status", env=env).stdout
    [sample] = [block for _, block in shown(OPERATING) if "convo-tenancy status:" in block]
    screens = [
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "(then)", text).splitlines()[1:]
        for text in (said, sample[sample.index("convo-tenancy status:") :])
    ]
    assert screens[0] == screens[1]


@each_page
def test_messages(page: Path) -> None:
    """Each message in a table of a page is in a script or in the command line."""
    sources = [
        *(ROOT / "deploy").rglob("*.sql"),
        *(ROOT / "revert").rglob("*.sql"),
        *(ROOT / "python").rglob("*.py"),
    ]
    known = as_shown("\n".join(source.read_text() for source in sources))
    # PostgreSQL's and Sqitch's own, and two that the command line puts together.
    others = (
        *("permission denied", "integer out of range", "function ", "relation ", "phase 2 is not"),
        *("new row violates", "invalid input syntax", "COPY FROM", "query would be affected"),
        *("Cannot find your name", "No such file", "Connection refused", "the backfill is not d"),
    )
    tables = re.findall(r"^\| message \|.*\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    for row in cells("\n".join(tables)):
        for message in quoted(row[0]):
            if not message.startswith(others):
                for part in filter(None, (part.strip(' ":;()') for part in message.split("…"))):
                    assert part in known, f"{part!r} of {message!r}"


def test_templates(tmp_path: Path) -> None:
    """What sqitch add makes begins as the scripts of the plan do."""
    for name in ("sqitch.conf", "sqitch.plan", "templates"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    run("sqitch", "add", "mirror/new", "-n", "New.", "-r", "mirror/repair", cwd=tmp_path)
    for direction in ("deploy", "revert", "verify"):
        made = (tmp_path / direction / "mirror/new.sql").read_text()
        model = (ROOT / direction / "mirror/attribution.sql").read_text()
        beginning = re.search(r"\\set .*?(?=\n\n)", model, re.DOTALL)
        assert beginning is not None
        assert beginning[0].replace("mirror/attribution", "mirror/new") in made
        assert made.isascii()
        assert made.splitlines()[-1] == model.splitlines()[-1]


def test_rights(cluster: Cluster, phase2_database: str) -> None:
    """With what the page grants, and nothing else, a role can make all calls."""
    [grants] = [block for language, block in shown(MOVING_CODE) if language == "sql"]
    execute(cluster.url(), "CREATE ROLE app LOGIN")
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
        SELECT * FROM tenancy.set_service_preference(:id, 1, 'short');
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


@pytest.mark.parametrize("page", [*PAGES, *REFERENCE], ids=lambda page: page.name)
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target
