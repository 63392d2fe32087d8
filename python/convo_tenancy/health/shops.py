"""Whether each booking counts for its shop, which no sum over shops shows."""

from __future__ import annotations

from dataclasses import dataclass

from ..database import Connection, rows
from .model import Check, Report, Status
from .phase import Phase


@dataclass(frozen=True)
class _Class:
    name: str
    profiles: int
    examples: str | None


def check_shops(connection: Connection, phase: Phase, report: Report) -> Check:
    """Profiles beside bookings and stylists' counts; it warns of what a repair can move alone."""
    found = rows(connection, _Class, "health/shops")
    report.shop_profiles = {each.name: each.profiles for each in found}
    misplaced = report.shop_profiles["misplaced"]
    seen = "; ".join(
        f"{each.name} {each.profiles:,}" + (f" ({each.examples})" if each.examples else "")
        for each in found
        if each.profiles
    )
    if misplaced and phase.has_legacy_side and (phase.number or 0) >= 2:
        return Check(
            "shops",
            Status.WARNING,
            misplaced,
            f"{seen}: run convo-tenancy repair --shops --dry-run",
        )
    return Check("shops", Status.OK, misplaced, seen or "no customer has a profile or a booking")
