"""The examples that docs/drivers.md shows or names: they run, and do what the page says."""

from __future__ import annotations

import asyncio
import tomllib
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from convo_tenancy.sqlalchemy import Confirmation, Profile, sqlstate
from examples import drivers
from examples.legacy import legacy
from examples.models import Booking, BookingStatus
from support.cluster import ROOT
from support.commands import execute, psql, value
from support.drivers.sqlalchemy import url_for
from support.lost_answer import losing_an_answer
from support.waiting import wait_until

SHOP, STYLIST = 2, 6
START = datetime(2040, 1, 1, 10, tzinfo=UTC)
CURRENT = "SELECT coalesce(current_setting('app.current_shop_id', TRUE), '')"

Sessions = async_sessionmaker[AsyncSession]


async def _with_sessions(url: str, work: Callable[[Sessions], Awaitable[Any]]) -> Any:
    engine = create_async_engine(url_for("asyncpg", url))
    try:
        return await work(async_sessionmaker(engine, expire_on_commit=False))
    finally:
        await engine.dispose()


async def _by_sqlalchemy(url: str, booking: uuid.UUID) -> Confirmation:
    confirmed: Confirmation = await _with_sessions(
        url, lambda sessions: drivers.confirm_by_sqlalchemy(sessions, booking, SHOP)
    )
    return confirmed


async def _by_asyncpg(url: str, booking: uuid.UUID) -> Confirmation:
    async with asyncpg.create_pool(url, min_size=1) as pool:
        return await drivers.confirm_by_asyncpg(pool, booking, SHOP)


async def _by_psycopg(url: str, booking: uuid.UUID) -> Confirmation:
    connect = partial(psycopg.connect, url, autocommit=True)
    return await asyncio.to_thread(drivers.confirm_by_psycopg, connect, booking, SHOP)


async def _by_statements(url: str, booking: uuid.UUID) -> Confirmation:
    profile: Profile | None = await _with_sessions(
        url, lambda sessions: drivers.confirm_by_statements(sessions, booking, SHOP)
    )
    return Confirmation(profile is not None, profile)


Confirm = Callable[[str, uuid.UUID], Coroutine[Any, Any, Confirmation]]
CALLS = [_by_sqlalchemy, _by_asyncpg, _by_psycopg]
BY_DRIVERS = pytest.mark.parametrize("confirm", [*CALLS, _by_statements])
CONFIRM = "UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = $1"


@pytest.fixture
def held(phase2_database: str) -> uuid.UUID:
    """A slot, held for somebody new."""
    booking = uuid.uuid4()
    with psycopg.connect(phase2_database) as connection:
        row = connection.execute(
            "UPDATE public.services SET price_cents = 4500 WHERE shop_id = %s RETURNING id", (SHOP,)
        ).fetchone()
        assert row is not None
        slot = (SHOP, row[0], STYLIST, "Ann", "ann@example.test", "+15550100001")
        end = START + timedelta(minutes=30)
        legacy(connection, "insert_booking", booking, *slot, START, end, "HOLD", None)
    return booking


def _counted(url: str) -> str:
    """Shop, bookings and spend of Ann, and the context in which her booking was confirmed."""
    assert value(url, "SELECT * FROM tenancy.drift") == ""
    return value(
        url,
        """
        SELECT p.shop_id, p.total_bookings, p.total_spend_cents
        FROM public.customer_shop_profiles AS p
        JOIN public.customers AS c ON c.id = p.customer_id
        WHERE c.email = 'ann@example.test'
        """,
    )


@BY_DRIVERS
def test_confirm(phase2_database: str, held: uuid.UUID, confirm: Confirm) -> None:
    """Asked again, since the answer was lost, it counts nothing."""
    first = asyncio.run(confirm(phase2_database, held))
    assert first.profile
    profile = Profile(first.profile.customer_id, SHOP, STYLIST, 1, 4500, START, 0)
    assert first == Confirmation(True, profile)
    assert _counted(phase2_database) == f"{SHOP}|1|4500"
    again = asyncio.run(confirm(phase2_database, held))
    assert again == Confirmation(False, None if confirm is _by_statements else profile)
    assert _counted(phase2_database) == f"{SHOP}|1|4500"


@BY_DRIVERS
def test_confirm_while_somebody_else_does(
    phase2_database: str, held: uuid.UUID, confirm: Confirm
) -> None:
    """It waits for the booking, and then sees what became of it."""

    async def scenario() -> Confirmation:
        other = await asyncpg.connect(phase2_database)
        transaction = other.transaction()
        await transaction.start()
        await other.execute(CONFIRM, held)
        waiting = asyncio.ensure_future(confirm(phase2_database, held))
        blocked = "SELECT 1 FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
        await asyncio.to_thread(wait_until, lambda: value(phase2_database, blocked), "it waits")
        await transaction.commit()
        await other.close()
        return await waiting

    assert asyncio.run(scenario()) == Confirmation(False, None)
    assert _counted(phase2_database) == ""


