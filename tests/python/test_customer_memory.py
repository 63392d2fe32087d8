"""Customer memory over the SQL API, by every driver."""

from __future__ import annotations

import asyncio
import enum
import inspect
import re
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import convo_tenancy.asyncpg
import convo_tenancy.sqlalchemy
import support.drivers.asyncpg
import support.drivers.psycopg
import support.drivers.sqlalchemy
from convo_tenancy import customer_memory
from convo_tenancy.customer_memory import (
    Confirmation,
    Customer,
    CustomerContext,
    Profile,
    aio,
    update_customer_stats,
)
from convo_tenancy.retries import retrying
from convo_tenancy.shop_context import shop_context
from convo_tenancy.sqlalchemy import get_customer_by_email
from support.commands import execute, value
from support.drivers import Connect, raises
from support.drivers.sqlalchemy import url_for

ANN = 5001
NOBODY = 999_999
SHOP, OTHER_SHOP, NO_SHOP = 2, 3, 999
STYLIST, OTHER_STYLIST = 6, 11  # of the two shops
BOOKED_AT = datetime(2040, 1, 1, 10, tzinfo=UTC)

Call = Callable[..., Any]


class Base(DeclarativeBase):
    """Of these tests."""


class Customers(Base):
    """As in phase 3."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]


DRIVERS: dict[str, Connect] = {
    "psycopg": support.drivers.psycopg.synchronous(),
    "psycopg-async": support.drivers.psycopg.asynchronous(),
    "asyncpg": support.drivers.asyncpg.connection,
    "asyncpg-pool": support.drivers.asyncpg.pool,
    "session": support.drivers.sqlalchemy.synchronous("psycopg"),
    "asyncsession": support.drivers.sqlalchemy.asynchronous("asyncpg"),
    "asyncsession-psycopg": support.drivers.sqlalchemy.asynchronous("psycopg"),
}


@pytest.fixture
def url(phase2_database: str) -> str:
    """With Ann, who has never booked."""
    execute(
        phase2_database,
        f"""
        INSERT INTO public.customers
            (id, email, phone, name, average_spend_cents, no_show_count)
        VALUES ({ANN}, 'ann@example.test', '+15550100001', 'Ann', 0, 0)
        """,
    )
    assert (
        value(
            phase2_database,
            f"SELECT shop_id FROM public.stylists WHERE id IN ({STYLIST}, {OTHER_STYLIST})",
        )
        == f"{SHOP}\n{OTHER_SHOP}"
    )
    return phase2_database


@pytest.fixture(params=[*DRIVERS])
def call(request: pytest.FixtureRequest, url: str) -> Call:
    """`call(name, *arguments)`: the function on a connection of its own, and a commit."""

    def call(name: str, *arguments: object) -> Any:
        async def run() -> Any:
            async with DRIVERS[request.param](url) as client:
                return await client.call(name, *arguments)

        return asyncio.run(run())

    return call


def _everything(url: str) -> str:
    """All that the functions write."""
    tables = (
        "customers",
        "customer_booking_stats",
        "customer_shop_profiles",
        "customer_stylist_preferences",
    )
    digests = (
        f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM public.{table} AS t)"
        for table in tables
    )
    return value(url, f"SELECT {', '.join(digests)}")


def test_all_modules_offer_the_same() -> None:
    names = [name for name in customer_memory.__all__ if name.islower()]
    assert len(names) == 7
    for name in names:
        here = inspect.signature(getattr(customer_memory, name), eval_str=True)
        assert next(iter(here.parameters)) == "connection"
        assert "Args:" in str(getattr(customer_memory, name).__doc__)
        for module in (aio, convo_tenancy.asyncpg, convo_tenancy.sqlalchemy):
            there = inspect.signature(getattr(module, name), eval_str=True)
            assert [*here.parameters.values()][1:] == [*there.parameters.values()][1:]
            assert getattr(module, name).__doc__ == getattr(customer_memory, name).__doc__


def test_lookups(call: Call, url: str) -> None:
    ann = Customer(ANN, "ann@example.test", "+15550100001", "Ann")
    assert call("get_customer_by_email", " Ann@Example.Test ") == ann
    assert call("get_customer_by_phone", "(555) 010-0001") == ann
    assert call("get_customer_by_email", "nobody@example.test") is None
    assert call("get_customer_by_phone", "+15550109999") is None
    phone, first = value(
        url,
        "SELECT phone, min(id) FROM public.customers GROUP BY 1 HAVING count(*) = 2 LIMIT 1",
    ).split("|")
    assert call("get_customer_by_phone", phone).customer_id == int(first)


def test_get_or_create(call: Call, url: str) -> None:
    get_or_create = "get_or_create_customer_by_identity"
    assert call(get_or_create, "ANN@example.test", None, None) == ANN
    assert call(get_or_create, None, "5550100001", "Somebody") == ANN
    new = call(get_or_create, " Bob@example.test", "555 010 0002", "Bob")
    assert call(get_or_create, None, "+15550100002", None) == new
    bob = Customer(new, "bob@example.test", "+15550100002", "Bob")
    assert call("get_customer_by_email", "bob@example.test") == bob
    before = _everything(url)
    assert call(get_or_create, None, None, "Nobody") is None
    assert call(get_or_create, "noat", "123", "Nobody") is None
    assert _everything(url) == before


def test_a_booking_is_counted_in_its_shop(call: Call, url: str) -> None:
    update = "update_customer_stats"
    first = call(update, ANN, SHOP, STYLIST, 4000, BOOKED_AT)
    assert first == Profile(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 0)
    other = call(update, ANN, OTHER_SHOP, OTHER_STYLIST, 0, BOOKED_AT)
    assert other == Profile(ANN, OTHER_SHOP, OTHER_STYLIST, 1, 0, BOOKED_AT, 0)
    second = call(update, ANN, SHOP, STYLIST, 5001, BOOKED_AT)
    assert second == Profile(ANN, SHOP, STYLIST, 2, 9001, BOOKED_AT, 0)
    assert value(url, "SELECT * FROM tenancy.drift") == ""
    statistics = f"SELECT total_bookings FROM customer_booking_stats WHERE customer_id = {ANN}"
    assert value(url, statistics) == "3"


def _hold(url: str, who: str) -> uuid.UUID:
    """A booking of Ann's, or of nobody."""
    booking = uuid.uuid4()
    execute(
        url,
        f"""
        INSERT INTO public.bookings (
            id, shop_id, service_id, stylist_id, customer_email, discount_cents, start_at_utc,
            end_at_utc, status
        )
        SELECT '{booking}', {SHOP}, min(id), {STYLIST}, '{who}', 0, '{BOOKED_AT}', now(), 'HOLD'
        FROM public.services
        WHERE shop_id = {SHOP}
        """,
    )
    return booking


