"""A command that stays in the middle of a batch for as long as a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from .commands import execute, value
from .waiting import wait_until

_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = '{}'
"""


@contextmanager
def held_in_a_batch(url: str, event: str = "INSERT") -> Iterator[psycopg.Connection]:
    """Whoever writes a profile of customer 900 stays in the middle of that until this ends."""
    execute(
        url,
        f"""
        CREATE FUNCTION public.stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WHILE NOT pg_try_advisory_xact_lock(1) LOOP
                PERFORM pg_sleep(0.02);
            END LOOP;
            RETURN NEW;
        END;
        $$;
        CREATE TRIGGER stay BEFORE {event} ON public.customer_shop_profiles
        FOR EACH ROW WHEN (NEW.customer_id = 900) EXECUTE FUNCTION public.stay();
        """,
    )
    with psycopg.connect(url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(1)")
        yield holder


def wait_until_held(url: str, application_name: str) -> None:
    """Until a session of this application stays in its batch."""
    held = f"{_SESSIONS.format(application_name)} AND wait_event = 'PgSleep'"
    wait_until(lambda: value(url, held) == "1", "a batch that is held")


def wait_until_gone(url: str, application_name: str) -> None:
    """Until no session of it is left; of a kill -9 the server has to find out by itself."""
    sessions = _SESSIONS.format(application_name)
    wait_until(lambda: value(url, sessions) == "0", "the server has ended the session")
