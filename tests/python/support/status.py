"""convo-tenancy status as a program calls it, with the form of what it says proved each time."""

from __future__ import annotations

import json
from typing import Any

from .command_line import call

KEYS = [
    *("at", "database", "phase", "since", "half_state", "running", "backfill", "isolation"),
    *("code", "next", "back", "in_the_way"),
]


def status(url: str, exit_code: int = 0) -> dict[str, Any]:
    """Its JSON, exactly of the promised shape."""
    done = call(url, "status", "--format", "json")
    assert (done.returncode, done.stderr) == (exit_code, ""), done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert list(said) == KEYS
    assert (said["phase"] is None) == (exit_code == 3)
    step = said["next"]
    assert not step["is_safe"] or (step["command"] and not step["not_before"])
    return said


def screen(url: str, columns: int = 80, *options: str) -> list[str]:
    """What a person sees; nothing but commands is wider than the screen."""
    done = call(url, *options, "status", env={"COLUMNS": str(columns), "SQITCH_TARGET": None})
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    commands = (
        "sqitch ",
        "psql ",
        "convo-tenancy ",
        "move ",
        "take ",
        "remove ",
        "run ",
        "ask ",
        "CALL ",
    )
    for line in lines:
        assert len(line) <= columns or line.lstrip().removeprefix("Next step").removeprefix(
            "Way back"
        ).lstrip().startswith(commands), line
    return lines


def in_the_way(said: dict[str, Any]) -> dict[str, str]:
    """The names of what is in the way, each with its status."""
    return {each["name"]: each["status"] for each in said["in_the_way"]}
