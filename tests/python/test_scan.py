"""convo-tenancy scan: in tests/scanned, it finds each line that says FOUND or MAY, and no other."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from convo_tenancy.scan.tree import scan
from support.cluster import ROOT
from support.commands import CONVO_TENANCY, Completed, convo_tenancy, run
from support.walk import marked_steps

SCANNED = ROOT / "tests/scanned"
TREES = sorted(each.name for each in SCANNED.iterdir())
MARK = re.compile(r"(FOUND|MAY) (preferred|average|no_show|statistics)\b")
TARGETS = {
    "preferred": "customers.preferred_stylist_id",
    "average": "customers.average_spend_cents",
    "no_show": "customers.no_show_count",
    "statistics": "customer_booking_stats",
}


def marked(tree: Path) -> list[tuple[str, int, str, bool]]:
    """Path, line and target of each mark, and whether it is certain."""
    return sorted(
        (file.relative_to(tree).as_posix(), number, TARGETS[target], word == "FOUND")
        for file in tree.rglob("*")
        if file.is_file()
        for number, line in enumerate(file.read_text().splitlines(), 1)
        for word, target in MARK.findall(line)
    )


@pytest.mark.parametrize("tree", TREES)
def test_finds_what_is_marked(tree: str) -> None:
    found = sorted(
        (each.path, each.line, each.target, each.is_certain)
        for each in scan(SCANNED / tree).findings
    )
    assert found == marked(SCANNED / tree)


def test_trees_are_there() -> None:
    """The legacy ones have every target, certain and not; the migrated one has nothing."""
    targets = {(target, is_certain) for _, _, target, is_certain in marked(SCANNED / "legacy")}
    assert len(targets) == 7
    assert marked(SCANNED / "migrated") == []


def write(folder: Path, **files: str) -> Path:
    """Make Python files by their names; the folder."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def command(*args: str | Path) -> Completed:
    """Run it without any database."""
    return convo_tenancy("postgresql://nobody@localhost:1/none", "scan", *map(str, args))


DELETES = 'DELETE = "DELETE FROM customer_booking_stats"\n'


def test_says_where_what_and_what_instead(tmp_path: Path) -> None:
    write(tmp_path, a=f"\n{DELETES}")
    done = command(tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{tmp_path}/a.py:2:23: sql: customer_booking_stats: write with tenancy.record_booking(),"
        " read tenancy.customer_context() or customer_shop_profiles, or tenancy.customer_totals for"
        " all shops",
        "1 findings in 1 files",
    ]
    said = json.loads(command(tmp_path, "--format", "json").stdout)
    [finding] = said["findings"]
    assert finding["instead"].startswith("write with tenancy.record_booking()")
    del finding["instead"]
    assert finding == {
        "path": "a.py",
        "line": 2,
        "column": 23,
        "kind": "sql",
        "target": "customer_booking_stats",
        "is_certain": True,
        "text": DELETES.strip(),
    }


def test_nothing_left() -> None:
    done = command(SCANNED / "migrated")
    assert (done.returncode, done.stdout) == (0, "0 findings in 4 files\n")


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, a=DELETES)
    assert command(tmp_path / "a.py").stdout.startswith(f"{tmp_path}/a.py:1:23: sql: ")


def test_cannot_look(tmp_path: Path) -> None:
    done = command(tmp_path / "none")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"convo-tenancy: cannot read {tmp_path}/none: No such file or directory\n"
    (tmp_path / "mem.py").symlink_to("/proc/self/mem")  # nobody can read it from its beginning
    done = command(tmp_path)
    assert done.returncode == 3
    assert "1 could not be read (mem.py: Input/output error)" in done.stderr


def test_nothing_to_look_at(tmp_path: Path) -> None:
    """A wrong folder is no pass, and what cannot be written is no finding."""
    done = command(tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith(": name the folder of the application\n")
    done = run("bash", "-c", f"{CONVO_TENANCY} scan {SCANNED}/migrated >/dev/full", check=False)
    assert done.returncode == 3
    assert "cannot write the output" in done.stderr


def test_one_long_run(tmp_path: Path) -> None:
    """As in minified sources: it takes no longer than its length."""
    (tmp_path / "a.js").write_text(f"a = '{'iVBORw0KGgo' * 100_000}'; t = 'customer_booking_stats'")
    assert [each.column for each in scan(tmp_path).findings] == [1_100_014]


def test_without_a_driver(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None; from convo_tenancy.cli import main; main()"
    )
    write(tmp_path, a=DELETES)
    done = run(sys.executable, "-c", program, "scan", tmp_path, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_baseline(tmp_path: Path) -> None:
    source, known = tmp_path / "src", tmp_path / "known.json"
    source.mkdir()
    write(source, a=DELETES + DELETES)
    assert command(source, "--baseline", known).returncode == 3
    done = command(source, "--baseline", known, "--write-baseline")
    assert (done.returncode, done.stdout) == (0, f"2 findings are known now: {known}\n")

    done = command(source, "--baseline", known, "--write-baseline", "--format", "json")
    assert json.loads(done.stdout) == {"baseline": str(known), "known": 2}

    # Moved and indented, it is known; the same once more is new.
    write(source, a=f"import os\n\nif os:\n    {DELETES}    {DELETES}")
    done = command(source, "--baseline", known)
    assert (done.returncode, done.stdout) == (0, "0 findings in 1 files, 2 known\n")
    write(source, b=DELETES)
    done = command(source, "--baseline", known)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(f"{source}/b.py:1:23: ")

    # Gone: told, and no failure.
    write(source, a=DELETES, b="")
    done = command(source, "--baseline", known)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "the baseline has a finding that no longer occurs: a.py: customer_booking_stats: "
        + DELETES.strip(),
        "0 findings in 2 files, 1 known",
    ]


def test_baseline_in_the_folder(tmp_path: Path) -> None:
    """It names what the sources use, and is no source."""
    write(tmp_path, a=DELETES)
    known = tmp_path / "known.json"
    assert command(tmp_path, "--baseline", known, "--write-baseline").returncode == 0
    done = command(tmp_path, "--baseline", known)
    assert (done.returncode, done.stdout) == (0, "0 findings in 1 files, 1 known\n")
    assert [each.path for each in scan(tmp_path).findings] == ["a.py"]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "known": []}', '{"version": 1}'])
