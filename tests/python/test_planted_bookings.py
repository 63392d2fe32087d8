"""A shop writes any phone into its bookings, and any time: they move nobody's figures."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from support.at_once import move_to
from support.attacks import IN_OWN, OTHER, OWN, Target, target
from support.isolation import as_role, roles
from support.sides import drift

START = "2041-01-01 10:00+00"  # no booking of the recorded database starts then
BOOKING = """
    INSERT INTO public.bookings (
        id, shop_id, service_id, stylist_id, customer_phone, customer_email, start_at_utc,
        end_at_utc, status, discount_cents, created_at, updated_at
    )
    VALUES (
        gen_random_uuid(), {shop}, {service}, {stylist}, '{phone}', {email}, '{start}',
        '{start}', '{status}', 0, '{made}', now()
    )
    RETURNING id::text
"""
COUNT = """
    UPDATE public.customer_booking_stats
    SET
        total_bookings = total_bookings + {more},
        total_spend_cents = total_spend_cents + {more} * 100,
        last_booking_at = {start}
    WHERE customer_id = {customer}
"""


@pytest.fixture
def url(isolated_database: str) -> Iterator[str]:
    with roles(isolated_database, "planter"), psycopg.connect(isolated_database) as owner:
        owner.execute("GRANT convo_shop TO planter")
        owner.commit()
        yield isolated_database


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection]:
    """The legacy application."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def at(owner: psycopg.Connection) -> Target:
    """A customer of the other shop, with nothing to repair."""
    return target(owner)


def _as_planter(url: str, statement: str) -> str:
    with psycopg.connect(as_role(url, "planter")) as planter:
        planter.execute(IN_OWN)
        row = planter.execute(statement.encode()).fetchone()
    return str(row[0]) if row else ""


def _booking(at: Target, shop: int = OWN, **fields: object) -> str:
    """The statement for a booking of the other shop's customer; fields say what is another."""
    service, stylist = {
        OWN: (at.own_service, at.own_stylist),
        OTHER: (at.service, at.stylist),
    }[shop]
    values: dict[str, object] = {
        "phone": at.phone,
        "email": "NULL",
        "start": START,
        "made": "2000-01-01",
        "status": "CONFIRMED",
    }
    return BOOKING.format(**{**values, **fields}, shop=shop, service=service, stylist=stylist)


def _plant(
    url: str, at: Target, start: str = START, made: str = "2000-01-01", status: str = "CONFIRMED"
) -> str:
    """The id of a booking of the other shop's customer, in the own shop."""
    return _as_planter(url, _booking(at, start=start, made=made, status=status))


def _book(owner: psycopg.Connection, at: Target, start: str = START) -> None:
    """A booking in the other shop, by the application."""
    owner.execute(_booking(at, OTHER, start=start, made="2020-01-01").encode())


def _count(owner: psycopg.Connection, at: Target, more: int, start: str | None = None) -> None:
    owner.execute(
        COUNT.format(
            more=more, customer=at.customer, start=f"'{start}'" if start else "last_booking_at"
        ).encode()
    )


def _total(owner: psycopg.Connection, at: Target, shop: int) -> int | None:
    """Bookings in the profile of a shop; None without one."""
    row = owner.execute(
        "SELECT total_bookings FROM public.customer_shop_profiles"
        " WHERE (customer_id, shop_id) = (%s, %s)",
        (at.customer, shop),
    ).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize("made", ["2000-01-01", "2099-01-01"])
@pytest.mark.parametrize("status", ["CONFIRMED", "HOLD"])
def test_one_that_starts_when_another_one_does(
    url: str, owner: psycopg.Connection, at: Target, made: str, status: str
) -> None:
    """The application confirms and counts in two transactions: the start says where."""
    before = _total(owner, at, OTHER)
    assert before is not None
    _plant(url, at, made=made, status=status)
    _book(owner, at)
    _count(owner, at, 1, START)
    assert (_total(owner, at, OTHER), _total(owner, at, OWN)) == (before + 1, None)


def test_a_write_that_misses_some(url: str, owner: psycopg.Connection, at: Target) -> None:
    before = _total(owner, at, OTHER)
    assert before is not None
    for day in range(1, 4):
        _plant(url, at, start=f"2041-02-0{day} 10:00+00")
    _book(owner, at)
    _count(owner, at, 3, START)
    assert _total(owner, at, OWN) is None


def test_a_repair(url: str, owner: psycopg.Connection, at: Target) -> None:
    for day in range(1, 4):
        _plant(url, at, start=f"2041-02-0{day} 10:00+00")
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")
        _count(owner, at, 3)
    assert drift(url) != []
    owner.execute("SELECT tenancy.repair(ARRAY[%s])", (at.customer,))
    assert drift(url) == []
    assert _total(owner, at, OWN) is None


