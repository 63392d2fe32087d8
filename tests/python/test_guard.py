"""What a mirror writes is not mirrored back; all else is, and nobody can leave it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from support import bookings
from support.bookings import HERE, THERE, held
from support.commands import execute, psql
from support.legacy_replay import Customer, statement
from support.sessions import Session
from support.sides import LEGACY, Place, drift, sides

GUARD = "SELECT nullif(current_setting('tenancy.mirroring', TRUE), '')"


@dataclass(frozen=True)
class Write:
    """A write to one side, and what both sides say afterwards. $1 is the customer."""

    query: str
    attribute: str  # of Sides
    expected: dict[Place, object]

    def check(self, url: str, customer: Customer) -> None:
        """Both sides say it."""
        assert getattr(sides(url, customer.id), self.attribute) == self.expected
        assert drift(url) == []


CALLS = {
    "record_booking": Write(
        "SELECT FROM tenancy.record_booking($1, 1, 1, 4000, '2040-01-01 00:00+00')",
        "bookings",
        {LEGACY: (4, 17500), 1: (3, 12000), 2: (1, 5500)},
    ),
    "record_no_show": Write(
        "SELECT FROM tenancy.record_no_show($1, 1)", "no_shows", {LEGACY: 1, 1: 1}
    ),
    "set_preferred_stylist": Write(
        "SELECT FROM tenancy.set_preferred_stylist($1, 1, 1)", "preferred", {LEGACY: 1, 1: 1}
    ),
}
WRITES = {
    # Of shop 2, for that is where the last booking was.
    "statistics": Write(
        """
        UPDATE public.customer_booking_stats
        SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 1000
        WHERE customer_id = $1
        """,
        "bookings",
        {LEGACY: (4, 14500), 1: (2, 8000), 2: (2, 6500)},
    ),
    "no-shows": Write(
        "UPDATE public.customers SET no_show_count = no_show_count + 1 WHERE id = $1",
        "no_shows",
        {LEGACY: 1, 1: 1},
    ),
    "preference": Write(
        "UPDATE public.customers SET preferred_stylist_id = 1 WHERE id = $1",
        "preferred",
        {LEGACY: 1, 1: 1},
    ),
    "stylist's bookings": Write(
        """
        INSERT INTO public.customer_stylist_preferences (customer_id, stylist_id, booking_count)
        VALUES ($1, 1, 1)
        """,
        "preferred",
        {1: 1},
    ),
    "profile": Write(
        """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = $1 AND shop_id = 1
        """,
        "bookings",
        {LEGACY: (4, 13500), 1: (3, 8000), 2: (1, 5500)},
    ),
    "new profile": Write(
        """
        INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
        VALUES ($1, 3, 1)
        """,
        "bookings",
        {LEGACY: (4, 13500), 1: (2, 8000), 2: (1, 5500), 3: (1, 0)},
    ),
    "profile deleted": Write(
        "DELETE FROM public.customer_shop_profiles WHERE customer_id = $1 AND shop_id = 1",
        "bookings",
        {LEGACY: (1, 5500), 2: (1, 5500)},
    ),
}


@pytest.fixture
def url(phase2_database: str) -> str:
    return phase2_database


@pytest.fixture
def customers(url: str) -> tuple[Customer, Customer]:
    return bookings.new_and_known(url)


@pytest.fixture
def new(customers: tuple[Customer, Customer]) -> Customer:
    """No booking yet, and no profile."""
    return customers[0]


@pytest.fixture
def known(customers: tuple[Customer, Customer]) -> Customer:
    """Two bookings in shop 1, one in shop 2."""
    return customers[1]


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    session = Session(url)
    yield session
    session.close()


# --- The setting of a caller


@pytest.mark.parametrize("scope", ["SESSION", "LOCAL"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_caller_who_set_the_guard(
    url: str, session: Session, known: Customer, call: Write, scope: str
) -> None:
    """The call is mirrored all the same, and leaves the setting as it was."""
    session.execute(f"SET {scope} tenancy.mirroring = 'on'")
    session.execute(call.query, known.id)
    assert session.execute(GUARD) == [("on",)]
    session.commit()
    assert session.execute(GUARD) == [("on" if scope == "SESSION" else None,)]
    call.check(url, known)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_that_fails_leaves_the_setting(session: Session, call: Write) -> None:
    session.execute("SET LOCAL tenancy.mirroring = 'on'")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), session.connection.transaction():
        session.execute(call.query, 0)
    assert session.execute(GUARD) == [("on",)]


@pytest.mark.parametrize("write", (CALLS | WRITES).values(), ids=CALLS | WRITES)
def test_the_guard_is_off_afterwards(
    url: str, session: Session, known: Customer, write: Write
) -> None:
    """In the same transaction, so that the next write there is mirrored, too."""
    session.execute(write.query, known.id)
    assert session.execute(GUARD) == [(None,)]
    session.execute(
        """
        UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
        WHERE customer_id = $1
        """,
        known.id,
    )
    session.commit()
    assert drift(url) == []


# --- Triggers of others


def _trigger(url: str, name: str, event: str, *statements: str, condition: str = "TRUE") -> None:
    """Somebody else's trigger: `event` is like "AFTER UPDATE ON public.customers"."""
    psql(
        url,
        stdin=f"""
        CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {"; ".join(statements)};
            RETURN NULL;
        END;
        $$;
        CREATE TRIGGER {name} {event}
        FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION public.{name}();
        """,
    )


