"""docs/reference is what the plan, the database and the command line say now."""

from __future__ import annotations

import os

import pytest

from support.reference import FOLDER, pages

UPDATE = "CONVO_UPDATE_REFERENCE"  # set: write the pages in place of comparing with them


def test_the_reference(phase2_database: str, phase3_database: str) -> None:
    made = pages(phase2_database, phase3_database)
    if UPDATE in os.environ:
        FOLDER.mkdir(exist_ok=True)
        for name, text in made.items():
            (FOLDER / name).write_text(text)
    there = {path.name: path.read_text() for path in FOLDER.glob("*")}
    stale = sorted(name for name in there.keys() | made if there.get(name) != made.get(name))
    if stale:
        pytest.fail(
            f"stale in docs/reference: {', '.join(stale)}; run"
            f" {UPDATE}=1 .venv/bin/pytest tests/python/test_reference.py and commit it"
        )
