"""docs/runbook.md as a program reads it, and its commands run as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

from .cluster import ROOT
from .commands import Completed, run

PAGE = ROOT / "docs/runbook.md"

_BLOCK = re.compile(r"^<!-- (confirm|do)(?:: ([^\n]*))? -->\n```\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Entry:
    """One entry."""

    names: list[str]
    """Of the checks that it is about."""

    text: str
    confirm: str | None
    """The commands that confirm it, if they are a block."""

    confirmed_exit_code: int
    """Theirs while it is broken; 0 unless the block says another one."""

    remedies: dict[str, str]
    """The commands that mend it, by cause."""


def _entries() -> dict[str, Entry]:
    """Those of the checks, by the name of each check."""
    checks = PAGE.read_text().partition("\n## Checks\n")[2].partition("\n## ")[0]
    found: dict[str, Entry] = {}
    for section in re.split(r"^### ", checks, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        if "`" not in heading:
            continue
        blocks = _BLOCK.findall(text)
        confirms = [(mark, dedent(block)) for kind, mark, block in blocks if kind == "confirm"]
        entry = Entry(
            re.findall(r"`(\w+)`", heading),
            text,
            confirms[0][1] if confirms else None,
            int(confirms[0][0].removeprefix("exit code ") or 0) if confirms else 0,
            {cause: dedent(block) for kind, cause, block in blocks if kind == "do"},
        )
        assert len(confirms) <= 1, heading
        assert text.count("```") == 2 * len(blocks), f"a block without a mark: {heading}"
        for name in entry.names:
            assert name not in found, name
            found[name] = entry
    return found


def perform(commands: str, url: str, superuser: str, values: Mapping[str, str]) -> Completed:
    """Run a block as a person would, line for line, with the values that they set before.

    Args:
        url: DATABASE_URL.
        superuser: SUPERUSER_URL.
        values: by the words that have a dollar sign in front.
    """
    used = set(re.findall(r"\$([A-Z_]+)", commands))
    assert set(values) | {"DATABASE_URL", "SUPERUSER_URL"} >= used, (commands, values)
    return run(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        commands,
        check=False,
        env={
            "DATABASE_URL": url,
            "SQITCH_TARGET": f"db:{url}",
            "SUPERUSER_URL": superuser,
            **values,
        },
    )


ENTRIES = _entries()
UNKNOWN = {
    cause: block
    for kind, cause, block in _BLOCK.findall(
        PAGE.read_text().partition("\n### A check is unknown\n")[2].partition("\n## ")[0]
    )
    if kind == "do"
}
"""The commands that mend a check that is unknown, by cause."""
