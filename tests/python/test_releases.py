"""A release is frozen: its databases upgrade, a later release fits on it, an edit is found."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from textwrap import dedent

import pytest

from convo_tenancy.health.plan import before_contract as without_contract
from support.at_once import move_to, verify
from support.cluster import ROOT, Cluster
from support.commands import execute, pg_dump_schema, psql_file, run, sqitch, value
from support.health import health
from support.history import legacy_history
from support.plan import CHANGES, CONTRACT
from support.registry import registered
from support.releases import (
    FROZEN,
    TAG,
    before_contract,
    edited,
    unpack,
    version_of,
    without_bundle,
)
from support.soak import SOAK
from support.status import status

Small = Callable[[str | None], str]

RELEASES: list[Path | None] = [*FROZEN] or [None]
each_release = pytest.mark.parametrize(
    "release", RELEASES, ids=[path.name if path else "as if frozen now" for path in RELEASES]
)
NEWEST = RELEASES[-1]

# Of code that has moved, and of code that has not.
BOOKED_BY_SHOP = """
    SELECT tenancy.record_booking(p.customer_id, p.shop_id, s.id, 4500, '2030-03-01 10:00+00')
    FROM public.customer_shop_profiles AS p
    JOIN public.stylists AS s ON s.shop_id = p.shop_id
    WHERE p.customer_id = (SELECT min(c.id) FROM public.customers AS c)
"""
BOOKED_ANYWHERE = """
    UPDATE public.customer_booking_stats
    SET total_bookings = total_bookings + 1, total_spend_cents = total_spend_cents + 4500
    WHERE customer_id = (SELECT max(s.customer_id) FROM public.customer_booking_stats AS s)
