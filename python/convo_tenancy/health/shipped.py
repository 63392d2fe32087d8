"""What the plan ships: the functions and triggers that a database has at each tag."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class ShippedFunction:
    """A function or procedure, with the script that creates it and its hash (health/functions)."""

    name: str
    script: str
    fingerprint: str


@dataclass(frozen=True)
class ShippedTrigger:
    """A trigger, and the statement that creates it."""

    table_name: str
    name: str
    definition: str

    @property
    def statement(self) -> str:
        """What creates it, whether there is one of that name or not."""
        return self.definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)


@dataclass(frozen=True)
class Shipped:
    """All of a tag."""

    functions: tuple[ShippedFunction, ...]
    triggers: tuple[ShippedTrigger, ...]


@cache
def shipped() -> dict[str, Shipped]:
    """By tag; shipped.json is made from databases by tests/python/test_shipped.py."""
    tags = json.loads(files("convo_tenancy").joinpath("health/shipped.json").read_text("utf-8"))
    return {
        tag: Shipped(
            tuple(ShippedFunction(**each) for each in parts["functions"]),
            tuple(ShippedTrigger(**each) for each in parts["triggers"]),
        )
        for tag, parts in tags.items()
    }
