"""The files of a program, and what they use."""

from __future__ import annotations

import ast
import codecs
import io
import os
import re
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from . import baseline, python_source, text_source
from .finding import Finding, Kind, Report, counting
from .legacy import COLUMNS, STATISTICS
from .names import Module
from .program import Program

_NOT_SOURCE = {
    *(".git", ".hg", ".svn", "node_modules", "site-packages", "__pycache__", ".venv", "venv"),
    *(".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs"),
}
_HISTORY = {"migrations", "versions"}
_PYTHON = {".py", ".pyi"}
_NAMES = re.compile("|".join([STATISTICS, *COLUMNS]), re.IGNORECASE)  # most files end here


def scan(root: Path) -> Report:
    """Everything under a folder, or in one file.

    Args:
        root: the folder, or the file.

    Raises:
        OSError: `root` cannot be read.
    """
    report = Report()
    texts = dict(_texts(root, report))
    modules: list[Module] = []
    for path, text in texts.items():
        if PurePosixPath(path).suffix in _PYTHON:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # those of the source are for its authors
                    modules.append(Module(path, text, ast.parse(text)))
            except (SyntaxError, ValueError, RecursionError):
                report.as_text.append(path)
    program = Program(modules)
    report.as_text += [module.path for module in program.too_deep]
    parsed = {module.path: module for module in program.modules}
    findings: list[Finding] = []
    history: list[Finding] = []
    for path, text in texts.items():
        module = parsed.get(path)
        is_history = not _HISTORY.isdisjoint(PurePosixPath(path).parts[:-1])
        collector = _Collector(path, text)
        if module is not None:
            is_history = python_source.is_history(module.tree)
            try:
                python_source.find(program, module, collector.add)
            except RecursionError:
                report.as_text.append(path)
                module = None
        if module is None and _NAMES.search(text):
            text_source.find(path, text, collector.add)
        (history if is_history else findings).extend(collector.findings())
    report.findings = counting(findings)
    report.history = counting(history)
    return report


class _Collector:
    """Takes what is found in one file; of the same in one line, the first."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._found: dict[tuple[int, str], Finding] = {}

    def add(self, line: int, start: int, kind: Kind, target: str, is_certain: bool) -> None:
        shown = self._lines[line - 1].strip() if line <= len(self._lines) else ""
        new = Finding(self._path, line, start, kind, target, is_certain, shown)
        old = self._found.get((line, target))
        if old is None or (new.is_certain, -new.column) > (old.is_certain, -old.column):
            self._found[line, target] = new

    def findings(self) -> list[Finding]:
        return list(self._found.values())


def _texts(root: Path, report: Report) -> Iterator[tuple[str, str]]:
    """Path and text of each file that may be source."""
    for file in _files(root, report):
        path = file.name if file == root else file.relative_to(root).as_posix()
        if file.suffix.lower() in text_source.PROSE:
            continue
        try:
            text = _decoded(file.read_bytes(), file.suffix in _PYTHON)
        except OSError as error:
            report.unread.append(f"{path}: {error.strerror}")
            continue
        if text is not None and not baseline.is_baseline(text):
            report.files += 1
            yield path, text


def _files(root: Path, report: Report) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    os.scandir(root).close()  # raises, where os.walk says nothing

    def unread(error: OSError) -> None:
        report.unread.append(f"{Path(error.filename).relative_to(root)}: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=unread):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _NOT_SOURCE and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_file() and not (
                file.is_symlink() and file.resolve().is_relative_to(root.resolve())
            ):
                yield file


def _decoded(data: bytes, is_python: bool) -> str | None:
    """The text; None if it is none. Names are ASCII, so what is no UTF-8 does not matter."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        return None
    encoding = "utf-8-sig"
    if is_python:
        try:
            encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        except SyntaxError:
            encoding = "utf-8-sig"
    text = data.decode(encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
