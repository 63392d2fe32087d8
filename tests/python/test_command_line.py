"""The command line as a whole: help, wrong words, completion, --quiet and --verbose."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from convo_tenancy.cli import app
from convo_tenancy.display import Meter, shown
from support.command_line import call, in_terminal
from support.commands import CONVO_TENANCY, convo_tenancy, environment, execute, run

NO_DATABASE = {"DATABASE_URL": None}
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its name, those within a group and the whole among them."""
    root: Any = typer.main.get_command(app)
    yield "", root
    for name, command in root.commands.items():
        yield name, command
        for inner, each in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", each


NAMES = [name for name, _ in commands()]


# --- Help


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    """Examples and exit codes, in 80 columns; -h is --help."""
    env = {"COLUMNS": "200", **NO_DATABASE}
    done = call("", *name.split(), "-h", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == call("", *name.split(), "--help", env=env).stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    for words in ("Exit codes: 0 ", "Example", "--quiet", "--verbose", "-h, --help"):
        assert words in done.stdout, words


# --- Called wrongly


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("helth", 2, 'there is no command "helth", did you mean health: see convo-tenancy -h'),
        ("--qiet", 2, "there is no option --qiet, did you mean --quiet: see convo-tenancy -h"),
        (
            "backfill pase",
            2,
            'there is no command "pase", did you mean pause: see convo-tenancy backfill -h',
        ),
        (
            "health --fromat json",
            3,
            "there is no option --fromat, did you mean --format: see convo-tenancy health -h",
        ),
        (
            "status --format yaml",
            3,
            '--format: expected text or json, not "yaml": see convo-tenancy status -h',
        ),
        (
            "preflight --to phase9",
            3,
            '--to: expected @phase1, @phase2 or @phase3, not "phase9": see convo-tenancy preflight'
            " -h",
        ),
        ("gate --format", 2, "--format needs a value: see convo-tenancy gate -h"),
        ("watch --every", 2, "--every needs a value: see convo-tenancy watch -h"),
        ("health --timeout", 3, "--timeout needs a value: see convo-tenancy health -h"),
        ("report --output", 2, "--output needs a value: see convo-tenancy report -h"),
        ("gate --quiet=x", 2, "--quiet takes no value: see convo-tenancy gate -h"),
        ("scan", 2, "PATH is missing: see convo-tenancy scan -h"),
        ("gate x y", 2, '"x y" is more than it takes: see convo-tenancy gate -h'),
        (
            "health --timeout 0",
            3,
            "--timeout: expected a number from 0.001 to 86,400: see convo-tenancy health -h",
        ),
        (
            "backfill --batch-size many",
            2,
            "--batch-size: expected a whole number from 1 to 100,000: see convo-tenancy backfill"
            " -h",
        ),
        (
            "backfill --dry-run pause",
            2,
            "only --database-url may stand before pause: see convo-tenancy backfill -h",
        ),
    ],
)
def test_wrong_words(words: str, exit_code: int, said: str) -> None:
    done = call(NOWHERE, *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (
        exit_code,
        "",
        f"convo-tenancy: {said}\n",
    )


def test_words_that_a_terminal_would_obey() -> None:
    done = call(NOWHERE, "he\x1b[31m\u202eal\nth")
    assert done.returncode == 2
    assert re.fullmatch(r'convo-tenancy: there is no command "[ -~]*"[ -~]*\n', done.stderr)


def test_no_word_at_all() -> None:
    done = convo_tenancy(NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:\n" in done.stderr


@pytest.mark.parametrize("command", ["status", "preflight", "gate", "backfill status"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "which database? Set DATABASE_URL, or pass --database-url "),
        (NOWHERE, 'cannot connect: server at "127.0.0.1", port 1: Connection refused (check '),
        (
            "postgresql://x@127.0.0.1:1,127.0.0.1:2/x",
            'cannot connect: server at "127.0.0.1", port 1: Connection refused; server at'
            ' "127.0.0.1", port 2: Connection refused (check ',
        ),
        ("postgresql://x@/x?host=/nowhere", 'cannot connect: server on socket "/nowhere/.s.PGSQL'),
        ("mysql://x", "DATABASE_URL (or --database-url) is not a URI like "),
    ],
)
def test_no_database(command: str, url: str | None, said: str) -> None:
    done = call("", *command.split(), env={"DATABASE_URL": url})
    assert (done.returncode, done.stdout) == (3 if command in ("preflight", "status") else 1, "")
    assert done.stderr.startswith(f"convo-tenancy: {said}")


def test_no_such_database_or_role(phase1_database: str) -> None:
    for url, said in (
        (re.sub("@/[^?]*", "@/nothing", phase1_database), 'database "nothing" does not exist'),
        (phase1_database.replace("postgres@", "nobody@"), 'role "nobody" does not exist'),
    ):
        assert re.fullmatch(
            rf"convo-tenancy: cannot connect: server on socket \S+: {said} \(check .*\)\n",
            call(url, "status").stderr,
        )


# --- Saying less, saying more


def test_quiet(phase2_database: str) -> None:
    """Only what is wrong; before the command or behind it."""
    url = phase2_database
    looking = ("health", "preflight", "repair --dry-run", "backfill status", "backfill --dry-run")
    doing = ("status", "repair", "backfill", "backfill pause", "backfill resume")
    for command in (*looking, *doing):
        assert convo_tenancy(url, *command.split(), "--quiet").stdout == "", command
        done = convo_tenancy(url, "--quiet", *command.split())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    for command in ("health", "backfill"):
        assert in_terminal(url, command, "--quiet") == (0, "")
    assert call(url, "health", "--quiet", "--format", "json").stdout.startswith("{")

    execute(url, "ALTER TABLE public.customers DISABLE TRIGGER mirror_customer_to_profiles")
    said = call(url, "health", "--quiet").stdout.splitlines()
    assert len(said) == 2
    assert said[0].startswith("convo-tenancy health: critical")
    assert said[1].startswith("critical  triggers ")
    gate = call(url, "gate", "--quiet")
    assert gate.returncode == 1
    assert "  remedy:   " in gate.stdout
    assert "The contract would" not in gate.stdout


def test_verbose(phase1_database: str) -> None:
    """Each statement by its name; what is printed besides is the same."""
    for words in (("--verbose", "backfill", "status"), ("backfill", "status", "--verbose")):
        done = convo_tenancy(phase1_database, *words)
        asked = done.stderr.splitlines()
        assert done.stdout == call(phase1_database, "backfill", "status").stdout
        assert [line for line in asked if not re.fullmatch(ASKED, line)] == []
        names = [line.split()[2].rstrip(":") for line in asked]
        assert {"session", "deployed", "backfill/progress"} <= {*names}
    failed = convo_tenancy(NOWHERE, "--verbose", "status")
    assert len(failed.stderr.splitlines()) == 1


ASKED = r"convo-tenancy: asked [\w/]+: \d+\.\d{3} s"


# --- Narrow terminals, and those that are none


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 140])
def test_the_bar_keeps_rate_and_time_left(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=columns, force_terminal=True, color_system=None)
    meter = Meter(200_000, 1_234_567, "profiles")
    meter.started -= 61
    with shown(console, meter) as display:
        display.moved(400_000, 912_345)
    line = re.sub(r"\x1b\[[\d?]*[a-zA-Z]", "", capsys.readouterr().out).strip().split("\r")[-1]
    assert len(line) <= columns
    assert "49%" in line
    assert " 1 min 3" in line
    assert columns < 40 or re.search(r"\d,\d{3}/s, ", line)
    assert columns < 100 or "━" in line
    assert ("600,000 of 1,234,567 customers" in line) == (columns >= 80)