def test_a_booking_is_confirmed_and_counted_once(call: Call, url: str) -> None:
    confirm = "confirm_booking"
    execute(url, f"UPDATE public.services SET price_cents = 4000 WHERE shop_id = {SHOP}")
    booking = _hold(url, "ann@example.test")
    before = _everything(url)
    for wrong, shop, state in [(uuid.uuid4(), SHOP, "23503"), (booking, OTHER_SHOP, "23503")]:
        with raises(state):
            call(confirm, wrong, shop)
    execute(url, "UPDATE public.bookings SET hold_expires_at_utc = now() WHERE status = 'HOLD'")
    with raises("55000"):
        call(confirm, booking, SHOP)
    execute(url, "UPDATE public.bookings SET hold_expires_at_utc = NULL WHERE status = 'HOLD'")
    for value_of_another_type in (str(booking), None):
        with pytest.raises(TypeError, match="must be a UUID"):
            call(confirm, value_of_another_type, SHOP)
    with raises("22003"):
        call(confirm, booking, 2**31)
    assert _everything(url) == before

    profile = Profile(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 0)
    assert call(confirm, booking, SHOP) == Confirmation(True, profile)
    assert call(confirm, booking, SHOP) == Confirmation(False, profile)
    execute(url, f"DELETE FROM public.bookings WHERE id = '{booking}'")  # its slot
    assert call(confirm, _hold(url, "noat"), SHOP) == Confirmation(False, None)
    assert value(url, "SELECT * FROM tenancy.drift") == ""