@BY_DRIVERS
def test_confirm_that_loses_a_race(phase2_database: str, held: uuid.UUID, confirm: Confirm) -> None:
    """Twice; the third attempt counts once, in the shop context where the example sets one."""
    context = str(SHOP) if confirm is _by_statements else ""
    psql(
        phase2_database,
        stdin=f"""
        CREATE SEQUENCE public.attempts;
        CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF coalesce(current_setting('app.current_shop_id', TRUE), '') <> '{context}' THEN
                RAISE EXCEPTION 'out of context';
            ELSIF nextval('public.attempts') < 3 THEN
                RAISE EXCEPTION 'lost' USING ERRCODE = 'deadlock_detected';
            END IF;
            RETURN NULL;
        END;
        $$;
        CREATE TRIGGER fail AFTER UPDATE ON public.bookings
        FOR EACH ROW EXECUTE FUNCTION public.fail();
        """,
    )
    asyncio.run(confirm(phase2_database, held))
    assert value(phase2_database, "SELECT last_value FROM public.attempts") == "3"
    assert _counted(phase2_database) == f"{SHOP}|1|4500"


@pytest.mark.parametrize("confirm", CALLS)
@pytest.mark.parametrize("kept", [True, False], ids=["the commit is through", "it is not"])
def test_confirm_whose_answer_is_lost(
    phase2_database: str, held: uuid.UUID, confirm: Confirm, kept: bool
) -> None:
    """Whether the server has committed or never heard of it: the second call counts once in all."""
    last = b"COMMIT" if confirm is _by_sqlalchemy else str(held).encode()
    with losing_an_answer(phase2_database, last, after_it=kept) as network:
        done = asyncio.run(confirm(network.url, held))
    assert network.lost == 1
    assert done.is_counted is not kept
    assert done.profile
    assert done.profile.total_bookings == 1
    assert _counted(phase2_database) == f"{SHOP}|1|4500"


def test_why_a_locked_read_populates_what_is_there(phase2_database: str, held: uuid.UUID) -> None:
    """Without populate_existing the session shows the object as it was before the lock."""

    async def work(sessions: Sessions) -> None:
        async with sessions() as session:
            booking = await session.get_one(Booking, held)  # to learn its shop, say
            assert booking.status is BookingStatus.HOLD
            execute(phase2_database, CONFIRM.replace("$1", f"'{held}'"))
            locked = await session.get_one(Booking, held, with_for_update=True)
            assert locked.status is BookingStatus.HOLD  # and would be counted again
            again = await session.get_one(
                Booking, held, with_for_update=True, populate_existing=True
            )
            assert again.status is BookingStatus.CONFIRMED

    asyncio.run(_with_sessions(phase2_database, work))


def test_the_session_of_a_request(phase2_database: str) -> None:
    async def work(sessions: Sessions) -> None:
        request = asynccontextmanager(drivers.session_of_shop)
        async with request(sessions, 3) as session:
            for _ in range(2):
                assert await session.scalar(text(CURRENT)) == "3"
                await session.commit()
        with pytest.raises(ZeroDivisionError):
            async with request(sessions, 4) as session:
                await session.scalar(text(f"SELECT {1 / 0}"))
        async with sessions() as session:
            assert await session.scalar(text(CURRENT)) == ""

    asyncio.run(_with_sessions(phase2_database, work))


def _rows(heading: str) -> list[list[str]]:
    """The table below a heading of the page."""
    page = (ROOT / "docs/drivers.md").read_text().partition(f"\n## {heading}\n")[2]
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[1:]]


def test_the_sqlstate_of_an_error(phase2_database: str) -> None:
    """Each driver says it in the way that the page names."""
    statement = "SELECT * FROM tenancy.record_no_show(-1, 1)"

    async def by_asyncpg() -> None:
        connection = await asyncpg.connect(phase2_database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def by_sqlalchemy(sessions: Sessions) -> None:
        async with sessions() as session:
            await session.execute(text(statement))

    with psycopg.connect(phase2_database) as connection, pytest.raises(psycopg.Error) as first:
        connection.execute(statement)
    with pytest.raises(asyncpg.PostgresError) as second:
        asyncio.run(by_asyncpg())
    with pytest.raises(DBAPIError) as third:
        asyncio.run(_with_sessions(phase2_database, by_sqlalchemy))
    states = [first.value.sqlstate, second.value.sqlstate, sqlstate(third.value)]
    assert states == ["23503", "23503", "23503"]


def test_the_table_of_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [row[1].split("`")[0] for row in _rows("Install")[:5]]
    assert sorted(extras) == sorted(project["optional-dependencies"])


def test_a_parameter_that_only_libpq_knows(phase2_database: str) -> None:
    async def connect() -> None:
        await asyncpg.connect(f"{phase2_database}&requirepeer=postgres")

    with pytest.raises(asyncpg.PostgresError, match="requirepeer"):
        asyncio.run(connect())
