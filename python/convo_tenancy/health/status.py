"""How a check comes out."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """A check's outcome; the number is the exit code of monitoring plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def label(self) -> str:
        """The name in every output."""
        return self.name.lower()
