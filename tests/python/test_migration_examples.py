"""The examples of the migration guide: they run, and each does what its page says."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, MultipleResultsFound
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from convo_tenancy.shop_context import shop_context
from examples import booking_confirmation, chat, customer_memory, voice
from examples.customer_memory import Booked
from examples.legacy import legacy
from support.commands import psql, value

DRIVERS = pytest.mark.parametrize("driver", ["sqlalchemy", "psycopg"])
START = datetime(2040, 1, 1, 10, tzinfo=UTC)  # no booking of the recorded database is so late
CURRENT_SHOP = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"
NEXT_DAY = START + timedelta(days=1)
SHOP = 2
OTHER_SHOP = 3


def _with_sessions(
    url: str, work: Callable[[async_sessionmaker[AsyncSession]], Awaitable[Any]]
) -> Any:
    async def run() -> Any:
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
        sessions = async_sessionmaker(engine)
        try:
            result = await work(sessions)
            async with sessions() as session:  # on the connection that was used, from the pool
                assert await session.scalar(text(CURRENT_SHOP)) == ""
            return result
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _in_a_transaction(url: str, module: Any, when: str, driver: str, *values: object) -> Any:
    """Call an example with a session or connection whose transaction is committed afterwards."""
    example = getattr(module, f"{when}_{driver}")
    if driver == "psycopg":
        with psycopg.connect(url) as connection:
            return example(connection, *values)

    async def work(sessions: async_sessionmaker[AsyncSession]) -> Any:
        async with sessions.begin() as session:
            return await example(session, *values)

    return _with_sessions(url, work)


def _by_itself(url: str, module: Any, when: str, driver: str, *values: object) -> None:
    """Call an example that begins and ends its transaction itself."""
    example = getattr(module, f"{when}_{driver}")
    if driver == "psycopg":
        with psycopg.connect(url) as connection:
            example(connection, *values)
    else:
        _with_sessions(url, lambda sessions: example(sessions, *values))


@pytest.fixture
def ann(phase2_database: str) -> int:
    """A customer who was twice in SHOP and once, at last, in OTHER_SHOP."""
    with psycopg.connect(phase2_database) as connection:
        ann = legacy(connection, "insert_customer", "ann@example.test", "+15550100001", "Ann").id
        for shop, spend in [(SHOP, 4000), (SHOP, 5000), (OTHER_SHOP, 9100)]:
            connection.execute(
                "SELECT * FROM tenancy.record_booking(%s, %s, %s, %s, %s)",
                (ann, shop, _stylist(phase2_database, shop), spend, START - timedelta(days=1)),
            )
    return int(ann)


def _stylist(url: str, shop: int) -> int:
    """One who has another name than those of the other shops."""
    return int(
        value(
            url,
            f"""
            SELECT id FROM public.stylists WHERE shop_id = {shop} ORDER BY id OFFSET {shop} LIMIT 1
            """,
        )
    )


def _stylist_name(url: str, shop: int) -> str:
    return value(url, f"SELECT name FROM public.stylists WHERE id = {_stylist(url, shop)}")


def _booked(url: str) -> Booked:
    return Booked(SHOP, _stylist(url, SHOP), 4500, START)


def _profiles(url: str, customer: int) -> str:
    """Shop:bookings:spend for each profile that counts something, and the statistics' totals."""
    assert value(url, "SELECT * FROM tenancy.drift") == ""
    return value(
        url,
        f"""
        SELECT string_agg(concat_ws(':', shop_id, total_bookings, total_spend_cents), ' '
            ORDER BY shop_id)
        FROM public.customer_shop_profiles
        WHERE customer_id = {customer} AND total_bookings > 0
        """,
    )


@DRIVERS
@pytest.mark.parametrize(
    ("when", "profiles"),
    [("before", "1:1:4500 2:2:9000 3:1:9100"), ("after", "2:3:13500 3:1:9100")],
)
def test_customer_memory(
    phase2_database: str, ann: int, driver: str, when: str, profiles: str
) -> None:
    """No booking tells the shop, so the legacy statements count for the default shop."""
    booked = _booked(phase2_database)
    _in_a_transaction(phase2_database, customer_memory, when, driver, ann, booked)
    assert _profiles(phase2_database, ann) == profiles


def test_customer_memory_before_in_a_shop_context_sqlalchemy(
    phase2_database: str, ann: int
) -> None:
    """The step between: the legacy statements stay, and one before them names the shop."""

    async def work(sessions: async_sessionmaker[AsyncSession]) -> None:
        async with sessions.begin() as session:
            await session.execute(
                text("SELECT set_config('app.current_shop_id', :shop_id, TRUE)"),
                {"shop_id": str(SHOP)},
            )
            await customer_memory.before_sqlalchemy(session, ann, _booked(phase2_database))

    _with_sessions(phase2_database, work)
    assert _profiles(phase2_database, ann) == "2:3:13500 3:1:9100"