def test_by_a_shop_that_knows_the_customer(url: str, owner: psycopg.Connection, at: Target) -> None:
    """It introduced them, and counted one booking: that one is its own, and no other one."""
    before = _total(owner, at, OTHER)
    _as_planter(url, f"SELECT tenancy.get_or_create_customer(NULL, '{at.phone}', NULL)")
    _as_planter(
        url,
        f"SELECT tenancy.record_booking({at.customer}, {OWN}, {at.own_stylist}, 100, '{START}')",
    )
    for day in range(1, 6):
        _plant(url, at, start=f"2041-02-0{day} 10:00+00")
    for day in range(1, 7):
        _book(owner, at, f"2041-03-0{day} 10:00+00")
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")
        _count(owner, at, 3)
    owner.execute("SELECT tenancy.repair(ARRAY[%s])", (at.customer,))
    assert before is not None
    assert (_total(owner, at, OTHER), _total(owner, at, OWN)) == (before + 3, 1)


@pytest.mark.parametrize(
    "change",
    [
        "customer_phone = '{phone}'",
        "customer_phone = NULL, customer_email = '{email}'",
        "customer_phone = '{phone}', internal_notes = 'x'",
    ],
)
def test_a_true_one_with_another_phone(
    url: str, owner: psycopg.Connection, at: Target, change: str
) -> None:
    """Bookings that the application confirmed, and the shop's role gave to somebody else."""
    changed = change.format(phone=at.phone, email=at.email)
    _as_planter(url, f"UPDATE public.bookings SET {changed} RETURNING id")
    _count(owner, at, 4)
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")
        _count(owner, at, 3)
    owner.execute("SELECT tenancy.repair(ARRAY[%s])", (at.customer,))
    assert _total(owner, at, OWN) is None


def test_counts_that_other_bookings_have(url: str, owner: psycopg.Connection, at: Target) -> None:
    """What the application counted confirms its own bookings, however old a planted one is."""
    owner.execute(
        """
        INSERT INTO public.customers (phone, email, average_spend_cents, no_show_count)
        VALUES ('+19998887777', 'known@example.test', 0, 0)
        """
    )
    phone = "+19998887777"
    for day, shop in enumerate((OWN, OWN, OTHER), 1):
        start = f"2041-04-0{day} 10:00+00"
        made = f"2020-04-0{day}"
        owner.execute(_booking(at, shop, phone=phone, start=start, made=made).encode())
    row = owner.execute("SELECT id FROM public.customers WHERE phone = %s", (phone,)).fetchone()
    assert row is not None
    owner.execute(
        """
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        VALUES (%s, %s, 2)
        """,
        (row[0], at.own_stylist),
    )
    split = "SELECT shop_id, total_bookings, no_show_count FROM tenancy.split(ARRAY[%s]::int[]"
    split += ", (%s, 3, 9000, NULL)::tenancy.statistics) ORDER BY shop_id"
    owner.execute("UPDATE public.customers SET no_show_count = 1 WHERE id = %s", (row[0],))
    owner.execute(
        """
        UPDATE public.bookings
        SET appointment_status = 'NO_SHOW', appointment_status_updated_at_utc = '2041-05-01'
        WHERE shop_id = %s AND customer_phone = %s
        """,
        (OTHER, phone),
    )
    before = owner.execute(split.encode(), (row[0], row[0])).fetchall()
    assert (OTHER, 1, 1) in before

    _as_planter(url, _booking(at, phone=phone, start="2041-04-09 10:00+00", made="1970-01-02"))
    _as_planter(
        url,
        "UPDATE public.bookings SET appointment_status = 'NO_SHOW',"
        " appointment_status_updated_at_utc = '2099-01-01'"
        f" WHERE customer_phone = '{phone}' RETURNING id",
    )
    assert owner.execute(split.encode(), (row[0], row[0])).fetchall() == before


def test_by_a_function_with_the_rights_of_the_role(
    url: str, owner: psycopg.Connection, at: Target
) -> None:
    """A login that takes the role, makes a function, and gives the role back."""
    owner.execute("ALTER ROLE planter NOINHERIT")
    with psycopg.connect(as_role(url, "planter")) as planter:
        planter.execute("SET ROLE convo_shop")
        planter.execute(
            """
            CREATE FUNCTION pg_temp.run(query text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
            AS 'DECLARE result text; BEGIN EXECUTE query INTO result; RETURN result; END'
            """
        )
        planter.execute("RESET ROLE")
        planter.execute(IN_OWN)
        planter.execute("SELECT pg_temp.run(%s)", (_booking(at),))
        assert planter.execute("SELECT current_setting('tenancy.confirmed', TRUE)").fetchone() in (
            (None,),
            ("",),
        )
    assert owner.execute("SELECT count(*) FROM tenancy.unproven_bookings").fetchone() == (1,)


