"""Where text that is no Python uses the legacy side: SQL, templates, other languages, settings.

What stands in comments is blanked first. The table's name counts wherever it stands. Columns count
in statements; elsewhere only in code, where a name alone does not say whose column it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from . import sql
from .finding import Kind
from .legacy import COLUMNS, CUSTOMERS, PROFILES, STATISTICS, column
from .python_source import BELIEVED, Emit

_HASH = r"(?:(?<=\s)|^)\#[^\n]*"
_SLASHES = r"(?<![:\w])//[^\n]*|/\*.*?\*/"
_DASHES = r"--[^\n]*|/\*.*?\*/"
_MARKUP = r"<!--.*?-->|\{\#.*?\#\}|\{%-?\s*comment.*?endcomment\s*-?%\}"
_COMMENTS = {
    **dict.fromkeys(
        (".py", ".pyi", ".sh", ".bash", ".zsh", ".rb", ".yaml", ".yml", ".toml", ".ini"), _HASH
    ),
    **dict.fromkeys(("", ".cfg", ".conf", ".env", ".tf", ".r", ".jl", ".ex", ".exs"), _HASH),
    **dict.fromkeys((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".go", ".java"), _SLASHES),
    **dict.fromkeys((".kt", ".cs", ".rs", ".swift", ".scala", ".php", ".prisma"), _SLASHES),
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".dart", ".proto"), _SLASHES),
    **dict.fromkeys((".vue", ".svelte"), f"{_MARKUP}|{_SLASHES}"),
    **dict.fromkeys((".html", ".htm", ".jinja", ".jinja2", ".j2", ".xml", ".tmpl"), _MARKUP),
    **dict.fromkeys((".sql", ".psql", ".pgsql"), _DASHES),
}
PROSE = {".md", ".rst", ".txt", ".adoc"}
"""Endings of documentation, which names things and uses nothing."""
_SQL = {".sql", ".psql", ".pgsql"}
_DATA = {
    ".json",
    ".yaml",
    ".yml",
    ".toml",
    ".ini",
    ".cfg",
    ".conf",
    ".env",
    ".csv",
    ".xml",
    ".lock",
}
_UNQUOTED = {*_DATA, "", ".sh", ".bash", ".zsh"}  # where statements stand without quotes

_STRING = re.compile(
    r'"""(.*?)"""|\'\'\'(.*?)\'\'\'|`((?:[^`\\]|\\.)*)`'
    r'|"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'',
    re.DOTALL,
)
_PARAGRAPH = re.compile(r"(?:[^\n]*\S[^\n]*\n?)+")
_TABLE = re.compile(rf"(?<!\w)(?<!archive\.){STATISTICS}(?!\w)", re.IGNORECASE)
_COLUMN = re.compile(rf"(?<!\w)({'|'.join(COLUMNS)})(?!\w)")
_OWNER = re.compile(r"(\w+)[?!)]*\.$")  # of a column, before it
_LONGEST_OWNER = 100


def find(path: str, text: str, emit: Emit) -> None:
    """Report each use in a file.

    Args:
        path: the file, whose ending says what it is.
        text: all of it.
        emit: takes what is found.
    """
    ending = PurePosixPath(path).suffix.lower()
    if ending in _COMMENTS:
        text = re.sub(_COMMENTS[ending], _blank, text, flags=re.DOTALL | re.MULTILINE)
    seen: set[int] = set()
    for offset, kind, target, is_certain in _uses(ending, text):
        if offset not in seen:
            seen.add(offset)
            line = text.count("\n", 0, offset) + 1
            start = offset - (text.rfind("\n", 0, offset) + 1)
            emit(line, start + 1, kind, target, is_certain)


def _uses(ending: str, text: str) -> Iterator[tuple[int, Kind, str, bool]]:
    if ending in _SQL:
        for use in sql.uses(text):
            yield use.offset, Kind.SQL, use.target, use.is_certain
        return
    in_statements: list[range] = []
    for match in _STRING.finditer(text):
        group = match.lastindex or 0
        inner, start = match[group] or "", match.start(group)
        if sql.rows(inner) is not sql.Rows.UNKNOWN:
            in_statements.append(range(match.start(), match.end()))
            for use in sql.uses(inner):
                yield start + use.offset, Kind.SQL, use.target, use.is_certain
    for match in _PARAGRAPH.finditer(text) if ending in _UNQUOTED else ():
        if sql.rows(match[0]) is not sql.Rows.UNKNOWN:
            in_statements.append(range(match.start(), match.end()))
            for use in sql.uses(match[0]):
                if use.is_certain:
                    yield match.start() + use.offset, Kind.SQL, use.target, True
    for match in _TABLE.finditer(text):
        yield match.start(), Kind.TABLE, STATISTICS, True
    for match in _COLUMN.finditer(text):
        name, offset = match[1], match.start()
        before = _OWNER.search(text[max(offset - _LONGEST_OWNER, 0) : offset])
        owner = before[1] if before else ""
        if any(offset in each for each in in_statements):
            continue
        if owner == CUSTOMERS:
            yield offset, Kind.COLUMN, column(name), True
        elif ending not in _DATA and owner != PROFILES and not BELIEVED.search(owner):
            yield offset, Kind.COLUMN, column(name), False


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])