"""
WHEN = ("created_at", "updated_at")
WRITTEN = {"@phase1": BOOKED_ANYWHERE, "@phase2": BOOKED_BY_SHOP, "@phase3": BOOKED_BY_SHOP}


def stands(url: str) -> tuple[list[str], ...]:
    """The schema, what the database has recorded of it, and the profiles."""
    made = (
        pg_dump_schema(url, "public", "tenancy*"),
        value(
            url,
            "SELECT string_agg(concat_ws(' ', position, change, tag, is_repeatable, state), E'\\n'"
            " ORDER BY position) FROM tenancy.changes WHERE state <> 'absent'",
        ),
        value(
            url,
            "SELECT string_agg(d::text, E'\\n' ORDER BY kind, name) FROM tenancy.deployed_parts d",
        ),
        value(
            url,
            "SELECT string_agg(concat_ws(' ', customer_id, shop_id, total_bookings,"
            " total_spend_cents), E'\\n' ORDER BY customer_id, shop_id)"
            " FROM public.customer_shop_profiles",
        ),
    )
    return tuple(text.splitlines() for text in made)


def difference(one: tuple[list[str], ...], other: tuple[list[str], ...]) -> list[str]:
    """Line by line."""
    return [
        line
        for own, its in zip(one, other, strict=True)
        for line in unified_diff(own, its, n=0, lineterm="")
    ]


def is_well(url: str, phase: str) -> None:
    """What health says of a release depends on nothing of its surroundings."""
    found = health(url)
    assert found.phase == phase
    for name in ("phase", "plan", "constraints", "indexes", "triggers", "functions", "parts"):
        assert found.said(name)[0] == "ok", found.said(name)


@each_release
def test_its_databases_upgrade(
    cluster: Cluster, small_at: Small, tmp_path: Path, release: Path | None
) -> None:
    """At each tag, with what was written there: as one that this plan alone deployed."""
    project = unpack(release, tmp_path / "release")
    walking = small_at(None)
    for tag in WRITTEN:
        sqitch(walking, "deploy", "--to", tag, *CONTRACT, cwd=project)
        name = f"released_{os.getpid()}"
        upgraded = cluster.create_database(name, value(walking, "SELECT current_database()"))
        upgrades(upgraded, small_at(tag), tag)
        cluster.drop_database(name)


def upgrades(upgraded: str, alone: str, tag: str) -> None:
    """The one of a release as the other one, from a tag to the newest plan and back."""
    for url in (upgraded, alone):
        execute(url, WRITTEN[tag])

    sqitch(upgraded, "deploy", "--to", tag, *CONTRACT)
    is_well(upgraded, tag)
    assert difference(stands(upgraded), stands(alone)) == []
    if tag == "@phase2":
        gate = "SELECT string_agg(finding, ' ' ORDER BY finding) FROM tenancy.contract_findings()"
        assert value(upgraded, gate) == value(alone, gate)

    sqitch(upgraded, "deploy", *CONTRACT)
    move_to(alone, CHANGES[-1])
    verify(upgraded)
    is_well(upgraded, "@phase3")
    assert difference(stands(upgraded), stands(alone)) == []

    for url in (upgraded, alone):
        move_to(url, None)
    assert legacy_history(upgraded, *WHEN) == legacy_history(alone, *WHEN)
    assert pg_dump_schema(upgraded, "public") == pg_dump_schema(alone, "public")


@each_release
def test_what_is_frozen_is_not_edited(tmp_path: Path, release: Path | None) -> None:
    if release is None:
        pytest.skip("no release is frozen yet")
    frozen = unpack(release, tmp_path / "release")
    assert edited(frozen, ROOT) == [], (
        "put it back, and add a change behind it: docs/releasing.md says how"
    )


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("deploy/profiles/split.sql", "deploy/profiles/split.sql"),
        ("revert/isolation/switch.sql", "revert/isolation/switch.sql"),
        ("verify/contract/gate.sql", "verify/contract/gate.sql"),
        ("sqitch.plan", "sqitch.plan: @v0.0.0 "),
    ],
)
@pytest.mark.parametrize("how", ["edited", "gone"])
def test_an_edit_is_found_by_name(tmp_path: Path, file: str, named: str, how: str) -> None:
    frozen = unpack(NEWEST, tmp_path / "release")
    project = Path(shutil.copytree(frozen, tmp_path / "project"))
    (project / "deploy/profiles/one_more.sql").write_text("-- a later release may add\n")
    with (project / "sqitch.plan").open("a") as plan:
        plan.write(later_line("profiles/one_more", "profiles/split"))
    assert edited(frozen, project) == []
    lines = (project / file).read_text().splitlines(keepends=True)
    if file == "sqitch.plan":  # the last line of the release
        place = len(lines) - 2
        lines[place : place + 1] = [] if how == "gone" else [lines[place].replace(" #", "  #")]
        named = lines_of(frozen)[-1] if NEWEST else named
        (project / file).write_text("".join(lines))
    elif how == "gone":
        (project / file).unlink()
    else:
        (project / file).write_text("".join(["\n", *lines]))
    found = edited(frozen, project)
    assert len(found) == 1
    assert named in found[0]


def test_other_ends_of_lines_are_an_edit(tmp_path: Path) -> None:
    frozen = unpack(NEWEST, tmp_path / "release")
    project = Path(shutil.copytree(frozen, tmp_path / "project"))
    for file in ("sqitch.plan", "deploy/profiles/split.sql"):
        text = (frozen / file).read_bytes()
        (project / file).write_bytes(text.replace(b"\n", b"\r\n"))
    found = edited(frozen, project)
    assert len(found) == len(lines_of(frozen)) + 1
    assert found[-1] == "deploy/profiles/split.sql"


def test_each_release_has_its_bundle() -> None:
    """Nothing is compared with a release whose bundle is gone."""
    assert without_bundle((ROOT / "sqitch.plan").read_text(), FROZEN) == [], (
        "put the bundle into tests/releases again, as Git has it at the tag"
    )


@pytest.mark.parametrize(
    ("bundles", "found"),
    [(["1.9.0"], []), ([], ["1.9.0"]), (["1.9.0", "1.10.0"], ["1.10.0"])],
    ids=["both", "the plan alone", "a bundle alone"],
)
def test_one_without_the_other_is_found(bundles: list[str], found: list[str]) -> None:
    plan = "a/b 2026 A <a@b.c> # @v1.0.0 in a note\n@phase1 2026 A\n@v1.9.0 2026 A\n"
    assert without_bundle(plan, [Path(f"{each}.tar.gz") for each in bundles]) == found


def test_the_newest_release_is_the_last_one() -> None:
    bundles = [Path(f"{each}.tar.gz") for each in ("1.10.0", "2.0.0", "1.9.0")]
    ordered = sorted(bundles, key=version_of)
    assert [path.name for path in ordered] == ["1.9.0.tar.gz", "1.10.0.tar.gz", "2.0.0.tar.gz"]
    assert sorted(FROZEN, key=version_of) == FROZEN


@pytest.mark.parametrize(
    ("change", "requires", "refused"),
    [
        ("mirror/later", "mirror/follow_counts", None),
        ("mirror/too_late", "contract/switch", "contract/switch"),
    ],
)
def test_the_plan_before_the_contract(
    tmp_path: Path, change: str, requires: str, refused: str | None
) -> None:
    """Sqitch refuses all of it if a later change requires what it lacks; none of ours does."""
    project = unpack(None, tmp_path / "project")
    with (project / "sqitch.plan").open("a") as plan:
        plan.write(later_line(change, requires))
    before_contract(project).replace(project / "sqitch.plan")
    done = run("sqitch", "plan", "--format", "format:%n", cwd=project, check=False)
    if refused is None:
        assert done.stdout.split()[-1] == change, done.stderr
    else:
        assert done.returncode != 0
        assert refused in done.stderr


def lines_of(project: Path) -> list[str]:
    """Of its plan."""
    return (project / "sqitch.plan").read_text().splitlines()


# A later release: the part that each of its changes makes anew, and the line that it has more than
# the frozen script.
LATER = {
    "mirror/counts_later": (
        "function tenancy.follow_counts",
        ("    other record;\n", "    other record; -- later\n"),
    ),
    "api/totals_later": (
        "view tenancy.customer_totals",
        ("GROUP BY p.customer_id;", "GROUP BY p.customer_id\nHAVING TRUE;"),
    ),
    "profiles/residual_later": (
        "function tenancy.residual",
        ("CASE", "CASE WHEN FALSE THEN NULL"),
    ),
}


def made_by(project: Path, part: str) -> str:
    """The newest change of the frozen release that makes a part."""
    made = re.compile(rf"^CREATE OR REPLACE {part}\b", re.MULTILINE | re.IGNORECASE)
    changes = [change for change in changes_of(project) if change not in LATER]
    return next(
        change
        for change in reversed(changes)
        if made.search((project / f"deploy/{change}.sql").read_text())
    )


def changes_of(project: Path) -> list[str]:
    """Of its plan."""
    return [line.split()[0] for line in lines_of(project) if re.match(r"\w+/", line)]


COLUMN = "ALTER TABLE tenancy.settings ADD COLUMN IF NOT EXISTS later integer;"
COMMENT = "COMMENT ON COLUMN tenancy.settings.later IS 'Of a later release.';"
NO_COLUMN = "ALTER TABLE tenancy.settings DROP COLUMN IF EXISTS later;"
HEAD = """\\set ON_ERROR_STOP on
\\set change {change}
\\ir ../support/begin.sql
"""
IS_DONE = "\\if :is_done \\quit \\endif\n"
PAGE = (ROOT / "docs/releasing.md").read_text()
# How the page has a revert run the frozen script.
RUNS_FROZEN = dedent(re.findall(r"^  ```\n(  CALL .*?)^  ```$", PAGE, re.M | re.S)[0])


def later_line(change: str, *requires: str) -> str:
    """Of the plan."""
    by = "2026-12-01T00:00:00Z Convo Tenancy <tenancy@convo.example>"
    return f"{change} [{' '.join(requires)}] {by} # Of a later release.\n"


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A later release on the newest frozen one, as docs/releasing.md says to make it."""
    project = unpack(NEWEST, tmp_path / "later")
    with (project / "sqitch.plan").open("a") as plan:
        for change, (part, (old, new)) in LATER.items():
            frozen = made_by(project, part)
            plan.write(later_line(change, frozen))
            script = (project / f"deploy/{frozen}.sql").read_text()
            assert old in script
            script = script.replace(f"\\set change {frozen}\n", f"\\set change {change}\n")
            script = script.replace(old, new, 1)
            is_first = change == next(iter(LATER))
            if is_first:
                script = script.replace(IS_DONE, f"{IS_DONE}\n{COLUMN}\n{COMMENT}\n")
            (project / f"deploy/{change}.sql").write_text(script)
            (project / f"revert/{change}.sql").write_text(
                HEAD.format(change=change)
                + IS_DONE
                + (f"\n{NO_COLUMN}\n" if is_first else "")
                + RUNS_FROZEN.replace("mirror/follow_counts_2", change).replace(
                    "mirror/follow_counts", frozen
                )
            )
            (project / f"verify/{change}.sql").write_text(
                HEAD.format(change=change) + "\nROLLBACK;\n"
            )
        plan.write(TAG.replace("0.0.0", "0.1.0"))
    return project


