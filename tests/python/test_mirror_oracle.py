"""The mirrors against a model in Python, on transactions that hypothesis makes up.

Legacy bookings, corrections of either side and calls of the SQL API, by three connections at every
isolation level. After each statement its own transaction sees what the model sees, after each
commit everybody does; and nothing drifts.

ORACLE_EXAMPLES, ORACLE_STEPS and ORACLE_SEED ask for more, or for others.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from psycopg import IsolationLevel

from support.at_once import move_to
from support.cluster import Cluster
from support.commands import execute
from support.legacy_replay import statement
from support.mirror_clients import (
    CLIENTS,
    FAIL_INSIDE_MIRRORS,
    GUARD,
    PREFERENCES,
    PROFILES,
    STATISTICS,
    Client,
    Frame,
    Model,
    Table,
    World,
    booking_values,
    check,
)
from support.mirror_model import (
    SHOPS,
    Booking,
    Customer,
    Profile,
    Statistics,
    Step,
    Tables,
    most_booked,
    owner,
)
from support.sessions import Rows
from support.soak import SOAK

SEED = int(os.environ.get("ORACLE_SEED", "20261124"))
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "1000" if SOAK else "15"))
STEPS = int(os.environ.get("ORACLE_STEPS", "20"))

T = TypeVar("T")
Row = TypeVar("Row", Statistics, Profile)
Act = TypeVar("Act", bound=Callable[..., None])

STYLISTS = {10 * shop + n: shop for shop in SHOPS for n in (1, 2)}  # stylist -> shop, at first
HOURS = [datetime(2027, 1, 1, hour, tzinfo=UTC) for hour in range(5)]
STARTS = HOURS[:3]  # when bookings start; at the other hours none does


@dataclass(frozen=True)
class Person:
    """Who they are, in bookings and in customers."""

    email: str | None
    phone: str | None


# Two share a phone. The last two are no customers at first.
PEOPLE = (
    Person("ann@example.test", "+15550000001"),
    Person(None, "+15550000002"),
    Person("cara@example.test", None),
    Person("dan@example.test", "+15550000002"),
    Person("eve@example.test", "+15550000005"),
    Person(None, "+15550000006"),
)
NOBODY = 999

AT_FIRST_CREATED = datetime(2026, 1, 1, tzinfo=UTC)  # before any other booking
AT_FIRST = Tables(
    stylists=dict(STYLISTS),
    bookings={
        uuid.UUID(int=1): Booking(
            2, PEOPLE[0].email, PEOPLE[0].phone, HOURS[0], AT_FIRST_CREATED, True
        ),
    },
    customers={
        1: Customer(PEOPLE[0].email, PEOPLE[0].phone, stylist=21, average=250, no_shows=1),
        2: Customer(PEOPLE[1].email, PEOPLE[1].phone, average=100),
        3: Customer(PEOPLE[2].email, PEOPLE[2].phone),
        4: Customer(PEOPLE[3].email, PEOPLE[3].phone, stylist=11, no_shows=2),
    },
    statistics={
        1: Statistics(4, 1000, HOURS[0]),
        2: Statistics(2, 200, HOURS[4]),
        4: Statistics(),
    },
    profiles={
        (1, 1): Profile(None, 1, 300, HOURS[3], 0),
        (1, 2): Profile(21, 3, 700, HOURS[0], 1),
        (2, 1): Profile(12, 2, 200, HOURS[4], 0),
        (3, 1): Profile(),
        (4, 1): Profile(11, 0, 0, None, 2),
    },
    preferences={(1, 21): 2, (1, 22): 1, (2, 12): 1},
)

SHOPS_AND_STAFF = f"""
    INSERT INTO public.shops (id, name) VALUES (2, 'Second'), (3, 'Third');
    INSERT INTO public.stylists (id, shop_id, name, work_start, work_end, active)
    VALUES {
    ", ".join(f"({k}, {v}, 'Stylist {k}', '09:00', '17:00', TRUE)" for k, v in STYLISTS.items())
};
    INSERT INTO public.services (id, shop_id, name, duration_minutes, price_cents)
    SELECT id, id, 'Service', 30, 100 FROM public.shops;
