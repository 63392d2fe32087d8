"""Fixtures: one throwaway cluster a run, one template database a stage, one fresh clone a test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support.at_once import REGISTRY, move_to
from support.cluster import ROOT, Cluster
from support.commands import CONVO_TENANCY, LOADED, SQITCH, environment, execute, run
from support.isolation import OWNER, isolate
from support.loaded import loaded
from support.registry import Registry
from support.stages import Stages
from support.wheel import Installed

# Their tests take the longest: begun last, one would still run when all others are done.
LONG = (
    "test_what_stands.py",
    "test_guide.py",
    "test_releases.py",
    "test_wheel.py",
    "test_tag_matrix.py",
    "test_contract_killed.py",
    "test_races.py",
    "test_reversibility.py",
    "test_roles.py",
)

_serial = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; a file's tests stay together, for what they share."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One for each worker of pytest: some tests crash it."""
    own = Cluster.create()
    yield own
    own.remove()


@pytest.fixture(scope="session", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Perl and Python are compiled and imported once for each worker, not for each command.

    What the health check remembers is not kept in somebody's home.
    """
    with loaded(SQITCH, CONVO_TENANCY, environment()) as extra:
        LOADED.update(extra, XDG_STATE_HOME=str(tmp_path_factory.mktemp("state")))
        yield
        LOADED.clear()


@pytest.fixture(scope="session", autouse=True)
def _registry(
    _loaded: None, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Sqitch's, for all workers of this run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # else that of all runs on this machine, of other plans, too
    REGISTRY.append(Registry.shared(cluster, folder))
    yield
    REGISTRY.clear()


def _template(
    cluster: Cluster, stage: str, fill: Callable[[str], object], below: str = "template0"
) -> str:
    name = f"template_{stage}_{os.getpid()}"
    url = cluster.create_database(name, below)
    fill(url)
    cluster.mark_template(name)
    return name


@pytest.fixture(scope="session")
def legacy_template(cluster: Cluster) -> str:
    """The legacy schema and shop 1, nothing else."""
    return _template(
        cluster, "legacy", lambda url: run(ROOT / "scripts/load-legacy.sh", url, "minimal")
    )


@pytest.fixture(scope="session")
def recorded_template(cluster: Cluster) -> str:
    """The recorded legacy database."""
    return _template(
        cluster, "recorded", lambda url: run(ROOT / "scripts/load-legacy.sh", url, "recorded")
    )


def _deployed(cluster: Cluster, to: str, below: str) -> str:
    """A template at a change or a tag, made of the template below it."""
    stage = to.removeprefix("@").replace("/", "_")
    return _template(cluster, stage, lambda url: move_to(url, to), below)


@pytest.fixture(scope="session")
def backfill_template(cluster: Cluster, recorded_template: str) -> str:
    """The recorded legacy database, deployed as far as the backfill's functions."""
    return _deployed(cluster, "profiles/run_backfill", recorded_template)


@pytest.fixture(scope="session")
def phase1_template(cluster: Cluster, recorded_template: str) -> str:
    """The recorded legacy database, deployed to @phase1."""
    return _deployed(cluster, "@phase1", recorded_template)


@pytest.fixture(scope="session")
def phase2_template(cluster: Cluster, phase1_template: str) -> str:
    """The recorded legacy database, deployed to @phase2."""
    return _deployed(cluster, "@phase2", phase1_template)


@pytest.fixture(scope="session")
def phase3_template(cluster: Cluster, phase2_template: str) -> str:
    """The recorded legacy database, deployed to @phase3."""
    return _deployed(cluster, "@phase3", phase2_template)


@pytest.fixture(scope="session")
def owned_template(cluster: Cluster) -> str:
    """The recorded database at @phase2, its tables those of an ordinary role."""

    def fill(url: str) -> None:
        run(ROOT / "scripts/load-legacy.sh", url, "recorded", OWNER)
        move_to(url, "@phase2")

    return _template(cluster, "owned", fill)


@pytest.fixture(scope="session")
def isolated_template(cluster: Cluster, owned_template: str) -> str:
    """The same, with isolation on."""
    return _template(cluster, "isolated", isolate, owned_template)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, installed from its wheel."""
    return Installed.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def stages(cluster: Cluster) -> Stages:
    """A small database at each change of the plan."""
    return Stages(cluster)


@pytest.fixture
def small_at(stages: Stages) -> Iterator[Callable[[str | None], str]]:
    """Called with a change or a tag, or None: URL of a fresh copy of the small database there."""
    with ExitStack() as made:
        yield lambda to: made.enter_context(stages.at(to))


def _clone(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_serial)}"
    yield cluster.create_database(name, template)
    cluster.drop_database(name)


@pytest.fixture
def legacy_database(cluster: Cluster, legacy_template: str) -> Iterator[str]:
    """URL of a database with the legacy schema and shop 1."""
    yield from _clone(cluster, legacy_template)


@pytest.fixture
def recorded_database(cluster: Cluster, recorded_template: str) -> Iterator[str]:
    """URL of a copy of the recorded legacy database."""
    yield from _clone(cluster, recorded_template)


@pytest.fixture
def backfill_database(cluster: Cluster, backfill_template: str) -> Iterator[str]:
    """URL of a copy of the recorded database where the backfill can begin."""
    yield from _clone(cluster, backfill_template)


@pytest.fixture
def phase1_database(cluster: Cluster, phase1_template: str) -> Iterator[str]:
    """URL of a copy of the recorded database at @phase1."""
    yield from _clone(cluster, phase1_template)


@pytest.fixture
def phase2_database(cluster: Cluster, phase2_template: str) -> Iterator[str]:
    """URL of a copy of the recorded database at @phase2."""
    yield from _clone(cluster, phase2_template)


@pytest.fixture
def owned_database(cluster: Cluster, owned_template: str) -> Iterator[str]:
    """URL of a copy of the recorded database at @phase2, its tables those of an ordinary role."""
    yield from _clone(cluster, owned_template)


@pytest.fixture
def isolated_database(cluster: Cluster, isolated_template: str) -> Iterator[str]:
    """URL of a copy of it, with isolation on."""
    yield from _clone(cluster, isolated_template)


@pytest.fixture
def phase3_database(cluster: Cluster, phase3_template: str) -> Iterator[str]:
    """URL of a copy of the recorded database at @phase3."""
    yield from _clone(cluster, phase3_template)


@pytest.fixture
def role(cluster: Cluster, phase2_database: str) -> str:
    """The name of a role of the users', in quotes."""
    name = f"Users of {phase2_database.partition('@/')[2].partition('?')[0]}"
    execute(phase2_database, f'CREATE ROLE "{name}"')
    return f'"{name}"'
