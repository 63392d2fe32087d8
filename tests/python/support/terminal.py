"""A terminal in which a command runs, and what a person sees in it."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterable, Mapping

from .commands import CONVO_TENANCY, environment
from .waiting import wait_until

_OWN_SIZE = {"COLUMNS": None, "LINES": None}  # pytest-xdist names its own
_CONTROL = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Terminal:
    """convo-tenancy in a terminal of this size; it ends with the with statement.

    Attributes:
        sent: all bytes that came so far.
        keyboard: what is written to this file is typed.
    """

    def __init__(
        self,
        url: str,
        *args: str,
        columns: int = 80,
        rows: int = 24,
        encoding: str = "utf-8",
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self.keyboard, side = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [CONVO_TENANCY, *args],
            stdin=side,
            stdout=side,
            stderr=side,
            env=environment({"DATABASE_URL": url, **_OWN_SIZE, "TERM": "xterm", **(env or {})}),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(side)
        self.sent = b""
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._pending = ""
        self._grid: dict[int, str] = {}
        self._row, self._column = 1, 1
        self.is_other_screen = False
        self.has_cursor = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(timeout=60)
        os.close(self.keyboard)

    def resize(self, columns: int, rows: int) -> None:
        """As when a person pulls at the window."""
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def screen(self) -> str:
        """What it shows now, line by line."""
        grid = dict(self._grid)
        return "\n".join(grid.get(row, "").rstrip() for row in range(1, self.rows + 1))

    def wait_until(self, condition: Callable[[str], object], what: str) -> str:
        """What it shows once the condition holds for that; fails with what it shows instead."""
        try:
            wait_until(lambda: condition(self.screen()) or self.process.poll() is not None, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None
        screen = self.screen()
        assert condition(screen), screen
        return screen

    def wait_for(self, *words: str) -> str:
        """What it shows once all these words are there, as they stand or over the end of a line."""
        return self.wait_until(lambda screen: _has(screen, words), " and ".join(words))

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal: the exit code, and what the terminal shows then."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Once it ends: the exit code, and what the terminal shows then."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        return code, self.screen().strip()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self.keyboard, 65536)
            except OSError:  # how a terminal says that nobody writes to it any more
                return
            self.sent += chunk
            self._show(self._pending + self._decoder.decode(chunk))

    def _show(self, text: str) -> None:
        self._pending = ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                control = _CONTROL.match(text, at)
                if control is None:
                    assert len(text) - at < 16, f"not understood: {text[at : at + 20]!r}"
                    self._pending = text[at:]
                    return
                self._obey(*control.groups())
                at = control.end()
                continue
            if text[at] == "\n":
                self._row += 1
            elif text[at] == "\r":
                self._column = 1
            else:
                line = self._grid.get(self._row, "").ljust(self._column - 1)
                column = self._column
                self._grid[self._row] = line[: column - 1] + text[at] + line[column:]
                self._column += 1
            at += 1

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        if letter == "H":
            self._row, self._column = (int(number) for number in numbers.split(";"))
        elif letter == "K":
            self._grid[self._row] = self._grid.get(self._row, "")[: self._column - 1]
        elif letter == "J":
            self._grid.clear()
        elif private and numbers == "1049":
            self.is_other_screen = letter == "h"
            self._grid.clear()
            self._row, self._column = 1, 1
        elif private and numbers == "25":
            self.has_cursor = letter == "h"
        else:
            assert letter == "m", (private, numbers, letter)


def _has(screen: str, words: Iterable[str]) -> bool:
    flowing = " ".join(screen.split())
    return all(each in screen or each in flowing for each in words)


def _take_terminal() -> None:
    """Whoever leads a session has the terminal that it opens first: this one."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
