"""The plan: its changes and tags."""

from __future__ import annotations

import re

from .cluster import ROOT

PLAN: list[tuple[str, str | None]] = []
"""Each change, with the tag that ends its phase."""

for _word in re.findall(r"^(\w+/\w+|@phase\d)", (ROOT / "sqitch.plan").read_text(), re.MULTILINE):
    if _word.startswith("@"):
        PLAN[-1] = (PLAN[-1][0], _word)
    else:
        PLAN.append((_word, None))

CHANGES = [change for change, _tag in PLAN]
TAGS = {tag: at for at, (_change, tag) in enumerate(PLAN) if tag}
"""Where in CHANGES the last change of each phase is."""

CONTRACT = ("--set", "contract=yes", "--set", "legacy_quiet_period=0")
"""What a deploy takes that goes on to phase 3, and does not wait."""


def place(to: str) -> int:
    """Of a change or a tag, in CHANGES."""
    return TAGS[to] if to in TAGS else CHANGES.index(to)


def below(change: str) -> str:
    """The change before this one."""
    return CHANGES[place(change) - 1]
