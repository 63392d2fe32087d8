"""The application of tests/application: served, by process, from source that patches change."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import shutil
import socket
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn

from .cluster import ROOT
from .commands import environment, run

APPLICATION = ROOT / "tests/application"
STEPS = sorted((APPLICATION / "steps").glob("*.patch"))
"""What each step of the guide changes, in order."""

# FastAPI and SQLAlchemy are imported once, not for each process.
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(["asyncpg", "fastapi", "sqlalchemy.ext.asyncio", "uvicorn"])


class Source:
    """A copy of the application, as far as the steps have changed it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(APPLICATION / "front_desk", folder / "front_desk")

    def apply(self, step: Path) -> None:
        """Go one step on."""
        run("git", "apply", step, cwd=self.folder)

    def reverse(self, step: Path) -> None:
        """Go one step back."""
        run("git", "apply", "--reverse", step, cwd=self.folder)


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, path: str, ready: Connection) -> None:
        super().__init__(uvicorn.Config("front_desk.main:app", uds=path, log_level="warning"))
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.send(None)


def _serve(source: str, settings: dict[str, str], path: str, ready: Connection) -> None:
    sys.dont_write_bytecode = True  # two steps within a second would pass for one
    sys.path.insert(0, source)
    os.environ.clear()
    os.environ.update(settings)
    _Server(path, ready).run()


class _Client(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("front-desk")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Answer:
    """To a request."""

    status: int
    body: Any


class Process:
    """uvicorn, which serves the source as it is at this moment."""

    def __init__(self, source: Source, url: str, name: str, path: Path) -> None:
        """Return once it serves.

        Args:
            name: its application_name.
            path: of its socket.
        """
        self._path = str(path)
        ready, is_ready = _fork.Pipe(duplex=False)
        url = url.replace("postgresql://", "postgresql+asyncpg://")
        settings = environment({"DATABASE_URL": url, "APPLICATION_NAME": name})
        self._process = _fork.Process(
            target=_serve, args=(str(source.folder), settings, self._path, is_ready)
        )
        self._process.start()
        is_ready.close()
        ready.recv()  # EOFError: it ended, and said why

    def ask(self, method: str, target: str, body: object = None) -> Answer:
        """What it answers."""
        client = _Client(self._path)
        try:
            client.request(
                method, target, json.dumps(body), headers={"Content-Type": "application/json"}
            )
            response = client.getresponse()
            return Answer(response.status, json.loads(response.read()))
        finally:
            client.close()

    def stop(self) -> None:
        """As an operator does: it answers what it was asked, and ends."""
        self._process.terminate()
        self._process.join()


class FrontDesk:
    """A process for shop 1 and one for the others, who are replaced one after the other."""

    def __init__(self, source: Source, url: str, folder: Path) -> None:
        self._source = source
        self._url = url
        self._folder = folder
        self._started = 0
        self._changed = threading.Condition()
        self._asked: dict[Process, int] = {}
        self._serving: dict[bool, Process] = {}  # by whether it is for shop 1

    def replace(self, name: str, *, first: bool) -> None:
        """A new process takes the place of that for shop 1, or of the other one."""
        self._started += 1
        new = Process(self._source, self._url, name, self._folder / f"desk{self._started}")
        with self._changed:
            self._asked[new] = 0
            old = self._serving.get(first)
            self._serving[first] = new
            if old is not None:  # nobody asks it any more
                self._changed.wait_for(lambda: self._asked[old] == 0)
        if old is not None:
            old.stop()

    def ask(self, shop: int, method: str, target: str, body: object = None) -> Answer:
        """What the process of a shop answers."""
        with self._changed:
            process = self._serving[shop == 1]
            self._asked[process] += 1
        try:
            return process.ask(method, target, body)
        finally:
            with self._changed:
                self._asked[process] -= 1
                self._changed.notify_all()

    def __enter__(self) -> FrontDesk:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._serving.values():
            process.stop()
