"""container/: its files hold what the scripts and the wheel need, and what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from support.at_once import move_to
from support.cluster import ROOT, Cluster
from support.commands import run, value

FOLDER = ROOT / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PAGE = (ROOT / "docs/installing.md").read_text()


def packages(install: str) -> set[str]:
    """What a line of apt-get installs."""
    words = re.split(r"apt-get install ", install)[1].split()
    return {word for word in words if not word.startswith("-")}


def of_the_command_line() -> set[str]:
    """Debian's packages that scripts/install.sh needs for an operator, but for pg_prove."""
    [block] = re.findall(
        r"== client \|\| .*?then\n(.*?)\nfi", (ROOT / "scripts/install.sh").read_text(), re.DOTALL
    )
    return set(re.findall(r"need (\S+)", block)) - {"libtap-parser-sourcehandler-pgtap-perl"}


def test_the_packages_are_those_of_the_scripts() -> None:
    lines = re.findall(r"(apt-get install .*?) \\?\n", DOCKERFILE)
    assert [packages(line) for line in lines] == [
        {"python3-venv"},
        of_the_command_line() | {"python3"},
    ]
    [on_the_page] = re.findall(
        r"^sudo apt-get update\nsudo (apt-get install .*)$", PAGE, re.MULTILINE
    )
    assert packages(on_the_page) == of_the_command_line() | {"python3-venv"}


def test_each_stage_has_the_same_debian() -> None:
    """The environment of one runs in the other: they need one Python."""
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    assert len(set(images)) == 1


def test_what_is_sent_is_what_the_wheel_is_built_from() -> None:
    sent = re.findall(r"^!(\S+)$", (FOLDER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    [copied] = re.findall(r"^parts=\((.*)\)$", (ROOT / "scripts/wheel.sh").read_text(), re.M)
    assert set(sent) == {*copied.split(), "requirements.txt"}
    for name in re.findall(r"/source/(\S+)", DOCKERFILE):
        assert name in sent


def test_it_starts_where_the_project_is() -> None:
    [written] = re.findall(r"^RUN convo-tenancy deploy-files (\S+)$", DOCKERFILE, re.MULTILINE)
    assert f"\nWORKDIR {written}\n" in DOCKERFILE
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, re.MULTILINE)


def test_no_port_but_of_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    for port in ports:
        assert (found := re.fullmatch(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:\d+", port))
        assert f"the port, {found[2]} or `{found[1]}`" in PAGE


def test_the_server_is_one_that_is_supported() -> None:
    [default] = re.findall(
        r"^postgres:\$\{POSTGRES_VERSION:-(\d+)\}$", SERVICES["database"]["image"]
    )
    [oldest] = set(re.findall(r"-ge (\d+) ]]", (ROOT / "scripts/environment.sh").read_text()))
    assert int(oldest) <= int(default) <= 18
    assert "`POSTGRES_VERSION` chooses the server, 15 to 18." in " ".join(PAGE.split())


def test_no_password_is_in_a_file() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    values = re.findall(r"PASSWORD: (.*)$", text, re.MULTILINE)
    assert set(values) == {"${POSTGRES_PASSWORD:?choose one}"}
    assert not re.search(r"://\w+:\w", text)


def test_both_urls_are_one_database() -> None:
    for name in ("tenancy", "sample"):
        said = SERVICES[name]["environment"]
        assert said["SQITCH_TARGET"] == f"db:{said['DATABASE_URL']}"
        assert said["DATABASE_URL"].endswith("@database:5432/convo")
        assert {"SQITCH_FULLNAME", "SQITCH_EMAIL", "PGPASSWORD"} <= said.keys()
    assert SERVICES["database"]["environment"]["POSTGRES_DB"] == "convo"


def test_the_sample_loads(cluster: Cluster, tmp_path: Path) -> None:
    """Its command, with what is mounted for it and nothing else of the checkout."""
    for mount in SERVICES["sample"]["volumes"]:
        source, target, mode = mount.split(":")
        assert mode == "ro"
        place = tmp_path / target.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to((FOLDER / source).resolve())
    url = cluster.create_database("container")
    try:
        *shell, command = SERVICES["sample"]["command"]
        command = command.replace("$$", "$").replace("/sample/", f"{tmp_path}/sample/")
        run(*shell, command, env={"DATABASE_URL": url})
        assert value(url, "SELECT count(*) FROM public.customers") == "1824"
        move_to(url, "@phase1")
    finally:
        cluster.drop_database("container")


def test_the_commands_of_the_page() -> None:
    """They name services and files that are there; the workflow runs them, in their order."""
    block = re.split(r"^## Container$", PAGE, flags=re.MULTILINE)[1].split("```")[1]
    export, *commands = block.strip().splitlines()
    assert "COMPOSE_FILE=container/compose.yaml" in export
    for command in commands:
        words = shlex.split(command)
        assert words[:2] == ["docker", "compose"]
        if words[2] in ("run", "build"):
            service = next(word for word in words[3:] if not word.startswith("-"))
            assert service in SERVICES
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yaml").read_text())
    steps = workflow["jobs"]["container"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == commands
