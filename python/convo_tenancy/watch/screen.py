"""A terminal's other screen, on which only what changed is drawn again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rich.console import Console, ConsoleDimensions
from rich.text import Text

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_RESET = "\x1b[0m"


class Screen:
    """Between `with` and its end the terminal shows what is drawn; then what it showed before.

    Args:
        console: of a terminal that can move its cursor.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[str] = []
        self._size = console.size

    def __enter__(self) -> Screen:
        self._write(_ENTER)
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):  # the terminal is gone: nothing to put right
            self._write(_RESET + _LEAVE)

    @property
    def is_resized(self) -> bool:
        """Whether the terminal has another size than what was drawn."""
        return self._console.size != self._size

    def draw(self, page: Callable[[ConsoleDimensions], list[Text]]) -> None:
        """Show this: the lines that are other than before are sent, and nothing else.

        Args:
            page: called with the size that the terminal has now. It gives no more lines than that,
                and none that is longer.
        """
        size = self._console.size
        if size != self._size:
            self._size, self._shown = size, []
            self._write(f"{_RESET}\x1b[2J")
        lines = page(size)
        drawn = [self._rendered(line) for line in lines]
        before = self._shown + [""] * (len(drawn) - len(self._shown))
        after = drawn + [""] * (len(before) - len(drawn))
        self._write(
            "".join(
                f"\x1b[{row};1H{line}{_RESET}\x1b[K"
                for row, (line, shown) in enumerate(zip(after, before, strict=True), start=1)
                if line != shown
            )
        )
        self._shown = drawn

    def _rendered(self, line: Text) -> str:
        """As this terminal gets it."""
        with self._console.capture() as captured:
            self._console.print(line, end="")
        return captured.get().rstrip()

    def _write(self, text: str) -> None:
        """What the terminal's encoding does not have is a question mark: it takes one column."""
        encoding = self._console.encoding
        self._console.file.write(text.encode(encoding, errors="replace").decode(encoding))
        self._console.file.flush()
