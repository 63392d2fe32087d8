"""A small legacy database with customers of several shops, as it is at each change of the plan."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from .at_once import move_to
from .cluster import Cluster
from .commands import psql_file
from .plan import place

CUSTOMERS = 40
LEGACY = -1  # before the first change

_serial = itertools.count(1)


class Stages:
    """Templates, each made of the one below it when it is first asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._templates: dict[int, str] = {}

    @contextmanager
    def at(self, to: str | None) -> Iterator[str]:
        """URL of a fresh copy at a change or tag; None is the legacy database."""
        name = f"small_{os.getpid()}_{next(_serial)}"
        yield self._cluster.create_database(name, self._template(to))
        self._cluster.drop_database(name)

    def _template(self, to: str | None) -> str:
        number = LEGACY if to is None else place(to)
        if number not in self._templates:
            name = f"template_small_{os.getpid()}_{number + 1}"
            if to is None:
                url = self._cluster.create_database(name)
                psql_file(url, "tests/legacy/schema.sql")
                psql_file(url, "tests/legacy/sample.sql", "-v", f"customers={CUSTOMERS}")
            else:
                self._template(None)
                nearest = max(made for made in self._templates if made < number)
                url = self._cluster.create_database(name, self._templates[nearest])
                move_to(url, to)
            self._cluster.mark_template(name)
            self._templates[number] = name
        return self._templates[number]
