"""The legacy application's booking: by pgbench, or statement by statement from Python."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..cluster import SQL, BenchError, psql_file, run

SCRIPT = SQL / "legacy_booking.pgbench"

# In the script a statement's name is the comment before it, and a backslash command or a semicolon
# ends it.
_NAMED = re.compile(r"^-- (\w+)\n((?:(?!\\).+\n)+?)(?:\\[ag]set .*\n|(?<=;\n))", re.MULTILINE)


def statements() -> dict[str, str]:
    """Each statement of the script by its name, in the script's order; with pgbench's variables."""
    return {name: text.strip().rstrip(";") for name, text in _NAMED.findall(SCRIPT.read_text())}


@dataclass(frozen=True)
class Holds:
    """Held bookings that bench/sql/holds.sql has made; each can be confirmed once."""

    customers: int
    count: int

    def make(self, url: str, first: int = 0) -> None:
        """Those from `first` on, in a database that the sample has filled."""
        psql_file(
            url, "bench/sql/holds.sql", customers=self.customers, first=first, holds=self.count
        )

    def phone(self, hold: int) -> int:
        """The customer's, without the plus; as in the script."""
        return 16020000001 + hold * 1000003 % self.customers

    def booking(self, hold: int) -> int:
        """The end of the booking's id; as in the script."""
        return 10**18 + hold


@dataclass(frozen=True)
class PgbenchRun:
    """One run of pgbench."""

    transactions: int
    transactions_per_second: float
    # Mean milliseconds of a statement by name where it was executed, 0 if it never was.
    statement_milliseconds: dict[str, float]


def pgbench(
    url: str, holds: Holds, first: int, clients: int, transactions: int, *, dual_write: bool
) -> PgbenchRun:
    """Confirm holds from `first` on, so many by each client."""
    if first + clients * transactions > holds.count:
        raise BenchError(f"{holds.count} held bookings are too few")
    variables = {
        "first": first,
        "turn": 0,
        "clients": clients,
        "customers": holds.customers,
        "dual_write": int(dual_write),
    }
    given = [word for k, v in variables.items() for word in ("-D", f"{k}={v}")]
    output = run(
        *("pgbench", "--no-vacuum", "--protocol=prepared", "--report-per-command"),
        *(f"--client={clients}", f"--jobs={clients}", f"--transactions={transactions}"),
        *(*given, f"--file={SCRIPT}", url),
    )
    done = _figure(r"^number of transactions actually processed: (\d+)/", output)
    if done != clients * transactions or _figure(r"^number of failed transactions: (\d+)", output):
        raise BenchError(f"pgbench did not do all transactions:\n{output}")
    names = iter(statements())
    # A line for each command: milliseconds, failures, its first line.
    latencies = re.findall(r"^ +([\d.]+) +\d+ +([^\\\s].*)$", output, re.MULTILINE)
    return PgbenchRun(
        transactions=clients * transactions,
        transactions_per_second=_figure(r"^tps = ([\d.]+) \(without", output),
        statement_milliseconds={
            name: float(milliseconds)
            for name, (milliseconds, _) in zip(names, latencies, strict=True)
        },
    )


def _figure(pattern: str, output: str) -> float:
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        raise BenchError(f"pgbench did not say {pattern}:\n{output}")
    return float(found[1])
