"""A page that is walked from the top to the bottom, by an owner who is no superuser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .commands import Completed, execute, value
from .isolation import OWNER, as_role, give_tables
from .runbook import perform
from .steps import steps


def marked_steps(page: Path, others: int = 0) -> list[tuple[str, str]]:
    """Its steps, of which none is without a mark.

    Args:
        page: the page.
        others: how many of its blocks nobody runs.
    """
    found = steps(page)
    assert page.read_text().count("```") == 2 * (len(found) + others), "a block without a mark"
    return found


def let_deploy(url: str, role: str = OWNER) -> str:
    """URL of the owner of the tables, who can deploy as if they had done so from the start."""
    name = value(url, "SELECT current_database()")
    execute(
        url,
        f"ALTER ROLE {role} LOGIN",
        f"GRANT CREATE ON DATABASE {name} TO {role}",
        f"ALTER SCHEMA sqitch OWNER TO {role}",
        give_tables("sqitch", role),
    )
    return as_role(url, role)


def take(
    commands: str, url: str, superuser: str, values: Mapping[str, str] | None = None
) -> Completed:
    """One step, which has to work."""
    done = perform(commands, url, superuser, values or {})
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    assert "ERROR" not in done.stderr, f"{commands}\n{done.stderr}"
    return done
