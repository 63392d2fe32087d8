"""Releases: the bundles that scripts/release.sh froze, and projects of Sqitch made from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .cluster import ROOT
from .commands import run


def version_of(bundle: Path) -> tuple[int, ...]:
    """Of a release, to sort by: 1.10.0 comes after 1.9.0."""
    return tuple(map(int, bundle.name.removesuffix(".tar.gz").split(".")))


FROZEN = sorted((ROOT / "tests/releases").glob("*.tar.gz"), key=version_of)
"""Each release that is frozen, the newest last."""

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
    # Bytes: what Git or an editor made of the ends of lines is an edit, too.
    plan = (release / "sqitch.plan").read_bytes().splitlines(keepends=True)
    later_plan = (project / "sqitch.plan").read_bytes().splitlines(keepends=True)
    scripts = [path.relative_to(release) for tree in TREES for path in (release / tree).rglob("*")]
    return [
        *(
            f"sqitch.plan: {frozen.decode().rstrip()}"
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


def without_bundle(plan: str, bundles: list[Path]) -> list[str]:
    """The releases that only the plan has, and those that only have a bundle.

    Args:
        plan: the text of sqitch.plan.
        bundles: of the releases.
    """
    tags = re.findall(r"^@v(\d+\.\d+\.\d+) ", plan, re.MULTILINE)
    return sorted({*tags} ^ {bundle.name.removesuffix(".tar.gz") for bundle in bundles})


def before_contract(project: Path) -> Path:
    """The plan of a database that stays in phase 2, made as docs/releasing.md says."""
    page = (ROOT / "docs/releasing.md").read_text()
    command = re.search(r"^sed .* > (before-contract\.plan)$", page, re.MULTILINE)
    assert command
    run("bash", "-c", command[0], cwd=project)
    return project / command[1]