def test_no_colour_and_no_terminal(phase2_database: str) -> None:
    for env in ({"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LC_ALL": "C"}, {"COLUMNS": "20"}):
        for command in ("status", "health", "backfill", "backfill --dry-run"):
            done = call(phase2_database, *command.split(), env={"LANG": None, **env})
            assert (done.returncode, done.stderr) == (0, "")
            assert "\x1b" not in done.stdout


# --- Completion


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """An interactive bash that completes: the line that a Tab makes of a line."""
    terminal, side = pty.openpty()
    env = environment({"HOME": str(tmp_path), "TERM": "dumb", "PS1": "", "DATABASE_URL": None})
    env["PATH"] = f"{Path(CONVO_TENANCY).parent}:{env['PATH'].split(':', 1)[1]}"
    bash = ["bash", "--norc", "--noprofile", "-i"]
    process = subprocess.Popen(bash, stdin=side, stdout=side, stderr=side, env=env)
    os.close(side)

    def read_until(pattern: str) -> str:
        seen, ends = "", time.monotonic() + 60
        while not (found := re.search(pattern, seen)):
            assert time.monotonic() < ends, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 65536).decode()
        return found[1]

    def tab(line: str) -> str:
        # What the line has become is what echo shows of it.
        os.write(terminal, f"{line}\t\x01echo '<<'\x05'>>'\n".encode())
        return read_until(r"\n<<([^\n]*)>>").strip()

    setup = (
        'source <(convo-tenancy --show-completion); bind "set bell-style none"; echo "rea""dy"\n'
    )
    os.write(terminal, setup.encode())
    read_until(r"\n(ready)")
    yield tab
    process.kill()
    process.wait()
    os.close(terminal)


def test_completion_in_bash(shell: Callable[[str], str]) -> None:
    for begun, whole in (
        ("sta", "status"),
        ("backfill pau", "backfill pause"),
        ("health --plan", "health --plan-directory"),
        ("health --format prom", "health --format prometheus"),
        ("preflight --to @phase", "preflight --to @phase"),
        ("preflight --to", "preflight --to"),
    ):
        assert shell(f"convo-tenancy {begun}") == f"convo-tenancy {whole}"


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_completion_in_other_shells(name: str) -> None:
    """By the protocol of their scripts; in the shell itself where it is installed."""
    variable = "_CONVO_TENANCY_COMPLETE"
    script = convo_tenancy("", env={variable: f"source_{name}", **NO_DATABASE}).stdout
    assert f"{variable}=complete_{name}" in script
    env = {
        variable: f"complete_{name}",
        "_TYPER_COMPLETE_ARGS": "convo-tenancy preflight --to @",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        **NO_DATABASE,
    }
    assert re.findall(r"@phase\d", convo_tenancy("", env=env).stdout) == [
        "@phase1",
        "@phase2",
        "@phase3",
    ]
    if shutil.which(name):
        run(name, "-n", stdin=script)
