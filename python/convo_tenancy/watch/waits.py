"""Who waits for whom, as a tree: whoever holds up others stands above them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..display import duration, printable
from ..health.model import LockWait, Session

_PREPARED = 0  # what pg_blocking_pids() says for a prepared transaction


@dataclass(frozen=True)
class Node:
    """A session, and those that wait for it.

    Args:
        text: the session in words.
        below: who waits for it.
    """

    text: str
    below: tuple[Node, ...] = ()


def tree(waits: list[LockWait], holders: list[Session]) -> list[Node]:
    """Those who wait for nobody, each with whoever waits for them.

    A session that waits for several stands below the first of them. Sessions that wait for one
    another in a circle, which the server ends in a second, stand below one of them.

    Args:
        waits: on any table; those that neither are on ours nor hold up such are left out.
        holders: the sessions that these wait for.
    """
    waiting = {wait.pid: wait for wait in waits}
    known = {session.pid: session for session in holders}
    wanted = _of_ours(waiting)
    placed: set[int] = set()

    def node(pid: int) -> Node:
        placed.add(pid)
        below = []
        for wait in wanted:
            if pid in wait.blocked_by and wait.pid not in placed:
                below.append(node(wait.pid))
        return Node(_said(pid, waiting.get(pid), known.get(pid)), tuple(below))

    roots = []
    for wait in wanted:
        for pid in wait.blocked_by:
            if pid not in waiting and pid not in placed:
                roots.append(node(pid))
    for wait in wanted:  # a circle, or whoever held it up has just let go
        if wait.pid not in placed:
            roots.append(node(wait.pid))
    return roots


def _of_ours(waiting: dict[int, LockWait]) -> list[LockWait]:
    wanted = [wait for wait in waiting.values() if wait.is_ours]
    for wait in wanted:  # it grows meanwhile
        for pid in wait.blocked_by:
            if pid in waiting and waiting[pid] not in wanted:
                wanted.append(waiting[pid])
    return sorted(wanted, key=lambda wait: (-wait.seconds, wait.pid))


def _said(pid: int, wait: LockWait | None, session: Session | None) -> str:
    if pid == _PREPARED:
        return "a prepared transaction: look for it in pg_prepared_xacts"
    who = wait or session
    name = "" if who is None else f" {printable(who.application_name or who.role_name or '?')}"
    if wait is not None:
        return f"{pid}{name}: waits {duration(wait.seconds)} for {printable(wait.what)}"
    if session is None or session.state is None:
        return f"{pid}{name}: holds them up"
    since = "" if session.seconds is None else f", in transaction for {duration(session.seconds)}"
    return f"{pid}{name}: {session.state}{since}"


def drawn(nodes: list[Node], *, ascii_only: bool) -> Iterator[str]:
    """The tree, a line each.

    Args:
        nodes: side by side.
        ascii_only: whether the lines between them are made of ASCII.
    """
    fork, end, line = ("|- ", "`- ", "|  ") if ascii_only else ("├─ ", "└─ ", "│  ")

    def below(parent: Node, indent: str) -> Iterator[str]:
        for child in parent.below:
            is_last = child is parent.below[-1]
            yield indent + (end if is_last else fork) + child.text
            yield from below(child, indent + ("   " if is_last else line))

    for node in nodes:
        yield node.text
        yield from below(node, "")