def test_customer_memory_before_in_a_shop_context_psycopg(phase2_database: str, ann: int) -> None:
    booked = _booked(phase2_database)
    with psycopg.connect(phase2_database) as connection:
        with shop_context(connection, SHOP):
            customer_memory.before_psycopg(connection, ann, booked)
        assert _profiles(phase2_database, ann) == "2:3:13500 3:1:9100"
        # Nothing of it is left for whoever has the connection next.
        customer_memory.before_psycopg(connection, ann, replace(booked, booked_at=NEXT_DAY))
    assert _profiles(phase2_database, ann) == "1:1:4500 2:3:13500 3:1:9100"


def test_customer_memory_before_in_the_context_of_no_shop(phase2_database: str, ann: int) -> None:
    with (
        psycopg.connect(phase2_database) as connection,
        pytest.raises(psycopg.errors.InvalidParameterValue),
        shop_context(connection, 999),
    ):
        customer_memory.before_psycopg(connection, ann, _booked(phase2_database))
    assert _profiles(phase2_database, ann) == "2:2:9000 3:1:9100"


@DRIVERS
def test_chat(phase2_database: str, ann: int, driver: str) -> None:
    def told(when: str, *values: object) -> object:
        return _in_a_transaction(phase2_database, chat, when, driver, *values)

    first = _stylist_name(phase2_database, SHOP)
    second = _stylist_name(phase2_database, OTHER_SHOP)
    everywhere = f"Ann booked 3 times, for 60.33 on average, and prefers {first}."
    assert told("before", " Ann@example.test ") == everywhere
    assert told("before", "nobody@example.test") == ""

    here = f"Ann booked 2 times, for 45.00 on average, and prefers {first}."
    there = f"Ann booked 1 times, for 91.00 on average, and prefers {second}."
    nowhere = "Ann booked 0 times, for 0.00 on average, and prefers nobody."
    assert told("after", " Ann@example.test ", SHOP) == here
    assert told("after", " Ann@example.test ", OTHER_SHOP) == there
    assert told("after", " Ann@example.test ", 4) == nowhere
    assert told("after", "nobody@example.test", SHOP) == ""


@DRIVERS
def test_voice(phase2_database: str, ann: int, driver: str) -> None:
    def heard(when: str, *values: object) -> object:
        return _in_a_transaction(phase2_database, voice, when, driver, *values)

    def again(shop: int) -> str:
        name = _stylist_name(phase2_database, shop)
        return f"Hello Ann! Would you like to see {name} again?"

    assert heard("before", "+15550100001") == again(SHOP)  # whichever shop she calls
    assert heard("after", "+15550100001", SHOP) == again(SHOP)
    assert heard("after", "(555) 010-0001", OTHER_SHOP) == again(OTHER_SHOP)
    assert heard("after", "+15550100001", 4) == "Hello Ann!"

    assert heard("before", "+15550100002") == "Hello!"
    assert heard("after", "+15550100003", SHOP) == "Hello!"
    assert heard("after", "+15550100003", OTHER_SHOP) == "Hello!"
    assert heard("after", "anonymous", SHOP) == "Hello!"
    new = "SELECT count(*) FROM public.customers WHERE phone IN ('+15550100002', '+15550100003')"
    assert value(phase2_database, new) == "2"


def test_voice_for_a_number_that_two_customers_share(phase2_database: str) -> None:
    phone = value(
        phase2_database,
        "SELECT min(phone) FROM (SELECT phone FROM customers GROUP BY 1 HAVING count(*) = 2) AS s",
    )
    with pytest.raises(MultipleResultsFound):
        _in_a_transaction(phase2_database, voice, "before", "sqlalchemy", phone)
    for driver in ("sqlalchemy", "psycopg"):
        heard = _in_a_transaction(phase2_database, voice, "after", driver, phone, SHOP)
        assert heard.startswith("Hello ")


@pytest.fixture
def held(phase2_database: str, ann: int) -> uuid.UUID:
    """A slot in SHOP, held for Ann."""
    booking = uuid.uuid4()
    with psycopg.connect(phase2_database) as connection:
        service = connection.execute(
            "UPDATE public.services SET price_cents = 4500 WHERE shop_id = %s RETURNING id", (SHOP,)
        ).fetchone()
        assert service is not None
        legacy(
            connection,
            "insert_booking",
            booking,
            SHOP,
            service[0],
            _stylist(phase2_database, SHOP),
            "Ann",
            "ann@example.test",
            "+15550100001",
            START,
            START + timedelta(minutes=30),
            "HOLD",
            None,
        )
    return booking


