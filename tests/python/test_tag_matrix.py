"""From every tag to every other one: the schema there, and the history."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from support.at_once import move_to, verify
from support.cluster import ROOT, Cluster
from support.commands import pg_dump_schema, psql_file, sqitch
from support.history import legacy_history
from support.plan import CONTRACT, TAGS
from support.soak import SOAK

FOLDER = ROOT / "tests/schema"
UPDATE = "CONVO_UPDATE_SCHEMA"  # set: write the files in place of comparing with them

# Every pair of tags, there and back; @ROOT is the database as it was.
WALK = (
    ("deploy", "@phase1"),
    ("revert", "@ROOT"),
    ("deploy", "@phase2"),
    ("revert", "@ROOT"),
    ("deploy", "@phase3"),
    ("revert", "@ROOT"),
    ("deploy", "@phase1"),
    ("deploy", "@phase2"),
    ("revert", "@phase1"),
    ("deploy", "@phase3"),
    ("revert", "@phase1"),
    ("deploy", "@phase2"),
    ("deploy", "@phase3"),
    ("revert", "@phase2"),
)

# Each pair once, in a part of WALK for each history; in a soak all of it for each.
SHARES = {
    "empty": (
        ("deploy", "@phase1"),
        ("deploy", "@phase2"),
        ("deploy", "@phase3"),
        ("revert", "@phase2"),
        ("revert", "@phase1"),
        ("revert", "@ROOT"),
    ),
    "recorded": (
        ("deploy", "@phase2"),
        ("revert", "@ROOT"),
    ),
    "sample": (
        ("deploy", "@phase3"),
        ("revert", "@phase1"),
        ("deploy", "@phase3"),
        ("revert", "@ROOT"),
    ),
}


def schema_file(tag: str) -> Path:
    """What `pg_dump -s` gives of schema public at a tag, for who reviews a change of it."""
    return FOLDER / f"{tag.removeprefix('@').lower()}.sql"


# Of schema tenancy, at each tag: what the first way led to. Its scripts are what a reviewer reads.
_support: dict[str, str] = {}


def check_schema(url: str, tag: str) -> None:
    """The schema is that of the tag, whichever way led there."""
    # Profiles that a revert put aside are data.
    schema = pg_dump_schema(url, "public", *(["tenancy_archive"] if tag == "@phase3" else []))
    if UPDATE in os.environ:
        schema_file(tag).parent.mkdir(exist_ok=True)
        schema_file(tag).write_text(schema)
    if schema_file(tag).read_text() != schema:
        changed = schema_file(tag).with_suffix(".new.sql")
        changed.write_text(schema)
        pytest.fail(
            f"not the schema of {tag}: diff {schema_file(tag)} {changed}; if that is meant, run"
            f" {UPDATE}=1 .venv/bin/pytest {Path(__file__).relative_to(ROOT)} and commit it"
        )
    if tag != "@ROOT":
        support = pg_dump_schema(url, "tenancy")
        assert _support.setdefault(tag, support) == support


@pytest.mark.parametrize("walks", [[WALK], [*SHARES.values()]])
def test_the_walks_have_every_pair(walks: list[tuple[tuple[str, str], ...]]) -> None:
    tags = ["@ROOT", *TAGS]
    walked = set()
    for walk in walks:
        places = ["@ROOT", *(tag for _, tag in walk)]
        walked |= {
            (command, place, tag) for place, (command, tag) in zip(places, walk, strict=False)
        }
    for low, high in itertools.combinations(tags, 2):
        assert {("deploy", low, high), ("revert", high, low)} <= walked


@pytest.mark.parametrize("history", SHARES)
def test_every_pair_of_tags(request: pytest.FixtureRequest, cluster: Cluster, history: str) -> None:
    if history == "sample":
        url = cluster.create_database("matrix_sample")
        psql_file(url, "tests/legacy/schema.sql")
        psql_file(url, "tests/legacy/sample.sql", "-v", "customers=100")
    else:
        fixture = {"empty": "legacy_database", "recorded": "recorded_database"}[history]
        url = request.getfixturevalue(fixture)
    before = legacy_history(url)
    check_schema(url, "@ROOT")

    for command, tag in WALK if SOAK else SHARES[history]:
        if history != "empty" or not SOAK:
            move_to(url, None if tag == "@ROOT" else tag)
        elif command == "deploy":
            sqitch(url, "deploy", "--to", tag, *CONTRACT)
        else:
            sqitch(url, "revert", "-y", *([] if tag == "@ROOT" else ["--to", tag]))
        if tag != "@ROOT" and history == "empty":
            verify(url)
        check_schema(url, tag)
        if tag != "@phase3":
            assert legacy_history(url) == before, (command, tag)
    if history == "sample":
        cluster.drop_database("matrix_sample")
