"""Where Python source uses the legacy side."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from . import sql
from .finding import Kind
from .legacy import COLUMNS, CUSTOMERS, PREFERRED, PROFILES, STATISTICS, STATISTICS_COLUMNS, column
from .literals import Piece, pieces, position
from .names import Class, Function, Module, Scope, last_name, own_nodes
from .program import OTHER, Nature, Program, Value

Emit = Callable[[int, int, Kind, str, bool], None]
"""Takes line, column, kind, target, and whether it is certain."""

_IDENTIFIERS = re.compile(r"\w+(?:\.\w+)*")
BELIEVED = re.compile(r"profile|context|totals", re.IGNORECASE)
"""What an object is called that is no customer, where nothing else is known of it."""
_NAMES_A_CLASS = ("relationship", "getattr", "backref", "dynamic_loader", "Mapped", "cast")
_TAKES_NAMES = {
    *("getattr", "setattr", "hasattr", "delattr", "attrgetter", "flag_modified", "load_only"),
    *("execute", "scalars", "scalar", "bulk_insert_mappings", "bulk_update_mappings", "defer"),
    *("undefer", "synonym"),
}


@dataclass(frozen=True)
class _Where:
    """What a name of a column means here.

    Args:
        scope: whose names are seen.
        means: True if it is customers', False if it may be, None if it is not.
        is_model: in the body of a class of customers, where the columns are names.
    """

    scope: Scope
    means: bool | None = False
    is_model: bool = False


def is_history(tree: ast.Module) -> bool:
    """Whether this is a revision of Alembic, which ran once and stays as it is."""
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return {"revision", "down_revision"} <= assigned


def find(program: Program, module: Module, emit: Emit) -> None:
    """Report each use in a module.

    Args:
        program: all modules, which say what its names mean.
        module: where to look.
        emit: takes what is found.
    """
    _Finder(program, module, emit).find()


class _Finder:
    def __init__(self, program: Program, module: Module, emit: Emit) -> None:
        self._program = program
        self._module = module
        self._emit = emit
        self._where = _Where(module.scope)
        self._read: set[int] = set()  # literals that were read as a part of a longer text
        self._of_customers = {
            each
            for mapped, table in program.tables.items()
            if table == CUSTOMERS
            for each in program.mapped_with(mapped)
        }

    def find(self) -> None:
        self._visit(self._module.tree)

    @contextmanager
    def _inside(self, where: _Where) -> Iterator[None]:
        outer, self._where = self._where, where
        yield
        self._where = outer

    def _at(
        self,
        node: ast.expr | ast.stmt | ast.alias | ast.keyword,
        kind: Kind,
        target: str,
        is_certain: bool = True,
    ) -> None:
        line, start = node.lineno, node.col_offset
        if isinstance(node, ast.Attribute):  # at the name behind the dot
            line = node.end_lineno or line
            start = (node.end_col_offset or 0) - len(node.attr)
        self._emit(line, start + 1, kind, target, is_certain)

    def _value(self, node: ast.expr) -> Value:
        return self._program.value(node, self._where.scope)

    def _visit(self, node: ast.AST) -> None:
        visit = getattr(self, f"_visit_{type(node).__name__}", None)
        if visit is None:
            self._visit_children(node)
        else:
            visit(node)

    def _visit_children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self._visit(child)

    # Scopes

    def _visit_Module(self, node: ast.Module) -> None:
        self._visit_body(node)

    def _visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self._visit(outside)
        each = self._module.owners[node]
        is_model = each in self._of_customers
        table = self._program.tables.get(each) if isinstance(each, Class) else None
        if table == STATISTICS:
            self._at(node, Kind.CLASS, STATISTICS)
        has_own = table is not None or any(name in each.scope.names for name in COLUMNS)
        means = True if is_model else None if has_own else False
        with self._inside(_Where(each.scope, means, is_model)):
            self._visit_body(node)

    def _visit_FunctionDef(self, node: Function) -> None:
        for outside in (*node.decorator_list, node.args):
            self._visit(outside)
        if node.returns is not None:
            self._read_annotation(node.returns)
        with self._inside(_Where(self._module.scopes[node])):
            self._read_answers(node)
            self._visit_body(node)

    _visit_AsyncFunctionDef = _visit_FunctionDef

    def _visit_body(self, node: ast.Module | ast.ClassDef | Function) -> None:
        self._read_grown_text(node)
        for statement in node.body:
            self._visit(statement)

    def _visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self._visit(node.value)

    # Names

    def _visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            if self._program.name_value(name, self._where.scope) == _STATISTICS_CLASS:
                self._at(alias, Kind.CLASS, STATISTICS)

    def _visit_Name(self, node: ast.Name) -> None:
        if self._value(node) == _STATISTICS_CLASS:
            self._at(node, Kind.CLASS, STATISTICS)
        elif node.id in COLUMNS and self._where.is_model:
            self._at(node, Kind.COLUMN, column(node.id), True)

    def _visit_Attribute(self, node: ast.Attribute) -> None:
        if self._value(node) == _STATISTICS_CLASS and self._value(node.value) != _STATISTICS_CLASS:
            self._at(node, Kind.CLASS, STATISTICS)
        elif node.attr == STATISTICS:
            self._at(node, Kind.TABLE, STATISTICS)
        else:
            self._read_member(node, node.attr, self._value(node.value), _name_of(node.value))
        self._visit(node.value)

    def _read_member(self, node: ast.expr, name: str, holder: Value, called: str) -> None:
        """object.name, or object["name"]."""
        target = self._program.going.get(name)
        if target and CUSTOMERS in holder.labels:
            is_certain = OTHER not in holder.labels
            self._at(node, Kind.COLUMN, target, is_certain)
        elif name in COLUMNS and not holder.labels and not BELIEVED.search(called):
            self._at(node, Kind.COLUMN, column(name), False)
        elif (
            name in STATISTICS_COLUMNS
            and holder.labels == {STATISTICS}
            and holder.nature is not Nature.CLASS
        ):
            self._at(node, Kind.COLUMN, STATISTICS)

    def _visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            name = node.slice.value
            if name in COLUMNS:
                self._read.add(id(node.slice))
                self._read_member(node.slice, name, self._value(node.value), _name_of(node.value))
            elif last_name(node.value) in _ANNOTATIONS:
                self._read_annotation(node.slice)
        self._visit(node.value)
        self._visit(node.slice)

    # Annotations in quotes

    def _visit_arg(self, node: ast.arg) -> None:
        if node.annotation is not None:
            self._read_annotation(node.annotation)

    def _visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_target(node.target)
        self._read_annotation(node.annotation)
        if node.value is not None:
            self._visit(node.value)

    def _visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._visit_target(target)
        self._visit(node.value)

    def _visit_target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and node.id not in COLUMNS:
            target = self._program.going.get(node.id)
            if target and self._where.is_model:
                self._at(node, Kind.COLUMN, target, True)
            elif self._value(node) == _STATISTICS_CLASS:
                self._at(node, Kind.CLASS, STATISTICS)
        else:
            self._visit(node)

    def _read_annotation(self, node: ast.expr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                self._read.add(id(part))
                names = set(re.findall(r"\w+", part.value))
                if names & self._program.names[STATISTICS]:
                    self._at(part, Kind.CLASS, STATISTICS)
        self._visit(node)

    def _visit_MatchClass(self, node: ast.MatchClass) -> None:
        if self._value(node.cls).labels == {CUSTOMERS}:
            for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
                if name in self._program.going:
                    target = self._program.going[name]
                    self._emit(pattern.lineno, pattern.col_offset + 1, Kind.COLUMN, target, True)
        self._visit_children(node)

    # Calls

    def _visit_Call(self, node: ast.Call) -> None:
        if node in self._program.relations:
            self._at(node, Kind.COLUMN, column(PREFERRED))
        named = self._program.resolve(node.func, self._where.scope)
        name = last_name(node.func)
        texts = [
            each.value
            for each in node.args
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        tables = {each.removeprefix("public.") for each in texts}
        callee = self._value(node.func)
        if not isinstance(named, Class) and isinstance(node.func, ast.Attribute):
            callee = self._value(node.func.value)

        means = self._where.means
        if CUSTOMERS in tables or callee.labels == {CUSTOMERS}:
            means = True
        elif tables & {PROFILES} or (
            callee.labels == {OTHER} and callee.nature is not Nature.INSTANCE
        ):
            means = None
        elif name in _TAKES_NAMES and node.args:
            means = self._meant_with(node.args, means)
        for keyword in node.keywords:
            if keyword.arg in COLUMNS and callee.labels == {CUSTOMERS}:
                self._at(keyword, Kind.COLUMN, column(keyword.arg), True)
        if isinstance(node.func, ast.Attribute) and node.args:
            self._read_validated(node, node.func)

        self._visit(node.func)
        with self._inside(replace(self._where, means=means)):
            if self._read_text(node):
                return
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if name in _NAMES_A_CLASS:
                    self._read_class_names(argument)
                self._visit(argument)

    def _meant_with(self, arguments: list[ast.expr], means: bool | None) -> bool | None:
        for argument in arguments:
            labels = self._value(argument).labels
            if labels == {CUSTOMERS}:
                return True
            if labels == {OTHER}:
                means = None
        return means

    def _read_validated(self, node: ast.Call, function: ast.Attribute) -> None:
        """Schema.model_validate(customer): the schema reads each of its fields."""
        if function.attr not in ("model_validate", "from_orm", "validate"):
            return
        if self._value(node.args[0]).labels == {CUSTOMERS}:
            self._read_schema(node, function.value)

    def _read_answers(self, node: Function) -> None:
        """return customer, where FastAPI makes an answer by a schema of it."""
        schemas = [
            keyword.value
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call)
            for keyword in decorator.keywords
            if keyword.arg == "response_model"
        ]
        for each in own_nodes(node):
            if isinstance(each, ast.Return) and each.value is not None:
                for schema in schemas if self._value(each.value).labels == {CUSTOMERS} else ():
                    for name in ast.walk(schema):
                        if isinstance(name, ast.Name | ast.Attribute):
                            self._read_schema(each.value, name)

    def _read_schema(self, node: ast.expr, named: ast.expr) -> None:
        """A customer goes into a schema, which reads each of its fields."""
        schema = self._program.resolve(named, self._where.scope)
        for each in self._program.mapped_with(schema) if isinstance(schema, Class) else ():
            for name in COLUMNS:
                if name in each.scope.names:
                    self._at(node, Kind.COLUMN, column(name))

    def _read_class_names(self, node: ast.expr) -> None:
        """Text that is evaluated with the names of all mapped classes."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return
        for table, kind in ((STATISTICS, Kind.CLASS), (CUSTOMERS, Kind.COLUMN)):
            for dotted in _IDENTIFIERS.findall(node.value):
                parts = dotted.split(".")
                if not set(parts) & self._program.names[table]:
                    continue
                if table == STATISTICS:
                    self._read.add(id(node))
                    self._at(node, kind, STATISTICS)
                elif parts[-1] in self._program.going:
                    self._read.add(id(node))
                    self._at(node, kind, self._program.going[parts[-1]], True)

    # Text

    def _visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str | bytes):
            self._read_text(node)

    def _visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._read_text(node)

    def _visit_BinOp(self, node: ast.BinOp) -> None:
        if not self._read_text(node):
            self._visit_children(node)

    def _visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            # {"no_show_count": profile.no_show_count}: the value decides.
            is_answer = (
                isinstance(key, ast.Constant)
                and key.value in COLUMNS
                and not self._where.means
                and _names(value, key.value)
            )
            if key is not None and not is_answer:
                self._visit(key)
            self._visit(value)

    def _text_of(self, node: ast.expr) -> list[Piece] | None:
        scope = self._where.scope
        return pieces(node, lambda each: self._program.named_text(each, scope))

    def _read_text(self, node: ast.expr) -> bool:
        """Whether it is text; what it uses is reported, and what is put into it is visited."""
        if id(node) in self._read:
            return True
        found = self._text_of(node)
        if found is None or not any(piece.node for piece in found):
            return False
        self._read_pieces(node, found)
        self._mark_read(node)
        return True

    def _mark_read(self, node: ast.expr) -> None:
        self._read |= {id(part) for part in ast.walk(node) if _is_text(part)}
        for inner in _put_in(node):
            self._visit(inner)

    def _read_grown_text(self, node: ast.Module | ast.ClassDef | Function) -> None:
        """Text that statements add to: sql = "..."; sql += "..."."""
        grown: dict[str, list[ast.expr]] = {}
        is_grown = set()
        for each in ast.walk(node):
            match each:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    grown.setdefault(name, []).append(value)
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                    grown.setdefault(name, []).append(value)
                    is_grown.add(name)
        for name in is_grown:
            values = sorted(grown[name], key=lambda each: (each.lineno, each.col_offset))
            texts = [self._text_of(each) for each in values]
            if any(id(value) in self._read for value in values):
                continue
            if all(text is not None and any(piece.node for piece in text) for text in texts):
                self._read_pieces(values[0], [piece for text in texts for piece in text or []])
                for value in values:
                    self._mark_read(value)

    def _read_pieces(self, node: ast.expr, found: list[Piece]) -> None:
        text = "".join(piece.text for piece in found)
        stripped = text.strip()
        if _IDENTIFIERS.fullmatch(stripped):
            self._read_identifiers(node, stripped)
            return
        for use in sql.uses(text):
            is_certain = use.is_certain or self._where.means
            if is_certain is None:
                continue
            place = position(self._module.source, found, use.offset, use.word)
            line, start = place or (node.lineno, node.col_offset + 1)
            self._emit(line, start, Kind.SQL, use.target, is_certain)

    def _read_identifiers(self, node: ast.expr, text: str) -> None:
        """Text that is one name."""
        *owners, name = text.removeprefix("public.").split(".")
        if STATISTICS in (name, *owners[-1:]):
            if owners[:-1] == [] and (name != STATISTICS or not owners):
                self._at(node, Kind.TABLE, STATISTICS)
        elif name in COLUMNS and not owners:
            if self._where.means is not None:
                self._at(node, Kind.COLUMN, column(name), self._where.means)
        elif name in COLUMNS and owners[-1] in {CUSTOMERS, *self._program.names[CUSTOMERS]}:
            self._at(node, Kind.COLUMN, column(name), True)
        elif name in self._program.names[STATISTICS]:
            self._at(node, Kind.CLASS, STATISTICS, "Stats" in name[1:])


