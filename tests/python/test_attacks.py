"""A member of convo_shop learns and changes nothing of another shop.

The attacks are in support/attacks.py. Each ends with a given SQLSTATE, or without a row of another
shop; afterwards the other shop's rows are what they were, and both sides agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.attacks import (
    API,
    ATTACKS,
    IN_OWN,
    MOST_INTRODUCTIONS,
    OTHER,
    OWN,
    READ,
    WRITE,
    Attack,
    Target,
    denied_rights,
    outcome,
    target,
)
from support.cluster import Cluster
from support.commands import execute
from support.defences import DEFENCES, Defence
from support.soak import share

# All that the other shop has, and all that is known of its customers.
FINGERPRINT = f"""
    WITH customer AS (
        SELECT p.customer_id AS id
        FROM public.customer_shop_profiles AS p
        WHERE p.shop_id = {OTHER}
            AND NOT EXISTS (
                SELECT
                FROM public.customer_shop_profiles AS o
                WHERE o.customer_id = p.customer_id
                    AND o.shop_id = {OWN}
            )
    ),

    item AS (
        SELECT t::text AS row FROM public.bookings AS t WHERE shop_id = {OTHER}
        UNION ALL
        SELECT t::text FROM public.customer_shop_profiles AS t WHERE shop_id = {OTHER}
        UNION ALL
        SELECT t::text FROM public.stylists AS t WHERE shop_id = {OTHER}
        UNION ALL
        SELECT t::text FROM public.services AS t WHERE shop_id = {OTHER}
        UNION ALL
        SELECT t::text FROM public.customers AS t WHERE id IN (SELECT c.id FROM customer AS c)
        UNION ALL
        SELECT t::text
        FROM public.customer_booking_stats AS t
        WHERE customer_id IN (SELECT c.id FROM customer AS c)
        UNION ALL
        SELECT t::text
        FROM public.customer_stylist_preferences AS t
        WHERE stylist_id IN (SELECT s.id FROM public.stylists AS s WHERE s.shop_id = {OTHER})
        UNION ALL
        SELECT t::text
        FROM public.customer_service_preferences AS t
        WHERE service_id IN (SELECT s.id FROM public.services AS s WHERE s.shop_id = {OTHER})
    )

    SELECT count(*), sum(hashtextextended(i.row, 0)) FROM item AS i
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster, isolated_template: str) -> Iterator[str]:
    url = cluster.create_database("attacked", isolated_template)
    execute(cluster.url(), "CREATE ROLE clerk LOGIN IN ROLE convo_shop")
    execute(url, f"UPDATE tenancy.settings SET introductions_per_hour = {MOST_INTRODUCTIONS}")
    yield url
    cluster.drop_database("attacked")
    execute(cluster.url(), "DROP ROLE clerk")