"""

# Somebody else's trigger, which writes mirrored tables.
CORRECTIONS = """
    CREATE TABLE public.corrections (
        customer_id integer NOT NULL,
        shop_id integer NOT NULL,
        what text NOT NULL,
        rows integer NOT NULL
    );
    CREATE FUNCTION public.correct() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.what = 'statistics' THEN
            UPDATE public.customer_booking_stats
            SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 70
            WHERE customer_id = NEW.customer_id;
        ELSIF NEW.what = 'customers' THEN
            UPDATE public.customers
            SET no_show_count = no_show_count + 1
            WHERE id = NEW.customer_id;
        ELSE
            UPDATE public.customer_shop_profiles
            SET total_bookings = total_bookings + 1
            WHERE customer_id = NEW.customer_id AND shop_id = NEW.shop_id;
        END IF;
        GET DIAGNOSTICS NEW.rows = ROW_COUNT;
        RETURN NEW;
    END;
    $$;
    CREATE TRIGGER correct BEFORE INSERT ON public.corrections
    FOR EACH ROW EXECUTE FUNCTION public.correct();
"""

# What the connections do


def who(seen: Tables, number: int) -> int:
    """The customer that the person is; of several with one phone, the first."""
    person = PEOPLE[number]
    found = [
        key
        for key, row in seen.customers.items()
        if row.email == person.email and (person.email or row.phone == person.phone)
    ]
    return min(found, default=NOBODY)


def staff(seen: Tables, shop: int, choice: int) -> int | None:
    """Nobody, one of the shop's stylists, or now and then one of another shop."""
    there = sorted(stylist for stylist, works_in in seen.stylists.items() if works_in == shop)
    elsewhere = sorted({*seen.stylists} - {*there})
    if choice == 0 or not there:
        return None
    return elsewhere[choice % len(elsewhere)] if choice == 5 else there[choice % len(there)]


def insert_booking(
    client: Client, person: Person, stylist: int, start: datetime, *, confirmed: bool
) -> uuid.UUID:
    """A booking in the shop where the stylist works."""
    serial = next(client.world.serial)
    key = uuid.UUID(int=serial)
    shop = client.seen().stylists[stylist]
    booking = Booking(shop, person.email, person.phone, start, AT_FIRST_CREATED, confirmed)

    def model(step: Step, rows: Rows | None) -> None:
        assert rows is not None
        step.insert_booking(key, replace(booking, created=rows[0][0]))

    client.write(
        statement("insert_booking"),
        *booking_values(key, booking, stylist, serial),
        model=model,
    )
    return key


def find_or_insert_customer(client: Client, person: Person) -> tuple[int, int | None, int]:
    """Step 1 of a legacy booking: id, preferred stylist and average."""
    rows = person.phone and client.read(statement("select_customer_by_phone"), person.phone)
    if not rows and person.email:
        rows = client.read(statement("select_customer_by_email"), person.email)
    seen = client.seen()
    expected = owner(seen.customers, person.email, person.phone)
    if rows:
        key, _, _, _, stylist, average, *_ = min(rows)
        assert key == expected
        assert (stylist, average) == (seen.customers[key].stylist, seen.customers[key].average)
        return key, stylist, average
    assert expected is None
    return insert_customer(client, Customer(person.email, person.phone)), None, 0


def insert_customer(client: Client, row: Customer) -> int:
    """A new customer's id."""

    def model(step: Step, rows: Rows | None) -> int:
        customer = int(rows[0][0]) if rows else NOBODY
        step.insert_customer(customer, row)
        return customer

    return client.write(
        """
        INSERT INTO public.customers (
            email, phone, preferred_stylist_id, average_spend_cents, no_show_count
        )
        VALUES ($1, $2, $3, $4, $5)
        RETURNING id
        """,
        *astuple(row),
        model=model,
    )


def confirm_booking(client: Client, key: uuid.UUID) -> None:
    """Step 2 of a legacy booking."""
    client.change(
        statement("confirm_booking"),
        key,
        keys=lambda seen: [key] if key in seen.bookings else [],
        model=lambda step, found: step.confirm_bookings(found),
    )


def count_booking(
    client: Client, customer: tuple[int, int | None, int], stylist: int, price: int, start: datetime
) -> None:
    """Steps 3 to 8 of a legacy booking, with what step 1 read."""
    key, preferred, average = customer
    row = _read_one(client, "select_statistics", key)
    before = client.seen().statistics.get(key)
    assert before == (row and Statistics(*row[1:4]))
    after = Statistics(
        (before.bookings if before else 0) + 1, (before.spend if before else 0) + price, start
    )
    if after.spend // after.bookings != average:
        update_customer(
            client,
            statement("update_average_spend"),
            key,
            after.spend // after.bookings,
            column="average",
        )
    if before:
        client.change(
            statement("update_statistics"),
            key,
            *astuple(after),
            keys=lambda seen: [key] if key in seen.statistics else [],
            model=lambda step, found: step.set_statistics(dict.fromkeys(found, after)),
        )
    else:
        client.write(
            statement("insert_statistics"),
            key,
            *astuple(after),
            model=lambda step, _: step.insert_statistics({key: after}),
        )
    count_stylist(client, key, stylist)
    top = _read_one(client, "select_top_stylist", key)
    counts = {s: n for (c, s), n in client.seen().preferences.items() if c == key}
    assert (top and top[0]) == most_booked(counts)
    if top and top[0] != preferred:
        update_customer(
            client, statement("update_preferred_stylist"), key, top[0], column="stylist"
        )


