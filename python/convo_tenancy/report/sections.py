"""What the page says: its sections, of what was found and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeVar

from rich.filesize import decimal

from ..display import plural, printable
from ..health.model import TIME, Archive, Check, Report, Status
from . import pictures
from .facts import Facts, LegacyDay, Move, PhaseStands
from .pictures import Bar, Lane, Span, Words

SHOWN = 10
"""Shops in a picture, the biggest; the rest of them is one sum."""

DAYS = 30
"""As many as report/legacy_days reads."""

LENGTH = 120
"""Of what others named: more of it is cut off."""

# What each class of tenancy.shop_check comes to, and what it says (docs/profiles.md).
CLASSES = {
    "agrees": ("base", "profile, bookings and stylists' counts say the same"),
    "public_confirms": ("honest", "bookings that a guest confirmed, which nobody counted"),
    "cancelled": ("honest", "bookings that were counted, and cancelled later"),
    "misplaced": ("wrong", "bookings that count in a wrong shop; a repair moves them"),
    "profile_differs": ("doubtful", "bookings and counts agree, the profile does not"),
    "counts_differ": ("doubtful", "only the counts differ"),
    "all_differ": ("doubtful", "all three differ"),
    "stylist_moved": ("doubtful", "the counts are not known, since a stylist moved"),
}
GROUPS = {
    "honest": "Honest difference",
    "doubtful": "Doubtful",
    "wrong": "In a wrong shop",
}
EVENTS = {"deploy": "deployed", "revert": "taken back", "fail": "failed"}

Cell = str | int | None
V = TypeVar("V")


@dataclass(frozen=True)
class Table:
    """A table with names above and, in the first column, before each row.

    Args:
        caption: what is in it.
        columns: their names.
        rows: a cell for each column; numbers are set to the right.
        is_folded: it is shown when somebody asks for it, and on paper.
    """

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    is_folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture with its heading and the meaning of its colours, by their names."""

    title: str
    svg: str
    legend: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A part of the page: sentences, then pictures, then tables."""

    name: str
    title: str
    said: list[str]
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def sections(report: Report, facts: Facts, at: datetime) -> list[Section]:
    """All but the checks, in their order; as of a moment."""
    made = [
        _phases(facts, at),
        _shops(facts),
        _right_shop(report, facts),
        _drift(report),
        _legacy_use(report, facts, at.date()),
    ]
    return made if report.archive is None else [*made, _archive(report, report.archive)]


def text(words: str | None) -> str:
    """What others named, without what would be obeyed and not shown, and at most so long."""
    shown = printable(words or "")
    return shown if len(shown) <= LENGTH else f"{shown[: LENGTH - 1]}…"


def moment(at: datetime | None) -> str:
    """A moment as health shows it; nothing for none."""
    return "" if at is None else f"{at:{TIME}}"


# --- Phases


def _phases(facts: Facts, at: datetime) -> Section:
    phases, moves = facts.phases.rows, facts.history.rows
    lanes = _lanes(phases, moves, at)
    said = [_stands(each) for each in phases]
    if facts.phases.missing:
        said.append(f"What stands in the database: {facts.phases.missing}.")
    if facts.history.missing:
        said.append(f"What Sqitch did: {facts.history.missing}.")
    figures = []
    if any(lane.spans or lane.working or lane.failed for lane in lanes):
        figures.append(
            Figure(
                "When each phase stood",
                pictures.lanes(
                    Words(
                        "When each phase stood",
                        "; ".join(_lane_in_words(lane, at) for lane in lanes),
                    ),
                    lanes,
                    at,
                ),
                {"base": "It stands", "ink": "Sqitch at work"}
                | ({"wrong": "A script failed"} if any(lane.failed for lane in lanes) else {}),
            )
        )
    tables = [
        Table(
            "What Sqitch did, the newest first",
            ("From", "To", "What", "Changes", "Last change", "Completes or ends"),
            [
                (
                    moment(each.begun_at),
                    moment(each.ended_at),
                    EVENTS.get(each.event, each.event),
                    each.changes,
                    text(each.last_change),
                    text(each.tags),
                )
                for each in reversed(moves)
            ],
            is_folded=True,
        )
    ]
    return Section("phases", "Phases", said, figures, tables if moves else [])


def _stands(phase: PhaseStands) -> str:
    if phase.half_way:
        return f"{phase.tag} is half-way: {text(phase.half_way)} was interrupted, or runs now."
    if phase.complete_since is not None:
        return f"{phase.tag} stands since {moment(phase.complete_since)}."
    if phase.standing:
        return f"{phase.tag} is half-way: {phase.standing} of its {phase.changes} changes stand."
    return f"{phase.tag} is not deployed."


def _lanes(phases: list[PhaseStands], moves: list[Move], until: datetime) -> list[Lane]:
    """What stands is for the database to say, and what was before for Sqitch."""
    tags = [each.tag for each in phases] or sorted({each.tags for each in moves if each.tags})
    stands = {each.tag: each for each in phases}
    return [_lane(tag, stands.get(tag), _of(tag, tags, moves), moves, until) for tag in tags]


def _of(tag: str, tags: list[str], moves: list[Move]) -> list[Move]:
    """The moves that made, ended or tried this phase.

    A deploy is that of the phase after the newest one that stood then.
    """
    complete: list[str] = []
    found = []
    for each in moves:
        if each.event == "revert":
            complete = [other for other in complete if other not in each.tags.split()]
            of = each.tags.split() or tags[len(complete) : len(complete) + 1]
        else:
            of = each.tags.split() or tags[len(complete) : len(complete) + 1]
            complete += each.tags.split() if each.event == "deploy" else []
        if tag in of:
            found.append(each)
    return found


def _lane(
    tag: str, stands: PhaseStands | None, own: list[Move], moves: list[Move], until: datetime
) -> Lane:
    spans: list[Span] = []
    begun: datetime | None = None
    for each in own:
        if tag in each.tags.split() and each.event == "deploy":
            begun = each.ended_at
        elif tag in each.tags.split() and each.event == "revert" and begun is not None:
            spans.append(Span(begun, each.begun_at))
            begun = None
    if stands is not None and stands.complete_since is not None:
        # Of a registry that was lost and made anew, the database knows better.
        spans.append(Span(min(begun or stands.complete_since, stands.complete_since), until))
    elif begun is not None:
        spans.append(Span(begun, until if stands is None else moves[-1].ended_at))
    working = [Span(each.begun_at, each.ended_at) for each in own if each.event != "fail"]
    if not working and stands is not None and stands.begun_at is not None:
        working = [Span(stands.begun_at, stands.complete_since or until)]
    failed = tuple(each.ended_at for each in own if each.event == "fail")
    return Lane(tag, tuple(spans), tuple(working), failed)


def _lane_in_words(lane: Lane, until: datetime) -> str:
    stood = [
        f"from {moment(span.begun_at)} {'on' if span.ended_at == until else 'to '}"
        f"{'' if span.ended_at == until else moment(span.ended_at)}"
        for span in lane.spans
    ]
    failed = f", with {plural(len(lane.failed), 'failure')}" if lane.failed else ""
    return f"{lane.label} stood {' and '.join(stood) if stood else 'at no time'}{failed}"


# --- Shops


def _shops(facts: Facts) -> Section:
    shops = facts.shops.rows
    if facts.shops.missing:
        return _missing("shops", "Profiles and bookings by shop", facts.shops.missing)
    profiles, bookings = sum(s.profiles for s in shops), sum(s.bookings for s in shops)
    said = [
        f"{plural(profiles, 'profile')} in {plural(len(shops), 'shop')} count"
        f" {plural(bookings, 'booking')}."
    ]
    if facts.names.missing:
        said.append(f"What they are called: {facts.names.missing}.")
    names = {each.shop_id: each.name for each in facts.names.rows}
    figures = []
    if profiles:
        figures = [
            _by_shop("Profiles by shop", {shop.shop_id: shop.profiles for shop in shops}),
            _by_shop("Bookings by shop", {shop.shop_id: shop.bookings for shop in shops}),
        ]
    table = Table(
        "Profiles and bookings of every shop",
        ("Shop", "Name", "Profiles", "Bookings", "Newest booking"),
        [
            (
                f"Shop {shop.shop_id}",
                text(names.get(shop.shop_id)),
                shop.profiles,
                shop.bookings,
                moment(shop.newest_booking_at),
            )
            for shop in shops
        ],
        is_folded=True,
    )
    return Section(
        "shops", "Profiles and bookings by shop", said, figures, [table] if shops else []
    )


def _by_shop(title: str, numbers: dict[int, int]) -> Figure:
    rows = [
        Bar(label, (("base", number),), f"{number:,}")
        for label, number in _biggest(numbers, lambda number: number, _sum)
    ]
    return _bars(title, rows)


def _bars(title: str, rows: list[Bar], legend: dict[str, str] | None = None) -> Figure:
    described = "; ".join(f"{row.label} {row.text}" for row in rows)
    return Figure(title, pictures.bars(Words(title, described), rows), legend or {})


def _biggest(
    of: dict[int, V], size: Callable[[V], int], together: Callable[[Iterable[V]], V]
) -> list[tuple[str, V]]:
    """Those of most, by number, and the rest of them as one."""
    ordered = sorted(of.items(), key=lambda item: (-size(item[1]), item[0]))
    shown = [(f"Shop {shop_id}", value) for shop_id, value in sorted(ordered[:SHOWN])]
    rest = [value for _, value in ordered[SHOWN:]]
    return [*shown, (f"{len(rest):,} others", together(rest))] if rest else shown


def _sum(numbers: Iterable[int]) -> int:
    return sum(numbers)


def _missing(name: str, title: str, why: str) -> Section:
    return Section(name, title, [_sentence(why)])


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


# --- The right shop


def _right_shop(report: Report, facts: Facts) -> Section:
    name, title = "right-shop", "Does each booking count for its shop?"
    if facts.classes.missing:
        return _missing(name, title, facts.classes.missing)
    by_shop: dict[int, Counter[str]] = {shop.shop_id: Counter() for shop in facts.shops.rows}
    for each in facts.classes.rows:
        by_shop.setdefault(each.shop_id, Counter())[each.name] += each.profiles
    total = _together(by_shop.values())
    said = [_agrees(total)] if total.total() else ["No customer has a profile or a booking."]
    differs = {shop_id: _groups(counts) for shop_id, counts in by_shop.items()}
    figures = []
    if any(counts.total() for counts in differs.values()):
        rows = [
            Bar(
                label,
                tuple((group, counts[group]) for group in GROUPS),
                f"{counts.total():,} of {all_of_them:,}",
            )
            for label, (counts, all_of_them) in _biggest(
                {
                    shop_id: (counts, by_shop[shop_id].total())
                    for shop_id, counts in differs.items()
                },
                lambda of: of[0].total(),
                lambda rest: _added(list(rest)),
            )
        ]
        figures.append(_bars("Profiles that differ, by shop", rows, GROUPS))
    known = [*CLASSES, *sorted(total.keys() - CLASSES.keys())]
    meanings = Table(
        "Profiles by what bookings and stylists' counts say of them",
        ("Class", "Profiles", "Comes to", "What it means"),
        [
            (
                each,
                total[each],
                GROUPS.get(CLASSES[each][0], "Right") if each in CLASSES else "",
                CLASSES[each][1] if each in CLASSES else "",
            )
            for each in known
        ],
    )
    shops = Table(
        "Profiles of every shop, by class",
        ("Shop", *known),
        [
            (f"Shop {shop_id}", *(counts[each] for each in known))
            for shop_id, counts in sorted(by_shop.items())
        ],
        is_folded=True,
    )
    said += [_sentence(each.detail) for each in report.checks if _is_alarm(each, "shops")]
    return Section(name, title, said, figures, [meanings, shops])


def _together(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _added(of: Sequence[tuple[Counter[str], int]]) -> tuple[Counter[str], int]:
    return _together(counts for counts, _ in of), sum(number for _, number in of)


def _groups(counts: Counter[str]) -> Counter[str]:
    groups: Counter[str] = Counter()
    for name, number in counts.items():
        group = CLASSES.get(name, ("doubtful", ""))[0]
        if group in GROUPS:
            groups[group] += number
    return groups


def _agrees(total: Counter[str]) -> str:
    groups = _groups(total)
    parts = [f"{total['agrees']:,} of {plural(total.total(), 'profile')} agree with both"]
    parts += [f"{groups['honest']:,} differ honestly"] if groups["honest"] else []
    parts += [f"{groups['doubtful']:,} are doubtful"] if groups["doubtful"] else []
    wrong = groups["wrong"]
    parts += [f"{wrong:,} {'is' if wrong == 1 else 'are'} in a wrong shop" if wrong else "none"]
    return f"{', '.join(parts[:-1])}, and {parts[-1]}{'' if wrong else ' is in a wrong shop'}."


def _is_alarm(check: Check, name: str) -> bool:
    return check.name == name and check.status is not Status.OK


# --- Drift


def _drift(report: Report) -> Section:
    name, title = "drift", "Do both sides agree?"
    check = next((each for each in report.checks if each.name == "drift"), None)
    if report.drift_rows is None:
        why = "not there yet: it comes with @phase1" if check is None else check.detail
        return _missing(name, title, why.removeprefix("skipped: "))
    total = sum(report.drift_rows.values())
    table = Table(
        "Disagreements by kind", ("Kind", "Disagreements"), sorted(report.drift_rows.items())
    )
    if total == 0:
        table = replace(table, is_folded=True)
        said = ["The profiles say what the legacy side says of every customer."]
        return Section(name, title, said, [], [table])
    rows = [
        Bar(kind.replace("_", " "), (("wrong", number),), f"{number:,}")
        for kind, number in sorted(report.drift_rows.items())
        if number
    ]
    said = [f"{plural(total, 'disagreement')}.", *([_sentence(check.detail)] if check else [])]
    return Section(name, title, said, [_bars("Disagreements by kind", rows)], [table])


# --- Who still uses the legacy side


def _legacy_use(report: Report, facts: Facts, today: date) -> Section:
    found = facts.legacy_days
    name, title = "legacy-use", "Who still uses the legacy side?"
    said, figures, tables = [], [], []
    if found.missing:
        said.append(f"Writers: {found.missing}.")
    elif not found.rows:
        said.append(f"Nobody wrote to it directly in the last {DAYS} days.")
    else:
        newest = max(each.day for each in found.rows)
        said.append(
            f"Somebody wrote to it directly in the last {DAYS} days, on {newest:%Y-%m-%d} at last."
            " Counted are spans of five minutes with a write."
        )
        rows = _rows(found.rows)
        figures.append(_days(rows, today, min(each.day for each in found.rows)))
        tables += [_day_table(rows), _quiet_table(found.rows)]
    said += [
        _sentence(each.detail)
        for each in report.checks
        if each.name in ("legacy_watch", "legacy_readers", "double_writers") and not skipped(each)
    ]
    if report.legacy_writers:
        tables.append(
            Table(
                "Who wrote to it in the last seven days",
                ("Application", "Role", "Shop", "Spans on record", "Last"),
                [
                    (
                        text(each.application_name) or "(none)",
                        text(each.role_name),
                        _shop(each.shop_id),
                        each.writes,
                        moment(each.last_at),
                    )
                    for each in report.legacy_writers
                ],
            )
        )
    if report.double_writers:
        tables.append(
            Table(
                "Who writes both sides in one transaction",
                ("Application", "Role", "What", "Times", "Last", "Example"),
                [
                    (
                        text(each.application_name) or "(none)",
                        text(each.role_name),
                        text(each.kind),
                        each.writes,
                        moment(each.last_at),
                        f"customer {each.customer_id}",
                    )
                    for each in report.double_writers
                ],
            )
        )
    if report.legacy_readers:
        tables.append(
            Table(
                "Who reads it",
                ("Role", "Statements", "Calls", "Counted since", "Called most"),
                [
                    (
                        text(each.role_name),
                        each.statements,
                        each.calls,
                        moment(each.counted_since),
                        text(each.example),
                    )
                    for each in report.legacy_readers
                ],
            )
        )
    return Section(name, title, said, figures, tables)


def skipped(check: Check) -> bool:
    """Whether it was left out on purpose."""
    return check.status is Status.OK and check.detail.startswith("skipped")


def _shop(shop_id: int | None) -> str:
    return "no shop" if shop_id is None else f"Shop {shop_id}"


def _by_shop_and_day(found: list[LegacyDay]) -> dict[int | None, Counter[date]]:
    by_shop: dict[int | None, Counter[date]] = {}
    for each in found:
        by_shop.setdefault(each.shop_id, Counter())[each.day] += each.spans
    return by_shop


def _rows(found: list[LegacyDay]) -> list[tuple[str, Counter[date]]]:
    """What each of the biggest shops has on which day; the rest; those of no shop."""
    by_shop = _by_shop_and_day(found)
    shops = {shop_id: counts for shop_id, counts in by_shop.items() if shop_id is not None}
    rows = _biggest(shops, lambda counts: counts.total(), _sum_of_days)
    return [*rows, (_shop(None), by_shop[None])] if None in by_shop else rows


def _sum_of_days(counts: Iterable[Counter[date]]) -> Counter[date]:
    total: Counter[date] = Counter()
    for each in counts:
        total.update(each)
    return total


def _days(rows: list[tuple[str, Counter[date]]], last: date, oldest: date) -> Figure:
    title = "Direct writes by day and shop"
    described = "; ".join(
        f"{label}: {counts.total():,} on {plural(len(counts), 'day')}, {max(counts)} at last"
        for label, counts in rows
    )
    number = max((last - oldest).days + 1, 14)
    return Figure(title, pictures.days(Words(title, described), rows, last, number))


def _day_table(rows: list[tuple[str, Counter[date]]]) -> Table:
    days = sorted({day for _, counts in rows for day in counts}, reverse=True)
    return Table(
        "Five-minute spans with a direct write, by day",
        ("Day", *(label for label, _ in rows)),
        [(f"{day:%Y-%m-%d}", *(counts[day] for _, counts in rows)) for day in days],
        is_folded=True,
    )


def _quiet_table(found: list[LegacyDay]) -> Table:
    by_shop = _by_shop_and_day(found)
    return Table(
        "Direct writes of every shop, and the last day with one",
        ("Shop", "Last day", "Days", "Five-minute spans"),
        [
            (
                _shop(shop),
                f"{max(by_shop[shop]):%Y-%m-%d}",
                len(by_shop[shop]),
                by_shop[shop].total(),
            )
            for shop in sorted(by_shop, key=lambda shop_id: (shop_id is None, shop_id))
        ],
        is_folded=True,
    )


# --- The archive


def _archive(report: Report, archive: Archive) -> Section:
    said = [_sentence(each.detail) for each in report.checks if each.name == "archive"]
    table = Table(
        "Tables of schema tenancy_archive",
        ("Table", "Size"),
        [(text(name), str(decimal(size))) for name, size in sorted(archive.tables.items())],
    )
    return Section("archive", "What is put aside", said, [], [table] if table.rows else [])