@pytest.fixture(scope="module")
def owner(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def clerk(database: str) -> Iterator[psycopg.Connection[Any]]:
    # An attack deallocates what it prepared, and so what psycopg would have prepared by itself.
    with psycopg.connect(
        database, user="clerk", autocommit=True, prepare_threshold=None
    ) as connection:
        yield connection


@pytest.fixture(autouse=True)
def new_hour(owner: psycopg.Connection[Any]) -> None:
    """Each test may introduce customers anew."""
    owner.execute("SELECT setval('tenancy.introductions_id_seq', 1)")
    owner.execute("DELETE FROM tenancy.introductions")


@pytest.fixture(scope="module")
def at(owner: psycopg.Connection[Any]) -> Target:
    return target(owner)


def _fingerprint(owner: psycopg.Connection[Any]) -> Any:
    return owner.execute(FINGERPRINT).fetchone()


@pytest.fixture(scope="module")
def untouched(owner: psycopg.Connection[Any]) -> Any:
    """The fingerprint that no attack changes."""
    return _fingerprint(owner)


def _drift(owner: psycopg.Connection[Any]) -> list[Any]:
    return owner.execute("SELECT * FROM tenancy.drift").fetchall()


def test_there_are_many() -> None:
    assert len(ATTACKS) >= 40
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(
    owner: psycopg.Connection[Any],
    clerk: psycopg.Connection[Any],
    at: Target,
    untouched: Any,
    attack: Attack,
) -> None:
    assert outcome(clerk, attack, at) == attack.expected
    assert _fingerprint(owner) == untouched
    assert _drift(owner) == []


def test_a_shop_can_do_its_work(clerk: psycopg.Connection[Any], at: Target) -> None:
    assert denied_rights(clerk, at) == []


def test_who_gives_their_email_is_known_from_then_on(
    owner: psycopg.Connection[Any], clerk: psycopg.Connection[Any], at: Target
) -> None:
    with clerk.transaction(force_rollback=True):
        clerk.execute(IN_OWN)
        found = clerk.execute(
            "SELECT tenancy.get_or_create_customer(%s, NULL, NULL)", (at.email,)
        ).fetchone()
        assert found == (at.customer,)
        assert clerk.execute(
            "SELECT * FROM tenancy.record_booking(%s::int, %s::int, %s::int, 100, now())",
            (at.customer, OWN, at.own_stylist),
        ).fetchone()
        assert clerk.execute(
            "SELECT id FROM public.customers WHERE id = %s", (at.customer,)
        ).fetchone()


def test_a_cursor_that_outlives_its_transaction(clerk: psycopg.Connection[Any]) -> None:
    with clerk.transaction():
        clerk.execute(IN_OWN)
        clerk.execute("DECLARE held CURSOR WITH HOLD FOR SELECT shop_id FROM public.bookings")
    assert {row[0] for row in clerk.execute("FETCH ALL FROM held")} == {OWN}
    clerk.execute("CLOSE held")


def test_names_cannot_be_shadowed(
    owner: psycopg.Connection[Any], clerk: psycopg.Connection[Any], at: Target
) -> None:
    """Temporary tables, functions and operators before every function with its owner's rights."""
    calls = {
        "customer_by_email": f"tenancy.customer_by_email('{at.email}')",
        "customer_by_phone": "tenancy.customer_by_phone('+15550100000')",
        "customer_context": f"tenancy.customer_context({at.own_customer}, {OWN})",
        "customers_by_preferred_stylist": (
            f"tenancy.customers_by_preferred_stylist({at.own_stylist})"
        ),
        "get_or_create_customer": "tenancy.get_or_create_customer('new@example.test', NULL, NULL)",
        "record_booking": (
            f"tenancy.record_booking({at.own_customer}, {OWN}, {at.own_stylist}, 1, now())"
        ),
        "record_no_show": f"tenancy.record_no_show({at.own_customer}, {OWN})",
        "set_preferred_stylist": (
            f"tenancy.set_preferred_stylist({at.own_customer}, {OWN}, {at.own_stylist})"
        ),
        "set_service_preference": (
            f"tenancy.set_service_preference({at.own_customer}, {at.own_service}, 'x')"
        ),
    }
    definers = owner.execute(
        """
        SELECT p.proname
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'tenancy'::regnamespace
            AND p.prosecdef
            AND has_function_privilege('clerk', p.oid, 'EXECUTE')
        """
    ).fetchall()
    assert {name for (name,) in definers} == {*calls}

    with clerk.transaction(force_rollback=True):
        clerk.execute(IN_OWN)
        for table in ("customers", "customer_shop_profiles", "stylists", "bookings"):
            clerk.execute(f"CREATE TEMPORARY TABLE {table} (id integer, shop_id integer)")
        clerk.execute(
            """
            CREATE FUNCTION pg_temp.trap(integer, integer) RETURNS boolean LANGUAGE plpgsql
            AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
            CREATE OPERATOR pg_temp.= (
                FUNCTION = pg_temp.trap, LEFTARG = integer, RIGHTARG = integer
            );
            CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql
            AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
            CREATE FUNCTION pg_temp.shop_context() RETURNS integer LANGUAGE sql AS 'SELECT 3'
            """
        )
        clerk.execute("SET LOCAL search_path = pg_temp, public, pg_catalog")
        for call in calls.values():
            clerk.execute(f"SELECT * FROM {call}")


@pytest.mark.parametrize("defence", share(DEFENCES, 2), ids=lambda defence: defence.name)
def test_every_defence_is_needed(database: str, at: Target, defence: Defence) -> None:
    """Without it, some attack has an outcome that it must not have, or the shop cannot work."""
    with (
        psycopg.connect(database, autocommit=True, prepare_threshold=None) as connection,
        connection.transaction(force_rollback=True),
    ):
        defence.take_away(connection)
        connection.execute("SET LOCAL SESSION AUTHORIZATION clerk")
        assert denied_rights(connection, at) or any(
            _outcome_undone(connection, attack, at) != attack.expected
            for attack in READ + WRITE + API
        )


def _outcome_undone(clerk: psycopg.Connection[Any], attack: Attack, at: Target) -> str:
    with clerk.transaction(force_rollback=True):
        return outcome(clerk, attack, at)
    raise AssertionError
