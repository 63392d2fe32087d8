"""What one run of the health check tells the next: kept by database, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convo_tenancy.health.memory import Memory


def _run(path: Path | None, database: str, **values: object) -> Memory:
    """A run that remembers these values, and what it knew before."""
    memory = Memory(path)
    memory.open(database)
    for name, value in values.items():
        memory.remember(name, value)
    memory.save()
    return memory


def test_databases_and_uses_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/state.json"
    first = _run(path, "1-2", deadlocks=3)
    assert (first.recall("deadlocks", int), first.problem) == (None, None)
    _run(path, "1-3", deadlocks=5)
    # Another run of the same database, which began before this one ended.
    slow = Memory(path)
    slow.open("1-2")
    slow.remember("drift", {"last": 7})
    _run(path, "1-2", deadlocks=4)
    slow.save()

    found = _run(path, "1-2")
    assert (found.recall("deadlocks", int), found.recall("drift", dict)) == (4, {"last": 7})
    assert found.recall("deadlocks", str) is None
    assert _run(path, "1-3").recall("deadlocks", int) == 5
    assert [each.name for each in path.parent.iterdir()] == ["state.json"]
    assert path.stat().st_mode & 0o77 == 0


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    _run(None, "1-2", deadlocks=3)
    _run(None, "1-3", deadlocks=3)
    names = sorted(each.name for each in (tmp_path / "state/convo-tenancy").iterdir())
    assert names == ["health-1-2.json", "health-1-3.json"]
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    _run(None, "1-2", deadlocks=3)
    assert (tmp_path / ".local/state/convo-tenancy/health-1-2.json").is_file()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is not JSON"),
        ("[1]", "it is not a file of convo-tenancy health"),
        ('{"1-2": [1]}', None),
        ('{"1-2": {"deadlocks": true}}', None),
        ("", None),
        ("\x00", "it is not JSON"),
    ],
)
def test_a_file_that_is_spoiled_is_begun_anew(
    tmp_path: Path, text: str, problem: str | None
) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    memory = _run(path, "1-2", deadlocks=3)
    assert memory.recall("deadlocks", int) is None
    assert (problem is None) == (memory.problem is None)
    assert problem is None or problem in str(memory.problem)
    assert _run(path, "1-2").recall("deadlocks", int) == 3


def test_what_cannot_be_read_or_written_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "file/state.json", tmp_path / "loop", Path("/proc/no/where")):
        memory = _run(path, "1-2", deadlocks=3)
        assert memory.problem is not None, path
        assert memory.problem.startswith(("cannot read ", "cannot write "))
        assert memory.problem.endswith("(--state names another file)")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/null"), pipe):  # it waits for nobody, and replaces neither
        assert _run(path, "1-2", deadlocks=3).problem is None
    assert Path("/dev/null").is_char_device()
    assert pipe.is_fifo()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    _run(tmp_path / "link", "1-2", deadlocks=3)
    assert (tmp_path / "link").is_symlink()
    assert _run(tmp_path / "target", "1-2").recall("deadlocks", int) == 3
