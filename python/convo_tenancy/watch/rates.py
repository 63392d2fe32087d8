"""What changed between looks, a second. Nothing here asks a database or a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """What was counted at one moment.

    Args:
        at: the moment, in seconds of a clock that never goes back.
        counts: by name; what could not be counted is left out.
    """

    at: float
    counts: Mapping[str, int]


class History:
    """The last looks, from which rates follow.

    Args:
        seconds: how far back a rate looks. The last look before that is kept as well, so that there
            are two, however rarely somebody looks.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        """One look more; what is older than needed is forgotten."""
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at <= sample.at - self._seconds:
            self._samples.popleft()

    def forget(self) -> None:
        """Begin anew: what comes is another server's, or was counted while nobody looked."""
        self._samples.clear()

    def rate(self, name: str, *, may_fall: bool = False, among: str | None = None) -> float | None:
        """A second, over the looks that are kept; None before two of them counted it.

        Args:
            name: of the count.
            may_fall: a count that fell is a fact. Else somebody reset it, and what was counted
                before says nothing.
            among: a count of whatever this one is a part of: where that is there and this one is
                not, it was 0.
        """
        seen = [
            (each.at, each.counts.get(name, 0))
            for each in self._samples
            if (among or name) in each.counts
        ]
        if not may_fall:
            fell = [n for n in range(1, len(seen)) if seen[n][1] < seen[n - 1][1]]
            seen = seen[fell[-1] if fell else 0 :]
        if len(seen) < 2 or seen[-1][0] <= seen[0][0]:
            return None
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


def seconds_left(remaining: int, rate: float | None) -> float | None:
    """Until nothing remains; None when it does not move.

    Args:
        remaining: what is still to do.
        rate: of it is done a second.
    """
    if remaining <= 0:
        return 0.0
    return remaining / rate if rate is not None and rate > 0 else None


def shares(wanted: list[int], available: int) -> list[int]:
    """Lines for each of several lists, as fair as can be: what one does not need, others get.

    Args:
        wanted: lines that each would fill.
        available: lines there are.
    """
    given = [0] * len(wanted)
    while available > 0 and given != wanted:
        for n, most in enumerate(wanted):
            if given[n] < most and available > 0:
                given[n] += 1
                available -= 1
    return given
