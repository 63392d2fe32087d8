"""What the names of a program resolve to: through imports, aliases and packages, as in Python."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .literals import pieces
from .names import Bound, Class, Module, Routine, Scope


class Resolver:
    """The modules that were read together.

    Args:
        modules: with their names bound.
    """

    def __init__(self, modules: Iterable[Module]) -> None:
        self._by_end: dict[str, list[Module]] = {}
        for module in modules:
            self._by_end.setdefault((module.dotted or ("",))[-1], []).append(module)
        self._found: dict[tuple[str, tuple[str, ...]], Module | None] = {}
        self._asked: set[tuple[ast.expr, Scope]] = set()

    def find_module(self, dotted: str, module: Module) -> Module | None:
        """The module that an import names; relative ones begin with dots."""
        key = dotted, module.package if dotted.startswith(".") else ()
        if key not in self._found:
            self._found[key] = self._find_module(dotted, module)
        return self._found[key]

    def _find_module(self, dotted: str, module: Module) -> Module | None:
        level = len(dotted) - len(dotted.lstrip("."))
        parts = tuple(part for part in dotted.lstrip(".").split(".") if part)
        if level:
            package = module.package
            wanted = package[: len(package) - level + 1] + parts
            candidates = self._by_end.get((wanted or ("",))[-1], [])
            found = [each for each in candidates if each.dotted == wanted]
        else:
            candidates = self._by_end.get(parts[-1] if parts else "", [])
            found = [each for each in candidates if each.dotted[-len(parts) :] == parts]
        return min(found, key=lambda each: len(each.path), default=None)

    def resolve(
        self, node: ast.expr, scope: Scope, seen: frozenset[object] = frozenset()
    ) -> Class | Routine | Module | None:
        """The class, function or module that an expression names."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parsed = parsed_text(node.value)
            return self.resolve(parsed, scope, seen) if parsed else None
        if isinstance(node, ast.Name):
            return self.resolve_name(node.id, scope, seen)
        if isinstance(node, ast.Attribute):
            holder = self.resolve(node.value, scope, seen)
            if isinstance(holder, Module):
                return self._resolve_in(holder, node.attr, seen)
            if isinstance(holder, Class):
                return self.resolve_name(
                    node.attr, Scope(holder.module, None, holder.scope.names), seen
                )
            dotted = dotted_name(node)
            if dotted and scope.lookup(dotted.split(".")[0]):
                return self._imported_module(dotted, scope)
        return None

    def _imported_module(self, dotted: str, scope: Scope) -> Module | None:
        found = scope.lookup(dotted.split(".")[0])
        if not found or not any(each.imported for each in found[1]):
            return None
        return self.find_module(dotted, scope.module)

    def _resolve_in(
        self, module: Module, name: str, seen: frozenset[object]
    ) -> Class | Routine | Module | None:
        if (module, name) in seen:
            return None
        found = self.resolve_name(name, module.scope, seen | {(module, name)})
        return found or self.find_module(".".join([*module.dotted, name]), module)

    def resolve_name(
        self, name: str, scope: Scope, seen: frozenset[object]
    ) -> Class | Routine | Module | None:
        """The same of a name alone; `seen` is what led here, so that a circle ends."""
        found = scope.lookup(name)
        if found is None:
            for star in scope.module.stars:
                starred = self.find_module(star, scope.module)
                if starred and (resolved := self._resolve_in(starred, name, seen)):
                    return resolved
            return None
        where, bounds = found
        for bound in reversed(bounds):
            if bound in seen:
                continue
            if bound.definition:
                return bound.definition
            if bound.imported:
                dotted, inner = bound.imported
                if inner is None:
                    return self.find_module(dotted, where.module)
                module = self.find_module(dotted, where.module)
                if module:
                    return self._resolve_in(module, inner, seen | {bound})
                between = "" if dotted.endswith(".") else "."
                return self.find_module(f"{dotted}{between}{inner}", where.module)
            if isinstance(bound.expression, ast.Name | ast.Attribute) and not bound.path:
                return self.resolve(bound.expression, where, seen | {bound})
        return None

    def text(self, node: ast.expr, scope: Scope) -> str | None:
        """The text of an expression, with holes for what is not known; None if it is none."""
        found = pieces(node, lambda each: self.named_text(each, scope))
        return None if found is None else "".join(piece.text for piece in found)

    def named_text(self, node: ast.expr, scope: Scope) -> str | None:
        """The text of a constant by its name, as TABLE or Customer.__tablename__."""
        key = node, scope
        if key in self._asked:
            return None
        bounds: tuple[Scope, list[Bound]] | None = None
        if isinstance(node, ast.Name):
            bounds = scope.lookup(node.id)
        elif isinstance(node, ast.Attribute):
            holder = self.resolve(node.value, scope)
            if isinstance(holder, Class | Module) and node.attr in holder.scope.names:
                bounds = holder.scope, holder.scope.names[node.attr]
        if bounds is None or len(bounds[1]) != 1:
            return None
        where, [bound] = bounds
        self._asked.add(key)
        try:
            if bound.imported and bound.imported[1] and isinstance(node, ast.Name):
                module = self.find_module(bound.imported[0], where.module)
                if module is None:
                    return None
                return self.named_text(ast.Name(bound.imported[1], ast.Load()), module.scope)
            if bound.expression is None or bound.path:
                return None
            return self.text(bound.expression, where)
        finally:
            self._asked.remove(key)


def dotted_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        holder = dotted_name(node.value)
        return None if holder is None else f"{holder}.{node.attr}"
    return None


def parsed_text(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
