"""The SQL of this package: a file a query, under sql/."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_NAMES: dict[bytes, str] = {}


@cache
def query(name: str) -> bytes:
    """The text of sql/NAME.sql, with PostgreSQL's own placeholders ($1).

    Args:
        name: folder and name, without the ending: "health/drift".

    Raises:
        FileNotFoundError: there is no such file in the package.
    """
    text = files("convo_tenancy").joinpath("sql", f"{name}.sql").read_bytes()
    _NAMES[text] = name
    return text


def name_of(statement: object) -> str:
    """The name of a query of ours, for people; else how the statement begins."""
    if isinstance(statement, bytes) and statement in _NAMES:
        return _NAMES[statement]
    text = statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)
    return text.strip().partition("\n")[0][:60]
