"""Medians, ratios and thresholds of phase 2; as tables and for the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Protocol, TypeVar

from rich.table import Table

from ..api import FUNCTIONS
from ..report import Report, Threshold, new_table
from .bookings import DELAY, DUAL_WRITE, MIRRORS, SETTINGS, WITHOUT, BookingRun, Setting
from .bulk import UPDATES, BulkRun
from .calls import CALLS, DELAYS, LEGACY, CallRun
from .drift import ALL, REFERENCE, DriftRun
from .health import ALONE, BESIDE, BOUNDED, MAX_SECONDS, WHOLE, HealthRun, WriterRun
from .health import REFERENCE as HEALTH_REFERENCE
from .isolation import MEMBER, OWNER, IsolationRun
from .legacy import statements

THROUGHPUT_LIMIT = 0.9
BULK_LIMIT = 60  # microseconds a row
CALLS_LIMIT = 5
ISOLATION_LIMIT = 1.15
DRIFT_LIMIT = 3
HEALTH_LIMIT = 1.5
WRITER_LIMIT = 0.95
# The time of each statement of a booking is shown where it is least disturbed by anything else.
STATEMENTS_SETTING = next(s for s in SETTINGS if s.fsync == "off" and s.clients == 1)


class Run(Protocol):
    """One measurement of one side, in a pair with the other sides'."""

    @property
    def pair(self) -> int: ...

    @property
    def side(self) -> str: ...


R = TypeVar("R", bound=Run)


@dataclass(frozen=True)
class Figures:
    """One figure of comparable runs: each run's, by side and pair."""

    of: dict[str, dict[int, float]]

    def sides(self) -> list[str]:
        """The sides that were measured."""
        return list(self.of)

    def median(self, side: str) -> float:
        """Of one side."""
        return median(self.of[side].values())

    def ratios(self, side: str, other: str) -> list[float]:
        """Of each pair."""
        return [value / self.of[other][pair] for pair, value in sorted(self.of[side].items())]

    def differences(self, side: str, other: str) -> list[float]:
        """Of each pair."""
        return [value - self.of[other][pair] for pair, value in sorted(self.of[side].items())]

    def summary(self) -> dict[str, float]:
        """The median of each side."""
        return {side: self.median(side) for side in self.of}


def figures(runs: list[R], value: Callable[[R], float]) -> Figures | None:
    """None where there are no runs."""
    of: dict[str, dict[int, float]] = {}
    for run in runs:
        of.setdefault(run.side, {})[run.pair] = value(run)
    return Figures(of) if of else None


def ratio(measured: Figures | None, side: str, other: str) -> float | None:
    """The median of the ratios within each pair."""
    return None if measured is None else median(measured.ratios(side, other))


