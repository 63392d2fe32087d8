"""What was measured, as numbers with a name, a unit and labels: what Prometheus and Nagios draw."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from .model import DoubleWriter, LegacyWriter, Report

Labels = dict[str, str]
Samples = list[tuple[Labels, float | None]]

_STATUSES = "0 ok, 1 warning, 2 critical, 3 unknown"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured.

    Args:
        name: without a prefix, with its unit: _seconds, _bytes, _timestamp_seconds; _total for what
            only grows.
        purpose: one sentence.
        samples: of a report; None stands for what was not measured.
        threshold: the first word of the thresholds that it is held against, if any.
        is_figure: whether it is worth a curve beside the checks, and its labels are few.
    """

    name: str
    purpose: str
    samples: Callable[[Report], Samples]
    threshold: str | None = None
    is_figure: bool = True

    @property
    def is_counter(self) -> bool:
        """It only grows, until it begins anew."""
        return self.name.endswith("_total")

    @property
    def unit(self) -> str:
        """The last word of its thresholds."""
        word = self.name.rpartition("_")[2]
        return word if word in ("seconds", "bytes") else "count"

    def measured(self, report: Report) -> list[tuple[Labels, float]]:
        """The samples that there are."""
        return [(labels, value) for labels, value in self.samples(report) if value is not None]


def _one(value: Callable[[Report], float | None]) -> Callable[[Report], Samples]:
    return lambda report: [({}, value(report))]


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _count(of: Sized | None) -> int | None:
    return None if of is None else len(of)


def _info(report: Report) -> Samples:
    database = report.database
    return [
        (
            {
                "version": version("convo-tenancy"),
                "phase": report.phase or "unknown",
                "isolation": report.isolation or "unknown",
                "postgresql": database.version.split()[0] if database else "unknown",
                "standby": str(database.is_standby).lower() if database else "unknown",
            },
            1,
        )
    ]


def _phase(report: Report) -> int | None:
    return report.stands.number if report.stands else {"none": 0}.get(report.phase or "")


def _transactions(report: Report) -> list[float] | None:
    if report.transactions is None:
        return None
    return [each.seconds for each in report.transactions if each.seconds is not None]


def _prepared(report: Report) -> list[float] | None:
    if report.prepared_transactions is None:
        return None
    return [each.seconds for each in report.prepared_transactions]


def _lock_waits(report: Report) -> list[float] | None:
    if report.lock_waits is None:
        return None
    return [each.seconds for each in report.lock_waits if each.is_ours]


def _quiet_period_end(report: Report) -> float | None:
    """None after a gap: the watch has to begin anew."""
    watch = report.legacy_watch
    if watch is None or watch.gap or watch.since is None:
        return None
    return _timestamp(watch.over_at)


def _longest(seconds: list[float] | None) -> float | None:
    return None if seconds is None else max(seconds, default=0.0)


def _lag(report: Report, measured: str) -> Samples:
    return [
        ({"replica": each.name}, getattr(each, measured))
        for each in report.replicas or ()
        if each.kind != "slot"
    ]


def _writer(writer: LegacyWriter | DoubleWriter) -> Labels:
    return {"application": writer.application_name, "role": writer.role_name}


def _legacy_writer(writer: LegacyWriter) -> Labels:
    return {**_writer(writer), "shop": "" if writer.shop_id is None else str(writer.shop_id)}


