"""Pictures as SVG that lies within the page: its colours and its font are the page's.

Texts in a picture are ours, and ids: names that others gave are in the tables beside it.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any

os.environ["MPLBACKEND"] = "svg"  # or one that this machine lacks would end the import
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its cache of fonts

import matplotlib as mpl  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

WIDTH = 320
"""Of each picture, in pixels: a phone shows it unscaled."""

_ROW = 24
_DAY = 24 * 3600
# Between two ticks, in seconds.
_STEPS = (
    *(1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600),
    *(number * _DAY for number in (1, 2, 4, 7, 14, 28, 91, 182, 365, 730, 1826)),
)
_FONT = 11
_serial = itertools.count(1)
ET.register_namespace("", "http://www.w3.org/2000/svg")
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"

# Colours that stand for the page's own, which light, dark and paper have different ones of.
_COLOURS = {
    "ink": "#00f001",
    "quiet": "#00f002",
    "line": "#00f003",
    "base": "#00f004",
    "honest": "#00f005",
    "doubtful": "#00f006",
    "wrong": "#00f007",
    "track": "#00f008",
}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "convo-tenancy",
    "text.parse_math": False,
    "font.size": _FONT,
    "text.color": _COLOURS["ink"],
}


@dataclass(frozen=True)
class Words:
    """What a screen reader says of a picture."""

    title: str
    description: str


@dataclass(frozen=True)
class Bar:
    """A row of bars, and its parts from left to right.

    Args:
        label: before it.
        parts: a colour's name and a number each.
        text: after it.
    """

    label: str
    parts: tuple[tuple[str, int], ...]
    text: str


@dataclass(frozen=True)
class Span:
    """A time in which a phase stood."""

    begun_at: datetime
    ended_at: datetime


@dataclass(frozen=True)
class Lane:
    """A phase in the time line.

    Args:
        label: before it.
        spans: in which it stood.
        working: in which scripts made it, or took it back.
        failed: when a script failed.
    """

    label: str
    spans: tuple[Span, ...]
    working: tuple[Span, ...]
    failed: tuple[datetime, ...]


def bars(words: Words, rows: Sequence[Bar]) -> str:
    """A bar a row, all of one scale."""
    longest = max((sum(number for _, number in row.parts) for row in rows), default=0) or 1
    with _picture(words, len(rows) * _ROW) as (figure, result):
        left, right = _width(row.label for row in rows), _width(row.text for row in rows)
        axes = _axes(figure, left=left, right=right, bottom=0)
        axes.set_xlim(0, longest)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        for place, row in enumerate(rows):
            axes.barh(place, longest, height=0.56, color=_COLOURS["track"], linewidth=0)
            begin = 0
            for colour, number in row.parts:
                axes.barh(place, number, left=begin, height=0.56, color=_COLOURS[colour])
                begin += number
            _label(axes, place, row.label)
            axes.annotate(
                row.text,
                (1, place),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
    return result[0]


def lanes(words: Words, rows: Sequence[Lane], until: datetime) -> str:
    """Phases over time, up to a moment."""
    begin = min(
        (
            moment
            for row in rows
            for moment in (*(span.begun_at for span in (*row.spans, *row.working)), *row.failed)
        ),
        default=until,
    )
    width = max((until - begin).total_seconds(), 60.0)
    with _picture(words, len(rows) * 30 + 34) as (figure, result):
        axes = _axes(figure, left=_width(row.label for row in rows), right=14, bottom=34)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        left, right = begin.timestamp(), begin.timestamp() + width
        axes.set_xlim(left - (right - left) * 0.02, right)
        least = (right - left) * 0.008  # of what was over in no time, something is to be seen
        for place, row in enumerate(rows):
            axes.axhline(place, color=_COLOURS["line"], linewidth=1, zorder=0)
            for spans, colour, height in ((row.spans, "base", 0.5), (row.working, "ink", 0.2)):
                for span in spans:
                    start = span.begun_at.timestamp()
                    length = max(span.ended_at.timestamp() - start, least)
                    axes.barh(place, length, left=start, height=height, color=_COLOURS[colour])
            for moment in row.failed:
                axes.plot(
                    moment.timestamp(),
                    place,
                    "x",
                    color=_COLOURS["wrong"],
                    markersize=9,
                    markeredgewidth=2.5,
                    clip_on=False,
                )
            _label(axes, place, row.label)
        _dates(axes)
    return result[0]


def days(words: Words, rows: Sequence[tuple[str, dict[date, int]]], last: date, number: int) -> str:
    """A row of bars for each label, one a day.

    Args:
        rows: label, and what was counted on which day.
        last: the newest day.
        number: how many days.
    """
    highest = max((count for _, counts in rows for count in counts.values()), default=0) or 1
    shown = [last - timedelta(days=back) for back in reversed(range(number))]
    with _picture(words, len(rows) * 34 + 34) as (figure, result):
        axes = _axes(figure, left=_width(label for label, _ in rows), right=14, bottom=34)
        axes.set_ylim(0, len(rows))
        axes.set_xlim(_day(shown[0]) - 0.6 * _DAY, _day(shown[-1]) + 0.6 * _DAY)
        for place, (label, counts) in enumerate(rows):
            foot = len(rows) - 1 - place
            axes.axhline(foot, color=_COLOURS["line"], linewidth=1, zorder=0)
            axes.bar(
                [_day(day) for day in shown if day in counts],
                [counts[day] / highest * 0.8 for day in shown if day in counts],
                bottom=foot,
                width=0.7 * _DAY,
                color=_COLOURS["base"],
            )
            _label(axes, foot + 0.28, label)
        _dates(axes)
    return result[0]


def _day(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


@contextmanager
def _picture(words: Words, height: int) -> Iterator[tuple[Figure, list[str]]]:
    """A figure of this height in pixels; the list has its SVG once the block has ended."""
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")  # what it says of fonts is not for an operator
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(WIDTH / 72, max(height, 1) / 72))
        figure.patch.set_visible(False)
        result: list[str] = []
        yield figure, result
        output = StringIO()
        FigureCanvasSVG(figure).print_svg(output, metadata={"Date": None})  # type: ignore[no-untyped-call]
        result.append(_for_page(output.getvalue(), words))


def _axes(figure: Figure, left: int, right: int, bottom: int) -> Axes:
    """With margins in pixels, and nothing but what is drawn."""
    height = figure.get_figheight() * 72
    axes = figure.add_axes(
        (
            left / WIDTH,
            bottom / height,
            (WIDTH - left - right) / WIDTH,
            (height - bottom) / height,
        )
    )
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def _width(texts: Iterable[str]) -> int:
    """Pixels for the longest of them, beside the bars, in a wide font."""
    return min(10 + math.ceil(max(map(len, texts), default=0) * _FONT * 0.62), WIDTH // 2 - 20)


def _label(axes: Axes, place: float, text: str) -> None:
    axes.annotate(
        text,
        (0, place),
        xycoords=("axes fraction", "data"),
        xytext=(-8, 0),
        textcoords="offset points",
        ha="right",
        va="center",
    )


def _dates(axes: Axes) -> None:
    """At most four ticks at round moments; days, or times with the newest tick's day below."""
    left, right = axes.get_xlim()
    step = next((each for each in _STEPS if (right - left) / each < 4), (right - left) / 3)
    first = math.ceil(left / step)
    ticks = [number * step for number in range(first, math.floor(right / step) + 1)]
    if step >= _DAY:
        form = "%b %Y" if step > 45 * _DAY else "%-d %b"
    else:
        form = "%H:%M" if step >= 60 else "%H:%M:%S"
    moments = [datetime.fromtimestamp(tick, UTC) for tick in ticks]
    axes.set_xticks(ticks, [f"{at:{form}}" for at in moments])
    axes.tick_params(axis="x", length=4, color=_COLOURS["line"], labelcolor=_COLOURS["quiet"])
    if moments and step < _DAY:
        axes.annotate(
            f"{moments[-1]:%-d %b %Y}",
            (1, 0),
            xycoords="axes fraction",
            xytext=(0, -30),
            textcoords="offset points",
            ha="right",
            va="center",
            color=_COLOURS["quiet"],
        )