_STATISTICS_CLASS = Value(frozenset({STATISTICS}), Nature.CLASS)
_ANNOTATIONS = {
    "Mapped",
    "Optional",
    "list",
    "List",
    "Sequence",
    "WriteOnlyMapped",
    "DynamicMapped",
}


def _name_of(node: ast.expr) -> str:
    """What the code calls an object."""
    while isinstance(node, ast.Subscript | ast.Call | ast.Await):
        match node:
            case ast.Subscript(value=inner) | ast.Await(value=inner) | ast.Call(func=inner):
                node = inner
    return last_name(node)


def _names(value: ast.expr, key: object) -> bool:
    """Whether an expression takes what the key names from somewhere."""
    for part in ast.walk(value):
        match part:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name == key:
                return True
            case ast.Subscript(slice=ast.Constant(value=text)) if text == key:
                return True
    return False


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _put_in(node: ast.expr) -> Iterator[ast.expr]:
    """What is put into text: the holes of an f-string, names in a sum, arguments of format."""
    match node:
        case ast.JoinedStr(values=values):
            for each in values:
                if isinstance(each, ast.FormattedValue):
                    yield each.value
        case ast.BinOp(left=left, right=right):
            yield from _put_in(left)
            yield from _put_in(right)
        case ast.Call(func=func, args=arguments, keywords=keywords):
            if isinstance(func, ast.Attribute) and func.attr == "format":
                yield from _put_in(func.value)
                yield from arguments
                yield from (each.value for each in keywords)
            else:
                for each in arguments:
                    for element in getattr(each, "elts", [each]):
                        yield from _put_in(element)
        case ast.Constant():
            return
        case _:
            yield node