HAS_LATER = """
    SELECT count(*) FROM tenancy.parts AS p
    WHERE tenancy.part_definition(p.kind, p.oid) ~* '(-- later|HAVING true|WHEN FALSE THEN NULL)'
"""


@pytest.mark.parametrize(
    ("tag", "stays"),
    [
        *([("@phase1", False), ("@phase1", True), ("@phase2", False)] if SOAK else []),
        ("@phase2", True),
        ("@phase3", False),
    ],
)
def test_a_later_release(small_at: Small, later: Path, tag: str, stays: bool) -> None:
    """It fits on each tag of the frozen one, before the contract too, and can be taken back."""
    release = unpack(NEWEST, later.parent / "again")
    url, frozen = small_at(tag), small_at("@phase2" if stays else changes_of(release)[-1])
    plan = ("--plan-file", str(before_contract(later))) if stays else ()
    phase = "@phase2" if stays else "@phase3"
    before = stands(frozen)[:3]

    sqitch(url, "deploy", "--verify", *plan, *CONTRACT, cwd=later)
    assert registered(url)[-len(LATER) :] == [*LATER]
    assert value(url, HAS_LATER) == str(len(LATER))
    assert value(url, "SELECT count(later) FROM tenancy.settings") == "0"
    found = health(url)
    assert found.phase == phase
    for name in ("phase", "constraints", "indexes", "triggers", "functions", "parts"):
        assert found.said(name)[0] == "ok", found.said(name)
    sqitch(url, "verify", *plan, cwd=later)

    to = phase if stays else lines_of(release)[-1].split()[0]
    sqitch(url, "revert", "-y", "--to", to, *plan, cwd=later)
    assert value(url, HAS_LATER) == "0"
    assert difference(stands(url)[:3], before) == []

    sqitch(url, "deploy", *plan, *CONTRACT, cwd=later)
    assert value(url, HAS_LATER) == str(len(LATER))


