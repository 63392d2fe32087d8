"""The health check as a program calls it, with the form of what it says proved each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .command_line import call
from .commands import execute, run, value

AS_DEPLOYED = "all there, as deployed"
ADVICE = re.compile(
    r"run ((?:psql|sqitch|ALTER|CREATE|DROP|REINDEX) .+?)(?:,? (?:and look )?again)?(?:; |$)"
)
LABEL = r'[a-z]+="([^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(
    rf"^([a-z_]+)\{{(database{LABEL[6:]})(,({LABEL}(,{LABEL})*))?\}} (\d+(\.\d+)?)$"
)


@dataclass
class Health:
    """What one call said."""

    exit_code: int
    status: str
    phase: str | None
    forward: str | None
    back: str | None
    checks: dict[str, dict[str, Any]]

    def said(self, name: str) -> tuple[str, Any, str]:
        """Status, value and detail of one check."""
        check = self.checks[name]
        return check["status"], check["value"], check["detail"]


def health(url: str, *args: str) -> Health:
    """The check's JSON, exactly of the promised shape."""
    done = call(url, "health", "--format", "json", *args)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert list(report) == ["status", "phase", "forward", "back", "checks", "seen"]
    for check in report["checks"]:
        assert list(check) == ["name", "status", "value", "detail"]
        assert check["status"] in {"ok", "warning", "critical", "unknown"}
    checks = {check["name"]: check for check in report["checks"]}
    assert len(checks) == len(report["checks"])
    assert done.returncode == ["ok", "warning", "critical", "unknown"].index(report["status"])
    assert (report["forward"] is None) == (report["back"] is None)
    return Health(
        done.returncode,
        report["status"],
        report["phase"],
        report["forward"],
        report["back"],
        checks,
    )


def samples(url: str, *args: str) -> tuple[int, dict[str, float]]:
    """The exit code and the samples of the Prometheus text, once its lines are proved valid.

    The label database, which all of them have, is left out.
    """
    done = call(url, "health", "--format", "prometheus", *args)
    assert done.stderr == ""
    found: dict[str, float] = {}
    described: set[tuple[str, str]] = set()
    databases: set[str] = set()
    for line in done.stdout.splitlines():
        if re.match("# (connection|thresholds) unknown: .", line):
            continue
        if line.startswith("# "):
            _hash, keyword, name, text = line.split(" ", 3)
            assert (keyword, name) not in described
            kind = "counter" if name.endswith("_total") else "gauge"
            assert keyword == "HELP" or (keyword, text) == ("TYPE", kind)
            described.add((keyword, name))
            continue
        parsed = SAMPLE.match(line)
        assert parsed, line
        name, labels, number = parsed[1], parsed[5], parsed[9]
        assert {("HELP", name), ("TYPE", name)} <= described
        sample = f"{name}{{{labels}}}" if labels else name
        assert sample not in found
        found[sample] = float(number)
        databases.add(parsed[2])
    assert len(databases) == 1
    return done.returncode, found


def recorded(url: str, *kinds: str) -> int:
    """How many parts of these kinds the database has recorded."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    statement = f"""
        SELECT count(*) FROM tenancy.deployed_parts WHERE is_there AND kind IN ({listed})
    """
    return int(value(url, statement))


def go(url: str, command: str | None) -> None:
    """Run one of the two commands out of a half state, as it is printed."""
    assert command is not None
    run("bash", "-c", command, env={"DATABASE_URL": url, "SQITCH_TARGET": f"db:{url}"})


def follow(url: str, detail: str) -> None:
    """Do what a check says is to be run, as a person would, in the repository."""
    advices = ADVICE.findall(detail)
    assert advices, detail
    for advice in advices:
        if not advice.startswith(("psql ", "sqitch ")):
            execute(url, advice)
            continue
        command = advice.replace("psql -f", 'psql -X "$DATABASE_URL" -f')
        run("bash", "-c", command, env={"DATABASE_URL": url, "SQITCH_TARGET": f"db:{url}"})


@contextmanager
def role(url: str, *rights: str) -> Iterator[str]:
    """The URL for a role with these rights and no others, for as long as this lasts."""
    execute(url, "CREATE ROLE watcher LOGIN")
    try:
        for right in rights:
            execute(url, right)
        yield url.replace("postgres@", "watcher@")
    finally:
        execute(url, "DROP OWNED BY watcher CASCADE", "DROP ROLE watcher")


CLASSES = (
    "agrees",
    "public_confirms",
    "cancelled",
    "misplaced",
    "profile_differs",
    "counts_differ",
    "all_differ",
    "stylist_moved",
)


def shop_profiles(url: str) -> dict[str, int]:
    """How many profiles are of each class of tenancy.shop_check."""
    return {
        name: int(value(url, f"SELECT count(*) FROM tenancy.shop_check WHERE class = '{name}'"))
        for name in CLASSES
    }