def count_stylist(client: Client, customer: int, stylist: int) -> None:
    """Step 6 of a legacy booking."""
    key = customer, stylist
    row = _read_one(client, "select_stylist_preference", customer, stylist)
    before = client.seen().preferences.get(key)
    assert before == (row and row[3])
    if row:
        client.change(
            statement("update_stylist_preference"),
            row[0],
            row[3] + 1,
            keys=lambda seen: [key] if key in seen.preferences else [],
            model=lambda step, found: step.set_preferences(dict.fromkeys(found, row[3] + 1)),
        )
    else:
        client.write(
            statement("insert_stylist_preference"),
            customer,
            stylist,
            1,
            model=lambda step, _: step.insert_preferences({key: 1}),
        )


def update_customer(
    client: Client, query: str | bytes, key: int, value: object, *, column: str
) -> None:
    """One column of a customer who may not be there."""
    values: dict[str, Any] = {column: value}
    client.change(
        query,
        key,
        value,
        keys=lambda seen: [key] if key in seen.customers else [],
        model=lambda step, found: step.update_customers(
            {key: replace(step.customers[key], **values) for key in found}
        ),
    )


def _read_one(client: Client, name: str, *values: object) -> tuple[Any, ...] | None:
    rows = client.read(statement(name), *values)
    return rows[0] if rows else None


def delete_statistics(client: Client, customers: list[int]) -> None:
    """Of those who have any."""
    client.change(
        """
        DELETE FROM public.customer_booking_stats WHERE customer_id = ANY ($1)
        RETURNING customer_id
        """,
        customers,
        keys=lambda seen: [key for key in seen.statistics if key in customers],
        model=lambda step, found: step.delete_statistics(found),
    )


def delete_preferences(client: Client, customer: int, stylists: list[int]) -> None:
    """Of those stylists whom the customer booked."""
    client.change(
        """
        DELETE FROM public.customer_stylist_preferences
        WHERE customer_id = $1 AND stylist_id = ANY ($2)
        RETURNING customer_id, stylist_id
        """,
        customer,
        stylists,
        keys=lambda seen: [
            (customer, stylist) for stylist in stylists if (customer, stylist) in seen.preferences
        ],
        model=lambda step, found: step.delete_preferences(found),
    )


def insert_rows(
    client: Client,
    table: Table,
    rows: Mapping[Any, Any],
    how: str,
    *,
    insert: Model[None],
    upsert: Model[None],
) -> None:
    """In one statement. There may be none."""
    if not rows:
        return
    if how == "COPY":
        client.copy(table, rows, model=insert)
    elif how == "INSERT":
        client.write(table.insert(rows), *table.columns_of(rows), model=insert)
    else:
        client.write(table.upsert(rows), *table.columns_of(rows), model=upsert)


def assignments(values: dict[str, Any], first: int) -> str:
    """What stands behind SET, with placeholders from this number on."""
    return ", ".join(f"{COLUMNS[name]} = ${number}" for number, name in enumerate(values, first))


COLUMNS = {
    "bookings": "total_bookings",
    "spend": "total_spend_cents",
    "last": "last_booking_at",
    "no_shows": "no_show_count",
    "stylist": "preferred_stylist_id",
}


def counted_up(row: Row, cents: int) -> Row:
    """One booking more."""
    return replace(row, bookings=row.bookings + 1, spend=row.spend + cents)


def call(
    client: Client,
    function: str,
    values: Sequence[object],
    model: Callable[[Step], Profile],
    *,
    guard: bool,
) -> None:
    """A function of the SQL API that returns a profile; the caller may have set the guard."""
    if guard:
        client.set("tenancy.mirroring", "on")

    def check_profile(step: Step, rows: Rows | None) -> None:
        profile = model(step)
        assert rows is None or Profile(*rows[0]) == profile

    placeholders = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    client.write(
        f"""
        SELECT preferred_stylist_id, total_bookings, total_spend_cents, last_booking_at,
            no_show_count
        FROM tenancy.{function}({placeholders})
        """,
        *values,
        model=check_profile,
        call=True,
    )
    if guard:
        assert client.session.execute(GUARD) == [("on",)]
        client.set("tenancy.mirroring", "")


