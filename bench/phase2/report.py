"""Medians, ratios and thresholds of phase 2; as tables and for the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import product

from rich.table import Table

from ..api import FUNCTIONS
from ..figures import Figures, figures, spread
from ..report import Report, Threshold, new_table
from .bookings import DELAY, DUAL_WRITE, MIRRORS, SETTINGS, WITHOUT, BookingRun, Setting
from .bulk import UPDATES, BulkRun
from .calls import CALLS, CONFIRM, DELAYS, LEGACY, CallRun
from .drift import ALL, REFERENCE, DriftRun
from .health import ALONE, BESIDE, BOUNDED, MAX_SECONDS, WHOLE, HealthRun, WriterRun
from .health import REFERENCE as HEALTH_REFERENCE
from .isolation import MEMBER, OWNER, IsolationRun
from .legacy import statements
from .loop import CLOCKS, WALL
from .server import BEFORE, ServerRun
from .young import GROWN, NEW, WHEN, YoungRun

SERVER_LIMIT, ADDED_LIMIT = 2, 0.55
# A plan that is kept for tables that have grown takes several times as long, and ever longer.
YOUNG_LIMIT = 1.25
THROUGHPUT_LIMITS = {1: 0.95, 4: 0.93}  # by clients, through the network
BULK_LIMIT = 45  # microseconds a row
CALLS_LIMIT = 5
CONFIRM_LIMIT = 4
ISOLATION_LIMIT = 1.15
DRIFT_LIMIT = 3
HEALTH_LIMIT = 1.5
WRITER_LIMIT = 0.95
# The time of each statement of a booking is shown where it is least disturbed by anything else.
STATEMENTS_SETTING = next(s for s in SETTINGS if s.fsync == "off" and s.clients == 1)


@dataclass
class Phase2(Report):
    """Everything that was measured."""

    # Seconds of the smallest query: straight to the socket, and at each delay through the proxy.
    round_trips: dict[str, float] = field(default_factory=dict)
    servers: list[ServerRun] = field(default_factory=list)
    youngs: list[YoungRun] = field(default_factory=list)
    bookings: list[BookingRun] = field(default_factory=list)
    bulks: list[BulkRun] = field(default_factory=list)
    calls: list[CallRun] = field(default_factory=list)
    isolations: list[IsolationRun] = field(default_factory=list)
    drifts: list[DriftRun] = field(default_factory=list)
    healths: list[HealthRun] = field(default_factory=list)
    health_writers: list[WriterRun] = field(default_factory=list)

    def server(self, clock: str) -> Figures:
        """Microseconds of a booking, by one of the clocks."""
        return figures(self.servers, lambda s: s.microseconds[clock])

    def young(self, when: str, clock: str) -> Figures:
        """The same, in one state of a young shop."""
        return figures((y for y in self.youngs if y.when == when), lambda y: y.microseconds[clock])

    def young_growth(self, clock: str) -> Figures:
        """The same with the mirrors, by state."""
        runs = [y for y in self.youngs if y.side == MIRRORS]
        return figures(runs, lambda y: y.microseconds[clock], lambda y: y.when)

    def throughput(self, setting: Setting) -> Figures:
        """Bookings a second."""
        runs = [b for b in self.bookings if b.setting == setting]
        return figures(runs, lambda b: b.done.transactions_per_second)

    def statement(self, name: str) -> Figures:
        """Milliseconds of one statement of a booking."""
        runs = [b for b in self.bookings if b.setting == STATEMENTS_SETTING]
        return figures(runs, lambda b: b.done.statement_milliseconds[name])

    def bulk(self, update: str) -> Figures:
        """Microseconds a row."""
        runs = [b for b in self.bulks if b.update == update]
        return figures(runs, lambda b: b.seconds / b.rows * 1e6)

    def counting(self, delay: float) -> Figures:
        """Milliseconds of what counts a booking."""
        return figures([c for c in self.calls if c.delay == delay], lambda c: c.counting_ms)

    def transaction(self, delay: float) -> Figures:
        """Milliseconds of a whole booking."""
        return figures([c for c in self.calls if c.delay == delay], lambda c: c.transaction_ms)

    def isolation(self, function: str) -> Figures:
        """Milliseconds of a call."""
        runs = [i for i in self.isolations if i.function == function]
        return figures(runs, lambda i: i.milliseconds)

    def drift(self) -> Figures:
        """Seconds of each query."""
        return figures(self.drifts, lambda d: d.seconds)

    def health(self) -> Figures:
        """Seconds of all checks, and of the reference."""
        return figures(self.healths, lambda h: h.seconds)

    def health_writer(self) -> Figures:
        """Bookings a second."""
        return figures(self.health_writers, lambda w: w.writes_per_second)

    def thresholds(self) -> list[Threshold]:
        """The promises of phase 2."""
        server = self.server(WALL)
        return [
            Threshold(
                "server time of a legacy booking: with mirrors / without",
                "<=",
                SERVER_LIMIT,
                server.ratios(MIRRORS, WITHOUT),
            ),
            Threshold(
                f"server time that mirrors add, one client, no network: now / {BEFORE}",
                "<=",
                ADDED_LIMIT,
                server.added(MIRRORS, BEFORE, WITHOUT),
            ),
            Threshold(
                "server time with mirrors, grown tables: old session / new session",
                "<=",
                YOUNG_LIMIT,
                self.young_growth(WALL).ratios(GROWN, NEW),
            ),
            *(
                Threshold(
                    f"legacy bookings a second, {setting}: with mirrors / without",
                    ">=",
                    THROUGHPUT_LIMITS[setting.clients],
                    self.throughput(setting).ratios(MIRRORS, WITHOUT),
                )
                for setting in SETTINGS
                if setting.delay == DELAY
            ),
            *(
                Threshold(
                    f"legacy bookings a second, {setting}: with mirrors / with a dual write",
                    ">",
                    1,
                    self.throughput(setting).ratios(MIRRORS, DUAL_WRITE),
                )
                for setting in SETTINGS
                if setting.delay == DELAY
            ),
            *(
                Threshold(
                    f"bulk update of {update}: microseconds a row more with mirrors",
                    "<=",
                    BULK_LIMIT,
                    self.bulk(update).differences(MIRRORS, WITHOUT),
                )
                for update in UPDATES
            ),
            Threshold(
                f"from Python, {DELAY * 1000:g} ms delay: time of {LEGACY} / {CALLS}",
                ">=",
                CALLS_LIMIT,
                self.counting(DELAY).ratios(LEGACY, CALLS),
            ),
            Threshold(
                f"from Python, {DELAY * 1000:g} ms delay: whole transaction, {LEGACY} / {CONFIRM}",
                ">=",
                CONFIRM_LIMIT,
                self.transaction(DELAY).ratios(LEGACY, CONFIRM),
            ),
            *(
                Threshold(
                    f"{function}: time as {MEMBER} / as {OWNER}",
                    "<=",
                    ISOLATION_LIMIT,
                    self.isolation(function).ratios(MEMBER, OWNER),
                )
                for function in FUNCTIONS
            ),
            Threshold("drift / reference", "<=", DRIFT_LIMIT, self.drift().ratios(ALL, REFERENCE)),
            Threshold(
                "health / reference",
                "<=",
                HEALTH_LIMIT,
                self.health().ratios(WHOLE, HEALTH_REFERENCE),
            ),
            Threshold(
                f"{BOUNDED}: the longest run in seconds",
                "<=",
                MAX_SECONDS,
                self.health().values(BOUNDED),
                max,
            ),
            Threshold(
                f"bookings a second of a writer {BESIDE} / {ALONE}",
                ">=",
                WRITER_LIMIT,
                self.health_writer().ratios(BESIDE, ALONE),
            ),
        ]

    def measurements(self) -> dict[str, object]:
        """Medians and every single run."""
        return {
            "round_trip_seconds": self.round_trips,
            "server": [
                {
                    "clock": clock,
                    "microseconds": measured.summary(),
                    **_ratios(measured, (MIRRORS, WITHOUT), (BEFORE, WITHOUT)),
                    "added": measured.added(MIRRORS, BEFORE, WITHOUT),
                }
                for clock in CLOCKS
                if (measured := self.server(clock))
            ],
            "young": [
                {
                    "when": when,
                    "clock": clock,
                    "microseconds": measured.summary(),
                    **_ratios(measured, (MIRRORS, WITHOUT)),
                }
                for when, clock in product(WHEN, CLOCKS)
                if (measured := self.young(when, clock))
            ],
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
                    **_ratios(measured, (LEGACY, CALLS), (LEGACY, CONFIRM)),
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
                    ("server", self.servers),
                    ("young", self.youngs),
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
            self._server_table(),
            self._young_table(),
            self._bookings_table(),
            self._statements_table(),
            self._bulk_table(),
            self._calls_table(),
            self._isolation_table(),
            self._drift_table(),
            self._health_table(),
            self._health_writer_table(),
        ]

    def _server_table(self) -> Table:
        table = new_table(
            "A legacy booking in a loop in the server: microseconds (medians)",
            *("", WITHOUT, MIRRORS, "ratio", BEFORE, "ratio", "added / added"),
            texts=1,
        )
        for clock in CLOCKS:
            if measured := self.server(clock):
                table.add_row(
                    clock,
                    f"{measured.median(WITHOUT):,.0f}",
                    f"{measured.median(MIRRORS):,.0f}",
                    spread(measured.ratios(MIRRORS, WITHOUT)),
                    f"{measured.median(BEFORE):,.0f}",
                    spread(measured.ratios(BEFORE, WITHOUT)),
                    spread(measured.added(MIRRORS, BEFORE, WITHOUT)),
                )
        return table

    def _young_table(self) -> Table:
        table = new_table(
            "The same in a young shop (medians)",
            *("", "", WITHOUT, MIRRORS, "ratio", "mirrors / new session's"),
            texts=2,
        )
        for when, clock in product(WHEN, CLOCKS):
            if measured := self.young(when, clock):
                table.add_row(
                    when,
                    clock,
                    f"{measured.median(WITHOUT):,.0f}",
                    f"{measured.median(MIRRORS):,.0f}",
                    spread(measured.ratios(MIRRORS, WITHOUT)),
                    spread(self.young_growth(clock).ratios(when, NEW)),
                )
        return table

    def _bookings_table(self) -> Table:
        table = new_table(
            "Whole legacy bookings a second (medians)",
            *("", WITHOUT, MIRRORS, "ratio", DUAL_WRITE, "mirrors / dual write"),
            texts=1,
        )
        for setting in SETTINGS:
            measured = self.throughput(setting)
            if not measured:
                continue
            cells = [f"{measured.median(side):,.0f}" for side in setting.sides]
            cells.insert(2, spread(measured.ratios(MIRRORS, WITHOUT)))
            if DUAL_WRITE in setting.sides:
                cells.append(spread(measured.ratios(MIRRORS, DUAL_WRITE)))
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
                    spread(measured.differences(MIRRORS, WITHOUT)),
                )
        return table

    def _calls_table(self) -> Table:
        table = new_table(
            "A booking from Python, with mirrors: milliseconds (medians of means)",
            *("", LEGACY, CALLS, "ratio", CONFIRM, "ratio"),
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
                        spread(measured.ratios(LEGACY, CALLS)),
                        f"{measured.median(CONFIRM):,.2f}",
                        spread(measured.ratios(LEGACY, CONFIRM)),
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
                    spread(measured.ratios(MEMBER, OWNER)),
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
                    spread(measured.ratios(query, REFERENCE)),
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
                    spread(measured.ratios(side, HEALTH_REFERENCE)),
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
                    side, f"{measured.median(side):,.0f}", spread(measured.ratios(side, ALONE))
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
