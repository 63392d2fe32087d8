"""A look at every customer: at once, or by ranges of their ids, over as many runs as it takes."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Self

from psycopg import errors

from ..database import Connection, one, rows, scalar, scalars
from .memory import Memory
from .model import TIME, Check, Seen, Status

WHOLE = (-(2**31), 2**31 - 1)
"""All ids that a customer can have."""

MOST = 1000
"""Customers whose findings are remembered one by one; of more, the number."""

CUSTOMERS = 10_000
"""In a range that need not be strict: a database with fewer of them is seen in one statement."""

_BEFORE_ALL = WHOLE[0] - 1
_FEWEST = 50
_TARGET = 0.2  # seconds that a range should take at most

Counts = dict[str, int]


@dataclass(frozen=True)
class Subject:
    """What is looked for.

    Args:
        name: of the check, and of its query sql/health/NAME.sql.
        alarming: of what it finds, what must not be forgotten; empty for all of it.
    """

    name: str
    alarming: frozenset[str] = frozenset()

    def alarms(self, kind: str) -> bool:
        """Whether it must not be forgotten."""
        return not self.alarming or kind in self.alarming


@dataclass(frozen=True)
class Limit:
    """How long a look may take.

    Args:
        seconds: after which no other range begins.
        is_strict: a range that would take longer is given up, too. Otherwise at least one is seen.
        customers: in a range; in the first one, if it is strict.
    """

    seconds: float
    is_strict: bool = True
    customers: int = 2000


@dataclass(frozen=True)
class Finding:
    """What is known after a look, of this run and of those before it.

    Args:
        counts: rows by kind.
        examples: the first ones of each kind, for people.
        seen: how much of all that this is.
        is_forgotten: nothing is remembered, so that the next run does not go on from here.
        is_old: there was no time to look again at what had been found.
    """

    counts: Counts
    examples: dict[str, list[str]]
    seen: Seen
    is_forgotten: bool = False
    is_old: bool = False

    def so_far(self) -> str:
        """Which part of the customers this is; empty when this run looked at all of them."""
        seen = self.seen
        if seen.share == 1:
            return "" if seen.is_at_once else f"seen all since {seen.began_at:{TIME}}"
        ids = f"ids {seen.first_id:,} to {seen.last_id:,}" if seen.last_id is not None else "no id"
        part = f"seen {int(seen.share * 100)}% ({ids}) since {seen.began_at:{TIME}}"
        if self.is_forgotten:
            return f"{part}; no run can keep where it stopped, so each begins at a random id"
        if seen.whole_at is None:
            return f"{part}; no whole pass ended yet"
        return f"{part}; the last whole pass ended {seen.whole_at:{TIME}}, found {seen.whole_found}"

    def checked(self, check: Check) -> Check:
        """The check with how much it has seen; unknown, if that is nothing and never was."""
        so_far = self.so_far()
        if not so_far:
            return check
        if check.status is Status.OK and self.seen.share == 0 and self.seen.whole_at is None:
            return Check(
                check.name,
                Status.UNKNOWN,
                None,
                f"no time was left to look at {_FEWEST} customers: raise --max-seconds",
            )
        if self.is_old:
            so_far += "; no time was left to look again at what was found: raise --max-seconds"
        return Check(check.name, check.status, check.value, f"{check.detail}; {so_far}")


@dataclass(frozen=True)
class _Row:
    name: str
    rows_found: int
    customers: list[int]
    examples: list[str]


@dataclass(frozen=True)
class _Ids:
    lowest: int | None
    highest: int | None


@dataclass
class _State:
    """What one run tells the next.

    Args:
        size: customers in the next range.
        began: when the pass under way did, in Unix time; None between two passes.
        first: the id before those that it looks at.
        after: the last id that it has seen.
        counts: what it found, but for what is in found.
        examples: of what raises no alarm.
        found: what raises alarms: by kind how many rows each customer has.
        earlier: what the pass before counted of that, and this one has not come by yet.
        whole: what the last whole pass knew.
        whole_at: when it ended.
        whole_found: how many alarming rows it knew.
    """

    size: int
    began: float | None = None
    first: int = _BEFORE_ALL
    after: int = _BEFORE_ALL
    counts: Counts = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    found: dict[str, Counts] = field(default_factory=dict)
    earlier: Counts = field(default_factory=dict)
    whole: Counts = field(default_factory=dict)
    whole_at: float | None = None
    whole_found: int = 0

    @classmethod
    def recalled(cls, memory: Memory, name: str, size: int) -> Self:
        """What was remembered; a new one, if that is nothing, or cannot be understood."""
        kept = memory.latest(name)
        try:
            state = cls(**kept) if kept else cls(size)
            state._check()
        except (TypeError, ValueError, AttributeError, OverflowError, OSError):
            return cls(size)
        return state

    def _check(self) -> None:
        """Raise what recalled() catches when somebody has put something else into the file."""
        for counts in (self.counts, self.earlier, self.whole, *self.found.values()):
            _require(all(type(each) is int for each in counts.values()))
        for customers in self.found.values():
            _require(all(WHOLE[0] <= int(each) <= WHOLE[1] for each in customers))
        for texts in self.examples.values():
            _require(all(isinstance(each, str) for each in texts))
        _utc(self.began or 0)
        _utc(self.whole_at or 0)
        _require(all(type(each) is int for each in (self.size, self.whole_found)))
        _require(WHOLE[0] - 1 <= int(self.first) <= int(self.after) <= WHOLE[1])
        self.size = min(max(self.size, _FEWEST), 10_000_000)

    def begin(self, first: int) -> None:
        """A pass of all customers with higher ids."""
        self.began = time.time()
        self.first = self.after = first
        kinds = {**self.counts, **self.earlier}
        self.earlier = {
            kind: max(self.counts.get(kind, 0), self.earlier.get(kind, 0)) for kind in kinds
        }
        self.counts, self.examples = {}, {}

    def end(self, kinds: list[str], subject: Subject) -> None:
        """The pass has seen all customers."""
        self.earlier = {}
        self.whole = {
            kind: self.known(kind, True) if subject.alarms(kind) else self.counts.get(kind, 0)
            for kind in kinds
        }
        self.whole_at = time.time()
        self.whole_found = sum(n for kind, n in self.whole.items() if subject.alarms(kind))

    def share(self, ids: _Ids) -> float:
        """How much of all ids the pass has seen, less than 1."""
        if ids.lowest is None or ids.highest is None:
            return 0
        begin = ids.lowest - 1
        seen = (self.after - max(self.first, begin)) / (ids.highest - begin)
        return min(max(seen, 0.0), 0.999)

    def customers(self) -> list[int]:
        """Who is known to have what raises alarms."""
        return sorted({int(customer) for each in self.found.values() for customer in each})

    def known(self, kind: str, alarms: bool) -> int:
        """How many rows of a kind there are, as far as seen."""
        if alarms:
            more = max(self.counts.get(kind, 0), self.earlier.get(kind, 0))
            return sum(self.found.get(kind, {}).values()) + more
        return (self.counts if self.whole_at is None else self.whole).get(kind, 0)


class _Look:
    """One run."""

    def __init__(
        self, connection: Connection, subject: Subject, state: _State, limit: Limit | None
    ) -> None:
        self._connection = connection
        self._subject = subject
        self._state = state
        self._limit = limit
        self._end = time.monotonic() + limit.seconds if limit else None
        self._target = min(_TARGET, limit.seconds / 2) if limit else _TARGET
        self.kinds: list[str] = []
        self._pace: float | None = None  # seconds for a customer
        self._texts: dict[str, list[tuple[int, str]]] = {}
        self.is_old = False

    def again(self) -> None:
        """Look first at what was found: what is mended must not go on raising alarms."""
        customers = self._state.customers()
        found = self._ask(*WHOLE, customers) if customers else None
        self.is_old = bool(customers) and found is None
        if found is not None:
            self._state.found = {}
            self._add(found, None)

    def go_on(self) -> bool:
        """Look at as many ranges as there is time for; whether the pass is whole."""
        state, limit = self._state, self._limit
        is_first = True
        while limit is None or self._left() > 0 or (is_first and not limit.is_strict):
            size = self._size()
            if size < _FEWEST and limit and limit.is_strict:
                return False
            try:
                last = self._range_end(size)
            except errors.QueryCanceled:
                if limit is None or not limit.is_strict:
                    raise
                return False
            began = time.monotonic()
            found = self._ask(max(state.after + 1, WHOLE[0]), WHOLE[1] if last is None else last)
            if found is None:
                if size == _FEWEST:
                    return False
                state.size = max(size // 4, _FEWEST)
                continue
            is_first = False
            self._add(found, (state.after, last))
            state.after = WHOLE[1] if last is None else last
            if last is None:
                return True
            self._pace = max(time.monotonic() - began, 0.001) / size
            if limit and limit.is_strict:
                state.size = max(round(min(self._target / self._pace, size * 4)), _FEWEST)
        return False

    def _size(self) -> int:
        """Of the next range: what is given up at the end was in vain."""
        limit, size = self._limit, self._state.size
        if limit is None or not limit.is_strict:
            return limit.customers if limit else CUSTOMERS
        return size if self._pace is None else min(size, int(self._left() * 0.8 / self._pace))

    def counts(self) -> Counts:
        """By kind, in the order of the query."""
        kinds = self.kinds or list({**self._state.found, **self._state.whole})
        return {kind: self._state.known(kind, self._subject.alarms(kind)) for kind in kinds}

    def examples(self) -> dict[str, list[str]]:
        """The first ones of each kind."""
        state = self._state
        shown = dict(state.examples)
        for kind, customers in state.found.items():
            texts = [text for _customer, text in sorted(self._texts.get(kind, []))]
            shown[kind] = texts or [f"customer {customer}" for customer in sorted(customers)][:3]
        return shown

    def _left(self) -> float:
        return self._end - time.monotonic() if self._end is not None else 0

    def _range_end(self, size: int) -> int | None:
        """None when all customers that are left are fewer."""
        if self._limit is None:
            return None
        with self._connection.transaction(force_rollback=True):
            ends = scalars(self._connection, "health/range_end", self._state.after, size - 1)
        return ends[0] if ends else None

    def ids(self) -> _Ids:
        """The lowest and the highest, unless there is no time for that, or no need."""
        nothing = _Ids(None, None)
        if self._limit is None:
            return nothing
        try:
            with self._connection.transaction(force_rollback=True):
                return one(self._connection, _Ids, "health/customer_ids")
        except errors.QueryCanceled:
            if not self._limit.is_strict:
                raise
            return nothing

    def _ask(self, first: int, last: int, customers: list[int] | None = None) -> list[_Row] | None:
        """None when it takes longer than there is time."""
        limit, timeout = self._limit, None
        if limit and limit.is_strict:
            timeout = str(max(round(self._left() * 1000), 1))
        is_whole = (first, last, customers) == (*WHOLE, None)
        try:
            with self._connection.transaction(force_rollback=True):
                scalar(
                    self._connection,
                    "health/range_settings",
                    timeout,
                    "on" if is_whole else "off",
                )
                return rows(
                    self._connection, _Row, f"health/{self._subject.name}", first, last, customers
                )
        except errors.QueryCanceled:
            if timeout is None:
                raise
            return None

    def _add(self, found: list[_Row], between: tuple[int, int | None] | None) -> None:
        """Put what was found in a range in the place of what was known of it."""
        state = self._state
        self.kinds = [each.name for each in found]
        if between:
            self._forget(*between)
        for each in found:
            kind = each.name
            if not self._subject.alarms(kind):
                if between:
                    state.counts[kind] = state.counts.get(kind, 0) + each.rows_found
                    if each.examples and not state.examples.get(kind):
                        state.examples[kind] = each.examples
                continue
            if not each.rows_found:
                continue
            known = state.found.setdefault(kind, {})
            room = max(MOST - sum(map(len, state.found.values())), 0)
            by_customer = list(Counter(each.customers).items())[:room]
            known.update((str(customer), count) for customer, count in by_customer)
            more = each.rows_found - sum(count for _customer, count in by_customer)
            if more:
                state.counts[kind] = state.counts.get(kind, 0) + more
            texts = self._texts.setdefault(kind, [])
            texts += zip(each.customers, each.examples, strict=False)
            texts.sort()
            del texts[max(len(each.examples), 3) :]

    def _forget(self, after: int, last: int | None) -> None:
        def is_in(customer: int) -> bool:
            return customer > after and (last is None or customer <= last)

        for known in self._state.found.values():
            for customer in [customer for customer in known if is_in(int(customer))]:
                del known[customer]
        for kind, texts in self._texts.items():
            self._texts[kind] = [each for each in texts if not is_in(each[0])]


def look(connection: Connection, memory: Memory, subject: Subject, limit: Limit | None) -> Finding:
    """Look at all customers, or go on where the last look stopped.

    What was found before is looked at again first, and stays until a look shows that it is gone.

    Args:
        connection: in a transaction, or in autocommit mode: then each range is one.
        memory: that is open; the caller saves it.
        subject: what is looked for.
        limit: how long it may take; None for all at once.

    Raises:
        psycopg.Error: a table cannot be read, or the connection broke.
    """
    is_unknown = memory.latest(subject.name) is None
    state = _State.recalled(memory, subject.name, limit.customers if limit else CUSTOMERS)
    run = _Look(connection, subject, state, limit)
    ids = run.ids()
    if limit is None:
        state.found, state.counts = {}, {}
    else:
        run.again()
    # Where the customers are fewer than there were, those of now are others.
    is_new = limit is None or state.began is None or state.after > (ids.highest or WHOLE[1])
    if is_new:
        is_anywhere = limit is not None and limit.is_strict and is_unknown and not memory.keeps
        state.begin(_anywhere(ids) if is_anywhere else _BEFORE_ALL)
    began = state.began or time.time()
    is_at_end = run.go_on()
    is_whole = is_at_end and state.first == _BEFORE_ALL
    if is_whole:
        state.end(run.kinds, subject)
    if is_at_end:
        state.began = None
    finding = Finding(
        run.counts(),
        run.examples(),
        Seen(
            share=1 if is_whole else state.share(ids),
            first_id=max(state.first + 1, ids.lowest or 0),
            last_id=state.after if state.after > state.first else None,
            began_at=_utc(began),
            is_at_once=is_whole and is_new,
            whole_at=None if state.whole_at is None else _utc(state.whole_at),
            whole_found=None if state.whole_at is None else state.whole_found,
        ),
        not memory.keeps,
        run.is_old,
    )
    memory.remember(subject.name, asdict(state))
    return finding


def _anywhere(ids: _Ids) -> int:
    """Where to begin when nobody knows where the run before stopped."""
    if ids.lowest is None or ids.highest is None:
        return _BEFORE_ALL
    return ids.lowest - 1 + secrets.randbelow(ids.highest - ids.lowest + 1)


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _require(is_so: bool) -> None:
    if not is_so:
        raise ValueError