# What hypothesis chooses


def often(value: T, times: int, *others: T) -> st.SearchStrategy[T]:
    """Mostly this one."""
    return st.sampled_from([value] * times + [*others])


FRAME = st.builds(
    Frame,
    client=st.integers(0, CLIENTS - 1),
    context=often(None, 16, "1", "2", "3", "", "9", "x"),
    around=often("", 9, "kept", "undone", "undone, again", "failed", "failed, again"),
    ending=st.sampled_from(["open"] * 5 + ["commit"] * 4 + ["roll back"]),
    others_commit=st.tuples(*[often(True, 3, False)] * CLIENTS),
)
# One customer and one shop more often than all others: so transactions meet.
PERSON = st.runner().flatmap(lambda machine: often(machine.person, 8, *range(len(PEOPLE))))
PERSONS = st.lists(PERSON, min_size=1, max_size=3, unique=True)
SHOP = st.runner().flatmap(lambda machine: often(machine.shop, 3, *SHOPS))
SOME_SHOPS = st.lists(SHOP, min_size=1, max_size=2, unique=True)
STYLIST = SHOP.flatmap(lambda shop: st.sampled_from([10 * shop + 1, 10 * shop + 2]))
SOME_STYLISTS = st.sets(STYLIST, min_size=1)
STYLIST_OR_NONE = st.one_of(st.none(), STYLIST, STYLIST, STYLIST)
CHOICE = st.integers(0, 5)  # by staff()
NUMBER = st.integers(0, 6)
CENTS = st.integers(0, 8).map(lambda n: 100 * n)
START = st.sampled_from(STARTS)
TIME = st.sampled_from([None, *HOURS])
TOTALS = {"bookings": NUMBER, "spend": CENTS, "last": TIME}
HOW = st.sampled_from(["INSERT", "ON CONFLICT", "COPY"])


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """At least one of these values."""
    return st.fixed_dictionaries({}, optional=values).filter(bool)


