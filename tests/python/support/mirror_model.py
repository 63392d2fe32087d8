"""What both sides must hold after each write: the rules of the mirrors, stated in plain Python.

Nothing here knows how the triggers do it. A `Step` is what one statement sees and changes; a
`Transaction` gives it the committed rows with its own changes on top, or the rows of its snapshot.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_SHOP = 1
PRICE = 100  # of every service
AFTER_ALL = datetime(9999, 1, 1, tzinfo=UTC)
SHOPS = (1, 2, 3)

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
INVALID_PARAMETER_VALUE = "22023"


class Refused(Exception):
    """The database must say no, with this SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Customer:
    email: str | None
    phone: str | None
    stylist: int | None = None
    average: int = 0
    no_shows: int = 0


@dataclass(frozen=True)
class Statistics:
    bookings: int = 0
    spend: int = 0
    last: datetime | None = None


@dataclass(frozen=True)
class Profile:
    stylist: int | None = None
    bookings: int = 0
    spend: int = 0
    last: datetime | None = None
    no_shows: int = 0


@dataclass(frozen=True)
class Booking:
    shop: int
    email: str | None
    phone: str | None
    start: datetime
    created: datetime
    confirmed: bool


ProfileKey = tuple[int, int]  # customer, shop
PreferenceKey = tuple[int, int]  # customer, stylist


@dataclass
class Tables:
    """Rows by key. As changes of a transaction: None where a row is deleted."""

    stylists: dict[int, int] = field(default_factory=dict)  # the shop
    bookings: dict[uuid.UUID, Booking] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    statistics: dict[int, Statistics] = field(default_factory=dict)
    profiles: dict[ProfileKey, Profile] = field(default_factory=dict)
    preferences: dict[PreferenceKey, int] = field(default_factory=dict)  # the number of bookings
    moved: dict[int, bool] = field(default_factory=dict)  # stylists who moved
    remembered: dict[ProfileKey, tuple[int, int]] = field(default_factory=dict)  # bookings, spend

    def copy(self) -> Tables:
        """Rows are frozen, so this is deep enough."""
        return Tables(*(dict(rows) for rows in vars(self).values()))

    def changed_to(self, other: Tables) -> Changes:
        """What makes the other one of this one."""
        return {
            (table.name, key): other_rows.get(key)
            for table in fields(Tables)
            for rows, other_rows in [(getattr(self, table.name), getattr(other, table.name))]
            for key in {**rows, **other_rows}
            if rows.get(key) != other_rows.get(key)
        }

    def apply(self, changes: Changes) -> None:
        """Make them here."""
        for (table, key), row in changes.items():
            rows = getattr(self, table)
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row


Notes = dict[int, tuple[tuple[int, datetime], ...]]  # confirmed, not counted: shop and start
Changes = dict[tuple[str, Any], Any]  # by table and key; None where the row is gone


def owner(customers: dict[int, Customer], email: str | None, phone: str | None) -> int | None:
    """Whose a booking is: by phone, of several the lowest id, else by email."""
    by_phone = [c for c, row in customers.items() if phone is not None and row.phone == phone]
    by_email = [c for c, row in customers.items() if email is not None and row.email == email]
    return min(by_phone or by_email, default=None)


def most_booked(counts: dict[int, int]) -> int | None:
    """Of stylists with their bookings the first one; ties go to the lowest id."""
    return min(counts, key=lambda stylist: (-counts[stylist], stylist), default=None)


