"""How a command was called wrongly, in one line of the house's own words."""

from __future__ import annotations

import re
from typing import Any

from .errors import Problem

_CHOICES = re.compile(r"'(?P<given>.*)' is not one of (?P<known>'.*')\.?$", re.DOTALL)
_MEANT = re.compile(r"'(?P<given>.*)'\.(?: Did you mean (?P<known>.*)\?)?$", re.DOTALL)
_EXTRA = re.compile(r"unexpected extra arguments?(?:\(s\))? \((?P<given>.*)\)$", re.DOTALL)
_VALUE = re.compile(r"Option '(?P<option>[^']+)' (?P<what>requires an argument|does not take)")


def usage_problem(error: Exception) -> Problem:
    """The Problem in place of an error of the library that reads the arguments.

    Args:
        error: one that has format_message() and exit_code.
    """
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "convo-tenancy"
    exit_code: int = getattr(error, "exit_code", 2)
    return Problem(f"{_describe(error)}: see {command} -h", exit_code)


def _describe(error: Any) -> str:
    kind, message = type(error).__name__, str(error.format_message())
    parameter = getattr(error, "param", None)
    if kind == "NoSuchOption":
        return f"there is no option {error.option_name}{_meant(error.possibilities)}"
    if kind == "MissingParameter" and parameter is not None:
        return f"{_name(parameter)} is missing"
    if parameter is not None:
        return f"{_name(parameter)}: {_expected(parameter, str(error.message))}"
    if found := _VALUE.search(message):
        verb = "needs" if found["what"].startswith("requires") else "takes no"
        return f"{found['option']} {verb} a value".replace("no a ", "no ")
    if found := _EXTRA.search(message):
        return f'"{found["given"]}" is more than it takes'
    if message.startswith("No such command") and (found := _MEANT.search(message)):
        return f'there is no command "{found["given"]}"{_meant(_quoted(found["known"] or ""))}'
    return str(error.message).rstrip(".")


def _meant(names: Any) -> str:
    return f", did you mean {' or '.join(sorted(names))}" if names else ""


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name)
    return str(max(parameter.opts, key=len))


def _expected(parameter: Any, message: str) -> str:
    """What a value should be; the library's own words are about its own types."""
    if found := _CHOICES.search(message):
        known = _quoted(found["known"])
        return f'expected {", ".join(known[:-1])} or {known[-1]}, not "{found["given"]}"'
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low is None and high is None:
        return message.rstrip(".")
    kind = "a whole number" if isinstance(low, int) else "a number"
    limits = f" from {low:,}" if high is None else f" from {low:,} to {high:,}"
    return f"expected {kind}{limits}"
