"""What is known already: a file of findings that do not count.

An entry is a file, a target and the line's text, not its number: it stays when lines above it move,
and leaves when the line changes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from ..errors import Problem
from .finding import Finding, Report

_VERSION = 1
_BEGINNING = re.compile(rf'\s*{{\s*"version":\s*{_VERSION},\s*"known":\s*\[')
Entry = tuple[str, str, str]


def is_baseline(text: str) -> bool:
    """Whether a file with this text is one. It quotes the findings, and uses nothing itself."""
    return _BEGINNING.match(text) is not None


def write(file: Path, report: Report) -> None:
    """Make all that was found known.

    Raises:
        OSError: the file cannot be written.
    """
    entries = [
        {"path": path, "target": target, "text": text, "times": times}
        for (path, target, text), times in sorted(Counter(map(_entry, report.findings)).items())
    ]
    file.write_text(json.dumps({"version": _VERSION, "known": entries}, indent=2) + "\n")


def apply(file: Path, report: Report, exit_code: int) -> None:
    """Take what is known out of a report, and say what of it no longer occurs.

    Raises:
        Problem: the file is no baseline, with `exit_code`.
    """
    left = _read(file, exit_code)
    new = []
    for finding in report.findings:
        entry = _entry(finding)
        if left[entry] > 0:
            left[entry] -= 1
            report.known += 1
        else:
            new.append(finding)
    report.findings = new
    report.gone = [
        f"{path}: {target}: {text}" for (path, target, text), times in left.items() if times > 0
    ]


def _entry(finding: Finding) -> Entry:
    return finding.path, finding.target, " ".join(finding.text.split())


def _read(file: Path, exit_code: int) -> Counter[Entry]:
    try:
        written = json.loads(file.read_text())
        if written["version"] != _VERSION:
            raise ValueError
        return Counter(
            {
                (str(each["path"]), str(each["target"]), str(each["text"])): int(each["times"])
                for each in written["known"]
            }
        )
    except OSError as error:
        raise Problem(f"cannot read the baseline {file}: {error.strerror}", exit_code) from None
    except (ValueError, LookupError, TypeError):
        raise Problem(
            f"{file} is no baseline of this command: write it anew with --write-baseline", exit_code
        ) from None
