"""What a view shows of the looks so far: the same figures on a screen and in lines."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from ..display import printable
from ..health.model import Check, Status
from .looks import Look
from .rates import History, Sample, seconds_left

_LOOKS = 10  # back to which rates reach

_SEVERITY = (Status.CRITICAL, Status.UNKNOWN, Status.WARNING, Status.OK)
_NOBODY = "(none)"


@dataclass(frozen=True)
class Shop:
    """Bookings of a shop.

    Args:
        rate: confirmed a second, less those that were taken back; None before the second look.
        legacy: applications that wrote to the legacy side for it in the last five minutes.
    """

    name: str
    rate: float | None
    legacy: list[str]


@dataclass(frozen=True)
class Application:
    """Sessions of one name, and the shops for which it wrote to the legacy side lately."""

    name: str
    sessions: int
    in_transaction: int
    legacy: list[str]


@dataclass(frozen=True)
class Figures:
    """What is known now. Rates are a second, and None when they are not known.

    Args:
        look: the last one; None before the first.
        lost: why there is no connection; None while there is one.
        checks: the last outcome of each, by name.
        confirmed: bookings of all shops together, less those that were taken back.
        until: bookings that begin later are not among them; None when all to come are.
        span: seconds over which rates are.
        counted: bookings that either side counted.
        legacy_rows: rows that somebody wrote to the legacy side directly.
        api_calls: of tenancy.confirm_booking and tenancy.record_booking.
        backfill: customers.
        backfill_left: seconds, at that rate.
        drift: rows, as far as the passes have seen; None before they have seen any.
        drift_share: of all customers, that this pass has seen.
        drift_falls: rows less.
        drift_left: seconds, at that rate.
    """

    look: Look | None = None
    lost: str | None = None
    checks: dict[str, Check] = field(default_factory=dict)
    confirmed: float | None = None
    until: str | None = None
    span: float = 0.0
    counted: float | None = None
    legacy_rows: float | None = None
    api_calls: float | None = None
    backfill: float | None = None
    backfill_left: float | None = None
    drift: int | None = None
    drift_share: float = 0.0
    drift_falls: float | None = None
    drift_left: float | None = None
    shops: list[Shop] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)

    @property
    def wrong(self) -> list[Check]:
        """The checks that are not ok, the worst first."""
        found = [check for check in self.checks.values() if check.status is not Status.OK]
        return sorted(found, key=lambda check: _SEVERITY.index(check.status))


class Watcher:
    """Makes figures of one look after the other.

    Args:
        every: seconds between two looks.
    """

    def __init__(self, every: float) -> None:
        self.figures = Figures()
        self._span = every * _LOOKS
        self._history = History(self._span)
        self._drift = History(0)  # of the last two whole passes
        self._passes: dict[str, Check | None] = {}
        self._shops_at: Look | None = None  # when bookings were last counted by shop

    def lose(self, why: str) -> Figures:
        """There is no connection; the last figures stay, and no rate reaches over the gap."""
        self._history.forget()
        self._drift.forget()
        self.figures = replace(self.figures, lost=why)
        return self.figures

    def see(self, look: Look) -> Figures:
        """What a look shows, beside those before."""
        self._history.add(Sample(look.at, _counts(look)))
        if look.confirmed is not None:
            self._shops_at = look
        by_shop = self._shops_at
        rate = self._history.rate
        backfill, drift = look.report.backfill, look.report.drift_rows
        if look.report.stands is None:
            self._passes.clear()
        self._passes.update(look.passes)
        moved = rate("backfill")
        todo = 0 if backfill is None else backfill.customers_estimated - backfill.customers_done
        rows, share = self.figures.drift, self.figures.drift_share
        if self._passes.get("drift") is None:
            rows = None
        elif drift is not None:
            rows, share = sum(drift.values()), look.report.seen["drift"].share
            if share == 1:
                self._drift.add(Sample(look.at, {"drift": rows}))
        grows = self._drift.rate("drift", may_fall=True)
        falls = None if grows is None else -grows
        self.figures = Figures(
            look=look,
            checks={
                **_checks(self.figures.checks, look),
                **{name: check for name, check in self._passes.items() if check is not None},
            },
            confirmed=rate(f"confirmed {by_shop.window}", may_fall=True) if by_shop else None,
            until=by_shop.until if by_shop else None,
            span=self._span,
            counted=rate("counted"),
            legacy_rows=rate("legacy rows"),
            api_calls=rate("api calls"),
            backfill=moved,
            backfill_left=seconds_left(todo, moved) if todo > 0 else None,
            drift=rows,
            drift_share=share,
            drift_falls=falls,
            drift_left=seconds_left(rows, falls) if rows else None,
            shops=self._shops(look),
            applications=_applications(look),
        )
        return self.figures

    def _shops(self, look: Look) -> list[Shop]:
        legacy = defaultdict(list)
        for use in look.legacy_use:
            legacy[use.shop_id].append(_named(use.application_name))
        counted = self._shops_at or look
        window = counted.window
        found = [
            Shop(
                f"{each.shop_id} {printable(each.shop_name or '')}".rstrip(),
                self._history.rate(
                    f"confirmed {window} {each.shop_id}",
                    may_fall=True,
                    among=f"confirmed {window}",
                ),
                legacy.pop(each.shop_id, []),
            )
            for each in counted.confirmed or []
        ]
        found += [
            Shop("no shop" if shop_id is None else str(shop_id), None, names)
            for shop_id, names in legacy.items()
        ]
        return sorted(found, key=lambda shop: (-abs(shop.rate or 0), not shop.legacy))


def _counts(look: Look) -> dict[str, int]:
    """All that a rate may be asked of."""
    confirmed = look.confirmed or []
    counts = {f"confirmed {look.window} {each.shop_id}": each.confirmed for each in confirmed}
    if look.confirmed is not None:
        counts[f"confirmed {look.window}"] = sum(each.confirmed for each in confirmed)
    single = {"api calls": look.api_calls}
    if look.counters is not None:
        single["counted"] = look.counters.counted
        single["legacy rows"] = look.counters.legacy_rows
    if look.report.backfill is not None:
        single["backfill"] = look.report.backfill.customers_done
    return counts | {name: count for name, count in single.items() if count is not None}


def _checks(before: dict[str, Check], look: Look) -> dict[str, Check]:
    """What this look left out is as it was, while the same changes stand."""
    made = {
        check.name: check
        for check in look.report.checks
        if check.name not in look.without or not check.detail.startswith("skipped")
    }
    return {**(before if look.without and not look.is_other else {}), **made}


def _applications(look: Look) -> list[Application]:
    legacy = defaultdict(list)
    for use in look.legacy_use:
        shop = "no shop" if use.shop_id is None else str(use.shop_id)
        legacy[_named(use.application_name)].append(shop)
    found = [
        Application(
            "(not visible to this role)" if each.name is None else _named(each.name),
            each.sessions,
            each.in_transaction,
            legacy.pop(_named(each.name), []) if each.name is not None else [],
        )
        for each in look.sessions
    ]
    found += [Application(name, 0, 0, shops) for name, shops in legacy.items()]
    return sorted(found, key=lambda each: (not each.legacy, -each.in_transaction, -each.sessions))


def _named(application_name: str) -> str:
    return printable(application_name) or _NOBODY
