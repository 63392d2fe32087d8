"""The profiles as a mapped class: with every kind of base, in phases 2 and 3, for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, func, inspect, select
from sqlalchemy.exc import InvalidRequestError, ProgrammingError
from sqlalchemy.orm import (
    DeclarativeBase,
    MappedAsDataclass,
    Session,
    declarative_base,
    registry,
    selectinload,
)

from convo_tenancy.sqlalchemy import (
    CustomerShopProfileMixin,
    get_customers_by_preferred_stylist,
    get_or_create_customer_by_identity,
    update_customer_stats,
)
from examples import models, models_by_shop
from examples.models_by_shop import Customer, CustomerShopProfile
from support.commands import value
from support.drivers.sqlalchemy import url_for

BOOKED_AT = datetime(2040, 1, 1, 10, tzinfo=UTC)


@contextmanager
def _session(url: str) -> Iterator[Session]:
    engine = create_engine(url_for("psycopg", url))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(params=["phase2_database", "phase3_database"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def _bases() -> list[type]:
    class Plain(DeclarativeBase):
        pass

    class Elsewhere(DeclarativeBase):
        metadata = MetaData(
            schema="elsewhere", naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(name)s"}
        )

    class Dataclasses(MappedAsDataclass, DeclarativeBase):
        pass

    mapped: type[Any] = registry().mapped(type("Mapped", (CustomerShopProfileMixin,), {}))
    function: Any = declarative_base()
    bases: list[Any] = [Plain, Elsewhere, Dataclasses, function]
    return [mapped, *(type("Profile", (CustomerShopProfileMixin, base), {}) for base in bases)]


def test_every_kind_of_base(url: str) -> None:
    """And all columns of the table, by their names and types."""
    with _session(url) as session:
        dialect = session.connection().dialect
        columns = inspect(session.connection()).get_columns("customer_shop_profiles", "public")
        for profile in _bases():
            table: Any = inspect(profile).local_table
            assert [column["name"] for column in columns] == table.columns.keys()
            for column in columns:
                mapped = table.columns[column["name"]]
                assert mapped.type.compile(dialect) == column["type"].compile(dialect)
                assert mapped.nullable == column["nullable"]
            assert session.scalar(select(func.count()).select_from(profile)) == 4401


def test_it_reads_what_the_calls_write(url: str) -> None:
    with _session(url) as session:
        session.add(Customer(email="ann@example.test"))  # needs no word on the columns that go
        ann = get_or_create_customer_by_identity(session, "ann@example.test", None, None)
        assert ann is not None
        update_customer_stats(session, ann, 2, 6, 4000, BOOKED_AT)
        session.commit()
        customer = session.get_one(Customer, ann, options=[selectinload(Customer.profiles)])
        [profile] = customer.profiles
        assert (profile.shop_id, profile.total_bookings, profile.total_spend_cents) == (2, 1, 4000)
        assert profile.last_booking_at == BOOKED_AT
        assert profile.preferred_stylist_id == 6
        assert ann in {each.customer_id for each in get_customers_by_preferred_stylist(session, 6)}


def _change(session: Session) -> None:
    profile = session.scalars(select(CustomerShopProfile).limit(1)).one()
    profile.total_bookings += 1


def _delete(session: Session) -> None:
    session.delete(session.scalars(select(CustomerShopProfile).limit(1)).one())


def _add(session: Session) -> None:
    session.add(CustomerShopProfile(customer_id=1, shop_id=1))


@pytest.mark.parametrize("write", [_change, _delete, _add])
def test_it_refuses_to_write(phase2_database: str, write: Callable[[Session], None]) -> None:
    """A total that is computed from what was read loses what others counted meanwhile."""
    count = "SELECT sum(total_bookings), count(*) FROM public.customer_shop_profiles"
    before = value(phase2_database, count)
    with _session(phase2_database) as session:
        write(session)
        with pytest.raises(InvalidRequestError, match="CustomerShopProfile is for reading"):
            session.commit()
    assert value(phase2_database, count) == before


def test_the_application_never_makes_the_table(recorded_database: str) -> None:
    """Its create_all() comes before phase 1, say."""
    with _session(recorded_database) as session:
        models_by_shop.Base.metadata.create_all(session.connection())
        session.commit()
    assert value(recorded_database, "SELECT to_regclass('customer_shop_profiles')") == ""


def test_why_the_legacy_models_have_to_lose_what_goes(phase3_database: str) -> None:
    with _session(phase3_database) as session:
        with pytest.raises(ProgrammingError, match="preferred_stylist_id does not exist"):
            session.scalars(select(models.Customer).limit(1)).all()
        session.rollback()
        assert session.scalars(select(Customer).limit(1)).all()
        # At its next start it makes the statistics again, empty.
        models.Base.metadata.create_all(session.connection())
        session.commit()
    assert value(phase3_database, "SELECT count(*) FROM public.customer_booking_stats") == "0"
