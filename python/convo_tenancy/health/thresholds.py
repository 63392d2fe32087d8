"""From when on something is worth a warning, or critical: defaults, a file, and options."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..display import printable
from ..errors import Problem
from .status import Status


@dataclass(frozen=True)
class Thresholds:
    """What is at or above one of these is no longer ok; inf never is.

    Args:
        transaction_warning_seconds: that a transaction is open which others wait for.
        transaction_critical_seconds: the same.
        prepared_warning_seconds: that a prepared transaction waits for its end.
        prepared_critical_seconds: the same.
        lock_wait_warning_seconds: that a session waits for a lock on a table of ours.
        lock_wait_critical_seconds: the same.
        deadlocks_warning_count: in this database since the last look.
        deadlocks_critical_count: the same.
        lag_warning_bytes: of WAL that a standby has not replayed.
        lag_critical_bytes: the same.
        lag_warning_seconds: that a standby is behind.
        lag_critical_seconds: the same.
        slot_warning_bytes: of WAL that a replication slot keeps which nobody reads.
        slot_critical_bytes: the same.
        archive_warning_bytes: that the archive of the legacy side takes.
        archive_warning_days: since the contract, with the archive still there.
    """

    transaction_warning_seconds: float = 300
    transaction_critical_seconds: float = 3600
    prepared_warning_seconds: float = 60
    prepared_critical_seconds: float = 3600
    lock_wait_warning_seconds: float = 5
    lock_wait_critical_seconds: float = 60
    deadlocks_warning_count: float = 1
    deadlocks_critical_count: float = math.inf
    lag_warning_bytes: float = 256 * 1024**2
    lag_critical_bytes: float = 4 * 1024**3
    lag_warning_seconds: float = 60
    lag_critical_seconds: float = 600
    slot_warning_bytes: float = 1024**3
    slot_critical_bytes: float = 10 * 1024**3
    archive_warning_bytes: float = 10 * 1024**3
    archive_warning_days: float = 30

    def levels(self, what: str, unit: str) -> tuple[float, float]:
        """From when on it is a warning, and critical.

        Args:
            what: is measured, the first word of the names.
            unit: the last word.
        """
        return (
            getattr(self, f"{what}_warning_{unit}", math.inf),
            getattr(self, f"{what}_critical_{unit}", math.inf),
        )

    def judge(self, what: str, unit: str, value: float | None) -> Status:
        """What a value means; one that is not known raises no alarm."""
        if value is None:
            return Status.OK
        warning, critical = self.levels(what, unit)
        if value >= critical:
            return Status.CRITICAL
        return Status.WARNING if value >= warning else Status.OK


_LARGEST = 2**62  # what is above it no counter of PostgreSQL reaches

NAMES = tuple(each.name for each in fields(Thresholds))


def read_thresholds(file: Path | None, given: list[str]) -> Thresholds:
    """The defaults, then what the file says, then what the options say.

    Args:
        file: of TOML, with NAME = VALUE.
        given: NAME=VALUE.

    Raises:
        Problem: a name that there is not, a value that is none, a file that cannot be read.
    """
    values = dict(_from_file(file)) if file else {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise _problem(f"--threshold is {each!r}, expected NAME=VALUE")
        try:
            value: object = float(text)
        except ValueError:
            value = text
        values[name.strip()] = _checked("--threshold", name.strip(), value)
    return replace(Thresholds(), **values)


def _from_file(file: Path) -> dict[str, float]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}", int(Status.UNKNOWN)) from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise _problem(
            f"{file} is not TOML, expected NAME = VALUE in each line ({error})"
        ) from None
    return {name: _checked(str(file), name, value) for name, value in read.items()}


def _checked(source: str, name: str, value: object) -> float:
    if name not in NAMES:
        raise _problem(f"{source}: there is no threshold {name!r}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise _problem(f"{source}: {name} is {value!r}, expected a number from 0 to inf")
    return float(min(value, _LARGEST)) if value != math.inf else math.inf


def _problem(message: str) -> Problem:
    line = printable(" ".join(message.split()))
    return Problem(f"{line}; the thresholds are {', '.join(NAMES)}", int(Status.UNKNOWN))
