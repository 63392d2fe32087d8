"""The names of a module: what each stands for, scope by scope."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Class:
    """A class of the program."""

    module: Module
    node: ast.ClassDef
    scope: Scope


@dataclass(eq=False)
class Routine:
    """A function or method of the program."""

    module: Module
    node: Function
    owner: Class | None
    scope: Scope


@dataclass(eq=False)
class Bound:
    """What a name stands for: an expression's value, a part of it, or what an annotation says."""

    expression: ast.expr | None = None
    annotation: ast.expr | None = None
    path: tuple[int, ...] = ()
    imported: tuple[str, str | None] | None = None  # module, name in it
    definition: Class | Routine | None = None
    is_self_of: Class | None = None


@dataclass(eq=False)
class Scope:
    """The names of a module, class or function."""

    module: Module
    parent: Scope | None
    names: dict[str, list[Bound]] = field(default_factory=dict)

    def bind(self, name: str, bound: Bound) -> None:
        self.names.setdefault(name, []).append(bound)

    def lookup(self, name: str) -> tuple[Scope, list[Bound]] | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope, scope.names[name]
            scope = scope.parent
        return None


@dataclass(eq=False)
class Module:
    """A file of Python source."""

    path: str
    source: str
    tree: ast.Module
    scope: Scope = field(init=False)
    dotted: tuple[str, ...] = field(init=False)  # its name from the scanned folder
    package: tuple[str, ...] = field(init=False)  # where its relative imports begin
    stars: list[str] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    functions: list[Routine] = field(default_factory=list)
    fields: list[tuple[str, Class, ast.expr]] = field(default_factory=list)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    owners: dict[ast.AST, Class | Routine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = Scope(self, None)
        parts = PurePosixPath(self.path).with_suffix("").parts
        self.dotted = parts[:-1] if parts[-1] == "__init__" else parts
        self.package = parts[:-1]


def bind(module: Module) -> None:
    """Bind the names of a module.

    Raises:
        RecursionError: its source is nested too deep.
    """
    _Binder(module).visit(module.tree)


class _Binder(ast.NodeVisitor):
    """Binds the names of a module, scope by scope."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._scope = module.scope
        self._class: Class | None = None
        module.scopes[module.tree] = module.scope

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        scope = Scope(self._module, self._scope)
        each = Class(self._module, node, scope)
        self._module.classes.append(each)
        self._module.owners[node] = each
        self._scope.bind(node.name, Bound(definition=each))
        self._inside(node, scope, each)

    def visit_FunctionDef(self, node: Function) -> None:
        parent = self._scope
        if self._class is not None and parent is self._class.scope:
            parent = parent.parent or parent  # a method does not see the names of its class
        scope = Scope(self._module, parent)
        function = Routine(self._module, node, self._class, scope)
        self._module.functions.append(function)
        self._module.owners[node] = function
        self._scope.bind(node.name, Bound(definition=function))
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for index, argument in enumerate(every):
            if index == 0 and self._class is not None and argument.annotation is None:
                scope.bind(argument.arg, Bound(is_self_of=self._class))
            else:
                scope.bind(argument.arg, Bound(annotation=argument.annotation))
        for extra in filter(None, (arguments.vararg, arguments.kwarg)):
            scope.bind(extra.arg, Bound())
        self._inside(node, scope, None)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _inside(self, node: ast.AST, scope: Scope, each: Class | None) -> None:
        outer = self._scope, self._class
        self._scope, self._class = scope, each
        self._module.scopes[node] = scope
        self.generic_visit(node)
        self._scope, self._class = outer

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._scope.bind(alias.asname, Bound(imported=(alias.name, None)))
            else:
                first = alias.name.split(".")[0]
                self._scope.bind(first, Bound(imported=(first, None)))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        dotted = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self._module.stars.append(dotted)
            else:
                self._scope.bind(alias.asname or alias.name, Bound(imported=(dotted, alias.name)))

    def _bind(self, target: ast.expr, value: ast.expr, path: tuple[int, ...] = ()) -> None:
        if isinstance(target, ast.Name):
            self._scope.bind(target.id, Bound(expression=value, path=path))
        elif isinstance(target, ast.Tuple | ast.List):
            for index, element in enumerate(target.elts):
                self._bind(element, value, (*path, index))

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, node.value)
            if self._class is not None and isinstance(target, ast.Name):
                related = _related(node.value)
                if related is not None:
                    self._module.fields.append((target.id, self._class, related))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            bound = Bound(expression=node.value, annotation=node.annotation)
            self._scope.bind(node.target.id, bound)
            if self._class is not None:
                self._module.fields.append((node.target.id, self._class, node.annotation))
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    visit_AsyncFor = visit_For
    visit_comprehension = visit_For

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, node.context_expr)
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for argument in node.args.args:
            self._scope.bind(argument.arg, Bound())
        self.generic_visit(node)


RELATIONSHIPS = ("relationship", "dynamic_loader")


def last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _related(node: ast.expr) -> ast.expr | None:
    """The class that relationship("Class") or relationship(Class) names."""
    if isinstance(node, ast.Call) and last_name(node.func) in RELATIONSHIPS:
        return node.args[0] if node.args else None
    return None


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions in it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