def test_no_baseline(tmp_path: Path, text: str) -> None:
    (tmp_path / "known.json").write_text(text)
    done = command(tmp_path, "--baseline", tmp_path / "known.json")
    assert done.returncode == 3
    assert done.stderr.endswith("write it anew with --write-baseline\n")


def test_baseline_without_a_file(tmp_path: Path) -> None:
    done = command(tmp_path, "--write-baseline")
    assert (done.returncode, done.stdout) == (2, "")


def test_what_is_no_source(tmp_path: Path) -> None:
    for folder in (".venv", "node_modules/x", ".git", "__pycache__", "env/lib"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder, a=DELETES)
    (tmp_path / "env/pyvenv.cfg").touch()
    (tmp_path / "a.bin").write_bytes(b"\0" + DELETES.encode())
    (tmp_path / "notes.md").write_text(DELETES)
    (tmp_path / "again.py").symlink_to("real.py")
    (tmp_path / "lost.py").symlink_to("nowhere.py")
    write(tmp_path, real="")
    assert (scan(tmp_path).findings, scan(tmp_path).files) == ([], 1)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bom.py", b"\xef\xbb\xbf" + DELETES.encode()),
        ("latin.py", b"# coding: latin-1\n# \xe9\n" + DELETES.encode()),
        ("wrong.py", b"# \xe9\n" + DELETES.encode()),
        ("lines.py", b"\r\n" + DELETES.replace("\n", "\r\n").encode()),
        ("wide.sql", "DELETE FROM customer_booking_stats".encode("utf-16")),
    ],
)
def test_encodings(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert [each.target for each in scan(tmp_path).findings] == ["customer_booking_stats"]


def test_history(tmp_path: Path) -> None:
    """Migrations that ran say what was; nobody changes them."""
    write(tmp_path, a1b2=f'revision = "a1b2"\ndown_revision: str | None = None\n{DELETES}')
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/1.sql").write_text("DELETE FROM customer_booking_stats;")
    report = scan(tmp_path)
    assert (report.findings, len(report.history)) == ([], 2)
    done = command(tmp_path)
    assert done.returncode == 0
    assert "2 in 2 migrations, which are history: not counted" in done.stdout


def test_python_that_does_not_parse() -> None:
    report = scan(SCANNED / "languages")
    assert report.as_text == ["broken.py"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sum.py", "x = " + " + ".join(["'a'"] * 3000)),
        ("calls.py", "x = query" + ".where(1)" * 900),
        ("elif.py", "if x:\n    pass\n" + "elif x:\n    pass\n" * 1500),
        ("parentheses.sql", "SELECT " + "(" * 3000 + ")" * 3000 + ", "),
    ],
)
def test_what_is_nested_deep(tmp_path: Path, name: str, text: str) -> None:
    """It is read as text, for Python's own parser gives up, or this one would."""
    (tmp_path / name).write_text(f"{text}\n'DELETE FROM customer_booking_stats'\n")
    report = scan(tmp_path)
    assert [each.target for each in report.findings] == ["customer_booking_stats"]
    assert report.as_text == ([name] if name.endswith(".py") else [])


def test_a_program_of_others() -> None:
    """Whatever Python it has, nothing of it is ours, and nothing is too much."""
    report = scan(Path(asyncio.__file__).parent)
    assert (report.findings, report.as_text) == ([], [])
    assert report.files > 20


def test_what_stands_in_a_file_name(tmp_path: Path) -> None:
    """Nothing that a terminal would obey."""
    write(tmp_path, **{"a\033[2J": DELETES})
    assert "a?[2J.py:1:23" in command(tmp_path).stdout


def test_the_page(tmp_path: Path) -> None:
    """Its commands, in their order, on the source that gives its sample."""
    page = ROOT / "docs/scan.md"
    (tmp_path / "app").mkdir()
    write(
        tmp_path / "app",
        chat="def show(customer):\n    return customer.preferred_stylist_id\n",
        report='FANS = "SELECT count(*) FROM customers WHERE preferred_stylist_id = $1"\n',
    )
    said = []
    for kind, block in marked_steps(page, others=1):
        commands = block.replace("convo-tenancy", CONVO_TENANCY)
        done = run("bash", "-ec", commands, cwd=tmp_path, check=False)
        assert done.returncode == (1 if kind == "found" else 0), done.stderr
        said.append(done.stdout)
    [sample] = re.findall(r"^```\n(app/.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert said == [
        sample,
        "2 findings are known now: legacy-use.json\n0 findings in 2 files, 2 known\n",
    ]
