"""The figures as the lines of a screen: what fits, the most urgent first."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import ConsoleDimensions
from rich.text import Text

from ..display import printable
from ..health.formats import STYLES
from . import said
from .figures import Figures
from .rates import shares
from .waits import drawn, tree

_WIDE = 120  # columns from which on there are two halves
_GAP = 3
_LABEL = 10
_MOST_LINES = 5  # of one text
_END_LINES = 3  # of these, the last ones
_NAME = 24  # columns of a shop or an application, at most
_NOTHING = "-"


@dataclass(frozen=True)
class _Section:
    """A title, and lines below it, of which the last ones may be left out."""

    title: str
    lines: list[Text]


def view(
    figures: Figures, size: ConsoleDimensions, every: float, *, ascii_only: bool
) -> list[Text]:
    """What to draw: as many lines as there are, none longer than they are wide.

    Args:
        size: of the terminal.
        every: seconds between two looks.
        ascii_only: whether it shows nothing else.
    """
    width, height = size
    page = _Page(figures, width, ascii_only)
    top, foot = page.top(), page.foot(every)
    lines = top + page.body(max(height - len(top) - len(foot), 0))
    room = height - len(foot)
    lines = [*lines[:room], *[Text()] * (room - len(lines)), *foot]
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="crop" if page.ascii_only else "ellipsis")
    return lines


class _Page:
    def __init__(self, figures: Figures, width: int, ascii_only: bool) -> None:
        self._figures = figures
        self._look = figures.look
        self._width = width
        self.ascii_only = ascii_only

    def top(self) -> list[Text]:
        """What is always there."""
        figures, look = self._figures, self._look
        if look is None:
            lines = [Text("convo-tenancy watch", "bold")]
        else:
            name = Text.assemble(("convo-tenancy watch", "bold"), f"  {said.where(look)}")
            lines = [self._spread(name, said.clock(look.time))]
        if figures.lost is not None:
            lost = f"no connection: {printable(figures.lost)}; it tries again"
            lines += self._labelled("Lost", lost, "bold red")
        if look is None:
            return lines
        detail, status = said.phase(look)
        lines += self._labelled("Phase", detail, STYLES[status])
        words, percent = said.backfill(figures)
        if percent is not None:
            lines.append(self._bar("Backfill", percent))
        lines += self._labelled("" if percent is not None else "Backfill", words)
        lines += self._labelled("Drift", said.drift(figures))
        lines += self._labelled("Bookings", said.bookings(figures))
        return lines

    def body(self, room: int) -> list[Text]:
        """What there is room for."""
        if self._look is None:
            return []
        if self._width < _WIDE:
            width = self._width
            both = [self._waits(), self._wrong(width), self._shops(), self._applications()]
            return self._stacked(both, room, width)
        width = (self._width - _GAP) // 2
        left = self._stacked([self._shops(), self._applications()], room, width)
        right = self._stacked([self._waits(), self._wrong(width)], room, width)
        lines = []
        for n in range(max(len(left), len(right))):
            line = left[n].copy() if n < len(left) else Text()
            line.truncate(width, overflow="ellipsis", pad=True)
            lines.append(Text.assemble(line, " " * _GAP, right[n] if n < len(right) else Text()))
        return lines

    def foot(self, every: float) -> list[Text]:
        """What a look costs, and how to end it."""
        if self._look is None:
            return [Text("Ctrl-C ends it", "dim")]
        cost = f"a look took {self._look.milliseconds:,.0f} ms, every {every:g} s"
        return [self._spread(Text("Ctrl-C ends it", "dim"), cost)]

    def _shops(self) -> _Section:
        shown = [shop for shop in self._figures.shops if shop.rate or shop.legacy]
        cells = [
            (
                shop.name,
                _NOTHING if shop.rate is None else said.rate(shop.rate),
                ", ".join(shop.legacy) or _NOTHING,
            )
            for shop in shown
        ]
        heading = ("Shop", "confirmed", "legacy code wrote, at least")
        title = f"Shops, {said.window(self._figures)}"
        return _Section(title, _columns([heading, *cells]) if cells else [])

    def _applications(self) -> _Section:
        cells = [
            (
                each.name,
                f"{each.sessions:,}",
                f"{each.in_transaction:,}",
                ", ".join(each.legacy) or _NOTHING,
            )
            for each in self._figures.applications
        ]
        heading = ("Application", "sessions", "at work", "wrote legacy for shops")
        return _Section("Applications", _columns([heading, *cells]) if cells else [])

    def _waits(self) -> _Section:
        report = self._look.report if self._look else None
        waits = (report and report.lock_waits) or []
        nodes = tree(waits, report.lock_holders if report else [])
        return _Section(
            "Lock waits",
            [Text(line, "yellow") for line in drawn(nodes, ascii_only=self.ascii_only)],
        )

    def _wrong(self, width: int) -> _Section:
        lines: list[Text] = []
        for check in self._figures.wrong:
            if check.name == "phase":  # is said above
                continue
            lead = Text(f"{check.status.label} {check.name}  ", STYLES[check.status])
            lines += _hanging(lead, printable(check.detail), "", width, 2)
        for note in self._look.notes if self._look else []:
            lines += _hanging(Text(), printable(note), "dim", width, 2)
        ok = sum(check.status == 0 for check in self._figures.checks.values())
        return _Section(f"Checks, {ok} ok", lines)

    def _stacked(self, sections: list[_Section], room: int, width: int) -> list[Text]:
        """Those that have something to say, one below the other."""
        shown = [section for section in sections if section.lines][: max(room // 2, 0)]
        given = shares([len(section.lines) for section in shown], room - len(shown))
        lines: list[Text] = []
        for section, most in zip(shown, given, strict=True):
            left_out = len(section.lines) - most
            title = f"{section.title} (and {left_out:,} more)" if left_out else section.title
            lines += [self._title(title, width), *section.lines[:most]]
        return lines

    def _title(self, title: str, width: int) -> Text:
        rule = "-" if self.ascii_only else "─"
        text = Text.assemble((title, "bold cyan"), " ")
        return text.append(rule * max(width - cell_len(title) - 1, 0), "dim")

    def _labelled(self, label: str, words: str, style: str = "") -> list[Text]:
        """A label, and words beside it on as many lines as they need; nothing without words."""
        lead = Text(f"{label:<{_LABEL}}", "cyan")
        return _hanging(lead, words, style, self._width, _LABEL) if words else []

    def _bar(self, label: str, percent: float) -> Text:
        done, left = ("#", ".") if self.ascii_only else ("█", "░")
        columns = max(min(self._width, 100) - _LABEL - 8, 4)
        full = round(columns * percent / 100)
        return Text.assemble(
            (f"{label:<{_LABEL}}", "cyan"),
            (done * full, "green"),
            (left * (columns - full), "dim"),
            f" {percent:5.1f} %",
        )

    def _spread(self, left: Text, right: str) -> Text:
        """One at the left edge, the other at the right one, which is dropped where it is narrow."""
        room = self._width - cell_len(right) - 2
        if room < 10:
            return left
        left.truncate(room, overflow="crop" if self.ascii_only else "ellipsis", pad=True)
        return Text.assemble(left, "  ", (right, "dim"))


def _hanging(lead: Text, words: str, style: str, width: int, indent: int) -> list[Text]:
    """Words behind a lead, on several lines if need be; those after the first are indented."""
    found = textwrap.wrap(
        words,
        max(width, cell_len(lead.plain) + 10),
        initial_indent=" " * cell_len(lead.plain),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    if len(found) > _MOST_LINES:  # what to do stands at the end
        found[_MOST_LINES - _END_LINES : -_END_LINES] = []
        found[_MOST_LINES - _END_LINES - 1] += " ..."
    lines = [Text(line, style) for line in found]
    return [Text.assemble(lead, lines[0][cell_len(lead.plain) :]), *lines[1:]]


def _columns(rows: list[tuple[str, ...]]) -> list[Text]:
    """Cells below one another, the first row as a heading; numbers at the right of theirs."""
    widths = [max(cell_len(row[n]) for row in rows) for n in range(len(rows[0]))]
    widths[0] = min(widths[0], _NAME)
    lines = []
    for row in rows:
        line = Text(style="dim" if row is rows[0] else "")
        for n, cell in enumerate(row):
            text = Text(cell)
            text.truncate(widths[n], overflow="ellipsis", pad=n == 0)
            if 0 < n < len(row) - 1:
                text.pad_left(widths[n] - cell_len(text.plain))
            line.append_text(text).append("  " if n < len(row) - 1 else "")
        lines.append(line)
    return lines