@dataclass
class Phase2(Report):
    """Everything that was measured."""

    # Seconds of the smallest query: straight to the socket, and at each delay through the proxy.
    round_trips: dict[str, float] = field(default_factory=dict)
    bookings: list[BookingRun] = field(default_factory=list)
    bulks: list[BulkRun] = field(default_factory=list)
    calls: list[CallRun] = field(default_factory=list)
    isolations: list[IsolationRun] = field(default_factory=list)
    drifts: list[DriftRun] = field(default_factory=list)
    healths: list[HealthRun] = field(default_factory=list)
    health_writers: list[WriterRun] = field(default_factory=list)

    def throughput(self, setting: Setting) -> Figures | None:
        """Bookings a second."""
        runs = [b for b in self.bookings if b.setting == setting]
        return figures(runs, lambda b: b.done.transactions_per_second)

    def statement(self, name: str) -> Figures | None:
        """Milliseconds of one statement of a booking."""
        runs = [b for b in self.bookings if b.setting == STATEMENTS_SETTING]
        return figures(runs, lambda b: b.done.statement_milliseconds[name])

    def bulk(self, update: str) -> Figures | None:
        """Microseconds a row."""
        runs = [b for b in self.bulks if b.update == update]
        return figures(runs, lambda b: b.seconds / b.rows * 1e6)

    def counting(self, delay: float) -> Figures | None:
        """Milliseconds of what counts a booking."""
        return figures([c for c in self.calls if c.delay == delay], lambda c: c.counting_ms)

    def transaction(self, delay: float) -> Figures | None:
        """Milliseconds of a whole booking."""
        return figures([c for c in self.calls if c.delay == delay], lambda c: c.transaction_ms)

    def isolation(self, function: str) -> Figures | None:
        """Milliseconds of a call."""
        runs = [i for i in self.isolations if i.function == function]
        return figures(runs, lambda i: i.milliseconds)

    def drift(self) -> Figures | None:
        """Seconds of each query."""
        return figures(self.drifts, lambda d: d.seconds)

    def health(self) -> Figures | None:
        """Seconds of all checks, and of the reference."""
        return figures(self.healths, lambda h: h.seconds)

    def health_writer(self) -> Figures | None:
        """Bookings a second."""
        return figures(self.health_writers, lambda w: w.writes_per_second)

    def thresholds(self) -> list[Threshold]:
        """The promises of phase 2."""
        drift, health = self.drift(), self.health()
        return [
            *(
                Threshold(
                    f"legacy bookings a second, {setting}: with mirrors / without",
                    ">=",
                    THROUGHPUT_LIMIT,
                    ratio(self.throughput(setting), MIRRORS, WITHOUT),
                )
                for setting in SETTINGS
                if setting.clients == 1 and setting.delay is None
            ),
            *(
                Threshold(
                    f"legacy bookings a second, {setting}: with mirrors / with a dual write",
                    ">",
                    1,
                    ratio(self.throughput(setting), MIRRORS, DUAL_WRITE),
                )
                for setting in SETTINGS
                if setting.delay == DELAY
            ),
            *(
                Threshold(
                    f"bulk update of {update}: microseconds a row more with mirrors",
                    "<=",
                    BULK_LIMIT,
                    None if bulk is None else median(bulk.differences(MIRRORS, WITHOUT)),
                )
                for update, bulk in ((update, self.bulk(update)) for update in UPDATES)
            ),
            Threshold(
                f"from Python, {DELAY * 1000:g} ms delay: time of {LEGACY} / {CALLS}",
                ">=",
                CALLS_LIMIT,
                ratio(self.counting(DELAY), LEGACY, CALLS),
            ),
            *(
                Threshold(
                    f"{function}: time as {MEMBER} / as {OWNER}",
                    "<=",
                    ISOLATION_LIMIT,
                    ratio(self.isolation(function), MEMBER, OWNER),
                )
                for function in FUNCTIONS
            ),
            Threshold("drift / reference", "<=", DRIFT_LIMIT, ratio(drift, ALL, REFERENCE)),
            Threshold(
                "health / reference", "<=", HEALTH_LIMIT, ratio(health, WHOLE, HEALTH_REFERENCE)
            ),
            Threshold(
                f"{BOUNDED}: the longest run in seconds",
                "<=",
                MAX_SECONDS,
                None if health is None else max(health.of[BOUNDED].values()),
            ),
            Threshold(
                f"bookings a second of a writer {BESIDE} / {ALONE}",
                ">=",
                WRITER_LIMIT,
                ratio(self.health_writer(), BESIDE, ALONE),
            ),
        ]

    def measurements(self) -> dict[str, object]:
        """Medians and every single run."""
        return {
            "round_trip_seconds": self.round_trips,
            "bookings": [
                {
                    **asdict(setting),
                    "transactions_per_second": measured.summary(),
                    **_ratios(measured, *((MIRRORS, side) for side in measured.sides())),
                }
                for setting in SETTINGS
                if (measured := self.throughput(setting))
            ],
            "statement_milliseconds": {
                name: measured.summary()
                for name in statements()
                if (measured := self.statement(name))
            },
            "bulk": [
                {
                    "update": update,
                    "microseconds_a_row": measured.summary(),
                    "microseconds_more": measured.differences(MIRRORS, WITHOUT),
                }
                for update in UPDATES
                if (measured := self.bulk(update))
            ],
            "calls": [
                {
                    "delay": delay,
                    "what": what,
                    "milliseconds": measured.summary(),
                    **_ratios(measured, (LEGACY, CALLS)),
                }
                for delay in DELAYS
                for what, measured in (
                    ("counting", self.counting(delay)),
                    ("transaction", self.transaction(delay)),
                )
                if measured
            ],
            "isolation": [
                {
                    "function": function,
                    "milliseconds": measured.summary(),
                    **_ratios(measured, (MEMBER, OWNER)),
                }
                for function in FUNCTIONS
                if (measured := self.isolation(function))
            ],
            "drift": [
                {
                    "customers": self.drifts[0].customers,
                    "seconds": measured.summary(),
                    **_ratios(measured, (ALL, REFERENCE)),
                }
                for measured in [self.drift()]
                if measured
            ],
            "health": [
                {
                    "customers": self.healths[0].customers,
                    "seconds": measured.summary(),
                    **_ratios(measured, (WHOLE, HEALTH_REFERENCE), (BOUNDED, HEALTH_REFERENCE)),
                }
                for measured in [self.health()]
                if measured
            ],
            "health_writer": [
                {
                    "writes_per_second": measured.summary(),
                    **_ratios(measured, (BESIDE, ALONE)),
                }
                for measured in [self.health_writer()]
                if measured
            ],
            "runs": {
                name: [asdict(run) for run in runs]
                for name, runs in (
                    ("bookings", self.bookings),
                    ("bulk", self.bulks),
                    ("calls", self.calls),
                    ("isolation", self.isolations),
                    ("drift", self.drifts),
                    ("health", self.healths),
                    ("health_writer", self.health_writers),
                )
            },
        }

    def tables(self) -> list[Table]:
        """Medians."""
        return [
            table
            for table in (
                self._bookings_table(),
                self._statements_table(),
                self._bulk_table(),
                self._calls_table(),
                self._isolation_table(),
                self._drift_table(),
                self._health_table(),
                self._health_writer_table(),
            )
            if table.rows
        ]

    def _bookings_table(self) -> Table:
        table = new_table(
            "Whole legacy bookings a second (medians)",
            *("", WITHOUT, MIRRORS, "ratio", DUAL_WRITE, "mirrors / dual write"),
            texts=1,
        )
        for setting in SETTINGS:
            measured = self.throughput(setting)
            if measured is None:
                continue
            cells = [f"{measured.median(side):,.0f}" for side in setting.sides]
            cells.insert(2, _spread(measured.ratios(MIRRORS, WITHOUT)))
            if DUAL_WRITE in setting.sides:
                cells.append(_spread(measured.ratios(MIRRORS, DUAL_WRITE)))
            table.add_row(str(setting), *cells)
        return table

    def _statements_table(self) -> Table:
        table = new_table(
            f"Microseconds of a legacy statement, {STATEMENTS_SETTING} (medians)",
            *("", WITHOUT, MIRRORS, "more"),
            texts=1,
        )
        for name in statements():
            measured = self.statement(name)
            if measured and measured.median(WITHOUT) > 0:
                without, mirrors = (measured.median(side) * 1000 for side in (WITHOUT, MIRRORS))
                table.add_row(
                    name, f"{without:,.0f}", f"{mirrors:,.0f}", f"{mirrors - without:,.0f}"
                )
        return table

    def _bulk_table(self) -> Table:
        table = new_table(
            "Bulk update: microseconds a row (medians)",
            *("", "rows", WITHOUT, MIRRORS, "more"),
            texts=1,
        )
        for update in UPDATES:
            measured = self.bulk(update)
            if measured:
                table.add_row(
                    update,
                    f"{next(b.rows for b in self.bulks if b.update == update):,}",
                    f"{measured.median(WITHOUT):,.1f}",
                    f"{measured.median(MIRRORS):,.1f}",
                    _spread(measured.differences(MIRRORS, WITHOUT)),
                )
        return table

    def _calls_table(self) -> Table:
        table = new_table(
            "A booking from Python, with mirrors: milliseconds (medians of means)",
            *("", LEGACY, CALLS, "ratio"),
            texts=1,
        )
        for delay in DELAYS:
            for what, measured in (
                ("what counts it", self.counting(delay)),
                ("whole transaction", self.transaction(delay)),
            ):
                if measured:
                    table.add_row(
                        f"{delay * 1000:g} ms delay, {what}",
                        f"{measured.median(LEGACY):,.2f}",
                        f"{measured.median(CALLS):,.2f}",
                        _spread(measured.ratios(LEGACY, CALLS)),
                    )
        return table

    def _isolation_table(self) -> Table:
        table = new_table(
            "A call in shop context, from Python: microseconds (medians)",
            *("", OWNER, MEMBER, "ratio"),
            texts=1,
        )
        for function in FUNCTIONS:
            measured = self.isolation(function)
            if measured:
                table.add_row(
                    function,
                    f"{measured.median(OWNER) * 1000:,.0f}",
                    f"{measured.median(MEMBER) * 1000:,.0f}",
                    _spread(measured.ratios(MEMBER, OWNER)),
                )
        return table

    def _drift_table(self) -> Table:
        table = new_table(
            "Looking for drift: seconds (medians)", *("customers", "query", "seconds", "ratio")
        )
        measured = self.drift()
        if measured:
            for query in measured.sides():
                table.add_row(
                    f"{self.drifts[0].customers:,}",
                    query,
                    f"{measured.median(query):.2f}",
                    _spread(measured.ratios(query, REFERENCE)),
                )
        return table

    def _health_table(self) -> Table:
        table = new_table(
            "The health check: seconds (medians)", *("customers", "what", "seconds", "ratio")
        )
        measured = self.health()
        if measured:
            for side in measured.sides():
                table.add_row(
                    f"{self.healths[0].customers:,}",
                    side,
                    f"{measured.median(side):.2f}",
                    _spread(measured.ratios(side, HEALTH_REFERENCE)),
                )
        return table

    def _health_writer_table(self) -> Table:
        table = new_table(
            "Bookings a second of a writer at full speed (medians)",
            *("", "a second", "ratio"),
            texts=1,
        )
        measured = self.health_writer()
        if measured:
            for side in measured.sides():
                table.add_row(
                    side, f"{measured.median(side):,.0f}", _spread(measured.ratios(side, ALONE))
                )
        return table


def _ratios(measured: Figures, *pairs: tuple[str, str]) -> dict[str, object]:
    return {
        "ratios": {
            f"{side} / {other}": measured.ratios(side, other)
            for side, other in pairs
            if side != other
        }
    }


def _spread(values: list[float]) -> str:
    """The median, and between what the single ones were."""
    return f"{median(values):.2f} [dim]({min(values):.2f} to {max(values):.2f})[/]"