class Step(Tables):
    """What one statement sees, and what it changes on both sides."""

    def __init__(self, seen: Tables, context: str | None, notes: Notes) -> None:
        super().__init__(**vars(seen.copy()))
        self._context = context
        self._notes = notes

    # Legacy side

    def insert_customer(self, customer: int, row: Customer) -> None:
        """Mirrored as the change of a customer without anything."""
        if row.email in {other.email for other in self.customers.values()} - {None}:
            raise Refused(UNIQUE_VIOLATION)
        self.customers[customer] = row
        self._mirror_customer(customer, Customer(None, None), row)

    def update_customers(self, rows: dict[int, Customer]) -> None:
        """New rows for customers who are there."""
        before = dict(self.customers)
        self.customers |= rows
        for customer, row in rows.items():
            self._mirror_customer(customer, before[customer], row)

    def delete_customers(self, customers: Iterable[int]) -> None:
        """The profiles go, too; what else there is must be gone already."""
        for customer in customers:
            if customer in self.statistics or any(c == customer for c, _ in self.preferences):
                raise Refused(FOREIGN_KEY_VIOLATION)
            del self.customers[customer]
            for shop in self._profiles_of(customer):
                del self.profiles[customer, shop]
                self._forget_if_last(customer)

    def insert_statistics(self, rows: dict[int, Statistics]) -> None:
        """Of customers who have none."""
        self._check_new(self.statistics, rows)
        self.set_statistics(rows)

    def set_statistics(self, rows: dict[int, Statistics]) -> None:
        """New rows, for customers who may have one. A first one of zeros says nothing."""
        self._check_customers(key for key in rows if key not in self.statistics)
        before = dict(self.statistics)
        self.statistics |= rows
        for customer, row in rows.items():
            if customer in before or row != Statistics():
                self._mirror_statistics(customer, before.get(customer), row)

    def delete_statistics(self, customers: Iterable[int]) -> None:
        """The totals of all profiles become zero."""
        for customer in customers:
            del self.statistics[customer]
            self._forget(customer)
            for shop, profile in self._profiles_of(customer).items():
                if (profile.bookings, profile.spend) != (0, 0):
                    self.remembered[customer, shop] = profile.bookings, profile.spend
            self._zero_totals(customer)

    def move_statistics(self, customers: Iterable[int], other: int) -> None:
        """As if deleted for the one customer and inserted for the other."""
        for customer in customers:
            row = self.statistics[customer]
            if customer != other:
                self._check_new(self.statistics, [other])
                self._check_customers([other])
                self.delete_statistics([customer])
            self.set_statistics({other: row})

    def insert_preferences(self, rows: dict[PreferenceKey, int]) -> None:
        """Counts of stylists for the first time."""
        self._check_new(self.preferences, rows)
        self.set_preferences(rows)

    def set_preferences(self, rows: dict[PreferenceKey, int]) -> None:
        """New counts, of stylists who may have one."""
        self._check_customers(key[0] for key in rows if key not in self.preferences)
        self._write_preferences([(key, self.preferences.get(key), n) for key, n in rows.items()])

    def delete_preferences(self, keys: Iterable[PreferenceKey]) -> None:
        """Counts that go."""
        self._write_preferences([(key, self.preferences[key], None) for key in keys])

    def move_preferences(self, keys: Iterable[PreferenceKey], new_key: PreferenceKey) -> None:
        """As if the one row were deleted here and inserted there."""
        for key in {*keys} - {new_key}:
            self._check_new(self.preferences, [new_key])
            self._check_customers(new_key[:1])
            count = self.preferences[key]
            self._write_preferences([(key, count, None), (new_key, None, count)])

    def insert_booking(self, booking: uuid.UUID, row: Booking) -> None:
        """It may be confirmed."""
        self.bookings[booking] = row
        if row.confirmed:
            self._note(row)

    def confirm_bookings(self, keys: Iterable[uuid.UUID]) -> None:
        """Again is as good as not."""
        for key in keys:
            row = self.bookings[key]
            self.bookings[key] = replace(row, confirmed=True)
            if not row.confirmed:
                self._note(row)

    def cancel_bookings(self, keys: Iterable[uuid.UUID]) -> None:
        """The statistics stay."""
        for key in keys:
            del self.bookings[key]

    # Profile side

    def insert_profiles(self, rows: dict[ProfileKey, Profile]) -> None:
        """They count from zero."""
        self._check_new(self.profiles, rows)
        self.set_profiles(rows)

    def set_profiles(self, rows: dict[ProfileKey, Profile]) -> None:
        """New rows, for profiles that may be there."""
        self._write_profiles([(key, self.profiles.get(key), row) for key, row in rows.items()])

    def delete_profiles(self, keys: Sequence[ProfileKey]) -> None:
        """They count to zero."""
        self._write_profiles([(key, self.profiles[key], None) for key in keys])
        for customer, _ in keys:
            self._forget_if_last(customer)

    def move_profiles(
        self, keys: Iterable[ProfileKey], new_key: ProfileKey, stylist: int | None
    ) -> None:
        """As if the one row were deleted here and inserted there, with this stylist."""
        for key in keys:
            before = self.profiles[key]
            after = replace(before, stylist=stylist)
            if key == new_key:
                self._write_profiles([(key, before, after)])
            else:
                self._check_new(self.profiles, [new_key])
                self._write_profiles([(key, before, None), (new_key, None, after)])

    def move_stylist(self, stylist: int, shop: int) -> None:
        """Nobody prefers them in the old shop; who does so in customers, does in the new one."""
        if self.stylists[stylist] == shop:
            return
        for key, profile in self.profiles.items():
            if profile.stylist == stylist:
                self.profiles[key] = replace(profile, stylist=None)
        self.stylists[stylist] = shop
        self.moved[stylist] = True
        for customer, row in self.customers.items():
            if row.stylist == stylist and self._profiles_of(customer):
                self._prefer(customer, shop, stylist)

    # SQL API

    def record_booking(
        self, customer: int, shop: int, stylist: int, spend: int, start: datetime
    ) -> Profile:
        """The profile afterwards."""
        if spend < 0:
            raise Refused(INVALID_PARAMETER_VALUE)
        self._check_call(customer, shop, stylist)
        others = self._counts(customer, shop)
        before = others.pop(stylist, None)
        profile = self._profile_for(customer, shop)
        profile = replace(
            profile,
            bookings=profile.bookings + 1,
            spend=profile.spend + spend,
            last=start,
            stylist=self._follow(profile.stylist, others, stylist, before, (before or 0) + 1),
        )
        self.set_profiles({(customer, shop): profile})
        self.preferences[customer, stylist] = (before or 0) + 1
        notes = list(self._notes.get(customer, ()))
        if (shop, start) in notes:
            notes.remove((shop, start))  # the booking is counted
            self._notes[customer] = tuple(notes)
        return profile

    def record_no_show(self, customer: int, shop: int) -> Profile:
        """The profile afterwards."""
        self._check_call(customer, shop, None)
        profile = self._profile_for(customer, shop)
        profile = replace(profile, no_shows=profile.no_shows + 1)
        self.set_profiles({(customer, shop): profile})
        return profile

    def set_preferred_stylist(self, customer: int, shop: int, stylist: int | None) -> Profile:
        """The profile afterwards."""
        self._check_call(customer, shop, stylist)
        profile = replace(self._profile_for(customer, shop), stylist=stylist)
        self.set_profiles({(customer, shop): profile})
        return profile

    # Which shop a legacy write belongs to

    def _note(self, booking: Booking) -> None:
        customer = owner(self.customers, booking.email, booking.phone)
        if customer is not None:
            noted = self._notes.get(customer, ())
            self._notes[customer] = (*noted, (booking.shop, booking.start))

    def _context_shop(self) -> int | None:
        if not self._context:
            return None
        if not self._context.isdecimal() or int(self._context) not in SHOPS:
            raise Refused(INVALID_PARAMETER_VALUE)
        return int(self._context)

    def _attributed(
        self, customer: int, last: datetime | None = None, last_before: datetime | None = None
    ) -> int:
        if (context := self._context_shop()) is not None:
            return context
        notes = self._notes.get(customer, ())
        for shop, start in notes:
            if start == last:
                return shop
        otherwise = notes[-1][0] if notes else DEFAULT_SHOP
        if last is None:
            return otherwise
        holding = [s for s, profile in self._profiles_of(customer).items() if profile.last == last]
        if holding and last == last_before:
            return min(holding)
        starting_then = [
            (booking.confirmed, booking.created, key, booking.shop)
            for key, booking in self._bookings_of(customer).items()
            if booking.start == last
        ]
        if starting_then:
            return max(starting_then)[-1]
        return min(holding, default=otherwise)

    def _is_known(self, customer: int, shop: int, last: datetime | None) -> bool:
        return (
            self._context_shop() is not None
            or any(
                booking.shop == shop and booking.start == last
                for booking in self._bookings_of(customer).values()
            )
            or (last is not None and self.profiles.get((customer, shop), Profile()).last == last)
        )

    def _bookings_of(self, customer: int) -> dict[uuid.UUID, Booking]:
        return {
            key: booking
            for key, booking in self.bookings.items()
            if owner(self.customers, booking.email, booking.phone) == customer
        }

    # Legacy to profiles

    def _profiles_of(self, customer: int) -> dict[int, Profile]:
        return {shop: profile for (c, shop), profile in self.profiles.items() if c == customer}

    def _mirror_statistics(
        self, customer: int, row_before: Statistics | None, after: Statistics
    ) -> None:
        before = row_before or Statistics()
        notes = self._notes.get(customer, ())
        if row_before is None and not notes and self._recall(customer, after):
            return
        counts = row_before is None or (after.last is not None and after.last != before.last)
        shop = self._attributed(customer, after.last, before.last)
        held = sum(profile.bookings for profile in self._profiles_of(customer).values())
        if counts and after.bookings > held + 1:
            self._give_missed(customer, shop, after, by_counts=row_before is None)
        self._residual(customer, shop, bookings=after.bookings, spend=after.spend)
        if after.last is not None and after.last != before.last:
            self._set_profile(customer, shop, last=after.last)
        if notes:
            starts = [start for _, start in notes]
            if after.bookings > before.bookings + 1:
                notes = ()
            elif after.last in starts:
                counted = starts.index(after.last)
                notes = notes[:counted] + notes[counted + 1 :]
            elif counts:
                notes = notes[:-1]
            self._notes[customer] = notes
            if after.bookings > 0:
                average = after.spend // after.bookings
                self.customers[customer] = replace(self.customers[customer], average=average)

    def _recall(self, customer: int, row: Statistics) -> bool:
        """Whether all is as it was, with what was remembered."""
        profiles = self._profiles_of(customer)
        back = {shop: held for (c, shop), held in self.remembered.items() if c == customer}
        held_before = [sum(held) for held in zip(*back.values(), strict=True)]
        if held_before != [row.bookings, row.spend] or any(
            (profile.bookings, profile.spend) != (0, 0) for profile in profiles.values()
        ):
            return False
        for shop, (bookings, spend) in back.items():
            self._set_profile(customer, shop, bookings=bookings, spend=spend)
        self._forget(customer)
        return any(profile.last == row.last for profile in self._profiles_of(customer).values())

    def _forget(self, customer: int) -> None:
        for key in [key for key in self.remembered if key[0] == customer]:
            del self.remembered[key]

    def _forget_if_last(self, customer: int) -> None:
        if not self._profiles_of(customer):
            self._forget(customer)

    def _give_missed(
        self, customer: int, shop: int, totals: Statistics, *, by_counts: bool
    ) -> None:
        """To other shops: the bookings beyond those that they hold, and what counts show beyond."""
        profiles = self._profiles_of(customer)
        held = {s: profile.bookings for s, profile in profiles.items()}
        claimed = int(self._is_known(customer, shop, totals.last))
        missing = totals.bookings - sum(held.values()) - claimed
        held[shop] = held.get(shop, 0) + claimed

        confirmed: dict[int, list[Booking]] = {}
        for _, booking in sorted(
            self._bookings_of(customer).items(), key=lambda item: (item[1].created, item[0])
        ):
            if booking.confirmed:
                confirmed.setdefault(booking.shop, []).append(booking)
        counted: dict[int, int] = {}
        for (c, stylist), count in self.preferences.items() if by_counts else ():
            if c == customer and stylist not in self.moved:
                there = self.stylists[stylist]
                counted[there] = counted.get(there, 0) + count

        believed: list[tuple[int, Booking | None, int, int]] = []
        for there in {*confirmed, *counted}:
            bookings = confirmed.get(there, [])
            count = counted.get(there, 0)
            for number, booking in enumerate(bookings, start=1):
                if number > held.get(there, 0):
                    place = 0 if not by_counts else 1 if number <= count else 3
                    believed.append((place, booking, there, 1))
            beyond = count - max(len(bookings), held.get(there, 0))
            if beyond > 0:
                believed.append((2, None, there, beyond))
        keys = {id(booking): key for key, booking in self._bookings_of(customer).items()}
        believed.sort(
            key=lambda one: (
                (one[0], one[1].created, keys[id(one[1])].int, one[2])
                if one[1]
                else (one[0], AFTER_ALL, 0, one[2])
            )
        )

        given: dict[int, list[tuple[Booking | None, int]]] = {}
        for _, evidence, there, amount in believed:
            taken = min(amount, missing)
            if taken > 0:
                missing -= taken
                given.setdefault(there, []).append((evidence, taken))
        spend = totals.spend - sum(profile.spend for profile in profiles.values())
        rest = max(spend - sum(PRICE for got in given.values() for one, _ in got if one), 0)
        unpriced = {s: sum(n for one, n in got if not one) for s, got in given.items()}
        every = sum(unpriced.values()) + missing
        so_far = 0
        for there in sorted(given):
            so_far += unpriced[there]
            if there == shop:
                continue
            got = given[there]
            cents = PRICE * sum(1 for one, _ in got if one)
            if unpriced[there]:
                cents += rest * so_far // every - rest * (so_far - unpriced[there]) // every
            profile = profiles.get(there, Profile())
            starts = [one for one, _ in got if one]
            last = profile.last
            if starts and (last is None or last != totals.last):
                last = max(starts, key=lambda one: (one.created, keys[id(one)])).start
            self._set_profile(
                customer,
                there,
                bookings=profile.bookings + sum(n for _, n in got),
                spend=profile.spend + cents,
                last=last,
            )

    def _zero_totals(self, customer: int) -> None:
        for shop in self._profiles_of(customer):
            self._set_profile(customer, shop, bookings=0, spend=0)

    def _mirror_customer(self, customer: int, before: Customer, after: Customer) -> None:
        if after.no_shows != before.no_shows:
            self._residual(customer, self._attributed(customer), no_shows=after.no_shows)
        if after.stylist == before.stylist:
            return
        if after.stylist is not None:
            self._prefer(customer, self.stylists[after.stylist], after.stylist)
        elif before.stylist is not None:
            shop = self.stylists[before.stylist]
            if self._profiles_of(customer).get(shop, Profile()).stylist == before.stylist:
                self._prefer(customer, shop, None)

    def _residual(self, customer: int, shop: int, **totals: int) -> None:
        self._set_profile(customer, shop)
        for name, total in totals.items():
            held = {s: getattr(p, name) for s, p in self._profiles_of(customer).items()}
            del held[shop]
            own = total - sum(held.values())
            self._set_profile(customer, shop, **{name: max(own, 0)})
            missing = max(-own, 0)
            for other in sorted(held, key=lambda other: (-held[other], other)):
                taken = min(held[other], missing)
                missing -= taken
                self._set_profile(customer, other, **{name: held[other] - taken})

    def _prefer(self, customer: int, shop: int, stylist: int | None) -> None:
        self._set_profile(customer, shop, stylist=stylist)

    def _set_profile(self, customer: int, shop: int, **values: Any) -> None:
        profile = self.profiles.get((customer, shop), Profile())
        self.profiles[customer, shop] = replace(profile, **values)

    # Counts and preferences

    def _counts(self, customer: int, shop: int) -> dict[int, int]:
        return {
            stylist: count
            for (c, stylist), count in self.preferences.items()
            if c == customer and self.stylists[stylist] == shop
        }

    def _follow(
        self,
        preferred: int | None,
        others: dict[int, int],
        stylist: int,
        before: int | None,
        after: int | None,
    ) -> int | None:
        def first(count: int | None) -> int | None:
            return most_booked(others if count is None else {**others, stylist: count})

        return first(after) if preferred in (None, first(before)) else preferred

    def _write_preferences(
        self, changes: Sequence[tuple[PreferenceKey, int | None, int | None]]
    ) -> None:
        for key, _, after in changes:
            if after is None:
                del self.preferences[key]
            else:
                self.preferences[key] = after
        for (customer, stylist), before, after in changes:
            if before != after:
                self._mirror_preference(customer, stylist, before, after)

    def _mirror_preference(
        self, customer: int, stylist: int, before: int | None, after: int | None
    ) -> None:
        shop = self.stylists[stylist]
        row = self.customers.get(customer)
        if row and row.stylist is not None and self.stylists[row.stylist] == shop:
            return  # that is who is preferred
        if after is None and shop not in self._profiles_of(customer):
            return  # a count that goes makes no profile
        others = self._counts(customer, shop)
        others.pop(stylist, None)
        preferred = self._profiles_of(customer).get(shop, Profile()).stylist
        new = self._follow(preferred, others, stylist, before, after)
        if new != preferred:
            self._prefer(customer, shop, new)

    # Profiles to legacy

    def _write_profiles(
        self, changes: Sequence[tuple[ProfileKey, Profile | None, Profile | None]]
    ) -> None:
        for key, _, after in changes:
            if after is None:
                del self.profiles[key]
            else:
                self.profiles[key] = after
        for (customer, shop), _, after in changes:
            if after and customer not in self.customers:
                raise Refused(FOREIGN_KEY_VIOLATION)
            if after and after.stylist is not None and self.stylists[after.stylist] != shop:
                raise Refused(FOREIGN_KEY_VIOLATION)
        for (customer, shop), before, after in changes:
            if before != after:
                self._mirror_profile(customer, shop, before or Profile(), after or Profile())

    def _mirror_profile(self, customer: int, shop: int, before: Profile, after: Profile) -> None:
        row = self.customers[customer]
        bookings = after.bookings - before.bookings
        spend = after.spend - before.spend
        statistics = self.statistics.get(customer)
        if statistics is None and (bookings or spend):
            statistics = Statistics()
        if statistics and (bookings or spend or after.last != before.last):
            last = statistics.last
            if after.last != before.last and after.last is not None:
                last = after.last
            elif after.last != before.last and before.last == last:
                held = [p.last for p in self._profiles_of(customer).values() if p.last]
                last = max(held, default=None)
            statistics = Statistics(statistics.bookings + bookings, statistics.spend + spend, last)
            self.statistics[customer] = statistics
            average = statistics.spend // statistics.bookings if statistics.bookings > 0 else 0
            row = replace(row, average=average)
        row = replace(row, no_shows=row.no_shows + after.no_shows - before.no_shows)
        follows = row.stylist is None or self.stylists[row.stylist] == shop
        if after.stylist != before.stylist and follows:
            row = replace(row, stylist=after.stylist)
        self.customers[customer] = row

    def _profile_for(self, customer: int, shop: int) -> Profile:
        if (customer, shop) not in self.profiles:
            self.insert_profiles({(customer, shop): Profile()})
        return self.profiles[customer, shop]

    # What the database refuses

    def _check_new(self, rows: dict[Any, Any], keys: Iterable[Any]) -> None:
        if any(key in rows for key in keys):
            raise Refused(UNIQUE_VIOLATION)

    def _check_customers(self, customers: Iterable[int]) -> None:
        if any(customer not in self.customers for customer in customers):
            raise Refused(FOREIGN_KEY_VIOLATION)

    def _check_call(self, customer: int, shop: int, stylist: int | None) -> None:
        if shop not in SHOPS or (stylist is not None and self.stylists.get(stylist) != shop):
            raise Refused(FOREIGN_KEY_VIOLATION)
        self._context_shop()
        self._check_customers([customer])


class Transaction:
    """What a transaction changed so far. It commits in the order of the database."""

    def __init__(self, committed: Tables, *, reads_snapshot: bool) -> None:
        self._committed = committed
        self._snapshot = committed.copy() if reads_snapshot else committed
        self._changes: Changes = {}
        self._notes: Notes = {}

    def seen(self) -> Tables:
        """What a statement sees now."""
        tables = self._snapshot.copy()
        tables.apply(self._changes)
        return tables

    def execute(self, context: str | None, change: Callable[[Step], T]) -> T:
        """One statement: all of it, or nothing and Refused."""
        notes = dict(self._notes)
        step = Step(self.seen(), context, notes)
        result = change(step)
        self._changes = self._snapshot.changed_to(step)
        self._notes = notes
        return result

    def savepoint(self) -> Callable[[], None]:
        """What goes back to here."""
        changes, notes = self._changes, self._notes

        def roll_back() -> None:
            self._changes, self._notes = changes, notes

        return roll_back

    def commit(self) -> None:
        """For everybody."""
        self._committed.apply(self._changes)