PASSES_OVER = "docs/releasing.md#a-database-before-the-contract"


def planned(url: str, project: Path) -> tuple[str, str]:
    """What health says of the plan in a project."""
    status, _value, detail = health(url, "--plan-directory", str(project)).said("plan")
    return status, detail


def goes(url: str, command: str, project: Path, check: bool = True) -> str:
    """Run what was named, in a project; what it said when it failed."""
    env = {"DATABASE_URL": url, "SQITCH_TARGET": f"db:{url}"}
    return run("bash", "-c", command, env=env, cwd=project, check=check).stderr


@pytest.fixture
def passed_over(small_at: Small, later: Path) -> tuple[str, tuple[str, ...]]:
    """A database before the contract that has the later release, and the options of its plan."""
    url, plan = small_at("@phase2"), ("--plan-file", str(before_contract(later)))
    sqitch(url, "deploy", *plan, cwd=later)
    return url, plan


def test_the_plan_without_the_contract(later: Path) -> None:
    """Health compares with the plan that the page makes."""
    made = before_contract(later).read_text()
    assert without_contract((later / "sqitch.plan").read_text()) == made


def test_the_steps_before_the_contract(
    later: Path, passed_over: tuple[str, tuple[str, ...]]
) -> None:
    """Nothing is wrong there: the next step works, and until it does, no command lies."""
    url, _plan = passed_over
    found, told = health(url), status(url)
    assert (found.said("phase")[0], found.forward) == ("ok", None)
    said, detail = planned(url, later)
    assert (said, detail) == (
        "ok",
        f"deployed from this plan, without the contract ({PASSES_OVER})",
    )
    assert planned(url, ROOT)[0] == "warning"

    step = told["next"]
    assert step["command"] == (
        "sqitch revert --to @phase2 --log-only -y --plan-file before-contract.plan"
        " && sqitch deploy --set contract=yes"
    )
    assert f"before-contract.plan, made as {PASSES_OVER} says" in step["first"]
    assert told["back"]["command"] == (
        "sqitch revert --to @phase1 -y --plan-file before-contract.plan"
    )

    # The gate refuses it.
    assert "the contract is refused" in goes(url, step["command"], later, check=False)
    found, told = health(url), status(url)
    shut = "sqitch deploy --set contract=yes"
    assert (found.forward, found.back) == (shut, AGAIN)
    assert (told["next"]["command"], told["back"]["command"]) == (shut, AGAIN)
    assert not told["next"]["is_safe"]
    assert "legacy side comes back" not in told["back"]["becomes"]
    assert told["half_state"].endswith(" stands, and Sqitch's registry does not have it")
    assert found.said("phase")[2].endswith("to go forward the gate of phase 3 must be open")
    assert planned(url, later)[0] == "ok"
    first = next(iter(LATER))
    sqitch(url, "deploy", "--to", first, "--plan-file", "before-contract.plan", cwd=later)
    assert (health(url).forward, health(url).back) == (step["command"], AGAIN)
    goes(url, str(health(url).back), later)
    assert planned(url, later) == (said, detail)
    assert health(url).said("phase")[0] == "ok"

    execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = '0'")
    assert (health(url).forward, status(url)["next"]["command"]) == (None, step["command"])
    goes(url, step["command"], later)
    assert (health(url).phase, health(url).said("phase")[0]) == ("@phase3", "ok")
    assert planned(url, later)[0] == "ok"
    assert value(url, HAS_LATER) == str(len(LATER))


