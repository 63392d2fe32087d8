"""convo-tenancy scan."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..display import Format, FormatOption, listed, printable, say
from ..errors import Problem
from ..failures import Command
from . import baseline
from .finding import Finding, Report
from .legacy import instead_of
from .tree import scan as scan_tree

_CANNOT_LOOK = 3
_EXAMPLES = 3


class ScanCommand(Command):
    """What ends it early is no finding."""

    failure = _CANNOT_LOOK


def scan(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The folder of the application, or one file.")
    ],
    known: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="A file of known findings, which do not count."
        ),
    ] = None,
    write_baseline: Annotated[
        bool,
        typer.Option("--write-baseline", help="Write all findings to the baseline, and exit 0."),
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Find source code that still uses the legacy side. It reads files only, no database.

    It finds customer_booking_stats and the three columns of customers that phase 3 removes: in
    Python by meaning (mapped classes, their attributes, SQL in strings), elsewhere by SQL and
    words. Name the folder of the whole application, because its models define the meaning. A line
    with "may" names a column that profiles have, too, on an object of unknown type.

    Exit codes: 0 nothing is left, 1 something is, 2 called wrongly, 3 something could not be read.

    \b
    Examples:
      convo-tenancy scan .
      convo-tenancy scan app --format json | jq '.findings[].path'
      convo-tenancy scan . --baseline legacy-use.json --write-baseline
      convo-tenancy scan . --baseline legacy-use.json
    """
    if write_baseline and known is None:
        raise Problem("--write-baseline needs a file: add --baseline FILE", 2)
    try:
        report = scan_tree(path)
    except OSError as error:
        raise Problem(f"cannot read {path}: {error.strerror}", _CANNOT_LOOK) from None
    if report.files == 0 and not report.unread:
        raise Problem(f"no source file in {path}: name the folder of the application", _CANNOT_LOOK)
    if write_baseline and known is not None:
        _refuse_unread(report)
        try:
            baseline.write(known, report)
        except OSError as error:
            raise Problem(f"cannot write {known}: {error.strerror}", _CANNOT_LOOK) from None
        if output is Format.JSON:
            print(json.dumps({"baseline": str(known), "known": len(report.findings)}))
        else:
            say(f"{len(report.findings):,} findings are known now: {printable(str(known))}")
        return
    if known is not None:
        baseline.apply(known, report, _CANNOT_LOOK)
    _SHOWN[output](path, report)
    _refuse_unread(report)
    if report.findings:
        raise typer.Exit(1)


def _refuse_unread(report: Report) -> None:
    if report.unread:
        raise Problem(
            f"{len(report.unread):,} could not be read ({listed(report.unread, _EXAMPLES)}):"
            " run the scan as a user who may read them",
            _CANNOT_LOOK,
        )


def _print_text(root: Path, report: Report) -> None:
    for finding in report.findings:
        print(printable(_line(root, finding)))
    for entry in report.gone:
        say(printable(f"the baseline has a finding that no longer occurs: {entry}"))
    for path in report.as_text:
        say(printable(f"does not parse as Python, read as text: {path}"))
    if report.history:
        files = len({finding.path for finding in report.history})
        say(f"{len(report.history):,} in {files:,} migrations, which are history: not counted")
    known = f", {report.known:,} known" if report.known else ""
    uncertain = sum(not finding.is_certain for finding in report.findings)
    may = f" ({uncertain:,} of them may be other tables')" if uncertain else ""
    say(f"{len(report.findings):,} findings{may} in {report.files:,} files{known}")


def _line(root: Path, finding: Finding) -> str:
    place = root / finding.path if root.is_dir() else root
    target = finding.target if finding.is_certain else f"may be {finding.target}"
    return (
        f"{place}:{finding.line}:{finding.column}: {finding.kind}: {target}:"
        f" {instead_of(finding.target)}"
    )


def _print_json(root: Path, report: Report) -> None:
    fields = asdict(report)
    for name in ("findings", "history"):
        fields[name] = [
            {**asdict(each), "instead": instead_of(each.target)} for each in getattr(report, name)
        ]
    json.dump({"path": str(root), **fields}, sys.stdout, indent=2)
    print()


_SHOWN = {Format.TEXT: _print_text, Format.JSON: _print_json}
