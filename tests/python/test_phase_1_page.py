"""docs/phase-1.md, from the top to the bottom, as an owner of the tables who is no superuser."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.adopted import run_the_adr
from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import (
    environment,
    execute,
    pg_dump_data,
    pg_dump_schema,
    run,
    sqitch,
    value,
)
from support.isolation import as_role
from support.messages import of_the_first_script
from support.walk import marked_steps, take

PAGE = ROOT / "docs/phase-1.md"
STEPS = marked_steps(PAGE)
OWNER = "owner_of_phase_1"
REMEDY = re.compile(
    r"[:;.] (?:else )?(?:ALTER|COMMIT|CREATE|DROP|GRANT|connect|create|deploy|give|have|Put"
    r"|rename|revert|see|To take it over, run|upgrade|use|wait)\b"
)


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """The recorded database, its tables those of an ordinary role that has what the page asks."""
    made = cluster.create_database("page_of_phase_1")
    run(ROOT / "scripts/load-legacy.sh", made, "recorded", OWNER)
    execute(
        made,
        f"ALTER ROLE {OWNER} LOGIN CREATEROLE",
        f"GRANT CREATE ON DATABASE page_of_phase_1 TO {OWNER}",
    )
    yield made
    cluster.drop_database("page_of_phase_1")
    execute(cluster.url(), f"DROP ROLE {OWNER}")


def test_each_command_of_the_page(url: str, tmp_path: Path) -> None:
    """Those that stand for other ones are run after a revert; at the end all is as it was."""
    owner = as_role(url, OWNER)
    before = pg_dump_schema(url), pg_dump_data(url, "public")
    own = {
        "postgresql://convo@db.example:5432/convo": shlex.quote(owner),
        "postgresql://postgres@db.example:5432/convo": shlex.quote(url),
        "before-phase-1.dump": str(tmp_path / "before-phase-1.dump"),
        " TO convo": f" TO {OWNER}",
    }
    values = {
        "PATH": environment()["PATH"],
        "PWD": str(ROOT),
        "SQITCH_USER_CONFIG": str(tmp_path / "sqitch.conf"),
    }
    [(first, variables), *others] = [
        (kind, re.sub("|".join(map(re.escape, own)), lambda found: own[found[0]], commands))
        for kind, commands in STEPS
    ]
    assert first == "environment"
    for kind, commands in others:
        if kind == "sqlalchemy":
            theirs = owner.replace("postgresql:", "postgresql+asyncpg:")
            done = take(f'{commands}echo "$DATABASE_URL"', theirs, url, values)
            assert done.stdout == f"{owner}\n"
            continue
        if kind in ("instead", "adopt"):
            move_to(owner, None)
            execute(
                owner,
                "DROP TABLE IF EXISTS public.customer_shop_profiles",
                "DROP SCHEMA IF EXISTS tenancy_archive CASCADE",
            )
        if kind == "adopt":
            run_the_adr(owner)
            refused = sqitch(owner, "deploy", "--to", "@phase1", check=False)
            assert "To take it over, run sqitch deploy --set adopt=yes" in refused.stderr
        take(variables + commands, "postgresql:///nowhere", "postgresql:///nowhere", values)
        if kind == "adopt":
            assert value(url, "SELECT count(*) FROM tenancy_archive.adopted_profiles") != "0"
        if "close_shop(1)" in commands:
            left = "SELECT DISTINCT shop_id FROM public.customer_shop_profiles AS p WHERE"
            left += " (p.total_bookings, p.total_spend_cents, p.no_show_count) <> (0, 0, 0)"
            assert value(url, f"{left} ORDER BY 1").split() == ["2", "4"]
    assert "name = Your Name" in (tmp_path / "sqitch.conf").read_text()
    assert (
        "TABLE DATA public bookings"
        in run("pg_restore", "-l", tmp_path / "before-phase-1.dump").stdout
    )
    execute(owner, "DROP TABLE public.customer_shop_profiles")  # the revert gave it back
    assert (pg_dump_schema(url), pg_dump_data(url, "public")) == before


def test_every_refusal_of_the_first_script() -> None:
    """It says what to do, as the page promises; what the schema lacks is a list."""
    messages = [each.text for each in of_the_first_script()]
    assert len(messages) > 30
    for message in messages:
        assert REMEDY.search(message) or "does not have the legacy schema: …" in message, message
