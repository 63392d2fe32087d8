"""The messages of scripts, functions and commands, as their sources have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg.errors

from .cluster import ROOT
from .plan import PLAN

_RAISED = re.compile(
    r"RAISE (EXCEPTION|WARNING)\s+((?:'(?:[^']|'')*'\s*)+)((?:'(?:[^']|'')*'|[^;'])*);"
)
_PROBLEM = re.compile(r"""\bProblem\(\s*((?:f?(?:"[^"]*"|'[^']*')\s*)+)""")


@dataclass(frozen=True)
class Message:
    """One that an operator or a developer may read.

    Args:
        source: the change of the plan, or the command line's module.
        text: with `…` for each value.
        sqlstate: empty for a warning, and in the command line.
    """

    source: str
    text: str
    sqlstate: str

    @property
    def has_words(self) -> bool:
        """Else it is put together of findings or details."""
        return len(self.text.replace("…", "").strip(" .:;()")) > 5


def as_shown(source: str) -> str:
    """Messages as a page shows them: SQL's % and Python's {…} stand for a value, as its … does."""
    text = re.sub(r"""['"]\s*\n\s*f?['"]""", "", source)
    return re.sub(r"\{[^{}]*\}|%[sIL]?|\.{3}", "…", text.replace("''", "'"))


def of_scripts() -> Iterator[Message]:
    """What deploy and revert scripts, and the functions that they make, refuse or warn of."""
    for change, _ in PLAN:
        for direction in ("deploy", "revert"):
            script = (ROOT / direction / f"{change}.sql").read_text()
            script = re.sub(r"^\s*--.*", "", script, flags=re.MULTILINE)
            for level, text, rest in _RAISED.findall(script):
                condition = re.search(r"ERRCODE = '(\w+)'", rest)
                sqlstate = _sqlstate(condition[1]) if condition else "P0001"
                shown = as_shown(text.strip())[1:-1]
                yield Message(change, shown, sqlstate if level == "EXCEPTION" else "")


def of_the_first_script() -> Iterator[Message]:
    """What it refuses or warns of by its checks; convo-tenancy preflight says the same."""
    script = (ROOT / "deploy/support/preconditions.sql").read_text()
    _, adoption, preconditions, *_ = re.split(r"^DO \$\w+\$$", script, flags=re.MULTILINE)
    preconditions = preconditions.partition("SELECT\n        jsonb_agg(")[0]
    before, _, rest = preconditions.partition(
        "        FROM (\n            SELECT\n                f.problem,"
    )
    _, found, after = rest.partition("            FROM legacy AS l\n")
    assert found
    refusals = adoption[adoption.rindex("\n    IF current_setting('tenancy.adopt'") :]
    text = re.sub(r"-- .*", "", before + after + refusals)
    for literal in re.findall(r"'(?:[^']|'')*'(?:\s*\n\s*'(?:[^']|'')*')*", text):
        words = as_shown(literal)[1:-1]
        if len(words) > 40 and " " in words:
            yield Message("support/preconditions", words, "")


def of_commands() -> Iterator[Message]:
    """What ends a command of the command line."""
    for module in sorted((ROOT / "python/convo_tenancy").rglob("*.py")):
        for text in _PROBLEM.findall(module.read_text()):
            source = module.relative_to(ROOT / "python/convo_tenancy").as_posix()
            yield Message(source, re.sub("^f?[\"']|[\"']$", "", as_shown(text.strip())), "")


def _sqlstate(condition: str) -> str:
    """As five characters; a script has its name."""
    if re.fullmatch(r"[0-9A-Z]{5}", condition):
        return condition
    found: type[psycopg.Error] = getattr(
        psycopg.errors, "".join(word.capitalize() for word in condition.split("_"))
    )
    assert found.sqlstate is not None
    return found.sqlstate
