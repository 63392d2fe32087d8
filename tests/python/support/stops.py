"""Sessions that stop between two locks of one statement, wherever that is.

A trigger stops the session at each row that it writes, when the row is locked and nothing that
comes of it has begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import psycopg

from .commands import execute
from .sessions import Session

TABLES = (
    "bookings",
    "customers",
    "customer_booking_stats",
    "customer_shop_profiles",
    "customer_stylist_preferences",
    "shops",
    "stylists",
)

# They sort before all other triggers: the row is locked, and nothing that comes of it has begun.
_STOP = """
    CREATE FUNCTION public.stop() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        number CONSTANT integer := current_setting('stop.number')::integer + 1;
    BEGIN
        PERFORM set_config('stop.number', number::text, FALSE);
        IF number = current_setting('stop.at')::integer THEN
            PERFORM pg_advisory_lock(1);
            PERFORM pg_advisory_unlock(1);
        END IF;
        RETURN coalesce(NEW, OLD);
    END;
    $$;
"""
_TRIGGERS = """
    CREATE TRIGGER "0 stop" BEFORE UPDATE OR DELETE ON public.{0}
    FOR EACH ROW WHEN (current_setting('stop.at', TRUE) <> '') EXECUTE FUNCTION public.stop();
    CREATE TRIGGER "0 stop at new" AFTER INSERT ON public.{0}
    FOR EACH ROW WHEN (current_setting('stop.at', TRUE) <> '') EXECUTE FUNCTION public.stop();
"""


def install(url: str) -> None:
    """The triggers, which do nothing to a session that was not told to stop."""
    execute(url, _STOP + "".join(_TRIGGERS.format(table) for table in TABLES))


class Stopping:
    """One transaction in a session of its own, which may stop."""

    def __init__(self, url: str) -> None:
        self.session = Session(url)
        self._outcome: Future[str | None] | None = None

    def begin(self, statements: Sequence[str], at: int = 0) -> None:
        """Execute the statements in the background; stop at the place of this number."""
        self.session.execute(f"SET stop.at = '{at or ''}'")
        self.session.execute("SET stop.number = 0")
        self.session.commit()
        self._outcome = self.session.start_call(lambda _: self._run(statements))

    def _run(self, statements: Sequence[str]) -> str | None:
        try:
            for statement in statements:
                self.session.execute(statement)
        except psycopg.Error as error:
            self.session.rollback()
            return error.sqlstate
        return None

    def end(self) -> str | None:
        """When all is executed, commit; the SQLSTATE of what failed."""
        assert self._outcome is not None
        failed = self._outcome.result(60)
        try:
            self.session.commit()
        except psycopg.Error as error:
            return error.sqlstate
        return failed

    @property
    def is_done(self) -> bool:
        assert self._outcome is not None
        return self._outcome.done()


def waits(observer: psycopg.Connection, session: Stopping) -> bool:
    """Whether it is done, or waits for a lock, or pauses in pg_sleep."""
    row = observer.execute(
        """
        SELECT wait_event_type = 'Lock' OR wait_event = 'PgSleep'
        FROM pg_stat_activity WHERE pid = %s
        """,
        (session.session.pid,),
    ).fetchone()
    return session.is_done or (row is not None and bool(row[0]))


@contextmanager
def stopping_pair(url: str) -> Iterator[tuple[Stopping, Stopping, psycopg.Connection]]:
    """Two of them, and who keeps the first one from going on: by pg_advisory_lock(1)."""
    first, second = Stopping(url), Stopping(url)
    with psycopg.connect(url, autocommit=True) as holder:
        yield first, second, holder
    first.session.close()
    second.session.close()


def formatted(statements: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """The statements of one case."""
    return [statement.format(**values) for statement in statements]
