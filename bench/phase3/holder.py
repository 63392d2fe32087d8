"""Somebody who holds each of the tables in turn, as a long report would."""

from __future__ import annotations

import threading
from types import TracebackType

import psycopg
from psycopg import sql

from ..cluster import connect
from .locks import TABLES

HOLD_SECONDS, PAUSE_SECONDS = 0.3, 0.1


class Holder:
    """Reads each table in a transaction of its own that stays open, while the block lasts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)

    def __enter__(self) -> Holder:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _hold(self) -> None:
        with connect(self._url) as connection:
            turn = 0
            while not self._stop.wait(PAUSE_SECONDS):
                table = TABLES[turn % len(TABLES)]
                turn += 1
                try:
                    with connection.transaction():
                        connection.execute(
                            sql.SQL("SELECT FROM public.{} LIMIT 1").format(sql.Identifier(table))
                        )
                        self._stop.wait(HOLD_SECONDS)
                except psycopg.errors.UndefinedTable:
                    continue  # the contract took it
