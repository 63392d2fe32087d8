"""Alerts and dashboard: what health prints raises what it should; they ask for nothing else."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from convo_tenancy.health.formats import FORMATS
from convo_tenancy.health.model import LegacyReader, Replica, Report, skipped
from support.cluster import ROOT
from support.command_line import call
from support.commands import Completed, execute, run
from support.health import role
from support.isolation import roles
from support.promtool import (
    RULES,
    TESTS,
    cases,
    expressions,
    families,
    firing,
    promtool,
    rules,
)
from support.walk import marked_steps

NOWHERE = "postgresql://postgres@127.0.0.1:1/nowhere"
DASHBOARD = ROOT / "monitoring/grafana/dashboard.json"
SYSTEMD = ROOT / "monitoring/systemd"
PAGE = ROOT / "docs/alerts.md"

METRIC = re.compile(r"\bconvo_tenancy_[a-z_]+")


def metrics(url: str, *args: str) -> str:
    """What health prints for Prometheus."""
    done = call(url, "health", "--format", "prometheus", *args)
    assert done.stderr == ""
    return done.stdout


def test_rules() -> None:
    """They are valid, and each fires when it should and only then; each test has both."""
    promtool("check", "rules", RULES)
    promtool("test", "rules", *TESTS)
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert {*cases()} == {(name, fires) for name in names for fires in (True, False)}


def test_what_an_alert_says() -> None:
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert set(rule["labels"]) == {"severity"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        if rule["alert"] != "ConvoTenancyHealthAbsent":  # which is of no database
            for text in ("summary", "description"):
                assert "$labels.database" in rule["annotations"][text], rule["alert"]


def test_the_page_lists_them() -> None:
    """In the order of the rules, with the link, severity and duration."""
    rows = re.findall(
        r"^\| (\[`ConvoTenancy.*) \| .* \| ([a-z ]+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE
    )
    severity = {"as health says": "{{ if eq $value 2.0 }}critical{{ else }}warning{{ end }}"}
    listed = [
        (name, f"docs/{link}", severity.get(how, how), after)
        for cell, how, after in rows
        for name, link in re.findall(r"\[`(\w+)`\]\(([^)]+)\)", cell)
    ]
    assert listed == [
        (
            rule["alert"],
            rule["annotations"]["runbook_url"],
            rule["labels"]["severity"],
            rule.get("for", "0m"),
        )
        for rule in rules()
    ]


def board() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def queries() -> list[str]:
    """Each query of the dashboard, with a value in the place of each variable."""
    found = board()
    asked = [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]
    asked += [each["definition"] for each in found["templating"]["list"] if "definition" in each]
    return [query.replace("$instance", "db1").replace("$database", "convo") for query in asked]


def parsed(query: str) -> str:
    """A query that Prometheus has to understand: label_values() is Grafana's."""
    return re.sub(r"^label_values\((.*), \w+\)$", r"\1", query)


def asked_for(query: str) -> tuple[set[str], set[str]]:
    """The metrics of ours that a query names, and the labels that it expects of them."""
    labels = set(re.findall(r'([a-z]+)[!=]~?"', query))
    for listed in re.findall(r"(?:by|on) \(([a-z, ]*)\)", query):
        labels |= {label.strip() for label in listed.split(",")}
    labels |= set(re.findall(r", (\w+)\)$", query)) if query.startswith("label_values") else set()
    return set(METRIC.findall(query)), labels


OF_PROMETHEUS = {"job", "instance", "alertname", "alertstate", "severity"}

