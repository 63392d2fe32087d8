"""The blocks of a page that a person runs one after the other, as a program reads them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

_STEP = re.compile(r"^ *<!-- step(?:: (\w+))? -->\n *```\n(.*?)^ *```$", re.M | re.S)


def steps(page: Path) -> list[tuple[str, str]]:
    """Kind and commands of each block after `<!-- step -->` or `<!-- step: kind -->`."""
    return [(kind, dedent(block)) for kind, block in _STEP.findall(page.read_text())]
