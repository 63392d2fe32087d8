"""The screen: four answers, each behind its label; 80 columns, and 24 lines as a rule."""

from __future__ import annotations

import os
import shutil
import textwrap

from ..display import printable
from ..health.model import TIME, Status
from ..preflight.locks import Lock
from .stand import Code, Obstacle, Shop, Stand, Step

_LABEL = 14
_INDENT = 4  # below a label
_LINES = 24
_MOST_OBSTACLES = 5
_LEAST_SHOPS = 3
_LEAST_WIDTH = 40
_NARROW = 72
_WHERE = 'the project\'s folder, with SQITCH_TARGET="db:$DATABASE_URL" set'
_STOPS = ("stops everybody", "stops writers")


def lines(stand: Stand) -> list[str]:
    """The screen, line by line; commands stand on one line each, however long it is."""
    return [printable(line) for line in _Screen().lines(stand)]


def wrong_lines(stand: Stand) -> list[str]:
    """What is in the way alone."""
    return [printable(line) for line in _Screen().obstacles(stand.obstacles)]


class _Screen:
    def __init__(self) -> None:
        columns, self._height = shutil.get_terminal_size((80, _LINES))
        self._is_narrow = columns < _NARROW
        self._indent = _INDENT if self._is_narrow else _LABEL
        self._width = max(columns, _LEAST_WIDTH) - self._indent

    def lines(self, stand: Stand) -> list[str]:
        around = [
            *_wrapped(
                f"convo-tenancy status: {self._name(stand)}, {stand.at:{TIME}}",
                self._width + self._indent,
            ),
            *self._here(stand),
        ]
        rest = [
            *self._next(stand.next_step, is_half_way=stand.half_state is not None),
            *self._back(stand),
            *self.obstacles(stand.obstacles),
        ]
        room = max(self._height, _LINES) - len(around) - len(rest) - 4
        return [*around, *(self._code(stand.code, room) if stand.code else []), *rest]

    @staticmethod
    def _name(stand: Stand) -> str:
        return f"database {stand.database}" if stand.database else "no database"

    def _labelled(self, label: str, *texts: str) -> list[str]:
        """Texts, broken into lines, behind a label."""
        broken = [line for text in texts for line in _wrapped(text, self._width)]
        return self._behind(label, broken)

    def _command(self, label: str, command: str) -> list[str]:
        return self._behind(label, [command])

    def _behind(self, label: str, lines: list[str]) -> list[str]:
        """In a narrow terminal below it."""
        if self._is_narrow:
            above = [label] if label and lines else []
            return [*above, *(f"{'':<{self._indent}}{line}" for line in lines)]
        return [
            f"{label if at == 0 else '':<{self._indent}}{line}" for at, line in enumerate(lines)
        ]

    # You are here

    def _here(self, stand: Stand) -> list[str]:
        since = f" since {stand.since:{TIME}}" if stand.since else ""
        phase = {None: "not known", "none": "no phase"}.get(stand.phase, stand.phase)
        means = f": {stand.means}" if stand.means else ""
        details = [
            f"backfill {stand.backfill}" if stand.backfill else "",
            f"isolation {stand.isolation}" if stand.isolation else "",
            "drift: ask convo-tenancy health"
            if stand.backfill and stand.phase != "@phase3"
            else "",
        ]
        if stand.phase == "@phase3":
            details = [each for each in details if not each.startswith("backfill")]
        return self._labelled(
            "You are here",
            f"{phase}{since}{means}",
            f"half-way: {stand.half_state}" if stand.half_state else "",
            "; ".join(each for each in details if each),
        )

    # Where code stands

    def _code(self, code: Code, room: int) -> list[str]:
        shown = [each for each in code.shops if each.last_at is not None]
        shown = shown[: max(room, _LEAST_SHOPS)]
        result = self._labelled(
            "Code",
            f"{_shops(code.writing_count)} with legacy writes in {code.quiet_period},"
            f" {code.quiet_count:,} quiet (watched since {code.watched_since:{TIME}})"
            if code.watched_since
            else "who writes to the legacy side is not watched",
        )
        if shown:
            result += self._table(shown)
        writing = code.writing_count - sum(each.is_writing for each in shown)
        quiet = code.quiet_count - sum(not each.is_writing for each in shown)
        rest = []
        if shown and writing:
            rest.append(f"{writing:,} more {'writes' if writing == 1 else 'write'}")
        if shown and quiet:
            rest.append(f"{quiet:,} more {'is' if quiet == 1 else 'are'} quiet")
        readers = ", ".join(f"{each.role_name} ({each.calls:,} calls)" for each in code.readers[:3])
        readers += f" and {len(code.readers) - 3:,} more" if len(code.readers) > 3 else ""
        if not readers:
            readers = "not seen, convo-tenancy gate says why" if code.unseen_readers else "nobody"
        return result + self._labelled("", ", ".join(rest), f"readers: {readers}")

    def _table(self, shops: list[Shop]) -> list[str]:
        rows = [
            ("shop", "7 days", "last write", "by", "quiet since"),
            *(
                (
                    "none" if each.shop_id is None else str(each.shop_id),
                    f"{each.writes:,}",
                    f"{each.last_at:%Y-%m-%d %H:%M}" if each.last_at else "",
                    _applications(each),
                    f"{each.last_at:%Y-%m-%d %H:%M}"
                    if each.last_at and not each.is_writing
                    else "",
                )
                for each in shops
            ),
        ]
        has_quiet = not self._is_narrow and any(row[4] for row in rows[1:])
        fixed = [max(len(row[at]) for row in rows) for at in range(3)]
        left = self._width - sum(fixed) - 2 * 3 - (18 if has_quiet else 0)
        by = max(min(left, max(len(row[3]) for row in rows)), 4)
        margin = " " * self._indent
        return [
            (
                f"{margin}{row[0]:<{fixed[0]}}  {row[1]:>{fixed[1]}}  {row[2]:<{fixed[2]}}"
                f"  {_cut(row[3], by):<{by}}" + (f"  {row[4]}" if has_quiet else "")
            ).rstrip()
            for row in rows
        ]

    # The next step, and the way back

    def _next(self, step: Step, *, is_half_way: bool) -> list[str]:
        if step.command is None:
            return self._labelled("Next step", step.goal)
        first = list(step.first)
        if step.not_before is not None:
            first.insert(0, f"wait until {step.not_before:{TIME}}: the quiet period")
        result = self._command("Next step", step.command)
        if not os.environ.get("SQITCH_TARGET"):
            result += self._labelled("  where", _WHERE)
        if first:
            result += self._labelled("  first", "; ".join(first))
        if step.locks:
            asked = "status --format json" if is_half_way else f"preflight --to {step.goal}"
            result += self._locks(step.locks, f"convo-tenancy {asked}")
        if step.patience:
            patience = step.patience
            result += self._labelled(
                "  waits",
                f"writers {patience.queue_ms} ms at most a try; refused after"
                f" {patience.attempts} tries, {patience.seconds:.0f} s",
            )
        return result

    def _locks(self, locks: list[Lock], asked: str) -> list[str]:
        result: list[str] = []
        named: set[str] = set()
        for effect in _STOPS:
            taken = [lock for lock in locks if lock.lock.endswith(effect)]
            tables = {table for lock in taken for table in lock.named_tables} - named
            if tables:
                label = "" if result else "  locks"
                listed = ", ".join(sorted(tables))
                result += self._labelled(label, f"{effect} for a moment: {listed}")
            named |= tables
        return result + self._labelled("", f"each lock: {asked}")

    def _back(self, stand: Stand) -> list[str]:
        if stand.back is None:
            why = "wait for it" if stand.running else "nothing to take back"
            if stand.phase is None or (not stand.running and stand.phase != "none"):
                why = "not known, until the obstacles are removed"
            return self._labelled("Way back", why)
        return [
            *self._command("Way back", stand.back.command),
            *self._labelled("", stand.back.becomes),
        ]

    # In the way

    def obstacles(self, obstacles: list[Obstacle]) -> list[str]:
        if not obstacles:
            return self._labelled("In the way", "nothing")
        same: dict[tuple[Status, str, str], list[Obstacle]] = {}
        for each in obstacles:
            same.setdefault((each.status, each.detail, each.remedy), []).append(each)
        result: list[str] = []
        for (status, detail, remedy), those in [*same.items()][:_MOST_OBSTACLES]:
            names = ", ".join(each.name for each in those)
            what = _cut(f"{status.label} {names}: {detail}", 2 * self._width - 10)
            result += self._labelled("" if result else "In the way", what)
            if remedy:
                result += self._command("", f"  {remedy}")
        more = [each for those in [*same.values()][_MOST_OBSTACLES:] for each in those]
        if more:
            asked = ", ".join(dict.fromkeys(each.asked for each in more))
            result += self._labelled("", f"and {len(more):,} more: {asked}")
        return result


def _wrapped(text: str, width: int) -> list[str]:
    """Broken between words alone: a name or a command stays whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _shops(number: int) -> str:
    return {0: "no shop", 1: "1 shop"}.get(number, f"{number:,} shops")


def _applications(shop: Shop) -> str:
    names = ", ".join(name or "(none)" for name in shop.applications)
    more = shop.application_count - len(shop.applications)
    return f"{names} and {more:,} more" if more > 0 else names


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 3, 0)]}..."
