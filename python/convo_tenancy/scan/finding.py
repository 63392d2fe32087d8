"""What a scan finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What uses the legacy side."""

    TABLE = "table"
    """The name of the table, where it is no statement."""
    COLUMN = "column"
    """A column that goes, as an attribute, a key or a name."""
    CLASS = "class"
    """A mapped class of the table, or a Table."""
    SQL = "sql"
    """A statement or a part of one."""


@dataclass(frozen=True, order=True)
class Finding:
    """One use of the legacy side.

    Args:
        path: the file, from the folder that was scanned, with / between folders.
        line: from 1.
        column: in characters, from 1.
        kind: what uses it.
        target: what is used: "customer_booking_stats", "customers.no_show_count".
        is_certain: False if it may be another table's column of the same name.
        text: the line, without the space around it.
    """

    path: str
    line: int
    column: int
    kind: Kind
    target: str
    is_certain: bool
    text: str


@dataclass
class Report:
    """All that a scan found.

    Args:
        findings: in the order of files and lines.
        history: of migrations that ran, which nobody changes any more; they do not count.
        known: how many more are in the baseline.
        gone: entries of the baseline that no longer occur.
        files: how many files were read.
        as_text: Python files that do not parse, and were read as text.
        unread: files that could not be read, with the reason.
    """

    findings: list[Finding] = field(default_factory=list)
    history: list[Finding] = field(default_factory=list)
    known: int = 0
    gone: list[str] = field(default_factory=list)
    files: int = 0
    as_text: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def counting(findings: Iterable[Finding]) -> list[Finding]:
    """Without those that only may be a use of what nothing certainly uses.

    Profiles have columns of the same names. An object of which nothing is known may be a customer
    as long as the models, or a statement, still have the column; then no longer.
    """
    every = sorted(set(findings))
    used = {each.target for each in every if each.is_certain}
    return [each for each in every if each.is_certain or each.target in used]
