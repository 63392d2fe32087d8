"""The SQL of this package: a file a query, under sql/."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """The text of sql/NAME.sql, with PostgreSQL's own placeholders ($1).

    Args:
        name: folder and name, without the ending: "health/drift".

    Raises:
        FileNotFoundError: there is no such file in the package.
    """
    return files("convo_tenancy").joinpath("sql", f"{name}.sql").read_bytes()
