"""The legacy booking as a loop inside the server: one client, and no network at all."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ..cluster import connect
from .legacy import SCRIPT

# The time that passes; what the server process has of a processor, which other load disturbs less.
WALL, PROCESSOR = "wall", "processor"
CLOCKS = (WALL, PROCESSOR)

_REFERENCE = re.compile(r"(?<!:):(\w+)")
_DUAL_WRITE = re.compile(r"^\\if :dual_write\n.*(?=^-- commit$)", re.MULTILINE | re.DOTALL)
# What pgbench knows of one client.
_GIVEN = {"clients": "1", "client_id": "0"}


def procedure() -> str:
    """bench.book(first, turns, customers): the script for pgbench, dual write apart, in PL/pgSQL.

    pgbench's variables are v_<name>. A row that it takes apart, by a prefix, is the record
    r_<prefix>; a variable that is 0 before a row is looked for is 0 where none was found.
    """
    variables, records, if_missing = {"turn": None}, {"returned": None}, set[str]()
    body: list[str] = []
    for line in _DUAL_WRITE.sub("", SCRIPT.read_text()).splitlines():
        command, _, rest = line.partition(" ")
        name, _, expression = rest.partition(" ")
        match command:
            case "\\set" if expression == "0":
                if_missing.add(name)
            case "\\set":
                variables[name] = None
                body.append(f"v_{name} := {expression};")
            case "\\gset" | "\\aset":
                record = rest.rstrip("_")
                records[record] = None
                strict = "STRICT " if command == "\\gset" else ""
                body.append(f"INTO {strict}r_{record};")
            case "\\if":
                body.append(f"IF {rest} THEN")
            case "\\else":
                body.append("ELSE")
            case "\\endif":
                body.append("END IF;")
            case "RETURNING" if line.endswith(";"):
                body.append(f"{line[:-1]} INTO r_returned;")
            case "BEGIN;" | "--":
                pass
            case _:
                body.append(line)

    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if name in _GIVEN:
            return _GIVEN[name]
        rows = [record for record in records if name.startswith(f"{record}_")]
        if name in variables or not rows:
            return f"v_{name}"
        record = max(rows, key=len)
        column = f"r_{record}.{name.removeprefix(f'{record}_')}"
        return f"coalesce({column}, 0)" if name in if_missing else column

    text = "\n".join(body)
    return (
        "CREATE SCHEMA IF NOT EXISTS bench;\n"
        "CREATE OR REPLACE PROCEDURE bench.book(v_first bigint, v_turns bigint, v_customers bigint)"
        " LANGUAGE plpgsql AS $$\nDECLARE\n"
        + "".join(f"v_{name} bigint := 0;\n" for name in variables)
        + "".join(f"r_{name} record;\n" for name in records)
        + f"BEGIN\nWHILE v_turn < v_turns LOOP\n{_REFERENCE.sub(value, text)}\nEND LOOP;\nEND\n$$"
    )


class Loop:
    """A session that books inside the server, one transaction a booking."""

    def __init__(self, url: str, customers: int) -> None:
        self._connection = connect(url)
        # A commit that waits for the disk is no work of the server's.
        self._connection.execute("SET synchronous_commit = off")
        self.plan(customers)

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def plan(self, customers: int) -> None:
        """From now on for so many customers; the statements have new plans, what they fire not."""
        self._customers = customers
        self._connection.execute(procedure().encode())

    def book(self, first: int, count: int) -> dict[str, float]:
        """Confirm so many holds from `first` on; microseconds of one, by each clock."""
        call = f"CALL bench.book({first}, {count}, {self._customers})".encode()
        before = self._clocks()
        self._connection.execute(call)
        return {clock: (at - before[clock]) / count * 1e6 for clock, at in self._clocks().items()}

    def _clocks(self) -> dict[str, float]:
        schedstat = Path(f"/proc/{self._connection.info.backend_pid}/schedstat")
        return {WALL: time.monotonic(), PROCESSOR: int(schedstat.read_text().split()[0]) / 1e9}