def _for_page(text: str, words: Words) -> str:
    """The picture alone: its colours by name, no style, no size, no ids but those it refers to."""
    for name, colour in _COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    text = re.sub(r"font-family: [^;]*; ", "", text)
    used = dict.fromkeys(re.findall(r"#(\w+)", text))
    # Several pictures lie in one page, and those that are alike have the same ids.
    number = next(_serial)
    for place, name in enumerate(used):
        text = re.sub(rf"\b{name}\b", f"p{number}-{place}", text)
    root = ET.fromstring(text)  # noqa: S314  # matplotlib's own
    for parent in list(root.iter()):
        for name in ("width", "height", "version") if parent is root else ():
            parent.attrib.pop(name, None)
        if not parent.get("id", "").startswith(f"p{number}-"):
            parent.attrib.pop("id", None)
        if _XLINK in parent.attrib:
            parent.set("href", parent.attrib.pop(_XLINK))
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    root.set("role", "img")
    root.set("aria-labelledby", f"p{number}-title p{number}-description")
    for name, words_of_it in (("desc", words.description), ("title", words.title)):
        element = ET.Element(
            f"{_SVG}{name}", {"id": f"p{number}-{'title' if name == 'title' else 'description'}"}
        )
        element.text = words_of_it
        root.insert(0, element)
    return re.sub(r">\s+<", "><", ET.tostring(root, encoding="unicode"))