def test_prices_and_starts_of_a_shop_are_not_believed(
    url: str, owner: psycopg.Connection, at: Target
) -> None:
    """Its dearest service, and the start of somebody's last booking, for its true bookings."""
    row = owner.execute(
        """
        SELECT e.customer_id, c.phone
        FROM tenancy.evidence AS e
        JOIN public.customers AS c ON c.id = e.customer_id
        WHERE e.shop_id = %s AND e.bookings >= 2 AND e.counted >= 2 AND EXISTS (
            SELECT FROM tenancy.evidence AS o
            WHERE o.customer_id = e.customer_id AND o.shop_id <> e.shop_id AND o.bookings > 0
        )
        ORDER BY e.customer_id
        LIMIT 1
        """,
        (OWN,),
    ).fetchone()
    assert row is not None
    owner.execute(
        "UPDATE public.services SET price_cents = 900000 WHERE id = %s", (at.own_service,)
    )
    split = b"SELECT shop_id, last_booking_at FROM tenancy.split(ARRAY[%s::int]) ORDER BY shop_id"
    before = owner.execute(split, (row[0],)).fetchall()
    cents = b"SELECT max(total_spend_cents) FROM tenancy.split(ARRAY[%s::int]) WHERE shop_id = %s"
    last = owner.execute(
        "SELECT last_booking_at::text FROM public.customer_booking_stats WHERE customer_id = %s",
        (row[0],),
    ).fetchone()
    assert last is not None
    _as_planter(
        url,
        f"UPDATE public.bookings SET service_id = {at.own_service}"
        f" WHERE customer_phone = '{row[1]}' RETURNING id",
    )
    spent = owner.execute(cents, (row[0], OWN)).fetchone()
    assert spent is not None
    assert spent[0] < 900000
    _as_planter(url, _booking(at, phone=row[1], start=last[0], made="2098-01-01"))
    _as_planter(
        url,
        f"DELETE FROM public.bookings WHERE customer_phone = '{row[1]}'"
        " AND created_at < '2090-01-01' RETURNING id",
    )
    after = owner.execute(split, (row[0],)).fetchall()
    others = [each for each in before if each[0] != OWN]
    assert [each for each in after if each[0] != OWN] == others


def test_what_the_application_confirms_is_evidence(
    url: str, owner: psycopg.Connection, at: Target
) -> None:
    held = _plant(url, at, status="HOLD")
    owner.execute("UPDATE public.bookings SET status = 'CONFIRMED' WHERE id = %s::uuid", (held,))
    _count(owner, at, 1, START)
    assert _total(owner, at, OWN) == 1


def test_a_note_of_the_shop_changes_nothing(
    url: str, owner: psycopg.Connection, at: Target
) -> None:
    """A booking of the application that the shop's role writes something else into."""
    statement = "UPDATE public.bookings SET internal_notes = 'x', appointment_status = 'COMPLETED'"
    with psycopg.connect(as_role(url, "planter")) as planter:
        planter.execute(IN_OWN)
        assert planter.execute(statement.encode()).rowcount > 0
    assert owner.execute("SELECT count(*) FROM tenancy.unproven_bookings").fetchone() == (0,)


def test_after_all_was_taken_back(url: str, owner: psycopg.Connection, at: Target) -> None:
    """What was planted is remembered, for the split of the next deploy."""
    for day in range(1, 4):
        _plant(url, at, start=f"2041-02-0{day} 10:00+00")
    owner.execute("CALL tenancy.relax_isolation()")
    move_to(url, None)
    _count(owner, at, 3)
    move_to(url, "@phase1")
    assert _total(owner, at, OWN) is None
    owner.execute("DELETE FROM tenancy.unproven_bookings")
    move_to(url, None)
    assert owner.execute("SELECT to_regclass('tenancy_archive.unproven_bookings')").fetchone() == (
        None,
    )


def test_one_that_is_refused_locks_nobody(url: str, at: Target) -> None:
    """Else its transaction would have an id when the phone is somebody's, and none when not."""
    with psycopg.connect(as_role(url, "planter"), autocommit=True) as planter:
        for phone in (at.phone, "+19990001111"):
            planter.execute("BEGIN")
            planter.execute(IN_OWN)
            planter.execute("SAVEPOINT refused")
            statement = _booking(at, OTHER, phone=phone)
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="of_the_shop"):
                planter.execute(statement.encode())
            planter.execute("ROLLBACK TO refused")
            assert planter.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
            planter.execute("ROLLBACK")


def test_the_last_booking_tells_nobodys_phone(
    url: str, owner: psycopg.Connection, at: Target
) -> None:
    """A booking of the shop with a known email, and a phone that is tried."""
    row = owner.execute(
        "SELECT email FROM public.customers WHERE id = %s", (at.own_customer,)
    ).fetchone()
    assert row is not None
    seen = []
    for phone in (at.phone, "+19990001111"):
        with psycopg.connect(as_role(url, "planter")) as planter:
            planter.execute(IN_OWN)
            statement = _booking(at, phone=phone, email=f"'{row[0]}'", made="2099-01-01")
            planter.execute(statement.encode())
            seen.append(
                planter.execute(
                    "SELECT last_service_id, last_stylist_id, last_booking_at"
                    f" FROM tenancy.customer_context({at.own_customer}, {OWN})".encode()
                ).fetchall()
            )
            planter.rollback()
    assert seen[0] == seen[1]
