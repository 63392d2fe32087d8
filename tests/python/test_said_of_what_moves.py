"""Scripts say what they move, where it is and how it comes back; of the expected, nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

from support.adopted import ADOPT, run_the_adr
from support.cluster import ROOT
from support.commands import execute, sqitch
from support.plan import CONTRACT

Small = Callable[[str | None], str]

_SAID = re.compile(r"(?:INFO|NOTICE|WARNING|ERROR):  (.*)")
_WRITTEN = re.compile(r"RAISE INFO\s+((?:'(?:[^']|'')*'\s*)+)")

LEAVES = (
    "customer_booking_stats and three columns of customers are in tenancy_archive now:"
    " sqitch revert --to @phase2 brings them back"
)
RETURNS = (
    "customer_booking_stats and three columns of customers are back in public, with all that was"
    " booked since they left"
)
ASIDE = (
    "the profiles are now in tenancy_archive.customer_shop_profiles, and stale from now on:"
    " sqitch deploy --to @phase1 takes them back"
)
AGAIN = "the profiles that a revert put aside are in public.customer_shop_profiles again"
DROPPED = (
    "no profile was archived:"
    " sqitch deploy --to @phase1 makes all of them again from the legacy side"
)
ADOPTED = (
    "the table that was taken over is tenancy_archive.adopted_profiles now:"
    " sqitch revert gives it back as it was"
)
GIVEN_BACK = "public.customer_shop_profiles is again the table that was taken over, as it was then"

# What others have beside the owner's tables, each with something that PostgreSQL warns of when
# somebody else takes rights on it away.
STRANGERS = """
    CREATE EXTENSION pg_stat_statements SCHEMA public;
    CREATE TABLE public.of_others (id integer);
    CREATE VIEW public.view_of_others AS SELECT 1 AS one;
    CREATE SEQUENCE public.sequence_of_others;
    CREATE FUNCTION public.function_of_others() RETURNS integer LANGUAGE sql RETURN 1;
    CREATE FUNCTION tenancy.function_of_others() RETURNS integer LANGUAGE sql RETURN 1;
    CREATE VIEW tenancy.view_of_others AS SELECT 1 AS one;
"""


def said(url: str, *command: str) -> list[str]:
    """All messages of PostgreSQL that an operator sees."""
    done = sqitch(url, *command)
    return _SAID.findall(done.stdout + done.stderr)


def test_each_phase_there_and_back(owned_database: str) -> None:
    """The tables are those of an ordinary role; others have objects beside them."""
    url = owned_database
    execute(url, STRANGERS)
    unseen, *rest = said(url, "deploy", "--to", "@phase3", *CONTRACT)
    assert unseen.startswith("the gate cannot see who reads the legacy side: ")
    assert rest == [LEAVES]
    assert said(url, "revert", "-y", "--to", "@phase2") == [RETURNS]
    assert said(url, "revert", "-y", "--to", "@phase1") == []
    execute(url, "DROP FUNCTION tenancy.function_of_others; DROP VIEW tenancy.view_of_others")
    assert said(url, "revert", "-y") == [ASIDE]
    assert said(url, "deploy", "--to", "@phase1") == [AGAIN]


def test_what_can_be_made_again(legacy_database: str) -> None:
    assert said(legacy_database, "deploy", "--to", "@phase1") == []
    assert said(legacy_database, "revert", "-y") == [DROPPED]


def test_a_table_that_is_taken_over(small_at: Small) -> None:
    url = small_at(None)
    run_the_adr(url)
    assert ADOPTED in said(url, "deploy", "--to", "@phase1", *ADOPT)
    assert GIVEN_BACK in said(url, "revert", "-y")


def test_these_are_all() -> None:
    found = set()
    for tree in ("deploy", "revert"):
        for path in (ROOT / tree).rglob("*.sql"):
            for message in _WRITTEN.findall(path.read_text()):
                found.add("".join(re.findall(r"'((?:[^']|'')*)'", message)))
    assert found == {LEAVES, RETURNS, ASIDE, AGAIN, DROPPED, ADOPTED, GIVEN_BACK}
