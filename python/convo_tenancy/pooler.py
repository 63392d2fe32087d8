"""A pooler in transaction mode, between the command line and the server, is recognised."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from psycopg import pq
from psycopg.rows import scalar_row

from .queries import query

Connection = psycopg.Connection[Any]

_ROUNDS = 3
_PATIENCE_SECONDS = 2.0


def shares_sessions(connection: Connection, connect: Callable[[], Connection]) -> bool:
    """Whether something gives one server session to several clients, a transaction at a time.

    A server tells each client which session it got. A pooler tells it something else, so that a
    client can cancel through the pooler; only then is there more to ask. Two connections ask in
    turns which session answers: of a server's own, and of a pooler in session mode, each goes on
    having one of its own. Sure is only what was seen: a pool so busy that each answer comes from
    yet another session may pass for one in session mode.

    Args:
        connection: in autocommit mode, fresh; nothing is set in the session.
        connect: makes another connection to the same place.

    Raises:
        psycopg.Error: from this connection. What the other one meets says nothing.
    """
    own = {_session(connection)}
    if own == {connection.info.backend_pid}:
        return False
    try:
        other = connect()
    except psycopg.Error:
        return False
    with closing(other):
        others: set[int] = set()
        for _ in range(_ROUNDS):
            own |= {_session(connection), _session(connection)}
            pid = _session_soon(other)
            if pid is None:
                return False
            others.add(pid)
            if len(own) > 1 or len(others) > 1 or own & others:
                return True
    return False


def _session(connection: Connection) -> int:
    """The pid of the server session that answers."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(query("session_pid")).fetchone() or 0)


def _session_soon(connection: Connection) -> int | None:
    """The same; None when none answers, or not for a while.

    Of a pooler in session mode, all sessions may be in use for a long time.
    """
    pgconn = connection.pgconn
    pgconn.send_query(query("session_pid"))
    if not select.select([pgconn.socket], [], [], _PATIENCE_SECONDS)[0]:
        return None
    pid = None
    while (result := pgconn.get_result()) is not None:
        if result.status == pq.ExecStatus.TUPLES_OK:
            pid = int(result.get_value(0, 0) or 0)
    return pid
