"""Debian's Chromium, which opens a file as a person would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = str(shutil.which("chromium"))
# Whoever runs the tests may be root, or in a container. Nothing is to be fetched behind their back.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page, with all that it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """What a person reads there."""
        return self.page.locator(selector).first.inner_text()

    def rows(self, caption: str) -> list[list[str]]:
        """The body of the table with this caption, folded or not: its cells as text."""
        found: list[list[str]] = self.page.evaluate(
            """caption => {
                const table = [...document.querySelectorAll('table')]
                    .find(each => each.caption.textContent === caption);
                return [...table.tBodies[0].rows]
                    .map(row => [...row.cells].map(cell => cell.textContent.trim()));
            }""",
            caption,
        )
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return found

    def violations(self) -> list[str]:
        """What axe finds against it, by WCAG 2.2 AA and good practice."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found
            for node in each["nodes"]
        ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser; no asyncio of the test's own inside the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_OPTIONS])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, file: Path, width: int = 1180, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Opened]:
    """The file in a window of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    result = Opened(context.new_page())
    result.page.on("request", lambda request: result.requests.append(request.url))
    result.page.on("console", lambda message: result.complaints.append(message.text))
    result.page.on("pageerror", lambda error: result.complaints.append(str(error)))
    result.page.on("dialog", lambda dialog: result.complaints.append(dialog.message))
    result.page.goto(file.as_uri())
    yield result
    context.close()
