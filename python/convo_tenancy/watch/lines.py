"""The figures as lines of text, for a file, a pipe, or a terminal that only appends."""

from __future__ import annotations

from collections.abc import Iterator

from ..display import printable
from ..health.model import Status
from . import said
from .figures import Figures
from .looks import Look
from .waits import drawn, tree

_SHOPS = 5


class Lines:
    """A line a look, and further ones for what is new: what is wrong, and who waits."""

    def __init__(self) -> None:
        self._before: list[str] = []

    def of(self, figures: Figures, *, quiet: bool) -> Iterator[str]:
        """The lines of this look.

        Args:
            quiet: only what is wrong.
        """
        look = figures.look
        if figures.lost is not None:
            yield from self._new([f"no connection: {printable(figures.lost)}; it tries again"])
        elif look is not None:
            if not quiet:
                yield f"{said.clock(look.time)}  {'; '.join(_figures(figures, look))}"
            yield from self._new([*_wrong(figures, look, quiet)])
            nodes = tree(look.report.lock_waits or [], look.report.lock_holders)
            yield from (f"  {line}" for line in drawn(nodes, ascii_only=True))

    def _new(self, lines: list[str]) -> Iterator[str]:
        """Those that were not there at the last look."""
        before, self._before = self._before, lines
        yield from (f"  {line}" for line in lines if line not in before)


def _wrong(figures: Figures, look: Look, quiet: bool) -> Iterator[str]:
    phase, status = said.phase(look)
    if not quiet or status is not Status.OK:
        yield f"phase {phase}"
    for check in figures.wrong:
        if check.name != "phase":
            yield f"{check.status.label} {check.name}: {printable(check.detail)}"
    if not quiet:
        yield from map(printable, look.notes)


def _figures(figures: Figures, look: Look) -> Iterator[str]:
    yield look.report.phase or "phase not known"
    words, percent = said.backfill(figures)
    if percent is not None:
        yield f"backfill {percent} %, {words}"
    if words := said.drift(figures):
        yield f"drift {words}"
    if words := said.bookings(figures):
        yield f"bookings {words}"
    shops = [f"{shop.name} {said.rate(shop.rate)}" for shop in figures.shops if shop.rate]
    if shops:
        yield f"shops {', '.join(shops[:_SHOPS])}" + (", ..." if len(shops) > _SHOPS else "")
    yield said.not_ok(figures)
