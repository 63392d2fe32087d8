"""docs/runbook.md as a program reads it, and its commands run as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import dedent

from .cluster import ROOT
from .commands import Completed, psql, run

PAGE = ROOT / "docs/runbook.md"

_BLOCK = re.compile(r"^<!-- (confirm|do)(?:: ([^\n]*))? -->\n```(sql)?\n(.*?)^```$", re.M | re.S)
_LABEL = re.compile(r"^\*\*(Means|Confirm|Do|Over)\*\*", re.M)
_INLINE = re.compile(r"`([^`…]+)`")
_SQL = re.compile(r"(ALTER|CALL|CREATE|DROP|GRANT|INSERT|ROLLBACK|SELECT|SHOW|UPDATE) |\\")
_SHELL = re.compile(r"(convo-tenancy|psql|sqitch) ")
_EXIT_CODE = re.compile(r"` has exit code (\d)")
_BY_SUPERUSER = "as a superuser"


@dataclass(frozen=True)
class Commands:
    """What a person runs, with words like $SHOP replaced."""

    text: str
    is_sql: bool = True
    by_superuser: bool = False


_OF_THE_MESSAGE = [
    ("statement", "run the message's SQL", Commands("$STATEMENT;")),
    ("script", "the message's script", Commands("$SCRIPT", is_sql=False)),
    ("forward", "run either command of the message", Commands("$FORWARD", is_sql=False)),
    ("back", "run either command of the message", Commands("$BACK", is_sql=False)),
]
"""Commands that health says: by which name, by what the entry says of them."""


@dataclass(frozen=True)
class Entry:
    """One entry."""

    names: list[str]
    """Of the checks that it is about."""

    text: str
    confirm: Commands | None
    """What confirms it, if there are commands for that."""

    confirmed_exit_code: int
    """Of these while it is broken; 0 unless the entry says another one."""

    remedies: dict[str, Commands]
    """What mends it, by the mark of a block, or by the command itself within a line."""


def _sentences(text: str) -> list[str]:
    """Each on one line."""
    return [" ".join(each.split()) for each in re.split(r"(?<=\.)\s|\n\n", text)]


def _commands(text: str) -> dict[str, Commands]:
    """Those of a part of an entry; the sentence of each, or before its block, says who runs it."""
    found: dict[str, Commands] = {}
    last = 0
    for block in _BLOCK.finditer(text):
        before = _sentences(text[last : block.start()].strip())[-1]
        commands = Commands(dedent(block[4]), block[3] == "sql", _BY_SUPERUSER in before.lower())
        assert block[2] not in found, text
        found[block[2]] = commands
        last = block.end()
    assert text.count("```") == 2 * len(found), f"a block without a mark: {text}"
    for sentence in _sentences(_BLOCK.sub("", text)):
        by_superuser = _BY_SUPERUSER in sentence.lower()
        for each in _INLINE.findall(sentence):
            if _SQL.match(each):
                end = "\n" if "\\" in each else ";"
                found[each] = Commands(f"{each}{end}", by_superuser=by_superuser)
            elif _SHELL.match(each):
                found[each] = Commands(each, is_sql=False)
        for cause, said, commands in _OF_THE_MESSAGE:
            if said in sentence:
                by = by_superuser and commands.is_sql
                found[cause] = replace(commands, by_superuser=by)
    return found


def _entry(names: list[str], text: str) -> Entry:
    starts = [*_LABEL.finditer(text)]
    assert [each[1] for each in starts] == ["Means", "Confirm", "Do", "Over"], (names, text)
    confirm, do = (text[starts[at].end() : starts[at + 1].start()] for at in (1, 2))
    confirms = [*_commands(confirm).values()]
    assert len(confirms) <= 1, names
    exit_code = _EXIT_CODE.search(confirm)
    return Entry(
        names,
        text,
        next(iter(confirms), None),
        int(exit_code[1]) if exit_code else 0,
        _commands(do),
    )


def _entries() -> dict[str, Entry]:
    """Those of the checks, by the name of each check; others by their headings."""
    checks = PAGE.read_text().partition("\n## Checks\n")[2].partition("\n## ")[0]
    found: dict[str, Entry] = {}
    for section in re.split(r"^### ", checks, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        names = re.findall(r"`(\w+)`", heading)
        for name in names or [heading]:
            assert name not in found, name
            found[name] = _entry(names, text)
    return found


def perform(commands: str, url: str, superuser: str, values: Mapping[str, str]) -> Completed:
    """Run a block as a person would, line for line, with the values that they set before.

    Args:
        url: DATABASE_URL.
        superuser: SUPERUSER_URL.
        values: by the words that have a dollar sign in front.
    """
    used = set(re.findall(r"\$([A-Z_]+)", commands))
    assert set(values) | {"DATABASE_URL", "SUPERUSER_URL"} >= used, (commands, values)
    return run(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        commands,
        check=False,
        env={
            "DATABASE_URL": url,
            "SQITCH_TARGET": f"db:{url}",
            "SUPERUSER_URL": superuser,
            **values,
        },
    )


def perform_commands(
    commands: Commands, url: str, superuser: str, values: Mapping[str, str], added: str = ""
) -> Completed:
    """The same for what the runbook has, SQL in psql.

    Args:
        added: to each line, for the shell.
    """
    text = re.sub(r"\$([A-Z_]+)", lambda word: values.get(word[1], word[0]), commands.text)
    if not commands.is_sql:
        return perform(re.sub("$", f" {added}", text.rstrip(), flags=re.M), url, superuser, {})
    assert "$" not in text, (text, values)
    return psql(superuser if commands.by_superuser else url, stdin=text, check=False)


ENTRIES = _entries()
UNKNOWN = ENTRIES.pop("A check is unknown")
NOBODY_LOOKS = ENTRIES.pop("Nobody looks")
[SCRIPT] = re.findall(r"Run the message's script by\s`([^`]+)`", PAGE.read_text())
