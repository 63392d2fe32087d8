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
_LOOKS, _APART = 20, 4  # minutes; Prometheus forgets a sample after five


def promtool(*args: str | Path, stdin: str = "", check: bool = True) -> Completed:
    """Run it; it fails with what it found."""
    return run("promtool", *args, stdin=stdin, check=check)


def rules() -> list[dict[str, Any]]:
    """All rules, in their order."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def cases() -> Iterable[tuple[str, bool]]:
    """Of each case in the tests of the rules: which alert, and whether it is to fire."""
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                yield case["alertname"], bool(case.get("exp_alerts"))


def expressions(expr: Iterable[str]) -> str:
    """A file of rules that has these expressions, for promtool to parse."""
    recorded = [{"record": f"r{number}", "expr": each} for number, each in enumerate(expr)]
    return json.dumps({"groups": [{"name": "expressions", "rules": recorded}]})  # YAML, too


def families(text: str) -> dict[str, set[str]]:
    """The metrics of an output of health, each with the labels that its samples have."""
    found: dict[str, set[str]] = {}
    for sample in SAMPLE.finditer(text):
        labels = {name for name, _ in LABEL.findall(sample["labels"] or "")}
        found.setdefault(sample["name"], set()).update(labels)
    return found


def firing(outputs: Mapping[str, str], folder: Path) -> set[tuple[str, str, str]]:
    """The alerts that fire once health has said nothing else for 80 minutes.

    Args:
        outputs: of health in Prometheus' format, by the instance that Prometheus has each from.
        folder: for files.

    Returns:
        Instance, name and check of each alert; a label that an alert does not have is empty.
    """
    series = [
        {"series": f"{name}{{{labels}}}", "values": f"{first:f}+{step}x{_LOOKS}"}
        for instance, text in outputs.items()
        for name, labels, first, step in _series(text, instance)
    ]
    names = [rule["alert"] for rule in rules()]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{_APART}m",
        "tests": [
            {
                "interval": f"{_APART}m",
                "input_series": series,
                "alert_rule_test": [
                    {"eval_time": f"{_LOOKS * _APART}m", "alertname": name, "exp_alerts": []}
                    for name in names
                ],
            }
        ],
    }
    file = folder / "generated.yml"
    file.write_text(json.dumps(test))  # YAML, too
    done = promtool("test", "rules", file, check=False)
    said = done.stdout + done.stderr
    fired = {
        (_label(labels, "instance"), _label(labels, "alertname"), _label(labels, "check"))
        for labels in re.findall(r"^ *Labels:\{(.*)\}$", said, re.MULTILINE)
    }
    assert (done.returncode == 0) == (not fired), said
    return fired


def _series(text: str, instance: str) -> Iterable[tuple[str, str, float, int]]:
    """Name, labels, first value and what each look adds."""
    ran = re.search(r"^convo_tenancy_health_run_timestamp_seconds\S* (\S+)$", text, re.MULTILINE)
    assert ran, text
    for sample in SAMPLE.finditer(text):
        labels = [sample["labels"]] if sample["labels"] else []
        labels += ['job="node"', f'instance="{instance}"']
        value, step = float(sample["value"]), 0
        if sample["name"].endswith("_timestamp_seconds"):  # promtool's time begins at 0
            value -= float(ran[1]) - _LOOKS * _APART * 60
        if sample["name"] == "convo_tenancy_health_run_timestamp_seconds":
            value, step = 0, _APART * 60
        yield sample["name"], ",".join(labels), value, step


def _label(labels: str, name: str) -> str:
    return next((value for label, value in LABEL.findall(labels) if label == name), "")
