"""Releases: the bundles that scripts/release.sh froze, and projects of Sqitch made from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .cluster import ROOT
from .commands import run

FROZEN = sorted((ROOT / "tests/releases").glob("*.tar.gz"))
"""Each release that is frozen."""

TREES = ("deploy", "revert", "verify")

# As scripts/release.sh writes it.
TAG = "@v0.0.0 2026-01-01T00:00:00Z Convo Tenancy <tenancy@convo.example> # Release 0.0.0.\n"


def unpack(bundle: Path | None, folder: Path) -> Path:
    """The project of a release, in a new folder.

    Args:
        bundle: one of FROZEN; None is the working tree, as if it were frozen now.
        folder: where it goes.
    """
    folder.mkdir()
    if bundle is not None:
        run("tar", "--extract", "--file", bundle, "--directory", folder)
        return folder
    shutil.copy(ROOT / "sqitch.conf", folder)
    for tree in TREES:
        shutil.copytree(ROOT / tree, folder / tree)
    (folder / "sqitch.plan").write_text((ROOT / "sqitch.plan").read_text() + TAG)
    return folder


def edited(release: Path, project: Path) -> list[str]:
    """What of a release is not in a project any more as it was frozen, by name.

    Args:
        release: its project, unpacked.
        project: a later one.
    """
    plan = (release / "sqitch.plan").read_text().splitlines()
    later_plan = (project / "sqitch.plan").read_text().splitlines()
    scripts = [path.relative_to(release) for tree in TREES for path in (release / tree).rglob("*")]
    return [
        *(
            f"sqitch.plan: {frozen}"
            for at, frozen in enumerate(plan)
            if later_plan[at : at + 1] != [frozen]
        ),
        *(
            str(path)
            for path in sorted(scripts)
            if (release / path).is_file()
            and not (
                (project / path).is_file()
                and (project / path).read_bytes() == (release / path).read_bytes()
            )
        ),
    ]


def before_contract(project: Path) -> Path:
    """The plan of a database that stays in phase 2, made as docs/releasing.md says."""
    page = (ROOT / "docs/releasing.md").read_text()
    command = re.search(r"^sed .* > (before-contract\.plan)$", page, re.MULTILINE)
    assert command
    run("bash", "-c", command[0], cwd=project)
    return project / command[1]