class Machine(RuleBasedStateMachine):
    """Its rules are the actions below, each in whatever transaction a client has open."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.person = 0
        self.shop = 1
        self._commits_checked = -1
        world.begin(AT_FIRST)

    @initialize(person=st.sampled_from([0, 0, 1, 2, 3, 4]), shop=st.sampled_from(SHOPS))
    def choose(self, person: int, shop: int) -> None:
        """Whom this is about, mostly."""
        self.person = person
        self.shop = shop

    def teardown(self) -> None:
        for client in self.world.clients:
            client.roll_back()

    @invariant()
    def everybody_sees_what_is_committed(self) -> None:
        if self._commits_checked != self.world.commits:
            check(self.world.observer, self.world.committed)
            self._commits_checked = self.world.commits

    @rule(number=st.integers(0, CLIENTS - 1), commit=st.booleans())
    def transaction_ends(self, number: int, commit: bool) -> None:
        self.world.clients[number].end(commit=commit)


def action(**values: st.SearchStrategy[Any]) -> Callable[[Act], Act]:
    """The machine does this, with values that hypothesis chooses."""

    def add(act: Act) -> Act:
        def run(self: Machine, frame: Frame, **chosen: Any) -> None:
            self.world.clients[frame.client].do(frame, lambda client: act(client, **chosen))

        make_rule: Any = rule
        run.__name__ = act.__name__
        setattr(Machine, act.__name__, make_rule(frame=FRAME, **values)(run))
        return act

    return add


# Bookings


@action(person=PERSON, stylist=STYLIST, start=START, confirmed=st.booleans())
def booking_not_counted(
    client: Client, person: int, stylist: int, start: datetime, confirmed: bool
) -> None:
    """A hold, or what the public API confirms."""
    insert_booking(client, PEOPLE[person], stylist, start, confirmed=confirmed)


@action(person=PERSON, stylist=STYLIST, cents=CENTS, start=START, held=st.booleans())
def legacy_booking(
    client: Client, person: int, stylist: int, cents: int, start: datetime, held: bool
) -> None:
    """Confirmed by UPDATE, or inserted so."""
    customer = find_or_insert_customer(client, PEOPLE[person])
    key = insert_booking(client, PEOPLE[person], stylist, start, confirmed=not held)
    if held:
        confirm_booking(client, key)
    count_booking(client, customer, stylist, cents, start)


@action(stylist=STYLIST, cents=CENTS)
def legacy_booking_held_before(client: Client, stylist: int, cents: int) -> None:
    """The oldest hold, which others may confirm, too."""
    held = sorted(key for key, row in client.seen().bookings.items() if not row.confirmed)
    if held:
        booking = client.seen().bookings[held[0]]
        customer = find_or_insert_customer(client, Person(booking.email, booking.phone))
        confirm_booking(client, held[0])
        count_booking(client, customer, stylist, cents, booking.start)


@action(stylists=st.lists(STYLIST, min_size=2, max_size=3), person=PERSON, backwards=st.booleans())
def legacy_bookings_counted_later(
    client: Client, stylists: list[int], person: int, backwards: bool
) -> None:
    """Several are confirmed first, then counted, in whatever order."""
    customer = find_or_insert_customer(client, PEOPLE[person])
    booked = list(zip(stylists, STARTS, strict=False))
    for stylist, start in booked:
        insert_booking(client, PEOPLE[person], stylist, start, confirmed=True)
    for stylist, start in reversed(booked) if backwards else booked:
        count_booking(client, customer, stylist, 100, start)


@action(number=NUMBER)
def booking_cancelled(client: Client, number: int) -> None:
    """One of the oldest."""
    wanted = sorted(client.seen().bookings)[number : number + 1]
    client.change(
        "DELETE FROM public.bookings WHERE id = ANY ($1) RETURNING id",
        wanted,
        keys=lambda seen: [key for key in wanted if key in seen.bookings],
        model=lambda step, found: step.cancel_bookings(found),
    )


@action(stylist=STYLIST, shop=SHOP)
def stylist_moves(client: Client, stylist: int, shop: int) -> None:
    """To another shop, or stays."""
    client.write(
        "UPDATE public.stylists SET shop_id = $2 WHERE id = $1",
        stylist,
        shop,
        model=lambda step, _: step.move_stylist(stylist, shop),
    )


# Corrections of the legacy side


@action(persons=PERSONS, row=st.builds(Statistics, **TOTALS), how=HOW)
def statistics_inserted(client: Client, persons: list[int], row: Statistics, how: str) -> None:
    """Of one customer, or of several of whom it may go well."""
    seen = client.seen()
    keys = {who(seen, person) for person in persons}
    if len(keys) > 1:
        keys &= {*seen.customers}
    if how != "ON CONFLICT":
        keys = keys - {*seen.statistics} or keys
    rows = {key: replace(row, bookings=row.bookings + key % 3) for key in keys}
    insert_rows(
        client,
        STATISTICS,
        rows,
        how,
        insert=lambda step, _: step.insert_statistics(rows),
        upsert=lambda step, _: step.set_statistics(rows),
    )


@action(persons=PERSONS, values=some(**TOTALS))
def statistics_changed(client: Client, persons: list[int], values: dict[str, Any]) -> None:
    """To absolute values, as the legacy application does."""
    customers = [who(client.seen(), person) for person in persons]
    client.change(
        f"""
        UPDATE public.customer_booking_stats SET {assignments(values, 2)}
        WHERE customer_id = ANY ($1)
        RETURNING customer_id
        """,
        customers,
        *values.values(),
        keys=lambda seen: [key for key in seen.statistics if key in customers],
        model=lambda step, found: step.set_statistics(
            {key: replace(step.statistics[key], **values) for key in found}
        ),
    )


@action()
def all_statistics_counted_up(client: Client) -> None:
    """A bulk statement."""
    client.change(
        """
        UPDATE public.customer_booking_stats
        SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 30
        RETURNING customer_id
        """,
        keys=lambda seen: [*seen.statistics],
        model=lambda step, found: step.set_statistics(
            {key: counted_up(step.statistics[key], 30) for key in found}
        ),
    )


@action(persons=PERSONS)
def statistics_deleted(client: Client, persons: list[int]) -> None:
    """Of some customers."""
    delete_statistics(client, [who(client.seen(), person) for person in persons])


@action(person=PERSON, more=often(0, 3, 1))
def statistics_come_back(client: Client, person: int, more: int) -> None:
    """They are deleted and inserted again, as they were or not."""
    customer = who(client.seen(), person)
    row = client.seen().statistics.get(customer)
    delete_statistics(client, [customer])
    if row and customer not in client.seen().statistics:
        row = replace(row, bookings=row.bookings + more)
        insert_rows(
            client,
            STATISTICS,
            {customer: row},
            "INSERT",
            insert=lambda step, _: step.insert_statistics({customer: row}),
            upsert=lambda step, _: None,
        )


@action(person=PERSON, to_person=PERSON)
def statistics_given_away(client: Client, person: int, to_person: int) -> None:
    """A changed customer_id."""
    customer, to_customer = who(client.seen(), person), who(client.seen(), to_person)
    client.change(
        """
        UPDATE public.customer_booking_stats SET customer_id = $2 WHERE customer_id = $1
        RETURNING $1::integer
        """,
        customer,
        to_customer,
        keys=lambda seen: [customer] if customer in seen.statistics else [],
        model=lambda step, found: step.move_statistics(found, to_customer),
    )


@action(person=PERSON, stylist=STYLIST_OR_NONE, no_shows=NUMBER)
def customer_inserted(client: Client, person: int, stylist: int | None, no_shows: int) -> None:
    """With what profiles have, too."""
    who_it_is = PEOPLE[person]
    insert_customer(client, Customer(who_it_is.email, who_it_is.phone, stylist, 0, no_shows))


@action(persons=PERSONS, values=some(no_shows=NUMBER, stylist=STYLIST_OR_NONE))
def customers_changed(client: Client, persons: list[int], values: dict[str, Any]) -> None:
    """To absolute values."""
    customers = [who(client.seen(), person) for person in persons]
    client.change(
        f"UPDATE public.customers SET {assignments(values, 2)} WHERE id = ANY ($1) RETURNING id",
        customers,
        *values.values(),
        keys=lambda seen: [key for key in seen.customers if key in customers],
        model=lambda step, found: step.update_customers(
            {key: replace(step.customers[key], **values) for key in found}
        ),
    )


@action(person=st.sampled_from((0, 4)), digit=st.integers(0, 1))
def phone_changed(client: Client, person: int, digit: int) -> None:
    """Alone: who books at that moment may be found by the old one or by the new one."""
    client.make_others_way()
    update_customer(
        client,
        "UPDATE public.customers SET phone = $2 WHERE id = $1",
        who(client.seen(), person),
        [PEOPLE[person].phone, f"+1555000010{person}"][digit],
        column="phone",
    )


@action(person=PERSON)
def customer_deleted(client: Client, person: int) -> None:
    """As the legacy application does it: everything else of the customer first."""
    customer = who(client.seen(), person)
    delete_statistics(client, [customer])
    delete_preferences(client, customer, [*STYLISTS])
    client.change(
        "DELETE FROM public.customers WHERE id = $1 RETURNING id",
        customer,
        keys=lambda seen: [customer] if customer in seen.customers else [],
        model=lambda step, found: step.delete_customers(found),
    )


@action(person=PERSON, counts=st.dictionaries(STYLIST, NUMBER, min_size=1, max_size=3), how=HOW)
def preferences_inserted(client: Client, person: int, counts: dict[int, int], how: str) -> None:
    """Of one customer, for some stylists."""
    seen = client.seen()
    customer = who(seen, person)
    rows = {(customer, stylist): number for stylist, number in counts.items()}
    if how != "ON CONFLICT":
        rows = {key: n for key, n in rows.items() if key not in seen.preferences} or rows
    insert_rows(
        client,
        PREFERENCES,
        rows,
        how,
        insert=lambda step, _: step.insert_preferences(rows),
        upsert=lambda step, _: step.set_preferences(rows),
    )


@action(person=PERSON)
def preferences_reversed(client: Client, person: int) -> None:
    """Who was booked most is now booked least."""
    customer = who(client.seen(), person)
    client.change(
        """
        UPDATE public.customer_stylist_preferences SET booking_count = 9 - booking_count
        WHERE customer_id = $1
        RETURNING customer_id, stylist_id
        """,
        customer,
        keys=lambda seen: [key for key in seen.preferences if key[0] == customer],
        model=lambda step, found: step.set_preferences(
            {key: 9 - step.preferences[key] for key in found}
        ),
    )


@action(person=PERSON, stylists=SOME_STYLISTS)
def preferences_deleted(client: Client, person: int, stylists: set[int]) -> None:
    """Of one customer."""
    delete_preferences(client, who(client.seen(), person), sorted(stylists))


@action(person=PERSON, stylist=STYLIST, to_person=PERSON, to_stylist=STYLIST)
def preference_given_away(
    client: Client, person: int, stylist: int, to_person: int, to_stylist: int
) -> None:
    """A changed customer_id or stylist_id."""
    key = who(client.seen(), person), stylist
    to_key = who(client.seen(), to_person), to_stylist
    client.change(
        """
        UPDATE public.customer_stylist_preferences SET customer_id = $3, stylist_id = $4
        WHERE customer_id = $1 AND stylist_id = $2
        RETURNING $1::integer, $2::integer
        """,
        *key,
        *to_key,
        keys=lambda seen: [key] if key in seen.preferences else [],
        model=lambda step, found: step.move_preferences(found, to_key),
    )


# Corrections of profiles


@action(
    person=PERSON,
    shops=SOME_SHOPS,
    row=st.builds(Profile, stylist=st.none(), no_shows=NUMBER, **TOTALS),
    choice=CHOICE,
    how=HOW,
)
def profiles_inserted(
    client: Client, person: int, shops: list[int], row: Profile, choice: int, how: str
) -> None:
    """Of one customer, in some shops."""
    seen = client.seen()
    rows = {
        (who(seen, person), shop): replace(row, stylist=staff(seen, shop, choice)) for shop in shops
    }
    if how != "ON CONFLICT":
        rows = {key: r for key, r in rows.items() if key not in seen.profiles} or rows
    insert_rows(
        client,
        PROFILES,
        rows,
        how,
        insert=lambda step, _: step.insert_profiles(rows),
        upsert=lambda step, _: step.set_profiles(rows),
    )


@action(person=PERSON, shops=SOME_SHOPS, values=some(stylist=CHOICE, no_shows=NUMBER, **TOTALS))
def profiles_changed(client: Client, person: int, shops: list[int], values: dict[str, Any]) -> None:
    """To absolute values."""
    customer = who(client.seen(), person)
    new = dict(values)
    if "stylist" in new:
        new["stylist"] = staff(client.seen(), shops[0], new["stylist"])
    client.change(
        f"""
        UPDATE public.customer_shop_profiles SET {assignments(new, 3)}
        WHERE customer_id = $1 AND shop_id = ANY ($2)
        RETURNING customer_id, shop_id
        """,
        customer,
        shops,
        *new.values(),
        keys=lambda seen: [(customer, shop) for shop in shops if (customer, shop) in seen.profiles],
        model=lambda step, found: step.set_profiles(
            {key: replace(step.profiles[key], **new) for key in found}
        ),
    )


@action(shop=SHOP)
def all_profiles_counted_up(client: Client, shop: int) -> None:
    """A bulk statement."""
    client.change(
        """
        UPDATE public.customer_shop_profiles
        SET
            total_bookings = total_bookings + 1,
            total_spend_cents = total_spend_cents + 30,
            no_show_count = no_show_count + 1
        WHERE shop_id = $1
        RETURNING customer_id, shop_id
        """,
        shop,
        keys=lambda seen: [key for key in seen.profiles if key[1] == shop],
        model=lambda step, found: step.set_profiles(
            {
                key: replace(counted_up(profile, 30), no_shows=profile.no_shows + 1)
                for key, profile in [(key, step.profiles[key]) for key in found]
            }
        ),
    )


@action(person=PERSON, shops=SOME_SHOPS)
def profiles_deleted(client: Client, person: int, shops: list[int]) -> None:
    """Of one customer."""
    customer = who(client.seen(), person)
    client.change(
        """
        DELETE FROM public.customer_shop_profiles WHERE customer_id = $1 AND shop_id = ANY ($2)
        RETURNING customer_id, shop_id
        """,
        customer,
        shops,
        keys=lambda seen: [(customer, shop) for shop in shops if (customer, shop) in seen.profiles],
        model=lambda step, found: step.delete_profiles(found),
    )


@action(person=PERSON, shop=SHOP, to_person=PERSON, to_shop=SHOP, choice=CHOICE)
def profile_given_away(
    client: Client, person: int, shop: int, to_person: int, to_shop: int, choice: int
) -> None:
    """A changed customer_id, shop_id, or both."""
    seen = client.seen()
    key, to_key = (who(seen, person), shop), (who(seen, to_person), to_shop)
    stylist = staff(seen, to_shop, choice)
    client.change(
        """
        UPDATE public.customer_shop_profiles
        SET customer_id = $3, shop_id = $4, preferred_stylist_id = $5
        WHERE customer_id = $1 AND shop_id = $2
        RETURNING $1::integer, $2::integer
        """,
        *key,
        *to_key,
        stylist,
        keys=lambda seen: [key] if key in seen.profiles else [],
        model=lambda step, found: step.move_profiles(found, to_key, stylist),
    )


@action(person=PERSON, what=st.sampled_from(["statistics", "customers", "profiles"]), shop=SHOP)
def trigger_of_somebody_else_writes(client: Client, person: int, what: str, shop: int) -> None:
    """It counts something up, if that is there."""
    customer = who(client.seen(), person)
    key = (customer, shop) if what == "profiles" else customer

    def model(step: Step, found: Sequence[object]) -> None:
        if found and what == "statistics":
            step.set_statistics({customer: counted_up(step.statistics[customer], 70)})
        elif found and what == "customers":
            row = step.customers[customer]
            step.update_customers({customer: replace(row, no_shows=row.no_shows + 1)})
        elif found:
            profile = step.profiles[customer, shop]
            step.set_profiles({(customer, shop): counted_up(profile, 0)})

    client.change(
        """
        WITH correction AS (
            INSERT INTO public.corrections (customer_id, shop_id, what) VALUES ($1, $2, $3)
            RETURNING rows
        )
        SELECT FROM correction CROSS JOIN generate_series(1, correction.rows)
        """,
        customer,
        shop,
        what,
        keys=lambda seen: [key] if key in getattr(seen, what) else [],
        model=model,
    )


# SQL API


@action(
    person=PERSON,
    stylist=STYLIST,
    shop=often(None, 9, 1, 2, 9),
    cents=often(500, 9, -1),
    start=START,
    confirmed=st.booleans(),
    guard=st.booleans(),
)
def booking_recorded(
    client: Client,
    person: int,
    stylist: int,
    shop: int | None,
    cents: int,
    start: datetime,
    confirmed: bool,
    guard: bool,
) -> None:
    """As it should be in the transaction that confirms the booking, or alone."""
    if confirmed:
        insert_booking(client, PEOPLE[person], stylist, start, confirmed=True)
    seen = client.seen()
    values = who(seen, person), shop or seen.stylists[stylist], stylist, cents, start
    call(client, "record_booking", values, lambda step: step.record_booking(*values), guard=guard)


@action(person=PERSON, shop=st.sampled_from([*SHOPS, *SHOPS, 9]), guard=st.booleans())
def no_show_recorded(client: Client, person: int, shop: int, guard: bool) -> None:
    """The shop may be unknown."""
    values = who(client.seen(), person), shop
    call(client, "record_no_show", values, lambda step: step.record_no_show(*values), guard=guard)


@action(person=PERSON, shop=SHOP, choice=CHOICE, guard=st.booleans())
def preferred_stylist_set(client: Client, person: int, shop: int, choice: int, guard: bool) -> None:
    """Or cleared; or it is a stylist of another shop."""
    seen = client.seen()
    values = who(seen, person), shop, staff(seen, shop, choice)
    call(
        client,
        "set_preferred_stylist",
        values,
        lambda step: step.set_preferred_stylist(*values),
        guard=guard,
    )


@action(person=PERSON)
def customer_found_or_made(client: Client, person: int) -> None:
    """Both names written as people may write them."""
    email, phone = PEOPLE[person].email, PEOPLE[person].phone

    def model(step: Step, rows: Rows | None) -> None:
        assert rows is not None
        [[customer]] = rows
        expected = owner(step.customers, email, phone)
        if expected is None:
            step.insert_customer(customer, Customer(email, phone))
        else:
            assert customer == expected

    client.write(
        "SELECT tenancy.get_or_create_customer($1, $2, NULL)",
        email and f" {email.upper()} ",
        phone and f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}",
        model=model,
    )


@pytest.fixture(scope="module")
def url(cluster: Cluster, legacy_template: str) -> Iterator[str]:
    """A small database at @phase2, with somebody else's triggers."""
    name = f"oracle_{os.getpid()}"
    url = cluster.create_database(name, legacy_template)
    execute(url, SHOPS_AND_STAFF)
    move_to(url, "@phase2")
    execute(url, CORRECTIONS, FAIL_INSIDE_MIRRORS)
    yield url
    cluster.drop_database(name)


@pytest.fixture
def world(url: str, level: IsolationLevel) -> Iterator[World]:
    """Connections at one isolation level."""
    world = World(url, level)
    yield world
    world.close()


@pytest.mark.parametrize(
    "level",
    [
        IsolationLevel.READ_COMMITTED,
        IsolationLevel.REPEATABLE_READ,
        IsolationLevel.SERIALIZABLE,
    ],
    ids=lambda level: level.name.lower(),
)
def test_both_sides_are_what_the_model_says(world: World, level: IsolationLevel) -> None:
    """At each isolation level; serialization failures are tried again."""
    print(f"seed {SEED}, {EXAMPLES} times {STEPS} steps at {level.name}")

    @seed(SEED)
    class MachineOfThisWorld(Machine):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        MachineOfThisWorld,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            database=None,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