MEASURES = (
    Measure("info", "What was looked at, and by which version.", _info, is_figure=False),
    Measure(
        "health_status",
        f"The worst of all checks: {_STATUSES}.",
        _one(lambda report: report.status),
        is_figure=False,
    ),
    Measure(
        "check_status",
        f"One check: {_STATUSES}.",
        lambda report: [({"check": check.name}, check.status) for check in report.checks],
        is_figure=False,
    ),
    Measure(
        "health_run_timestamp_seconds",
        "When the health check ran, by the clock of its machine.",
        _one(lambda _report: time.time()),
        is_figure=False,
    ),
    Measure(
        "health_duration_seconds",
        "How long all checks took.",
        _one(lambda report: report.seconds),
    ),
    Measure("phase", "The newest phase that is deployed, 0 before the first.", _one(_phase)),
    Measure(
        "drift_rows",
        "Disagreements between the legacy side and the profiles.",
        lambda report: [({"kind": kind}, n) for kind, n in (report.drift_rows or {}).items()],
    ),
    Measure(
        "shop_profiles",
        "Profiles by what bookings and stylists' counts say of them.",
        lambda report: [({"class": name}, n) for name, n in (report.shop_profiles or {}).items()],
    ),
    Measure(
        "seen_ratio",
        "The share of the customers that a check has seen in the pass that is under way or ended.",
        lambda report: [({"check": name}, seen.share) for name, seen in report.seen.items()],
    ),
    Measure(
        "whole_pass_timestamp_seconds",
        "When a check last had seen all customers.",
        lambda report: [
            ({"check": name}, _timestamp(seen.whole_at)) for name, seen in report.seen.items()
        ],
        is_figure=False,
    ),
    Measure(
        "backfill_customers_done",
        "Customers whose profiles the backfill wrote.",
        _one(lambda report: report.backfill.customers_done if report.backfill else None),
    ),
    Measure(
        "backfill_customers_estimated",
        "How many customers the backfill expects.",
        _one(lambda report: report.backfill.customers_estimated if report.backfill else None),
    ),
    Measure(
        "backfill_paused",
        "Whether somebody paused the backfill: 1 or 0.",
        _one(lambda report: report.backfill.paused if report.backfill else None),
    ),
    Measure(
        "backfill_started_timestamp_seconds",
        "When the backfill began.",
        _one(lambda report: _timestamp(report.backfill.started_at if report.backfill else None)),
        is_figure=False,
    ),
    Measure(
        "backfill_updated_timestamp_seconds",
        "When its last batch was done.",
        _one(lambda report: _timestamp(report.backfill.updated_at if report.backfill else None)),
        is_figure=False,
    ),
    Measure(
        "backfill_finished_timestamp_seconds",
        "When it was finished; it is not there before.",
        _one(lambda report: _timestamp(report.backfill.finished_at if report.backfill else None)),
        is_figure=False,
    ),
    Measure(
        "double_writes_total",
        "How often somebody wrote both sides in one transaction, at least.",
        lambda report: [
            ({**_writer(each), "kind": each.kind}, each.writes) for each in report.double_writers
        ],
        is_figure=False,
    ),
    Measure(
        "legacy_writes",
        "Rows that somebody wrote to the legacy side directly, at least, as far as on record.",
        lambda report: [(_legacy_writer(each), each.writes) for each in report.legacy_writers],
        is_figure=False,
    ),
    Measure(
        "legacy_last_write_timestamp_seconds",
        "When they last did.",
        lambda report: [
            (_legacy_writer(each), each.last_at.timestamp()) for each in report.legacy_writers
        ],
        is_figure=False,
    ),
    Measure(
        "legacy_read_calls",
        "Calls of statements that name the legacy side, as far as pg_stat_statements knows them.",
        lambda report: [({"role": each.role_name}, each.calls) for each in report.legacy_readers],
        is_figure=False,
    ),
    Measure(
        "legacy_quiet_end_timestamp_seconds",
        "When the quiet period will be over, if nobody writes to the legacy side any more.",
        _one(_quiet_period_end),
        is_figure=False,
    ),
    Measure(
        "oldest_transaction_seconds",
        "How long the oldest transaction is open that others wait for.",
        _one(lambda report: _longest(_transactions(report))),
        "transaction",
    ),
    Measure(
        "prepared_transactions",
        "Prepared transactions that wait for their end.",
        _one(lambda report: _count(report.prepared_transactions)),
    ),
    Measure(
        "oldest_prepared_transaction_seconds",
        "How long the oldest of them waits.",
        _one(lambda report: _longest(_prepared(report))),
        "prepared",
    ),
    Measure(
        "lock_waits",
        "Sessions that wait for a lock on a table of ours, a hundred at most.",
        _one(lambda report: _count(_lock_waits(report))),
    ),
    Measure(
        "longest_lock_wait_seconds",
        "How long the longest of them waits.",
        _one(lambda report: _longest(_lock_waits(report))),
        "lock_wait",
    ),
    Measure(
        "deadlocks_total",
        "Deadlocks in the database.",
        _one(lambda report: report.deadlocks),
    ),
    Measure(
        "replica_lag_bytes",
        "WAL that a standby has not replayed.",
        lambda report: _lag(report, "lag_bytes"),
        "lag",
    ),
    Measure(
        "replica_lag_seconds",
        "How far a standby is behind, while there is something to replay.",
        lambda report: _lag(report, "lag_seconds"),
        "lag",
    ),
    Measure(
        "slot_kept_bytes",
        "WAL that a replication slot without a reader keeps.",
        lambda report: [
            ({"slot": each.name}, each.lag_bytes)
            for each in report.replicas or ()
            if each.kind == "slot"
        ],
        "slot",
    ),
    Measure(
        "archive_bytes",
        "What the archive of the legacy side takes.",
        _one(lambda report: report.archive.size if report.archive else None),
        "archive",
    ),
    Measure(
        "archive_created_timestamp_seconds",
        "When the contract put it aside.",
        _one(lambda report: _timestamp(report.archive.contracted_at if report.archive else None)),
        is_figure=False,
    ),
)
"""All of them, in the order in which they are printed."""


def number(value: float) -> str:
    """As both formats take it: no exponent, at most three places."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