@pytest.mark.parametrize("write", (CALLS | WRITES).values(), ids=CALLS | WRITES)
def test_a_write_from_a_trigger_on_another_table(
    url: str, session: Session, known: Customer, write: Write
) -> None:
    execute(url, "CREATE TABLE public.events (customer_id integer NOT NULL)")
    query = write.query.replace("$1", "NEW.customer_id")
    _trigger(
        url, "on_event", "AFTER INSERT ON public.events", query.replace("SELECT FROM", "PERFORM")
    )
    session.execute("INSERT INTO public.events VALUES ($1)", known.id)
    session.commit()
    write.check(url, known)


@pytest.mark.parametrize("name", ["a_trigger", "z_trigger"])  # it runs before ours, or after it
def test_a_write_from_a_trigger_on_bookings(
    url: str, session: Session, new: Customer, name: str
) -> None:
    """It counts in the shop that was confirmed, as the application's own write would."""
    there = held(url, new, THERE)
    _trigger(
        url,
        name,
        "AFTER UPDATE ON public.bookings",
        f"""
        INSERT INTO public.customer_booking_stats (customer_id, total_bookings, total_spend_cents)
        VALUES ({new.id}, 1, 5500)
        """,
    )
    session.execute(statement("confirm_booking"), there.id)
    session.commit()
    assert sides(url, new.id).bookings == {LEGACY: (1, 5500), 2: (1, 5500)}
    assert drift(url) == []


@pytest.mark.parametrize("name", ["record_booking", "statistics", "no-shows", "profile"])
def test_a_write_from_a_trigger_on_the_statistics(
    url: str, session: Session, new: Customer, known: Customer, name: str
) -> None:
    """Of one customer, when the application writes those of another one."""
    write = (CALLS | WRITES)[name]
    query = write.query.replace("$1", str(known.id))
    _trigger(
        url,
        "follows",
        "AFTER INSERT ON public.customer_booking_stats",
        query.replace("SELECT FROM", "PERFORM"),
    )
    session.execute(statement("insert_statistics"), new.id, 1, HERE.price, HERE.start)
    session.commit()
    assert sides(url, new.id).bookings == {LEGACY: (1, 4000), 1: (1, 4000)}
    write.check(url, known)