def test_what_is_wrong_is_not_written(call: Call, url: str) -> None:
    before = _everything(url)
    for customer, shop, stylist, spend, state in [
        (NOBODY, SHOP, STYLIST, 4000, "23503"),
        (ANN, NO_SHOP, STYLIST, 4000, "23503"),
        (ANN, SHOP, NOBODY, 4000, "23503"),
        (ANN, SHOP, OTHER_STYLIST, 4000, "23503"),
        (ANN, SHOP, STYLIST, -1, "22023"),
        (ANN, SHOP, STYLIST, None, "22023"),
        (ANN, SHOP, STYLIST, 2**31, "22003"),
        (2**31, SHOP, STYLIST, 0, "22003"),
        (ANN, 2**64, STYLIST, 0, "22003"),
    ]:
        with raises(state):
            call("update_customer_stats", customer, shop, stylist, spend, BOOKED_AT)
    assert _everything(url) == before


def test_a_time_without_a_zone(call: Call, url: str) -> None:
    """The server would take it for a time in the zone of the session."""
    before = _everything(url)
    with pytest.raises(ValueError, match="must have a time zone"):
        call("update_customer_stats", ANN, SHOP, STYLIST, 4000, BOOKED_AT.replace(tzinfo=None))
    assert _everything(url) == before


def test_a_value_of_a_wrong_type(call: Call, url: str) -> None:
    """Drivers would refuse some and convert others, each in its own way."""
    before = _everything(url)
    for name, arguments, error in [
        ("update_customer_stats", (str(ANN), SHOP, STYLIST, 4000, BOOKED_AT), TypeError),
        ("update_customer_stats", (ANN, True, STYLIST, 4000, BOOKED_AT), TypeError),
        ("update_customer_stats", (ANN, SHOP, float(STYLIST), 4000, BOOKED_AT), TypeError),
        ("update_customer_stats", (ANN, SHOP, STYLIST, Decimal(4000), BOOKED_AT), TypeError),
        ("update_customer_stats", (ANN, SHOP, STYLIST, 4000, BOOKED_AT.date()), TypeError),
        ("get_customers_by_preferred_stylist", (uuid.uuid4(),), TypeError),
        ("get_customer_by_email", (b"ann@example.test",), TypeError),
        ("get_customer_by_phone", (15550100001,), TypeError),
        ("get_customer_by_phone", ("+1\0",), ValueError),
        ("get_or_create_customer_by_identity", ("\ud800@example.test", None, None), ValueError),
    ]:
        with pytest.raises(error, match=r"must be|cannot hold") as raised:
            call(name, *arguments)
        assert type(raised.value) is error
    assert _everything(url) == before


class _Shop(enum.IntEnum):
    SECOND = SHOP


class _Email(enum.StrEnum):
    ANN = "ann@example.test"


def test_values_of_subclasses(call: Call) -> None:
    profile = call("update_customer_stats", ANN, _Shop.SECOND, STYLIST, 4000, BOOKED_AT)
    assert profile == Profile(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 0)
    assert call("get_customer_by_email", _Email.ANN).customer_id == ANN


