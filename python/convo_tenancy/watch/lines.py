"""The figures as lines of text, for a file, a pipe, or a terminal that only appends."""

from __future__ import annotations

from collections.abc import Iterator

from ..display import printable
from . import said
from .figures import Figures
from .waits import drawn, tree

_SHOPS = 5


class Lines:
    """A line a look, and further ones for what is new: who waits, and what a check says."""

    def __init__(self) -> None:
        self._before: list[str] = []

    def of(self, figures: Figures) -> Iterator[str]:
        """The lines of this look."""
        look = figures.look
        if figures.lost is not None:
            yield from self._news([f"no connection: {printable(figures.lost)}; it tries again"])
            return
        if look is None:
            return
        yield f"{said.clock(look.time)}  {'; '.join(_figures(figures))}"
        yield from self._news(
            [
                f"phase {said.phase(look)[0]}",
                *(
                    f"{check.status.label} {check.name}: {printable(check.detail)}"
                    for check in figures.wrong
                    if check.name != "phase"
                ),
                *map(printable, look.notes),
            ]
        )
        nodes = tree(look.report.lock_waits or [], look.report.lock_holders)
        yield from (f"  {line}" for line in drawn(nodes, ascii_only=True))

    def _news(self, lines: list[str]) -> Iterator[str]:
        """Those that were not there at the last look."""
        before, self._before = self._before, lines
        yield from (f"  {line}" for line in lines if line not in before)


def _figures(figures: Figures) -> Iterator[str]:
    if figures.look is None:
        return
    yield figures.look.report.phase or "phase not known"
    words, percent = said.backfill(figures)
    if percent is not None:
        yield f"backfill {percent} %, {words}"
    if words := said.drift(figures):
        yield f"drift {words}"
    if words := said.bookings(figures):
        yield f"bookings {words}"
    shops = [shop for shop in figures.shops if shop.rate]
    if shops:
        named = ", ".join(f"{shop.name} {said.rate(shop.rate)}" for shop in shops[:_SHOPS])
        yield f"shops {named}" + (", ..." if len(shops) > _SHOPS else "")
    yield f"{len(figures.wrong)} checks not ok"