@pytest.mark.parametrize("name", ["a_trigger", "z_trigger"])
@pytest.mark.parametrize(
    ("table", "change", "write"),
    [
        pytest.param(
            "customer_booking_stats",
            "total_bookings = 7, last_booking_at = '2041-01-01'",
            "UPDATE public.customer_booking_stats SET total_bookings = 9 WHERE customer_id = $1",
            id="statistics",
        ),
        pytest.param(
            "customers",
            "preferred_stylist_id = 2, no_show_count = 3",
            """
            UPDATE public.customers SET preferred_stylist_id = 1, no_show_count = 1 WHERE id = $1
            """,
            id="customers",
        ),
        pytest.param(
            "customer_shop_profiles",
            "preferred_stylist_id = NULL, last_booking_at = '2041-01-01', total_bookings = 7",
            """
            UPDATE public.customer_shop_profiles
            SET preferred_stylist_id = 1, last_booking_at = '2040-01-01', total_bookings = 9
            WHERE customer_id = $1 AND shop_id = 1
            """,
            id="profiles",
        ),
    ],
)
def test_a_trigger_that_changes_the_row_again(
    url: str, session: Session, known: Customer, table: str, change: str, write: str, name: str
) -> None:
    """Both sides have what it made of the row, not what it found."""
    key = "customer_id" if table == "customer_booking_stats" else "id"
    _trigger(
        url,
        name,
        f"AFTER UPDATE ON public.{table}",
        f"UPDATE public.{table} SET {change} WHERE {key} = NEW.{key}",
        condition="pg_trigger_depth() = 0",
    )
    session.execute(write, known.id)
    session.commit()
    assert drift(url) == []


# --- Triggers of others that a mirror's write fires


@pytest.mark.parametrize("fails", [False, True])
def test_a_call_from_within_the_mirror_of_the_statistics(
    url: str, session: Session, known: Customer, fails: bool
) -> None:
    """The call is mirrored. What the mirror still writes after it is not, as before."""
    failing = """
        BEGIN
            PERFORM tenancy.record_no_show(NEW.customer_id, 0);
        EXCEPTION
            WHEN foreign_key_violation THEN NULL;
        END
    """
    _trigger(
        url,
        "on_profile",
        "AFTER UPDATE ON public.customer_shop_profiles",
        failing if fails else "PERFORM tenancy.record_no_show(NEW.customer_id, 3)",
        condition="NEW.total_bookings < OLD.total_bookings AND NEW.shop_id = 2",
    )
    # Of shop 2, which has one only: the other two are then taken from shop 1.
    session.execute(
        """
        UPDATE public.customer_booking_stats SET total_bookings = 1, total_spend_cents = 100
        WHERE customer_id = $1
        """,
        known.id,
    )
    assert session.execute(GUARD) == [(None,)]
    session.commit()
    after = sides(url, known.id)
    assert after.bookings == {LEGACY: (1, 100), 1: (1, 100)}
    assert after.no_shows == ({} if fails else {LEGACY: 1, 3: 1})
    assert drift(url) == []


def test_a_call_from_within_the_mirror_of_a_profile(
    url: str, session: Session, known: Customer
) -> None:
    _trigger(
        url,
        "on_statistics",
        "AFTER UPDATE ON public.customer_booking_stats",
        "PERFORM tenancy.record_booking(NEW.customer_id, 3, 11, 100, '2041-01-01 00:00+00')",
        condition="pg_trigger_depth() = 1",
    )
    session.execute(
        """
        UPDATE public.customer_shop_profiles SET total_bookings = 5, no_show_count = 2
        WHERE customer_id = $1 AND shop_id = 1
        """,
        known.id,
    )
    assert session.execute(GUARD) == [(None,)]
    session.commit()
    after = sides(url, known.id)
    assert after.bookings == {LEGACY: (7, 13600), 1: (5, 8000), 2: (1, 5500), 3: (1, 100)}
    assert after.no_shows == {LEGACY: 2, 1: 2}
    assert drift(url) == []


# --- Errors in the middle


