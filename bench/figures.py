"""One figure of comparable runs, by side and pair: medians, and ratios within each pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Protocol, TypeVar


class Run(Protocol):
    """One measurement of one side, in a pair with the other sides'."""

    @property
    def pair(self) -> int: ...

    @property
    def side(self) -> str: ...


R = TypeVar("R", bound=Run)


@dataclass(frozen=True)
class Figures:
    """Each run's, by side and pair; false where there are no runs."""

    of: dict[str, dict[int, float]]

    def __bool__(self) -> bool:
        return bool(self.of)

    def sides(self) -> list[str]:
        """The sides that were measured."""
        return list(self.of)

    def values(self, side: str) -> list[float]:
        """Of one side, pair by pair."""
        return [value for (value,) in self.paired(side)]

    def median(self, side: str) -> float:
        """Of one side."""
        return median(self.values(side))

    def paired(self, *sides: str) -> list[tuple[float, ...]]:
        """Of each pair that has them all."""
        found = [self.of.get(side, {}) for side in sides]
        pairs = sorted(set(found[0]).intersection(*found[1:]))
        return [tuple(values[pair] for values in found) for pair in pairs]

    def ratios(self, side: str, other: str) -> list[float]:
        """Of each pair."""
        return [a / b for a, b in self.paired(side, other)]

    def differences(self, side: str, other: str) -> list[float]:
        """Of each pair."""
        return [a - b for a, b in self.paired(side, other)]

    def added(self, side: str, other: str, base: str) -> list[float]:
        """Of each pair, what the one adds to the base by what the other adds."""
        return [(a - c) / (b - c) for a, b, c in self.paired(side, other, base)]

    def summary(self) -> dict[str, float]:
        """The median of each side."""
        return {side: self.median(side) for side in self.of}


def figures(
    runs: Iterable[R],
    value: Callable[[R], float],
    side: Callable[[R], str] = lambda run: run.side,
) -> Figures:
    """What runs that differ in side and pair alone have to compare."""
    of: dict[str, dict[int, float]] = {}
    for run in runs:
        of.setdefault(side(run), {})[run.pair] = value(run)
    return Figures(of)


def spread(values: list[float]) -> str:
    """The median, and between what the single ones were."""
    return f"{median(values):.2f} [dim]({min(values):.2f} to {max(values):.2f})[/]"
