"""The README, as a package index shows it; everything else is in pyproject.toml."""

import re
import sys
from pathlib import Path

from setuptools import setup

if sys.version_info < (3, 11):  # noqa: UP036 - older ones run this file, too
    sys.exit(
        "convo-tenancy needs Python 3.11 or later; this is Python {}.{}".format(*sys.version_info)
    )

import tomllib

FOLDER = Path(__file__).parent
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]
OF_RELEASE = f"v{PROJECT['version']}"


def outside(link: re.Match[str]) -> str:
    """A link of the repository, as one that leads there from anywhere."""
    start, target = link.groups()
    kind = "raw" if target.endswith((".png", ".svg")) else "blob"
    return f"{start}{SOURCE}/{kind}/{OF_RELEASE}/{target}"


setup(
    long_description=re.sub(
        r"(\]\(|\b(?:src|srcset|href)=\")(?![a-z]+:|#)([^)\"\s]+)",
        outside,
        (FOLDER / "README.md").read_text(encoding="utf-8"),
    ),
    long_description_content_type="text/markdown",
)