# A table that the write's mirror comes to, or the call, and what must not be there for once.
BROKEN = {
    "statistics": ("customer_shop_profiles", "total_bookings < 2 OR shop_id <> 2"),
    "no-shows": ("customer_shop_profiles", "no_show_count = 0"),
    "preference": ("customer_shop_profiles", "preferred_stylist_id IS NULL"),
    "stylist's bookings": ("customer_shop_profiles", "preferred_stylist_id IS NULL"),
    "profile": ("customers", "average_spend_cents <> 13500 / 4"),
    "new profile": ("customers", "average_spend_cents <> 13500 / 4"),
    "profile deleted": ("customers", "average_spend_cents <> 5500"),
    "record_booking": ("customer_stylist_preferences", "booking_count <> 1"),
    "record_no_show": ("customers", "no_show_count = 0"),
    "set_preferred_stylist": ("customers", "preferred_stylist_id <> 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_in_the_middle_of_a_mirror(
    url: str, session: Session, known: Customer, name: str
) -> None:
    """Nothing is left of it, neither of the write nor of the guard, and the next one is right."""
    write = (CALLS | WRITES)[name]
    table, check = BROKEN[name]
    execute(url, f"ALTER TABLE public.{table} ADD CONSTRAINT broken CHECK ({check}) NOT VALID")

    with pytest.raises(psycopg.errors.CheckViolation), session.connection.transaction():
        session.execute(write.query, known.id)
    assert session.execute(GUARD) == [(None,)]

    query = write.query.replace("$1", str(known.id)).replace("SELECT FROM", "PERFORM")
    session.execute(f"DO $$ BEGIN {query}; EXCEPTION WHEN check_violation THEN NULL; END; $$")
    assert session.execute(GUARD) == [(None,)]

    session.execute(f"ALTER TABLE public.{table} DROP CONSTRAINT broken")
    session.execute(write.query, known.id)
    session.commit()
    write.check(url, known)


@pytest.mark.parametrize("context", ["none", "0", "99999"])
@pytest.mark.parametrize(
    "write", [CALLS["record_booking"], WRITES["statistics"]], ids=["call", "legacy"]
)
def test_a_shop_context_that_is_no_shop(
    url: str, session: Session, known: Customer, write: Write, context: str
) -> None:
    session.execute(f"SET LOCAL app.current_shop_id = '{context}'")
    with (
        pytest.raises(psycopg.errors.InvalidParameterValue, match="not the id of a shop"),
        session.connection.transaction(),
    ):
        session.execute(write.query, known.id)
    assert session.execute(GUARD) == [(None,)]
    session.execute("SET LOCAL app.current_shop_id = ''")
    session.execute(write.query, known.id)
    session.commit()
    write.check(url, known)


# --- Notes of confirmed bookings

NO_START = "2041-06-01 00:00+00"  # no booking starts then: only the note tells the shop


@pytest.mark.parametrize(
    ("steps", "shop"),
    [
        pytest.param("there", 2, id="a note"),
        pytest.param("savepoint there release", 2, id="released"),
        pytest.param("savepoint there rollback", 1, id="rolled back"),
        pytest.param("there savepoint here rollback", 2, id="the one before"),
        pytest.param("there savepoint here release", 1, id="the newer one"),
        pytest.param("there savepoint count rollback", 2, id="taken and given back"),
        pytest.param("there commit", 1, id="over with the transaction"),
    ],
)
def test_notes_follow_savepoints(
    url: str, session: Session, new: Customer, steps: str, shop: int
) -> None:
    """Without a note, statistics go to the default shop, 1."""
    there, here = held(url, new, THERE), held(url, new, HERE)

    def count() -> None:
        session.execute(statement("insert_statistics"), new.id, 1, 100, NO_START)

    actions: dict[str, Callable[[], object]] = {
        "there": lambda: session.execute(statement("confirm_booking"), there.id),
        "here": lambda: session.execute(statement("confirm_booking"), here.id),
        "count": count,
        "savepoint": lambda: session.execute("SAVEPOINT before"),
        "release": lambda: session.execute("RELEASE before"),
        "rollback": lambda: session.execute("ROLLBACK TO before"),
        "commit": session.commit,
    }
    for step in steps.split():
        actions[step]()
    count()
    session.commit()
    assert sides(url, new.id).bookings == {LEGACY: (1, 100), shop: (1, 100)}
    assert drift(url) == []


def test_a_note_is_taken_once(url: str, session: Session, new: Customer) -> None:
    """The next write of the same transaction is of the default shop again."""
    session.execute(statement("confirm_booking"), held(url, new, THERE).id)
    session.execute(statement("insert_statistics"), new.id, 1, 100, NO_START)
    session.execute(statement("update_statistics"), new.id, 2, 300, "2041-06-02 00:00+00")
    session.commit()
    assert sides(url, new.id).bookings == {LEGACY: (2, 300), 1: (1, 200), 2: (1, 100)}
    assert drift(url) == []