def test_the_way_back_before_the_contract(
    later: Path, passed_over: tuple[str, tuple[str, ...]]
) -> None:
    url, _plan = passed_over
    goes(url, status(url)["back"]["command"], later)
    assert (health(url).phase, health(url).said("phase")[0]) == ("@phase1", "ok")
    assert value(url, HAS_LATER) == "0"


def names_the_page(url: str) -> None:
    """Neither health nor status names a command: one of the whole plan would enter the contract."""
    found, told = health(url), status(url)
    assert (found.forward, found.back, found.phase) == (None, None, "@phase2")
    said, _value, detail = found.said("phase")
    assert said == "warning"
    assert detail.endswith(f": see {PASSES_OVER}")
    assert (told["next"]["command"], told["back"]) == (None, None)
    assert [e["remedy"] for e in told["in_the_way"] if e["name"] == "phase"] == [
        f"see {PASSES_OVER}"
    ]


AGAIN = "sqitch deploy --plan-file before-contract.plan"
TAKEN_BACK = "sqitch revert --plan-file before-contract.plan --to @phase2 -y"
ENTERED = f"{AGAIN} --to @phase2 --log-only --no-verify"


@pytest.mark.parametrize(
    ("state", "commands", "has_later"),
    [
        ("lost", (ENTERED, AGAIN), True),
        ("interrupted", (TAKEN_BACK,), False),
        ("last taken back", (TAKEN_BACK,), False),
        ("all taken back", (TAKEN_BACK,), False),
    ],
)
def test_a_half_state_before_the_contract(
    later: Path,
    passed_over: tuple[str, tuple[str, ...]],
    state: str,
    commands: tuple[str, ...],
    has_later: bool,
) -> None:
    """The page leads out of it."""
    url, _plan = passed_over
    changes = [*LATER]
    if state == "lost":
        execute(url, "DROP SCHEMA sqitch CASCADE")
    elif state == "interrupted":
        execute(
            url,
            "UPDATE tenancy.changes SET (state, standing_since) = ('reverting', NULL)"
            f" WHERE change = '{changes[-1]}'",
        )
    else:
        gone = changes[-1:] if state == "last taken back" else changes[::-1]
        for change in gone:
            psql_file(url, later / f"revert/{change}.sql")
    names_the_page(url)
    for command in commands:
        assert f"\n{command}\n" in PAGE
        goes(url, command, later)
    found = health(url)
    assert (found.phase, found.said("phase")[0]) == ("@phase2", "ok")
    assert value(url, HAS_LATER) == str(len(LATER) if has_later else 0)


