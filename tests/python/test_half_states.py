"""Out of every half state health names a command forward and one back, and both work."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache

import pytest
from psycopg.conninfo import conninfo_to_dict

from convo_tenancy.health.phase import Change, Phase, Registered, Registry
from convo_tenancy.health.ways import LEGACY, Ways, ways
from convo_tenancy.preflight.locks import locks_of
from support.cluster import ROOT, Cluster
from support.commands import environment, execute, psql, psql_file, run, sqitch, value
from support.health import Health, go, health
from support.plan import CHANGES, PLAN, TAGS, below, place
from support.sessions import Session, waiting_for
from support.soak import SOAK
from support.status import in_the_way, screen, status
from support.waiting import wait_until

# On real databases: the first ones, what is put aside, the contract. In a soak every change.
FIRST, ASIDE, SWITCH = "support/begin", "profiles/customer_shop_profiles", "contract/switch"


def every(*chosen: str) -> pytest.MarkDecorator:
    """These changes; in a soak every one."""
    return pytest.mark.parametrize("change", CHANGES[1:] if SOAK else chosen)


# A model of what Sqitch and the scripts do: all states, in a moment ------------------------------


class Refused(Exception):
    """A script or Sqitch would not."""


class Model:
    """What stands, and what Sqitch has: the first ones of the plan each, and one half-way."""

    def __init__(self, standing: int, half: str | None, registered: int) -> None:
        self.standing = standing  # the last that stands, or stands half-way
        self.half = half
        self.registered = registered  # the last that Sqitch has
        self.deployed: set[str] = set()  # on the way
        self.reverted: set[str] = set()

    def script(self, direction: str, at: int, contract: bool = True) -> None:
        """As tenancy.begin_change() has it."""
        whole = self.standing if self.half is None else self.standing - 1
        if direction == "deploy":
            if at > whole + 1 or (self.half == "reverting" and at >= self.standing):
                raise Refused(f"deploy {CHANGES[at]}")
            if CHANGES[at] == "contract/switch" and not contract:
                raise Refused("the contract")
            self.deployed.add(CHANGES[at])
            if at > whole:
                self.standing, self.half = at, None
        else:
            if at < self.standing:
                raise Refused(f"revert {CHANGES[at]}")
            if at == self.standing:
                self.reverted.add(CHANGES[at])
                self.standing, self.half = at - 1, None

    def sqitch(self, command: str, to: int, options: list[str]) -> None:
        """One change after the other."""
        if command == "deploy":
            if to <= self.registered:
                raise Refused("nothing to deploy")
            for at in range(self.registered + 1, to + 1):
                if "--log-only" not in options:
                    self.script("deploy", at, "contract=yes" in options)
                self.registered = at
        else:
            if to >= self.registered:
                raise Refused("nothing to revert")
            for at in range(self.registered, to, -1):
                self.script("revert", at)
                self.registered = at - 1

    def run(self, line: str) -> None:
        """A line as it is printed."""
        for command in line.split(" && "):
            words = shlex.split(command)
            if words[0] == "psql":
                direction, path = words[words.index("-f") + 1].removesuffix(".sql").split("/", 1)
                self.script(direction, CHANGES.index(path), "contract=yes" in words)
                continue
            to = words[words.index("--to") + 1] if "--to" in words else None
            self.sqitch(words[1], -1 if to is None else place(to), words)


@cache
def phase_of(standing: int, half: str | None) -> Phase:
    """What stands."""
    states = [
        "absent" if at > standing else (half or "standing") if at == standing else "standing"
        for at in range(len(PLAN))
    ]
    return Phase(
        tuple(
            Change(change, tag, state, None, None)
            for (change, tag), state in list(zip(PLAN, states, strict=True))[1:]
        ),
        has_legacy_side=standing < place(SWITCH),
    )


@cache
def registry_of(registered: int) -> Registry:
    """What Sqitch has."""
    return Registry(changes=tuple(Registered(str(at), CHANGES[at]) for at in range(registered + 1)))


def ways_of(standing: int, half: str | None, registered: int) -> Ways:
    """What is said of a state."""
    return ways(phase_of(standing, half), registry_of(registered))


@pytest.mark.parametrize("half", [None, "deploying", "reverting"])
def test_every_state(half: str | None) -> None:
    for standing, registered in itertools.product(range(2, len(PLAN)), range(-1, len(PLAN))):
        has_end = PLAN[standing][1] or standing > TAGS["@phase3"]  # what is later has no phase
        if half is None and standing == registered and has_end:
            continue
        out = ways_of(standing, half, registered)
        for way in (out.forward, out.back):
            state = f"{CHANGES[standing]} {half}, Sqitch has {registered}: {way.command}"
            model = Model(standing, half, registered)
            try:
                model.run(way.command)
            except Refused as refusal:
                pytest.fail(f"{state}: refused: {refusal}")
            goal = -1 if way.goal == LEGACY else place(way.goal)
            assert (model.half, model.registered) == (None, goal), state
            assert model.standing <= goal if way.goal == LEGACY else model.standing == goal, state
            if way is out.forward:
                assert ({*way.reverts}, {*(way.deploys or ())}) == (
                    model.reverted,
                    model.deployed,
                ), state
                is_restored = SWITCH in model.deployed & model.reverted
                assert way.restarts_watch == is_restored, state
                is_asked = SWITCH in model.deployed and standing < place(SWITCH)
                assert way.asks_gate == (is_asked or is_restored), state


def test_a_registry_that_nobody_may_read() -> None:
    """Taken to be as a killed script leaves it."""
    out = ways_of(place("contract/switch"), "reverting", place("contract/switch"))
    states = ways_of(place("contract/switch"), "deploying", place("isolation/switch"))
    for half, expected in ("reverting", out), ("deploying", states):
        changes = tuple(
            Change(change, tag, "standing", None, None)
            for change, tag in PLAN[1 : place("contract/switch") + 1]
        )
        standing = (*changes[:-1], replace(changes[-1], state=half), *rest())
        phase = Phase(standing, has_legacy_side=False)
        assert ways(phase, Registry(changes=None)) == expected


def rest() -> tuple[Change, ...]:
    """What follows the switch."""
    return tuple(
        Change(name, tag, "absent", None, None)
        for name, tag in PLAN[place("contract/switch") + 1 :]
    )


# Real databases ----------------------------------------------------------------------------------


def is_whole(found: Health, goal: str) -> bool:
    """At the tag, or at the legacy schema, and nothing else to do."""
    if goal == LEGACY:
        return (found.exit_code, found.phase, found.forward) == (3, "none", None)
    return (found.phase, found.said("phase")[0], found.forward) == (goal, "ok", None)


def check_both_ways(cluster: Cluster, state: str, forward: str, back: str) -> Health:
    """Each on a copy of its own; no other check advises anything."""
    found, told = health(state), status(state)
    assert (told["next"]["command"], told["back"]["command"]) == (found.forward, found.back)
    assert told["half_state"]
    assert "both sides agree" not in told["back"]["becomes"]
    assert "backfill" not in in_the_way(told)
    detail = found.said("phase")[2]
    assert f"to go forward to {forward}, run {found.forward}; " in detail
    assert f"to go back to {back}, run {found.back}; both are safe" in detail
    for name, check in found.checks.items():
        if name not in ("phase", "drift", "backfill"):
            assert check["status"] == "ok" or check["detail"].endswith("see phase"), check
    for command, goal in ((found.forward, forward), (found.back, back)):
        copy = cluster.create_database("half_copy", str(conninfo_to_dict(state)["dbname"]))
        try:
            if forward == "@phase3":  # the commands do not wait for the quiet period
                execute(copy, "UPDATE tenancy.settings SET legacy_quiet_period = '0'")
            go(copy, command)
            after = health(copy)
            assert is_whole(after, goal), (command, after.checks["phase"])
        finally:
            cluster.drop_database("half_copy")
    return found


def around(at: int) -> tuple[str, str]:
    """The tags on either side of a change that is under way."""
    forward = next(tag for tag, end in TAGS.items() if end >= at)
    back = next((tag for tag, end in reversed(TAGS.items()) if end < at), LEGACY)
    return forward, back


Small = Callable[[str | None], str]


@every(SWITCH)
def test_stopped_after_a_change(cluster: Cluster, small_at: Small, change: str) -> None:
    if change in (CHANGES[at] for at in TAGS.values()):
        change = below(change)
    check_both_ways(cluster, small_at(change), *around(place(change)))


@every(FIRST, ASIDE)
def test_deployed_and_not_registered(cluster: Cluster, small_at: Small, change: str) -> None:
    state = small_at(below(change))
    psql_file(state, f"deploy/{change}.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0")
    check_both_ways(cluster, state, *around(place(change)))


@every(ASIDE, SWITCH)
def test_taken_back_and_still_registered(cluster: Cluster, small_at: Small, change: str) -> None:
    state = small_at(change)
    psql_file(state, f"revert/{change}.sql")
    if change == CHANGES[1]:
        found = health(state)
        go(state, found.back)
        assert is_whole(health(state), LEGACY)
        state = small_at(change)
        psql_file(state, f"revert/{change}.sql")
        go(state, health(state).forward)
        assert is_whole(health(state), "@phase1")
        return
    check_both_ways(cluster, state, *around(place(change)))


def killed(url: str, direction: str, change: str, lock: str) -> None:
    """Its script is killed where it waits for a lock."""
    execute(url, "UPDATE tenancy.settings SET (lock_timeout_ms, lock_attempts) = (500, 999)")
    holder = Session(url)
    try:
        holder.execute(lock)
        script = subprocess.Popen(
            [
                "psql",
                "-X",
                "-q",
                "-v",
                "contract=yes",
                "-d",
                url,
                "-f",
                f"{direction}/{change}.sql",
            ],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: waiting_for(url, holder.pid), "the script waits")
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()
    finally:
        holder.close()
    wait_until(lambda: value(url, "SELECT count(*) FROM tenancy.open_changes()") == "0", "it ends")


def unregister(url: str, change: str) -> None:
    """As though Sqitch had never heard of it."""
    for table in ("tags", "dependencies", "changes"):
        execute(
            url,
            f"DELETE FROM sqitch.{table} WHERE change_id IN"
            f" (SELECT change_id FROM sqitch.changes WHERE change = '{change}')",
        )


DEPLOY = ("deploy", "profiles/foreign_keys", "SELECT FROM public.customer_shop_profiles FOR UPDATE")
READY = "convo-tenancy gate says open; a restore point"
REVERT = ("revert", "contract/switch", "LOCK TABLE public.stylists IN EXCLUSIVE MODE")


@pytest.mark.parametrize(
    ("script", "is_registered"),
    # As Sqitch leaves it when it is killed, too; in a soak what somebody did to the registry since.
    [(DEPLOY, False), (REVERT, True), *([(DEPLOY, True), (REVERT, False)] if SOAK else [])],
)
def test_killed_half_way(
    cluster: Cluster, small_at: Small, script: tuple[str, str, str], is_registered: bool
) -> None:
    direction, change, lock = script
    state = small_at(change if direction == "revert" else below(change))
    if change == "profiles/foreign_keys":
        execute(
            state,
            "INSERT INTO public.customer_shop_profiles (customer_id, shop_id) VALUES (9999, 1)",
        )
    killed(state, direction, change, lock)
    if direction == "deploy" and is_registered:
        sqitch(state, "deploy", "--log-only", "--no-verify", "--to", change)
    elif direction == "revert" and not is_registered:
        unregister(state, change)
    gone = {"deploy": "deploying", "revert": "reverting"}[direction]
    assert value(state, f"SELECT state FROM tenancy.changes WHERE change = '{change}'") == gone
    found = check_both_ways(cluster, state, *around(place(change)))
    assert found.said("phase")[2].startswith(f"{change} was interrupted while {gone}: ")


def test_a_contract_that_has_to_ask_the_gate_anew(cluster: Cluster, small_at: Small) -> None:
    """Its revert was killed: forward is refused for a day, and status says so before."""
    state = small_at("contract/switch")
    before = value(state, "SELECT count(*) FROM tenancy.contracted")
    killed(state, *REVERT)
    assert value(state, "SELECT count(*) FROM tenancy.contracted") == before
    execute(state, "UPDATE tenancy.settings SET (lock_timeout_ms, lock_attempts) = (100, 40)")
    told, found = status(state), health(state)
    step = told["next"]
    assert found.said("phase")[2].endswith(
        "; both are safe, but to go forward the gate of phase 3 must be open, and the quiet"
        " period begins again"
    )
    assert not step["is_safe"]
    first = "sqitch revert --to isolation/switch -y"
    assert step["first"] == [
        f"run its beginning alone: {first}",
        "wait for the quiet period of 1 day, which begins again then",
        READY,
    ]
    assert in_the_way(told) == {"gate_to_come": "critical"}
    taken = [*locks_of(("contract/switch",), ()), *locks_of((), ("contract/switch",))]
    assert step["locks"] == [asdict(lock) for lock in taken]
    lines = screen(state)
    assert "both sides" not in lines[1]
    assert any(line.strip() == f"run {first}, then ask convo-tenancy gate" for line in lines)
    env = {"DATABASE_URL": state, "SQITCH_TARGET": f"db:{state}"}
    begun, _, rest = step["command"].rpartition(" && ")
    assert begun == first
    refused = run("bash", "-c", step["command"], env=env, check=False)
    assert refused.returncode != 0
    assert "the contract is refused and changed nothing. Findings: 1. watch:" in refused.stderr
    told = status(state)
    assert (told["phase"], told["half_state"], told["next"]["command"]) == ("@phase2", None, rest)
    assert told["next"]["not_before"]
    assert not told["next"]["is_safe"]


def test_a_legacy_side_that_is_back_already(cluster: Cluster, small_at: Small) -> None:
    """The gate can be asked now: the end of the revert begins nothing again."""
    state = small_at("contract/switch")
    psql_file(state, "revert/contract/switch.sql")
    execute(
        state, "UPDATE tenancy.changes SET state = 'reverting' WHERE change = 'contract/switch'"
    )
    step = status(state)["next"]
    since = value(state, "SELECT since + '1 day' FROM tenancy.watch")
    assert step["not_before"].startswith(since.replace(" ", "T")[:19])
    assert (step["is_safe"], step["first"]) == (False, [READY])
    said = health(state).said("phase")[2]
    assert said.endswith("but to go forward the gate of phase 3 must be open")
    execute(state, "UPDATE tenancy.mirror_watch SET since = now() - interval '2 days'")
    told = status(state)
    assert (told["next"]["is_safe"], told["in_the_way"]) == (True, [])
    go(state, told["next"]["command"])
    assert is_whole(health(state), "@phase3")


def test_ways_that_deploy_nothing(cluster: Cluster, small_at: Small) -> None:
    """Nothing is asked, locked or waited for where no deploy script runs."""
    lost, renamed = small_at("@phase2"), small_at("@phase2")
    execute(lost, "DROP SCHEMA sqitch CASCADE")
    execute(renamed, "ALTER SCHEMA sqitch RENAME TO ours")
    taken_back = small_at("@phase2")
    sqitch(taken_back, "deploy", "--log-only", "--no-verify", "--to", "contract/switch")
    for state in (lost, renamed):
        told = status(state)
        step = told["next"]
        assert step["command"].endswith("--log-only --no-verify")
        assert (step["is_safe"], step["first"], step["not_before"]) == (True, [], None)
        assert (step["locks"], step["patience"], told["in_the_way"]) == ([], None, [])
        assert "both sides are kept in step" in screen(state)[1]
        go(state, step["command"])
        assert status(state)["next"]["not_before"]
    step = status(taken_back)["next"]  # but here the contract is deployed
    assert step["command"].startswith("sqitch revert --to isolation/switch -y && sqitch deploy ")
    assert (step["is_safe"], bool(step["not_before"]), bool(step["locks"])) == (False, True, True)


def test_a_contract_that_is_deployed_already(cluster: Cluster, small_at: Small) -> None:
    """Its script runs again: it asks no gate, and locks nothing."""
    state = small_at("isolation/switch")
    psql_file(
        state, "deploy/contract/switch.sql", "-v", "contract=yes", "-v", "legacy_quiet_period=0"
    )
    told = status(state)
    step = told["next"]
    assert step["command"] == "sqitch deploy --to @phase3 --set contract=yes"
    assert (step["is_safe"], step["first"], step["locks"]) == (True, [], [])
    assert "profiles alone" in screen(state)[1]
    go(state, step["command"])
    assert is_whole(health(state), "@phase3")


def test_a_way_back_that_was_interrupted_itself(cluster: Cluster, small_at: Small) -> None:
    """It registered what stands, and was killed before it took it back."""
    state = small_at("mirror/attach_mirrors")
    psql_file(state, "deploy/mirror/mirrors.sql")
    first, _, _ = str(health(state).back).partition(" && ")
    go(state, first)
    check_both_ways(cluster, state, "@phase2", "@phase1")


def test_a_registry_of_an_older_backup(cluster: Cluster, small_at: Small) -> None:
    """It knows phase 1; the database has got into phase 3."""
    old = run("pg_dump", "--schema=sqitch", "-d", small_at("@phase1")).stdout
    state = small_at("contract/switch")
    execute(state, "DROP SCHEMA sqitch CASCADE")
    psql(state, stdin=old)
    check_both_ways(cluster, state, "@phase3", "@phase2")


def test_a_database_of_an_older_backup(cluster: Cluster, small_at: Small) -> None:
    """Sqitch's registry knows phase 3; the database has half of phase 1."""
    state = small_at("profiles/drift")
    registry = run("pg_dump", "--schema=sqitch", "-d", small_at("@phase3")).stdout
    execute(state, "DROP SCHEMA sqitch CASCADE")
    psql(state, stdin=registry)
    check_both_ways(cluster, state, "@phase1", LEGACY)


def test_a_registry_that_is_lost_half_way(cluster: Cluster, small_at: Small) -> None:
    """And has another name."""
    state = small_at("contract/switch")
    execute(state, "ALTER SCHEMA sqitch RENAME TO ours")
    execute(state, "UPDATE tenancy.settings SET registry = 'ours'")
    killed(state, "revert", "contract/switch", "LOCK TABLE public.stylists IN EXCLUSIVE MODE")
    execute(state, "DROP SCHEMA ours CASCADE")
    check_both_ways(cluster, state, "@phase3", "@phase2")
    assert value(state, "SELECT to_regnamespace('sqitch') IS NULL") == "t"