DRIFT = """
    SET session_replication_role = replica;
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id IN (3, 5, 7);
"""
STALLED = """
    UPDATE tenancy.backfill_progress
    SET finished_at = NULL, customers_done = 912, updated_at = now() - interval '1 hour'
"""
MIRROR_OFF = """
    ALTER TABLE public.customer_booking_stats DISABLE TRIGGER mirror_statistics_to_profiles
"""
MIRROR_ON = """
    ALTER TABLE public.customer_booking_stats ENABLE TRIGGER mirror_statistics_to_profiles
"""
WRITES_BOTH = """
    BEGIN;
    SET application_name = 'old "desk"';
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id = 7;
    UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1
    WHERE customer_id = 7 AND shop_id = 4;
    COMMIT;
"""


def elsewhere(capsys: pytest.CaptureFixture[str]) -> str:
    """What health prints where there are standbys, slots and pg_stat_statements."""
    FORMATS["prometheus"](
        Report(
            checks=[skipped("replicas", "")],
            replicas=[
                Replica("other", kind, "streaming", True, 1024, 2.5) for kind in ("standby", "slot")
            ],
            legacy_readers=[LegacyReader("app", 1, 2, "SELECT", datetime.now(UTC))],
        )
    )
    return capsys.readouterr().out


def test_what_health_prints_raises(
    legacy_database: str,
    phase1_database: str,
    phase2_database: str,
    phase3_database: str,
    isolated_database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A real database is broken, and mended: what health prints then fires, and fires no longer."""
    seen = {
        "refused": metrics(NOWHERE),
        "not deployed": metrics(legacy_database),
        "phase 1": metrics(phase1_database),
        "phase 2": metrics(phase2_database),
        "phase 3": metrics(phase3_database),
        "isolated": metrics(isolated_database),
    }
    execute(phase1_database, DRIFT)
    seen["drift in phase 1"] = metrics(phase1_database)
    with role(phase1_database) as url:
        seen["no rights"] = metrics(url)
    execute(phase1_database, STALLED)
    seen["backfill stalled"] = metrics(phase1_database)
    execute(phase1_database, "UPDATE tenancy.backfill_progress SET paused = TRUE")
    seen["backfill paused"] = metrics(phase1_database)

    execute(phase2_database, WRITES_BOTH)
    seen["double writers"] = metrics(phase2_database)
    execute(phase2_database, "DELETE FROM tenancy.double_writes", DRIFT)
    seen["drift"] = metrics(phase2_database)
    execute(phase2_database, MIRROR_OFF)
    seen["drift, mirror off"] = metrics(phase2_database)
    execute(phase2_database, MIRROR_ON)
    call(phase2_database, "repair")
    seen["mended"] = metrics(phase2_database)
    execute(phase2_database, "DROP SCHEMA sqitch CASCADE")
    seen["half state"] = metrics(phase2_database)

    with roles(isolated_database, "bypasser"):
        execute(isolated_database, "GRANT convo_shop TO bypasser; ALTER ROLE bypasser BYPASSRLS")
        seen["isolation broken"] = metrics(isolated_database)
        execute(isolated_database, "ALTER ROLE bypasser NOBYPASSRLS")
        seen["isolation mended"] = metrics(isolated_database)

    for text in seen.values():
        promtool("check", "metrics", stdin=text)
    # And every check, of whichever phase, once it warns, is critical or cannot be made.
    both = seen["phase 2"] + seen["phase 3"]
    checks = set(re.findall(r'check="(\w+)"', both))
    for status in (1, 2, 3):
        seen[f"all {status}"] = re.sub(r'(check="\w+"}) \d', rf"\1 {status}", both)
    fired = firing(seen, tmp_path)

    def at(instance: str) -> list[tuple[str, str]]:
        return sorted((check, name) for where, name, check in fired if where == instance)

    assert [check for check, _ in at("all 1")] == sorted(checks - {"drift", "backfill"})
    assert [check for check, _ in at("all 2")] == sorted(checks)
    assert [check for check, _ in at("all 3")] == sorted(checks)
    denied = {(name, check) for check, name in at("no rights")}
    assert ("ConvoTenancyHealthUnknown", "drift") in denied
    assert {name for name, _ in denied} == {"ConvoTenancyHealthUnknown"}
    assert {each for each in fired if not each[0].startswith(("all ", "no "))} == {
        ("refused", "ConvoTenancyCannotConnect", "connection"),
        ("not deployed", "ConvoTenancyHealthUnknown", "phase"),
        ("backfill stalled", "ConvoTenancyBackfillStalled", ""),
        ("half state", "ConvoTenancyHalfState", "phase"),
        ("double writers", "ConvoTenancyDoubleWriters", "double_writers"),
        ("drift", "ConvoTenancyDrift", "drift"),
        ("drift, mirror off", "ConvoTenancyDrift", "drift"),
        ("drift, mirror off", "ConvoTenancyMirrorOff", "triggers"),
        ("isolation broken", "ConvoTenancyIsolationBroken", "isolation"),
    }

    # What rules and dashboard ask for is printed, with these labels.
    printed: dict[str, set[str]] = {}
    for text in [*seen.values(), elsewhere(capsys)]:
        for name, labels in families(text).items():
            printed.setdefault(name, set()).update(labels)
    for query in [*(rule["expr"] for rule in rules()), *queries()]:
        names, labels = asked_for(query)
        assert names or "ALERTS" in query, query
        assert names <= set(printed), query
        having = OF_PROMETHEUS.union(*(printed[name] for name in names))
        assert labels <= having | ({"database"} if "ALERTS" in query else set()), query
    for rule in rules():
        names, _ = asked_for(rule["expr"])
        having = {"job", "instance"}.union(*(printed[name] for name in names))
        for text in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= having, rule["alert"]
            named, labels = asked_for(text)
            assert named <= set(printed), text
            assert labels <= having, text


def test_dashboard() -> None:
    """Grafana does not run here; this is what its schema asks for, and what a person needs."""
    found = board()
    assert found["schemaVersion"] == 39  # of Grafana 11; later ones bring it to their own
    assert (found["uid"], found["title"]) == ("convo-tenancy", "convo-tenancy")
    variables = {each["name"]: each for each in found["templating"]["list"]}
    assert [each["type"] for each in variables.values()] == ["datasource", "query", "query"]
    assert variables["datasource"]["query"] == "prometheus"

    panels = found["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["w"] > 0
        assert at["x"] + at["w"] <= 24, panel["title"]
        area = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not area & taken, panel["title"]
        taken |= area
        if panel["type"] == "row":
            continue
        assert panel["type"] in {"stat", "table", "timeseries", "status-history"}
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["targets"], panel["title"]
        assert [each["refId"] for each in panel["targets"]] == list("ABC")[: len(panel["targets"])]
        uses = [panel["datasource"], *(each["datasource"] for each in panel["targets"])]
        assert all(use == {"type": "prometheus", "uid": "${datasource}"} for use in uses)
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in {"none", "short", "percentunit", "s", "bytes"}, panel["title"]
        steps = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert steps[0] is None
        assert steps[1:] == sorted(steps[1:])
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                names, by = asked_for(target["expr"])
                assert label in by or names == {"convo_tenancy_info"} or label == "check"


def test_every_query_is_one(tmp_path: Path) -> None:
    """Prometheus can read it."""
    file = tmp_path / "queries.yml"
    file.write_text(expressions(parsed(query) for query in queries()))
    promtool("check", "rules", file)


@pytest.fixture
def service(tmp_path: Path) -> Callable[..., Completed]:
    """What systemd runs, with the file in a folder of the test."""
    unit = (SYSTEMD / "convo-tenancy-health@.service").read_text()
    line = re.search(r"^ExecStart=(.*(?:(?<=\\)\n.*)*)$", unit, re.MULTILINE)
    assert line
    command = shlex.split(line[1].replace("\\\n", " ").replace("$$", "$").replace("%%", "%"))
    file = tmp_path / "convo_tenancy_salon.prom"

    def start(url: str, path: str = "") -> Completed:
        added = {"DATABASE_URL": url, "FILE": str(file), "XDG_STATE_HOME": str(tmp_path / "state")}
        if path:
            added["PATH"] = f"{path}:/usr/bin:/bin"
        return run(*command, check=False, env=added)

    return start


def test_the_file_of_metrics(
    service: Callable[..., Completed], phase1_database: str, tmp_path: Path
) -> None:
    """Whatever health finds replaces it as a whole; what fails leaves it as it was."""
    file = tmp_path / "convo_tenancy_salon.prom"
    done = service(phase1_database)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nconvo_tenancy_drift_rows{" in file.read_text()
    assert [path.name for path in tmp_path.glob("*.prom*")] == [file.name]
    execute(phase1_database, DRIFT)
    assert service(phase1_database).returncode == 0  # exit code 1 of health
    promtool("check", "metrics", stdin=file.read_text())
    assert service(NOWHERE).returncode == 0
    before = file.read_text()
    assert 'check="connection"} 3\n' in before

    program = tmp_path / "bin/convo-tenancy"
    program.parent.mkdir()
    assert service(phase1_database, "/nonexistent").returncode != 0
    for text in ("echo half; kill -9 $$", "exit 3", "echo Usage >&2; exit 3"):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        assert service(phase1_database, str(program.parent)).returncode != 0, text
    program.write_text("#!/bin/sh\necho something\n")
    (tmp_path / f"{file.name}.new").symlink_to("/dev/full")
    assert service(phase1_database, str(program.parent)).returncode != 0
    assert file.read_text() == before


@pytest.mark.skipif(not shutil.which("systemctl"), reason="no systemd")
def test_each_command_of_the_page(tmp_path: Path) -> None:
    """As root in a folder that stands for the whole system: the timer is enabled there."""
    etc = tmp_path / "etc"
    (etc / "systemd/system").mkdir(parents=True)
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(  # nothing runs there that could start it now
        '#!/bin/sh\n[ "$1 $2" = "enable --now" ] || exit 1\nshift 2\n'
        f'exec {shutil.which("systemctl")} --root="{tmp_path}" enable "$@"\n'
    )
    systemctl.chmod(0o755)
    for _, block in marked_steps(PAGE):
        commands = block.replace("/etc/", f"{etc}/")
        path = f"{systemctl.parent}:{os.environ['PATH']}"
        done = run("bash", "-euo", "pipefail", "-c", commands, check=False, env={"PATH": path})
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    [timer] = (etc / "systemd/system/timers.target.wants").iterdir()
    assert timer.name == "convo-tenancy-health@NAME.timer"
    service = (etc / "systemd/system/convo-tenancy-health@.service").read_text()
    [file] = re.findall(r"^EnvironmentFile=/etc/(\S+)$", service, re.MULTILINE)
    environment = etc / file.replace("%i", "NAME")
    assert re.fullmatch(r"DATABASE_URL=postgresql://monitor@\S+\n", environment.read_text())
    assert environment.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = [
        shutil.copy(path, tmp_path / path.name.replace("@", "@salon"))
        for path in sorted(SYSTEMD.iterdir())
    ]
    for path in SYSTEMD.iterdir():
        shutil.copy(path, tmp_path)
    done = run("systemd-analyze", "verify", "--man=no", *units)
    assert done.stdout + done.stderr == ""


def test_nagios_takes_the_command(phase1_database: str) -> None:
    """As Nagios runs it, with its macros replaced."""
    text = (ROOT / "monitoring/nagios/commands.cfg").read_text()
    line = re.search(r"^ *command_line +\S*/convo-tenancy (.*)$", text, re.MULTILINE)
    assert line
    words = shlex.split(line[1])
    at = words.index("--database-url") + 1
    assert words[at] == "postgresql://monitor@$HOSTADDRESS$/$ARG1$"
    words[at] = phase1_database
    done = call("", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("CONVO_TENANCY OK - ")
