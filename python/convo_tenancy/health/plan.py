"""Whether the database was deployed from the plan at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from ..deploy_files import PROJECT
from .model import Check, Status, skipped
from .phase import SWITCH, Registered
from .ways import ITS_PAGE

_SECONDS = 30


def find_plan(given: Path | None) -> Path | None:
    """The folder of the project's sqitch.plan.

    Args:
        given: the folder that the caller names; else it is the current one if it has the plan, or
            the package's own.
    """
    candidates = [given] if given else [Path(), PROJECT]
    for folder in candidates:
        try:
            if "%project=convo_tenancy\n" in (folder / "sqitch.plan").read_text(encoding="utf-8"):
                return folder
        except (OSError, UnicodeDecodeError):
            continue
    return None


def check_plan(deployed: tuple[Registered, ...] | None, folder: Path | None) -> Check:
    """Compare the ids of the deployed changes with those of the plan, in order.

    Args:
        deployed: as Sqitch's registry has them; None when that is not known.
        folder: of sqitch.plan; None when there is none at hand.
    """
    if folder is None:
        return skipped(
            "plan", "found no sqitch.plan of this project: name its folder by --plan-directory"
        )
    if shutil.which("sqitch") is None:
        return skipped("plan", "sqitch is not installed here")
    if not deployed:
        return skipped("plan", "what Sqitch has registered is not known")
    try:
        check = compare(deployed, _planned(folder))
        if check.status is Status.OK or any(each.change == SWITCH for each in deployed):
            return check
        with tempfile.TemporaryDirectory(prefix="convo-tenancy-") as made:
            plan = (folder / "sqitch.plan").read_text(encoding="utf-8")
            (Path(made) / "sqitch.plan").write_text(before_contract(plan), encoding="utf-8")
            shutil.copyfile(folder / "sqitch.conf", Path(made) / "sqitch.conf")
            passed_over = compare(deployed, _planned(Path(made)))
    except subprocess.CalledProcessError as error:
        return skipped("plan", f"sqitch plan failed: {' '.join(error.stderr.split())}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return skipped("plan", f"sqitch plan failed: {error}")
    if passed_over.status is not Status.OK:
        return check
    return replace(passed_over, detail=f"{passed_over.detail}, without the contract ({ITS_PAGE})")


def before_contract(plan: str) -> str:
    """The plan of a database before the contract, as docs/releasing.md makes it.

    Args:
        plan: text of sqitch.plan.
    """
    return re.sub(r"^contract/switch (?s:.)*?^@phase3 .*\n|^@v.*\n", "", plan, flags=re.MULTILINE)


def _planned(folder: Path) -> list[str]:
    """The ids of its plan, in order."""
    done = subprocess.run(
        ["sqitch", "plan", "--no-headers", "--format", "format:%H"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return done.stdout.split()


def compare(deployed: tuple[Registered, ...], planned: list[str]) -> Check:
    """The deployed changes must be the first ones of the plan.

    Args:
        deployed: in order.
        planned: ids, in order.
    """
    for position, change in enumerate(deployed):
        if planned[position : position + 1] != [change.change_id]:
            return Check(
                "plan",
                Status.WARNING,
                len(planned),
                f"deployed from another plan, from {change.change} on: run make down && make up"
                " for the private cluster; elsewhere use the checkout that it was deployed from",
            )
    waiting = len(planned) - len(deployed)
    return Check(
        "plan",
        Status.OK,
        len(planned),
        f"deployed from this plan{f', {waiting} more changes in it' if waiting else ''}",
    )
