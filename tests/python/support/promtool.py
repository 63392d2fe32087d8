"""Prometheus' promtool, and what alerts a sample of metrics would raise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .cluster import ROOT
from .commands import Completed, run

RULES = ROOT / "monitoring/prometheus/rules.yml"
TESTS = sorted((ROOT / "monitoring/prometheus/tests").glob("*.yml"))

SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
_MINUTES = 180


def promtool(*args: str | Path, stdin: str = "", check: bool = True) -> Completed:
    """Run it; it fails with what it found."""
    return run("promtool", *args, stdin=stdin, check=check)


def rules() -> list[dict[str, Any]]:
    """All rules, in their order."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions(expr: Iterable[str]) -> str:
    """A file of rules that has these expressions, for promtool to parse."""
    recorded = [{"record": f"r{number}", "expr": each} for number, each in enumerate(expr)]
    return yaml.safe_dump({"groups": [{"name": "expressions", "rules": recorded}]})


def families(text: str) -> dict[str, set[str]]:
    """The metrics of an output of health, each with the labels that its samples have."""
    found: dict[str, set[str]] = {}
    for sample in SAMPLE.finditer(text):
        labels = {name for name, _ in LABEL.findall(sample["labels"] or "")}
        found.setdefault(sample["name"], set()).update(labels)
    return found


def firing(outputs: Mapping[str, str], folder: Path) -> set[tuple[str, str]]:
    """The alerts that fire once health has said nothing else for three hours.

    Args:
        outputs: of health in Prometheus' format, each with the instance that Prometheus has it from.
        folder: for files.

    Returns:
        Instance and name of each alert; the instance is empty where the alert names none.
    """
    series = [
        {"series": f"{name}{{{labels}}}", "values": f"{first:.0f}+{step}x{_MINUTES}"}
        for instance, text in outputs.items()
        for name, labels, first, step in _series(text, instance)
    ]
    names = [rule["alert"] for rule in rules()]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "alert_rule_test": [
                    {"eval_time": f"{_MINUTES}m", "alertname": name, "exp_alerts": []}
                    for name in names
                ],
            }
        ],
    }
    file = folder / "generated.yml"
    file.write_text(json.dumps(test))  # which is YAML, too
    done = promtool("test", "rules", file, check=False)
    said = done.stdout + done.stderr
    fired = {
        (_label(labels, "instance"), _label(labels, "alertname"))
        for labels in re.findall(r"^ *Labels:\{(.*)\}$", said, re.MULTILINE)
    }
    assert (done.returncode == 0) == (not fired), said
    return fired


def _series(text: str, instance: str) -> Iterable[tuple[str, str, float, int]]:
    """Name, labels, first value and what is added each minute; health ran in each minute."""
    ran = re.search(r"^convo_tenancy_health_run_timestamp_seconds\S* (\S+)$", text, re.MULTILINE)
    assert ran, text
    for sample in SAMPLE.finditer(text):
        labels = [sample["labels"]] if sample["labels"] else []
        labels += ['job="node"', f'instance="{instance}"']
        value, step = float(sample["value"]), 0
        if sample["name"].endswith("_timestamp_seconds"):  # promtool's time begins at 0
            value -= float(ran[1]) - _MINUTES * 60
        if sample["name"] == "convo_tenancy_health_run_timestamp_seconds":
            value, step = 0, 60
        yield sample["name"], ",".join(labels), value, step


def _label(labels: str, name: str) -> str:
    return dict(LABEL.findall(labels)).get(name, "")
