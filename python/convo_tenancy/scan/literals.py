"""Text that Python source puts together: literals, f-strings, +, %, join; and where a word of it
stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

HOLE = "{}"
"""What stands for a value that is not known."""

Named = Callable[[ast.expr], str | None]
"""What text an expression has, if it is a constant's name."""


@dataclass(frozen=True)
class Piece:
    """A part of the text, and the literal that it is from; None for what was put in by name."""

    text: str
    node: ast.expr | None


def pieces(node: ast.expr, named: Named) -> list[Piece] | None:
    """The text of an expression in pieces; None if it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return [Piece(text, node)]
        case ast.Constant(value=bytes(data)):
            return [Piece(data.decode("latin-1"), node)]
        case ast.JoinedStr(values=values):
            return [piece for each in values for piece in _of_f_string(each, node, named)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            sides = [pieces(left, named), pieces(right, named)]
            if sides == [None, None]:
                return None
            return [piece for side in sides for piece in side or [Piece(HOLE, None)]]
        case ast.BinOp(left=left, op=ast.Mod()):
            return pieces(left, named)
        case ast.Call(func=ast.Attribute(value=text_of, attr="format")):
            return pieces(text_of, named)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"),
            args=[ast.List(elts=elements) | ast.Tuple(elts=elements)],
        ):
            joined = [pieces(each, named) or [Piece(HOLE, None)] for each in elements]
            return [piece for each in joined for piece in [*each, Piece(between, None)]][:-1]
    found = named(node)
    return None if found is None else [Piece(found, None)]


def _of_f_string(node: ast.expr, whole: ast.JoinedStr, named: Named) -> list[Piece]:
    if isinstance(node, ast.FormattedValue):
        inner = pieces(node.value, named)
        return [Piece("".join(each.text for each in inner or []) or HOLE, None)]
    return [Piece(str(node.value), whole)] if isinstance(node, ast.Constant) else []


def position(source: str, parts: Iterable[Piece], offset: int, word: str) -> tuple[int, int] | None:
    """Line and column, from 1, of a word at an offset of the text; None if it is from elsewhere."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    start = 0
    seen: dict[int, int] = {}
    for part in parts:
        if start <= offset < start + len(part.text):
            if part.node is None:
                return None
            before = seen.get(id(part.node), 0)
            before += len(pattern.findall(part.text[: offset - start]))
            return _occurrence(source, part.node, pattern, before)
        if part.node is not None:
            seen[id(part.node)] = seen.get(id(part.node), 0) + len(pattern.findall(part.text))
        start += len(part.text)
    return None


def _occurrence(
    source: str, node: ast.expr, pattern: re.Pattern[str], number: int
) -> tuple[int, int]:
    """Of the word as the source has it, which may break lines and have escapes."""
    segment = ast.get_source_segment(source, node) or ""
    places = [match.start() for match in pattern.finditer(segment)]
    if number >= len(places):
        return node.lineno, node.col_offset + 1
    ahead = segment[: places[number]]
    line = node.lineno + ahead.count("\n")
    if "\n" in ahead:
        return line, len(ahead) - ahead.rindex("\n")
    return line, node.col_offset + len(ahead) + 1
