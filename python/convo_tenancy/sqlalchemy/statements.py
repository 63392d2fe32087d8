"""Calls on a connection of SQLAlchemy, whatever the driver's own placeholders are."""

from __future__ import annotations

import re
from functools import cache
from typing import TypeVar

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from ..calls import Call
from ..queries import query

Result = TypeVar("Result")


def run(connection: Connection, call: Call[Result]) -> Result:
    """Run a call."""
    named = {f"p{number}": value for number, value in enumerate(call.parameters, 1)}
    return call.result(connection.execute(_statement(call.query), named).mappings().all())


@cache
def _statement(name: str) -> TextClause:
    # In parentheses, or the cast behind it would hide the placeholder from SQLAlchemy.
    return text(re.sub(r"\$(\d+)", r"(:p\1)", query(name).decode()))


def check_session(session: object) -> None:
    """Raises:
    TypeError: it is no session: a registry of sessions, an engine or a connection, say.
    """
    if not isinstance(session, Session | AsyncSession):
        raise TypeError(
            f"expected a Session or an AsyncSession, not {type(session).__name__}"
            " (a scoped_session returns its session when it is called)"
        )
