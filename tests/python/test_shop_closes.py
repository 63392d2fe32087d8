"""A shop that closes, in each phase: nothing that it counted is lost. The default shop stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.bookings import new_and_known
from support.closing import close_shop, prefer_nobody
from support.commands import execute, psql, value
from support.legacy_replay import Customer
from support.sessions import Session
from support.sides import LEGACY, drift, sides

CLOSES = 2
CLOSE = close_shop(CLOSES)
NOBODYS_CHOICE = prefer_nobody(CLOSES)
LEGACY_TOTALS = """
    SELECT
        sum(total_bookings), sum(total_spend_cents), max(last_booking_at),
        (SELECT sum(no_show_count) FROM public.customers)
    FROM public.customer_booking_stats
"""
PROFILE_TOTALS = """
    SELECT customer_id, sum(total_bookings), sum(total_spend_cents), sum(no_show_count)
    FROM public.customer_shop_profiles GROUP BY customer_id ORDER BY customer_id
"""
Small = Callable[[str | None], str]
PROFILES_OF_SHOP = f"SELECT count(*) FROM public.customer_shop_profiles WHERE shop_id = {CLOSES}"


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(params=[1, 2, 3])
def url(request: pytest.FixtureRequest) -> str:
    """The recorded database in each phase."""
    found: str = request.getfixturevalue(f"phase{request.param}_database")
    request.node.user_properties.append(("phase", request.param))
    return found


@pytest.fixture
def phase(request: pytest.FixtureRequest, url: str) -> int:
    return int(dict(request.node.user_properties)["phase"])


def test_a_shop_is_deleted(url: str, phase: int) -> None:
    """The totals stay, of each customer, and are in the default shop."""
    before = _rows(url, PROFILE_TOTALS)
    legacy_before = _rows(url, LEGACY_TOTALS) if phase < 3 else []
    assert value(url, PROFILES_OF_SHOP) != "0"

    psql(url, "-1", "-c", (NOBODYS_CHOICE if phase < 3 else "") + CLOSE)

    assert _rows(url, PROFILE_TOTALS) == before
    assert value(url, PROFILES_OF_SHOP) == "0"
    if phase < 3:
        assert _rows(url, LEGACY_TOTALS) == legacy_before
        assert drift(url) == []


def test_a_shop_is_deleted_without_the_project(small_at: Small) -> None:
    """What the other tests compare with: the totals stay. Phases 1 and 2 then start from there."""
    url = small_at(None)
    before = _rows(url, LEGACY_TOTALS)
    psql(url, "-1", "-c", NOBODYS_CHOICE + CLOSE)
    assert _rows(url, LEGACY_TOTALS) == before

    move_to(url, "@phase2")
    assert _rows(url, LEGACY_TOTALS) == before
    assert drift(url) == []


@pytest.mark.parametrize("back_to", ["@phase1", "support/preconditions"])
def test_a_shop_is_deleted_after_a_revert(small_at: Small, back_to: str) -> None:
    """The profiles may be put aside then. The legacy side has the totals, and gives them again."""
    url = small_at("@phase2")
    assert value(url, PROFILES_OF_SHOP) != "0"
    before = _rows(url, LEGACY_TOTALS)
    move_to(url, back_to)
    psql(url, "-1", "-c", NOBODYS_CHOICE + CLOSE)
    assert _rows(url, LEGACY_TOTALS) == before

    move_to(url, "@phase2")
    assert _rows(url, LEGACY_TOTALS) == before
    assert drift(url) == []


def test_a_shop_is_deleted_between_the_contract_and_its_revert(phase3_database: str) -> None:
    url = phase3_database
    before = _rows(url, PROFILE_TOTALS)
    psql(url, "-1", "-c", CLOSE)
    move_to(url, "@phase2")
    assert _rows(url, PROFILE_TOTALS) == before
    assert drift(url) == []


def test_close_shop(url: str, phase: int) -> None:
    """Into the shop that it names, while the shop is still there."""
    before = _rows(url, PROFILE_TOTALS)
    execute(url, f"CALL tenancy.close_shop({CLOSES}, 3, batch_size => 50)")
    assert _rows(url, PROFILE_TOTALS) == before
    history = (
        f"{PROFILES_OF_SHOP} AND (total_bookings, total_spend_cents, no_show_count) <> (0, 0, 0)"
    )
    assert value(url, history) == "0"
    if phase < 3:
        assert drift(url) == []

    again = psql(url, "-c", f"CALL tenancy.close_shop({CLOSES}, 3)")
    assert again.stderr == "NOTICE:  shop 2: the history of 0 profiles is in shop 3 now\n"
    psql(url, "-1", "-c", (NOBODYS_CHOICE if phase < 3 else "") + CLOSE)
    assert _rows(url, PROFILE_TOTALS) == before


@pytest.mark.parametrize("arguments", ["2, 2", "2, 999", "999", "NULL", "1"])
def test_close_shop_is_refused(phase2_database: str, arguments: str) -> None:
    refused = psql(phase2_database, "-c", f"CALL tenancy.close_shop({arguments})", check=False)
    assert "cannot be closed into shop" in refused.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM public.shops WHERE id = 1",
        "UPDATE public.shops SET id = 99 WHERE id = 1",
        "TRUNCATE public.shops CASCADE",
    ],
)
def test_the_default_shop_stays(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    assert caught.value.sqlstate == "23001"
    assert re.search("shop 1(,| is) the default shop", str(caught.value.diag.message_primary))


def test_another_default_shop(url: str) -> None:
    """It has to be there, and then stays in place of the other one."""
    with psycopg.connect(url) as connection:
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("UPDATE tenancy.settings SET default_shop_id = 99")
        connection.rollback()
        connection.execute("UPDATE tenancy.settings SET default_shop_id = 3")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("DELETE FROM public.shops WHERE id = 3")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("DELETE FROM public.shops WHERE id = 1")  # which has stylists


def test_a_shop_is_deleted_and_made_the_default_one(phase2_database: str) -> None:
    """Whoever comes second finds out."""
    url = phase2_database
    execute(url, "INSERT INTO public.shops (id, name) VALUES (99, 'Empty')")
    first, second = Session(url), Session(url)
    first.execute("UPDATE tenancy.settings SET default_shop_id = 99")
    waiting = second.start("DELETE FROM public.shops WHERE id = 99")
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.RestrictViolation):
        waiting.result(60)
    for session in (first, second):
        session.close()


# --- With others at work


@pytest.fixture
def known(phase2_database: str) -> Customer:
    """With an empty profile in shop 99, which may go."""
    _, known = new_and_known(phase2_database)
    execute(
        phase2_database,
        "INSERT INTO public.shops (id, name) VALUES (99, 'Empty');"
        "INSERT INTO public.customer_shop_profiles (customer_id, shop_id)"
        f" VALUES ({known.id}, 99)",
    )
    return known


@pytest.fixture
def pair(phase2_database: str) -> Iterator[tuple[Session, Session]]:
    sessions = Session(phase2_database), Session(phase2_database)
    yield sessions
    for session in sessions:
        session.close()


def test_a_no_show_then_the_shop_is_deleted(
    phase2_database: str, known: Customer, pair: tuple[Session, Session]
) -> None:
    """What was counted in the last moment is kept."""
    url = phase2_database
    execute(url, "ALTER FUNCTION tenancy.keep_shop_history() SET lock_timeout = '60s'")
    first, second = pair
    first.execute("SELECT FROM tenancy.record_no_show($1, 99)", known.id)
    waiting = second.start("DELETE FROM public.shops WHERE id = 99")
    second.wait_until_blocked_by(first)
    first.commit()
    waiting.result(60)
    second.commit()
    assert sides(url, known.id).no_shows == {LEGACY: 1, 1: 1}
    assert drift(url) == []


def test_the_shop_is_deleted_then_a_no_show(
    phase2_database: str, known: Customer, pair: tuple[Session, Session]
) -> None:
    url = phase2_database
    first, second = pair
    first.execute("DELETE FROM public.shops WHERE id = 99")
    waiting = second.start("SELECT FROM tenancy.record_no_show($1, 99)", known.id)
    second.wait_until_blocked_by(first)
    first.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        waiting.result(60)
    second.rollback()
    assert sides(url, known.id).no_shows == {}
    assert drift(url) == []


def test_close_shop_comes_back_to_who_is_held(
    phase2_database: str, known: Customer, pair: tuple[Session, Session]
) -> None:
    url = phase2_database
    holder, closer = pair
    holder.execute("SELECT FROM tenancy.record_no_show($1, 99)", known.id)
    held = sides(url, known.id)
    with psycopg.connect(url, autocommit=True) as connection:
        [[done]] = connection.execute(
            "SELECT tenancy.close_step(ARRAY[%s::integer], 99, 1)", (known.id,)
        ).fetchall()
    assert not done
    assert sides(url, known.id) == held

    holder.commit()
    closer.connection.autocommit = True
    closer.execute("CALL tenancy.close_shop(99)")
    assert sides(url, known.id).no_shows == {LEGACY: 1, 1: 1}
    assert drift(url) == []