def test_the_context_is_that_of_one_shop(call: Call, url: str) -> None:
    nothing: list[Any] = [None, None, 0, 0, 0, 0, None, None, None, None, None]
    new = CustomerContext(ANN, SHOP, "ann@example.test", "+15550100001", "Ann", *nothing)
    assert call("get_customer_context", ANN, SHOP) == new

    call("update_customer_stats", ANN, SHOP, STYLIST, 4000, BOOKED_AT)
    call("update_customer_stats", ANN, SHOP, STYLIST, 5001, BOOKED_AT)
    execute(url, f"SELECT tenancy.record_no_show({ANN}, {SHOP})")
    service, service_name = value(
        url, f"SELECT id, name FROM public.services WHERE shop_id = {SHOP} ORDER BY id LIMIT 1"
    ).split("|")
    execute(
        url,
        f"""
        INSERT INTO public.bookings (
            id, shop_id, service_id, stylist_id, customer_phone, discount_cents, start_at_utc,
            end_at_utc, status
        )
        VALUES (
            gen_random_uuid(), {SHOP}, {service}, {STYLIST}, '+15550100001', 0, '{BOOKED_AT}',
            '{BOOKED_AT}', 'CONFIRMED'
        )
        """,
    )
    name = value(url, f"SELECT name FROM public.stylists WHERE id = {STYLIST}")
    assert call("get_customer_context", ANN, SHOP) == CustomerContext(
        customer_id=ANN,
        shop_id=SHOP,
        email="ann@example.test",
        phone="+15550100001",
        name="Ann",
        preferred_stylist_id=STYLIST,
        preferred_stylist_name=name,
        average_spend_cents=4500,
        total_bookings=2,
        total_spend_cents=9001,
        no_show_count=1,
        last_booking_at=BOOKED_AT,
        last_service_id=int(service),
        last_service_name=service_name,
        last_stylist_id=STYLIST,
        last_stylist_name=name,
    )
    elsewhere = CustomerContext(ANN, OTHER_SHOP, new.email, new.phone, new.name, *nothing)
    assert call("get_customer_context", ANN, OTHER_SHOP) == elsewhere
    for customer, shop in [(NOBODY, SHOP), (ANN, NO_SHOP)]:
        with raises("23503"):
            call("get_customer_context", customer, shop)


def test_who_prefers_a_stylist(call: Call, url: str) -> None:
    prefer = "get_customers_by_preferred_stylist"
    before = call(prefer, STYLIST)
    assert before
    call("update_customer_stats", ANN, OTHER_SHOP, OTHER_STYLIST, 0, BOOKED_AT)
    call("update_customer_stats", ANN, SHOP, STYLIST, 0, BOOKED_AT)
    ann = Customer(ANN, "ann@example.test", "+15550100001", "Ann")
    assert call(prefer, STYLIST) == [*before, ann]
    assert ann in call(prefer, OTHER_STYLIST)  # in either shop she may prefer somebody
    with raises("23503"):
        call(prefer, NOBODY)


def test_it_is_a_part_of_the_transaction_that_is_open(url: str) -> None:
    before = _everything(url)
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction(force_rollback=True):
            update_customer_stats(connection, ANN, SHOP, STYLIST, 4000, BOOKED_AT)
            assert _everything(url) == before
        assert _everything(url) == before
        update_customer_stats(connection, ANN, SHOP, STYLIST, 4000, BOOKED_AT)
        assert connection.info.transaction_status == TransactionStatus.IDLE
    assert _everything(url) != before


def test_whatever_cursors_and_rows_the_connection_has(url: str) -> None:
    with psycopg.connect(
        url, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
    ) as connection:
        for n in range(1, 9):  # prepared from the sixth on
            profile = update_customer_stats(connection, ANN, SHOP, STYLIST, 4000, BOOKED_AT)
            assert profile == Profile(ANN, SHOP, STYLIST, n, 4000 * n, BOOKED_AT, 0)


def test_a_session_writes_first_what_is_pending_and_commits_nothing(url: str) -> None:
    """Also without autoflush."""
    engine = create_engine(url_for("psycopg", url))
    with Session(engine, autoflush=False) as session:
        session.add(Customers(id=5002, email="bob@example.test"))
        bob = get_customer_by_email(session, "bob@example.test")
        assert bob == Customer(5002, "bob@example.test", None, None)
        assert value(url, "SELECT id FROM customers WHERE id = 5002") == ""
        session.rollback()
        assert get_customer_by_email(session, "bob@example.test") is None
    engine.dispose()


