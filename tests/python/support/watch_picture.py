"""Makes docs/images/watch.png: the screen of a real look at a database under real traffic.

Takes the URL of a database at @phase2 that may be spoilt, that of `make up` say. In tests/python:

    ../../.venv/bin/python -m support.watch_picture URL

It needs chromium, and takes a minute.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import psycopg
from rich.console import Console

from convo_tenancy.database import connect
from convo_tenancy.watch.figures import Watcher
from convo_tenancy.watch.looks import Looker
from convo_tenancy.watch.view import view

from . import legacy_application
from .cluster import ROOT
from .legacy_application import LegacyClient
from .sessions import Session

_PICTURE = ROOT / "docs/images/watch.png"
_COLUMNS, _ROWS = 96, 31
_EVERY = 2.0
_LOOKS = 14
_BY_API = "SELECT tenancy.record_booking(%s, %s, %s, 4500, now() + interval '1 day')"


def _call(url: str, name: str, pause: float, is_over: threading.Event) -> None:
    """A shop whose code has moved to the SQL API."""
    dice = random.Random(name)  # noqa: S311
    with psycopg.connect(url, autocommit=True, application_name=name) as connection:
        stylists = connection.execute("SELECT id FROM public.stylists WHERE shop_id = 2").fetchall()
        customers = connection.execute("SELECT id FROM public.customers LIMIT 400").fetchall()
        while not is_over.wait(pause):
            customer, stylist = dice.choice(customers)[0], dice.choice(stylists)[0]
            with suppress(psycopg.errors.ForeignKeyViolation):  # the legacy code deleted them
                connection.execute(_BY_API, (customer, 2, stylist))


def _looked_at(url: str) -> str:
    """The screen as SVG, after some looks."""
    console = Console(
        record=True, file=StringIO(), width=_COLUMNS, height=_ROWS, force_terminal=True
    )
    watcher = Watcher(_EVERY)
    with connect(url, "convo-tenancy watch") as connection:
        looker = Looker(connection, None, _EVERY)
        for _ in range(_LOOKS):
            figures = watcher.see(looker.look())
            time.sleep(_EVERY)
    for line in view(figures, console.size, _EVERY, ascii_only=False):
        console.print(line)
    svg = console.export_svg(title="convo-tenancy watch", font_aspect_ratio=0.6)
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")


def _draw(svg: str) -> None:
    """In Chromium, which fetches nothing."""
    [(width, height)] = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(f"<body style='margin:0;background:white'>{svg}</body>")
        window = f"{round(float(width))},{round(float(height))}"
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={window}",
                f"--screenshot={_PICTURE}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )


def main(url: str) -> None:
    """Traffic by old and new code, a report that holds two sessions up, and the picture."""
    begun = datetime.now(UTC)
    starts = begun.replace(second=17, microsecond=begun.microsecond) + timedelta(hours=3)
    vars(legacy_application).update(PAUSE=0.12, _FIRST_START=starts)
    clients = [LegacyClient(url, share, 2, seed=int(begun.timestamp())) for share in range(2)]
    for client, name in zip(clients, ("front desk", "booking site"), strict=True):
        client.name = name
        client.start()
    is_over = threading.Event()
    callers = [
        threading.Thread(target=_call, args=(url, f"shop 2 desk {n}", 0.3, is_over)) for n in (1, 2)
    ]
    for caller in callers:
        caller.start()
    update = "UPDATE public.customers SET name = name WHERE id = 1500"
    held = [Session(url) for _ in range(3)]
    names = ("nightly report", "back office", "newsletter")
    for session, name in zip(held, names, strict=True):
        session.execute(f"SET application_name = '{name}'")
        session.start(update)
        time.sleep(0.5)
    try:
        _draw(_looked_at(url))
    finally:
        is_over.set()
        for caller in callers:
            caller.join()
        for client in clients:
            client.stop()
            client.join()
        for session in held:
            session.close()


if __name__ == "__main__":
    main(sys.argv[1])