@pytest.mark.parametrize("stopped", ["contract/switch", "contract/purge_archive"])
def test_a_contract_below_what_is_later(
    cluster: Cluster, later: Path, passed_over: tuple[str, tuple[str, ...]], stopped: str
) -> None:
    """It was interrupted while what is later stayed in force: both ways are of the whole plan."""
    url, plan = passed_over
    sqitch(url, "revert", "-y", "--log-only", "--to", "@phase2", *plan, cwd=later)
    execute(url, "UPDATE tenancy.settings SET legacy_quiet_period = '0'")
    if stopped == "contract/switch":
        execute(url, f"UPDATE tenancy.changes SET state = 'deploying' WHERE change = '{stopped}'")
    else:
        sqitch(url, "deploy", "--to", "contract/switch", *CONTRACT, cwd=later)
    found = health(url)
    for command, phase, registers in (
        (found.forward, "@phase3", list(LATER)[-1]),
        (found.back, "@phase2", "isolation/switch"),
    ):
        assert command
        name = f"below_{os.getpid()}"
        copy = cluster.create_database(name, value(url, "SELECT current_database()"))
        goes(copy, command, later)
        after = health(copy)
        assert (after.phase, after.said("phase")[0]) == (phase, "ok"), after.said("phase")
        assert registered(copy)[-1] == registers
        cluster.drop_database(name)


def test_on_to_the_contract(small_at: Small, later: Path) -> None:
    """Who stayed in phase 2 goes on: what is later stays in force all the time."""
    url, straight = small_at("@phase2"), small_at("@phase2")
    plan = ("--plan-file", str(before_contract(later)))
    sqitch(url, "deploy", *plan, cwd=later)
    sqitch(url, "revert", "-y", "--log-only", "--to", "@phase2", *plan, cwd=later)
    assert value(url, HAS_LATER) == str(len(LATER))
    sqitch(url, "deploy", *CONTRACT, cwd=later)
    sqitch(straight, "deploy", *CONTRACT, cwd=later)
    assert registered(url) == registered(straight)
    assert difference(stands(url)[:3], stands(straight)[:3]) == []
    sqitch(url, "revert", "-y", cwd=later)
    assert value(url, "SELECT to_regnamespace('tenancy') IS NULL") == "t"


@pytest.mark.parametrize("change", LATER)
def test_a_frozen_script_that_runs_again(small_at: Small, later: Path, change: str) -> None:
    """It makes what it made before; that is altered until the later script runs, too."""
    url = small_at("@phase2")
    plan = ("--plan-file", str(before_contract(later)))
    sqitch(url, "deploy", *plan, cwd=later)
    before = stands(url)[:3]
    part, _line = LATER[change]
    frozen = made_by(later, part)
    psql_file(url, f"deploy/{frozen}.sql")
    kind = part.split()[0]
    said = health(url).said("functions" if kind == "function" else "parts")
    assert part.split()[1] in said[2]
    assert f"deploy/{change}.sql" in said[2]
    failed = psql_file(url, later / f"verify/{change}.sql", check=False)
    assert f"{part}" in failed.stderr
    assert "is altered" in failed.stderr
    psql_file(url, later / f"deploy/{change}.sql")
    assert difference(stands(url)[:3], before) == []
    psql_file(url, later / f"verify/{change}.sql")