def test_a_booking_that_loses_a_race_is_counted_once(url: str) -> None:
    attempts = 0
    with psycopg.connect(url) as connection, psycopg.connect(url) as other:
        other.execute("SELECT FROM public.customers WHERE id = %s FOR UPDATE", (ANN,))

        def book() -> Profile:
            nonlocal attempts
            attempts += 1
            if attempts == 3:
                other.rollback()
            with shop_context(connection, SHOP):
                connection.execute("SET LOCAL lock_timeout = '10ms'")
                return update_customer_stats(connection, ANN, SHOP, STYLIST, 4000, BOOKED_AT)

        assert retrying(connection, book).total_bookings == 1
    assert attempts == 3
    assert value(url, "SELECT * FROM tenancy.drift") == ""


Rows = list[tuple[Any, ...]]


def _psycopg(url: str, query: str, values: Sequence[object]) -> Rows:
    with psycopg.connect(url) as connection:
        return psycopg.RawCursor(connection).execute(query.encode(), values).fetchall()


def _asyncpg(url: str, query: str, values: Sequence[object]) -> Rows:
    async def run() -> Rows:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return asyncio.run(run())


def _sqlalchemy(url: str, query: str, values: Sequence[object]) -> Rows:
    async def run() -> Rows:
        engine = create_async_engine(url_for("asyncpg", url))
        try:
            async with engine.begin() as connection:
                named = {f"value_{n}": value for n, value in enumerate(values, 1)}
                rows = await connection.execute(text(re.sub(r"\$(\d)", r":value_\1", query)), named)
                return [tuple(row) for row in rows]
        finally:
            await engine.dispose()

    return asyncio.run(run())


@pytest.mark.parametrize("run", [_psycopg, _asyncpg, _sqlalchemy])
def test_the_sql_api_by_every_driver(
    url: str, run: Callable[[str, str, Sequence[object]], Rows]
) -> None:
    """Without a cast, and without a word about types."""

    def rows(call: str, *values: object) -> Rows:
        return run(url, f"SELECT * FROM tenancy.{call}", values)

    ann = (ANN, "ann@example.test", "+15550100001", "Ann")
    identity = ("ann@example.test", None, None)
    assert rows("get_or_create_customer($1, $2, $3)", *identity) == [(ANN,)]
    assert rows("customer_by_email($1)", "ann@example.test") == [ann]
    assert rows("customer_by_phone($1)", "+15550100001") == [ann]
    booked = rows("record_booking($1, $2, $3, $4, $5)", ANN, SHOP, STYLIST, 4000, BOOKED_AT)
    assert [row[1:8] for row in booked] == [(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 0)]
    missed = rows("record_no_show($1, $2)", ANN, SHOP)
    assert [row[1:8] for row in missed] == [(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 1)]
    nobody = rows("set_preferred_stylist($1, $2, $3)", ANN, SHOP, None)
    assert [row[1:8] for row in nobody] == [(ANN, SHOP, None, 1, 4000, BOOKED_AT, 1)]
    chosen = rows("set_preferred_stylist($1, $2, $3)", ANN, SHOP, STYLIST)
    assert [row[1:8] for row in chosen] == [(ANN, SHOP, STYLIST, 1, 4000, BOOKED_AT, 1)]
    assert ann in rows("customers_by_preferred_stylist($1)", STYLIST)
    [context] = rows("customer_context($1, $2)", ANN, SHOP)
    assert context[:6] == (ANN, SHOP, *ann[1:], STYLIST)
    totals = rows("customer_totals WHERE customer_id = $1", ANN)
    assert totals == [(ANN, 1, 1, 4000, 4000, BOOKED_AT, 1)]


def test_why_the_call_stands_in_from(url: str) -> None:
    """A composite that is expanded in the select list is computed once for each column."""
    once = f"tenancy.record_booking({ANN}, {SHOP}, {STYLIST}, 4000, now())"
    counted = f"SELECT total_bookings FROM public.customer_shop_profiles WHERE customer_id = {ANN}"
    execute(url, f"SELECT * FROM {once}")
    assert value(url, counted) == "1"
    execute(url, f"SELECT ({once}).*")
    assert value(url, counted) == "11"
