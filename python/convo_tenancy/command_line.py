"""Where the command line convo-tenancy begins, with or without the packages that it needs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it; without its packages, say in one line what to install, with the exit code 3."""
    try:
        from .cli import main as run
    except ImportError as error:
        if (error.name or "").startswith("convo_tenancy"):
            raise
        reason = str(error).splitlines()[0]
        print(
            f"convo-tenancy: the command line lacks a package ({reason}):"
            " pip install 'convo-tenancy[cli]'",
            file=sys.stderr,
        )
        sys.exit(3)  # for a monitoring plugin, unknown
    run()