def _status(url: str, booking: uuid.UUID) -> str:
    return value(url, f"SELECT status FROM public.bookings WHERE id = '{booking}'")


@DRIVERS
@pytest.mark.parametrize("when", ["before", "after"])
def test_booking_confirmation(
    phase2_database: str, ann: int, held: uuid.UUID, driver: str, when: str
) -> None:
    """Here the booking tells the shop, to the legacy statements as well.

    In the shop context so does whatever else the transaction writes, triggers of others included.
    """
    psql(
        phase2_database,
        "-c",
        """
        CREATE TABLE public.seen (shop text);
        CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.seen VALUES (current_setting('app.current_shop_id', TRUE));
            RETURN NULL;
        END;
        $$;
        CREATE TRIGGER see AFTER UPDATE ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION public.see();
        """,
    )
    shop = [SHOP] if when == "after" else []
    _by_itself(phase2_database, booking_confirmation, when, driver, held, *shop)
    assert _status(phase2_database, held) == "CONFIRMED"
    assert _profiles(phase2_database, ann) == "2:3:13500 3:1:9100"
    assert value(phase2_database, "TABLE public.seen") == "".join(map(str, shop))


@DRIVERS
def test_booking_confirmation_twice(
    phase2_database: str, ann: int, held: uuid.UUID, driver: str
) -> None:
    """The answer to the first COMMIT was lost, and the client asks again: counted once."""
    for _ in range(2):
        _by_itself(phase2_database, booking_confirmation, "after", driver, held, SHOP)
    assert _profiles(phase2_database, ann) == "2:3:13500 3:1:9100"


@DRIVERS
def test_a_booking_of_nobody_is_confirmed(
    phase2_database: str, held: uuid.UUID, driver: str
) -> None:
    """As in the legacy code, whose customer has neither an address nor a number."""
    psql(
        phase2_database,
        "-c",
        "UPDATE public.bookings SET customer_email = 'noat', customer_phone = '123'"
        f" WHERE id = '{held}'",
    )
    counted = """
        SELECT sum(total_bookings), (SELECT count(*) FROM public.customers)
        FROM public.customer_shop_profiles
    """
    before = value(phase2_database, counted)
    _by_itself(phase2_database, booking_confirmation, "after", driver, held, SHOP)
    assert _status(phase2_database, held) == "CONFIRMED"
    assert value(phase2_database, counted) == before


@DRIVERS
def test_booking_confirmation_is_all_or_nothing(
    phase2_database: str, ann: int, held: uuid.UUID, driver: str
) -> None:
    """A shop context that is not the stylist's: nothing is confirmed, and nothing is counted."""
    with pytest.raises((DBAPIError, psycopg.errors.ForeignKeyViolation), match="works in shop 2"):
        _by_itself(phase2_database, booking_confirmation, "after", driver, held, OTHER_SHOP)
    assert _status(phase2_database, held) == "HOLD"
    assert _profiles(phase2_database, ann) == "2:2:9000 3:1:9100"


@pytest.mark.parametrize("gives_way", [True, False])
def test_sqlalchemy_tries_again(
    phase2_database: str, ann: int, held: uuid.UUID, gives_way: bool
) -> None:
    """Somebody has the booking, and gives it back after the first attempt or not at all."""
    attempts = 0

    async def work(sessions: async_sessionmaker[AsyncSession]) -> None:
        def release(_: object) -> None:
            nonlocal attempts
            attempts += 1
            if gives_way:
                other.rollback()

        event.listen(sessions.kw["bind"].sync_engine, "handle_error", release)

        async def confirm(session: AsyncSession) -> None:
            await session.execute(text("SET LOCAL lock_timeout = '10ms'"))
            booking = {"id": held}
            await session.execute(
                text("UPDATE bookings SET status = 'CONFIRMED' WHERE id = :id"), booking
            )

        await booking_confirmation.retrying_sessions(sessions, confirm, attempts=3)

    with psycopg.connect(phase2_database) as other:
        other.execute("SELECT FROM public.bookings WHERE id = %s FOR UPDATE", (held,))
        if gives_way:
            _with_sessions(phase2_database, work)
        else:
            with pytest.raises(DBAPIError, match="lock timeout"):
                _with_sessions(phase2_database, work)
    assert attempts == (1 if gives_way else 3)
    assert _status(phase2_database, held) == ("CONFIRMED" if gives_way else "HOLD")
