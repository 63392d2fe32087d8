"""Where SQL text uses the legacy side.

No parser of SQL reads what stands in an application: parts of statements, placeholders of five
drivers, bodies in PL/pgSQL. So this reads words, groups in parentheses, and after which words
tables stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from .legacy import COLUMNS, CUSTOMERS, PROFILES, STATISTICS, column

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_LEXER = re.compile(
    rf"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<body> \$(?P<tag>(?:[A-Za-z_]\w*)?)\$ .*? \$(?P=tag)\$ )
    | (?P<string> [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' )
    | (?P<placeholder> (?<!:):\w+ | %\(\w+\)s | %s | \$\d+ | @\w+ | \{{[^{{}}]*\}} )
    | (?P<path> {_NAME} (?:\s*\.\s*(?:{_NAME}|\*))* )
    | (?P<symbol> => | [(),;=*] )
    """,
    re.VERBOSE | re.DOTALL,
)
_COPIED = re.compile(r"(?<=FROM stdin;\n).*?(?=^\\\.$)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_OF_A_STATEMENT = re.compile(
    r"[=<>+*/]|\b(?:SELECT|WHERE|SET|AND|OR|ORDER|GROUP|BY|ASC|DESC|NULL|RETURNING|coalesce)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(rf"\b(?:{STATISTICS}|{CUSTOMERS}|{'|'.join(COLUMNS)})\b", re.IGNORECASE)

_SOURCES = {"FROM", "JOIN", "INTO", "TABLE", "USING", "UPDATE", "COPY"}
_NAMES_A_TABLE = {"CREATE", "DROP", "ALTER", "GRANT", "REVOKE", "COMMENT"}  # ... ON table
_BEFORE_A_TABLE = {"ONLY", "IF", "NOT", "EXISTS", "LATERAL"}
_NO_ALIAS = {
    *("WHERE", "SET", "ON", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "FULL", "CROSS", "NATURAL"),
    *("USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "HAVING", "RETURNING", "VALUES", "SELECT"),
    *("UNION", "INTERSECT", "EXCEPT", "FOR", "WINDOW", "FETCH", "DO", "WHEN", "THEN", "ADD"),
    *("DROP", "ALTER", "RENAME", "IN", "IS", "AND", "OR", "LATERAL", "TABLESAMPLE", "DEFAULT"),
    *("FROM", "TO", "WITH", "EXECUTE", "COLUMN", "LOOP", "FOREACH", "REFERENCING", "OWNER"),
    *("ENABLE", "DISABLE", "VALIDATE", "CLUSTER", "INHERIT", "OVERRIDING", "IS", "AS"),
}
_DEEP = 60  # parentheses beyond are none
_CUSTOMER_ALIAS = re.compile(r"c|cu|cus|cust|old|new|\w*customers?", re.IGNORECASE)


@dataclass(frozen=True)
class Use:
    """A word of SQL text that uses the legacy side.

    Args:
        target: what is used.
        word: how it is written, without quotes.
        offset: where the word begins.
        is_certain: False if it may be another table's column.
    """

    target: str
    word: str
    offset: int
    is_certain: bool


class Rows(Enum):
    """What the rows of a statement have."""

    UNKNOWN = "unknown"
    """It is no whole statement, or all columns of customers beside those of others."""
    CUSTOMERS = "customers"
    """Columns of customers that go, or all of them."""
    OTHERS = "others"


def uses(text: str) -> list[Use]:
    """Every use of the legacy side in SQL text, or in a part of a statement."""
    if not _WORDS.search(text):
        return []
    return _read(text).uses


def rows(text: str) -> Rows:
    """What the rows have that a statement gives."""
    reader = _read(text)
    if not reader.has_sources or (reader.gives_all and not reader.gives_customers):
        return Rows.UNKNOWN
    return Rows.CUSTOMERS if reader.gives_customers else Rows.OTHERS


@dataclass
class _Token:
    kind: str
    text: str
    offset: int
    path: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return self.path[0].upper() if len(self.path) == 1 else self.text


@dataclass
class _Group:
    items: list[_Token | _Group] = field(default_factory=list)


class _Source(Enum):
    CUSTOMERS = 1
    PROFILES = 2  # has columns of the same names
    DERIVED = 3  # has those of what it reads
    PLAIN = 4  # has none
    UNKNOWN = 5  # a placeholder


@dataclass
class _Scope:
    """The tables of a SELECT, or of a statement that writes; `target` is what it writes."""

    sources: list[_Source] = field(default_factory=list)
    aliases: dict[str, _Source] = field(default_factory=dict)
    target: _Source | None = None


def _path(text: str) -> tuple[str, ...]:
    return tuple(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()
        for part in re.findall(rf"{_NAME}|\*", text)
    )


def _read(text: str) -> _Reader:
    reader = _Reader(text)
    reader.read_text(text, 0, has_strings=True)
    reader.uses.sort(key=lambda use: use.offset)
    return reader


class _Reader:
    def __init__(self, text: str) -> None:
        self.uses: list[Use] = []
        self.has_sources = False
        self.gives_customers = False
        self.gives_all = False
        self._text = text
        self._derived: set[str] = set()

    def read_text(self, text: str, base: int, *, has_strings: bool) -> None:
        text = _COPIED.sub(lambda match: " " * len(match[0]), text)
        top = _Group()
        stack, too_deep = [top], 0
        for match in _LEXER.finditer(text):
            kind, word, offset = str(match.lastgroup), match[0], base + match.start()
            if match["body"] is not None:
                kind = "body"
            if kind == "comment":
                continue
            if word == "(" and len(stack) > _DEEP:
                too_deep += 1
            elif word == ")" and too_deep:
                too_deep -= 1
            elif word == "(":
                group = _Group()
                stack[-1].items.append(group)
                stack.append(group)
            elif word == ")":
                if len(stack) > 1:
                    stack.pop()
            else:
                path = _path(word) if kind == "path" else ()
                stack[-1].items.append(_Token(kind, word, offset, path))
        self._read_group(top, [], has_strings)

    def _read_group(self, group: _Group, outer: list[_Scope], has_strings: bool) -> None:
        for statement in _split(group.items):
            scopes: list[tuple[_Scope, list[_Token | _Group]]] = []
            self._note_derived(statement)
            for segment in _segments(statement):
                scope = _Scope()
                first = next((i for i in segment if isinstance(i, _Token)), None)
                reads = first is not None and first.word in ("SELECT", "RETURNING", "CONFLICT")
                self._find_sources(segment, scope, statement)
                if scopes and first is not None and first.word in ("RETURNING", "CONFLICT"):
                    scope = scopes[0][0]  # of the table that is written
                elif scopes and not reads:
                    scope = scopes[-1][0]
                scopes.append((scope, segment))
            for scope, segment in scopes:
                self._read_segment(segment, [scope, *outer], has_strings)

    def _note_derived(self, statement: list[_Token | _Group]) -> None:
        """Names of WITH hide tables."""
        if not any(isinstance(each, _Token) and each.word == "WITH" for each in statement):
            return
        kept = [each for each in statement if not (_is(each, "NOT") or _is(each, "MATERIALIZED"))]
        for name, after, query in zip(kept, kept[1:], kept[2:], strict=False):
            if _is(after, "AS") and isinstance(query, _Group) and isinstance(name, _Token):
                self._derived.add(name.text.lower())

    def _find_sources(
        self, items: list[_Token | _Group], scope: _Scope, statement: list[_Token | _Group]
    ) -> None:
        first = next((item.word for item in statement if isinstance(item, _Token)), "")
        words = [item.word if isinstance(item, _Token) else "(" for item in items]
        for index, word in enumerate(words):
            before = words[index - 1] if index else ""
            after = words[index + 1] if index + 1 < len(words) else ""
            if word == "ON" and first in _NAMES_A_TABLE:
                pass
            elif word not in _SOURCES or _names_no_table(before, word, after):
                continue
            self._read_sources(items, words, index + 1, scope, word)

    def _read_sources(
        self,
        items: list[_Token | _Group],
        words: list[str],
        index: int,
        scope: _Scope,
        introduced_by: str,
    ) -> None:
        while index < len(items):
            while index < len(items) and words[index] in _BEFORE_A_TABLE:
                index += 1
            if index == len(items):
                return
            item = items[index]
            index += 1
            name = ""
            if isinstance(item, _Group):
                source = _Source.DERIVED
            elif item.kind == "path":
                name = item.path[-1]
                is_call = index < len(items) and isinstance(items[index], _Group)
                if is_call and introduced_by in ("FROM", "JOIN", ","):
                    source = _Source.PROFILES if item.path[0] == "tenancy" else _Source.DERIVED
                    index += 1
                else:
                    source = self._source(item.path)
            elif item.kind == "placeholder":
                source = _Source.UNKNOWN
            else:
                return
            self.has_sources = True
            scope.sources.append(source)
            if introduced_by in ("INTO", "UPDATE") and scope.target is None:
                scope.target = source
            if index < len(items) and words[index] == "AS":
                index += 1
            if index < len(items) and words[index] not in _NO_ALIAS:
                alias = items[index]
                if isinstance(alias, _Token) and len(alias.path) == 1:
                    name = alias.path[0]
                    index += 1
            if name:
                scope.aliases.setdefault(name, source)
            if index < len(items) and isinstance(items[index], _Group) and name:
                index += introduced_by in ("FROM", "JOIN", ",")  # names of its columns
            if index >= len(items) or words[index] != ",":
                return
            if introduced_by not in ("FROM", "USING", ",", "TABLE"):
                return
            introduced_by = ","
            index += 1

    def _source(self, path: tuple[str, ...]) -> _Source:
        schema = path[-2] if len(path) > 1 else "public"
        if schema == "tenancy" or (schema == "public" and path[-1] == PROFILES):
            return _Source.PROFILES
        if schema == "public" and path[-1] == CUSTOMERS and path[-1] not in self._derived:
            return _Source.CUSTOMERS
        if len(path) == 1 and path[0] in self._derived:
            return _Source.DERIVED
        return _Source.PLAIN

    def _read_segment(
        self, items: list[_Token | _Group], scopes: list[_Scope], has_strings: bool
    ) -> None:
        is_comment = any(isinstance(i, _Token) and i.word == "COMMENT" for i in items[:1])
        in_set = False
        for index, item in enumerate(items):
            before = items[index - 1] if index else None
            after = items[index + 1] if index + 1 < len(items) else None
            if isinstance(item, _Group):
                inner = scopes
                if _is_column_list(items, index) and scopes[0].target is not None:
                    inner = [_Scope([scopes[0].target], {}, scopes[0].target)]
                self._read_group(item, inner, has_strings)
                continue
            if item.word == "SET":
                in_set = True
            elif item.word in ("FROM", "WHERE", "RETURNING"):
                in_set = False
            if item.kind == "body":
                tag = item.text.index("$", 1) + 1
                self.read_text(item.text[tag:-tag], item.offset + tag, has_strings=True)
            elif item.kind == "string" and not is_comment and has_strings:
                self._read_string(item)
            elif item.text == "*" or (len(item.path) > 1 and item.path[-1] == "*"):
                is_argument = len(items) == 1
                self._note_star(item, scopes, is_argument)
            elif item.kind == "path":
                is_set = in_set and _is(after, "=") and (_is(before, "SET") or _is(before, ","))
                if not (_is(before, "AS") or _is(after, "=>")):
                    self._read_path(item, scopes, is_set)

    def _read_string(self, item: _Token) -> None:
        """Text in SQL text: a statement for EXECUTE, or the name of a table."""
        if not _WORDS.search(item.text):
            return
        start = item.text.index("'") + 1
        inner = _Reader(self._text)
        inner.read_text(item.text[start:-1], item.offset + start, has_strings=False)
        self.uses += [use for use in inner.uses if use.is_certain]

    def _note_star(self, item: _Token, scopes: list[_Scope], is_argument: bool) -> None:
        if item.text == "*":
            found = _Source.CUSTOMERS in scopes[0].sources and not is_argument
        else:
            found = self._of_alias(item.path[-2], scopes) is _Source.CUSTOMERS
        if found and {_Source.CUSTOMERS, _Source.PLAIN}.issuperset(scopes[0].sources):
            self.gives_customers = True
        elif found:
            self.gives_all = True

    def _read_path(self, item: _Token, scopes: list[_Scope], is_set: bool) -> None:
        path = item.path
        if STATISTICS in path[-2:]:
            position = len(path) - 1 - path[::-1].index(STATISTICS)
            if position == 0 or path[position - 1] == "public":
                self._add(STATISTICS, STATISTICS, item, is_certain=True)
        name = path[-1]
        if name not in COLUMNS:
            return
        if len(path) > 1:
            is_certain = self._is_of_customers(path[:-1], scopes)
        elif item.offset and self._text[item.offset - 1] == ".":
            is_certain = False  # after a placeholder
        else:
            is_certain = self._is_customers_own(scopes, is_set)
        if is_certain is not None:
            self._add(column(name), name, item, is_certain=is_certain)

    def _of_alias(self, alias: str, scopes: list[_Scope]) -> _Source | None:
        return next((scope.aliases[alias] for scope in scopes if alias in scope.aliases), None)

    def _is_of_customers(self, qualifiers: tuple[str, ...], scopes: list[_Scope]) -> bool | None:
        """Whether a column is customers': True, False if it may be, None if it is not."""
        source = self._of_alias(qualifiers[-1], scopes)
        if len(qualifiers) > 1 or (source is None and qualifiers[-1] == CUSTOMERS):
            source = self._source(qualifiers)
        if qualifiers[-1] == "excluded":
            source = next((each.target for each in scopes if each.target), None)
        if source is not None:
            return self._may_be(source)
        if any(scope.sources for scope in scopes) and qualifiers[-1] not in ("new", "old"):
            return None
        return False if _CUSTOMER_ALIAS.fullmatch(qualifiers[-1]) else None

    def _is_customers_own(self, scopes: list[_Scope], is_set: bool) -> bool | None:
        """The same of a column without a table in front."""
        if is_set and scopes[0].target is not None:
            return self._may_be(scopes[0].target)
        for scope in scopes:
            if _Source.PROFILES in scope.sources:
                return None
            if _Source.CUSTOMERS in scope.sources:
                return scope.sources.count(_Source.DERIVED) == 0
            if _Source.UNKNOWN in scope.sources:
                return False
            if _Source.DERIVED in scope.sources:
                return None
        if any(scope.sources for scope in scopes):
            return None
        return False if _OF_A_STATEMENT.search(self._text) else None

    def _may_be(self, source: _Source) -> bool | None:
        return {_Source.CUSTOMERS: True, _Source.UNKNOWN: False}.get(source)

    def _add(self, target: str, word: str, item: _Token, *, is_certain: bool) -> None:
        offset = item.offset + item.text.lower().rindex(word)
        self.uses.append(Use(target, word, offset, is_certain))
        if is_certain and target != STATISTICS:
            self.gives_customers = True


def _is(item: _Token | _Group | None, word: str) -> bool:
    return isinstance(item, _Token) and item.word == word


def _names_no_table(before: str, word: str, after: str) -> bool:
    """FOR UPDATE, UPDATE SET, IS DISTINCT FROM, JOIN … USING (…)."""
    return (
        (word == "UPDATE" and (before in ("FOR", "DO", "ON", ",") or after in ("SET", "OF")))
        or (word == "FROM" and before == "DISTINCT")
        or (word == "USING" and after == "(")
    )


def _split(items: list[_Token | _Group]) -> Iterator[list[_Token | _Group]]:
    """The statements of a group."""
    statement: list[_Token | _Group] = []
    for item in items:
        if _is(item, ";"):
            yield statement
            statement = []
        else:
            statement.append(item)
    yield statement


def _segments(statement: list[_Token | _Group]) -> Iterator[list[_Token | _Group]]:
    """What has tables of its own: each SELECT, and a statement around it that writes."""
    segment: list[_Token | _Group] = []
    for item in statement:
        if _is(item, "SELECT") or _is(item, "RETURNING") or _is(item, "CONFLICT"):
            yield segment
            segment = []
        segment.append(item)
    yield segment


def _is_column_list(items: list[_Token | _Group], index: int) -> bool:
    """Whether a group is INTO table (…), or that of a conflict."""
    words = [item.word if isinstance(item, _Token) else "(" for item in items[:index]]
    if words[-1:] == ["CONFLICT"]:
        return True
    return "INTO" in words[-4:] and "(" not in words[words.index("INTO") :]
