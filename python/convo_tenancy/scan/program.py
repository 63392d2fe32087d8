"""A program: which classes are mapped to which table, and what is known of a value.

A value is known by where it comes from: a mapped class, a query of one, an annotation, a
statement's text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from . import sql
from .legacy import COLUMNS, CUSTOMERS, PREFERRED, STATISTICS, STYLISTS, column
from .names import (
    RELATIONSHIPS,
    Bound,
    Class,
    Module,
    Routine,
    Scope,
    bind,
    last_name,
    own_nodes,
)
from .resolver import Resolver, dotted_name, parsed_text

OTHER = "other"
"""The label of what certainly is not the legacy side's."""


class Nature(Enum):
    """What a value is to its label."""

    NOTHING = 0
    INSTANCE = 1
    QUERY = 2
    """A statement, or what executes to its rows."""
    CLASS = 3
    """A mapped class, an alias of it, a Table."""


@dataclass(frozen=True)
class Value:
    """What is known of a value.

    Args:
        labels: the tables that it is of, or OTHER; none if nothing is known.
        nature: what it is to them.
        parts: of a tuple or of the rows of a query, each by itself.
    """

    labels: frozenset[str] = frozenset()
    nature: Nature = Nature.NOTHING
    parts: tuple[Value, ...] = ()

    def __or__(self, other: Value) -> Value:
        if not other.labels and not other.parts:
            return self
        if not self.labels and not self.parts:
            return other
        nature = max(self.nature, other.nature, key=lambda each: each.value)
        parts = self.parts if self.parts == other.parts else ()
        return Value(self.labels | other.labels, nature, parts)

    def of(self, nature: Nature) -> Value:
        """The same as another nature, if anything is known."""
        return Value(self.labels, nature, self.parts) if self.labels else self


UNKNOWN = Value()
KNOWN_OTHER = Value(frozenset({OTHER}), Nature.INSTANCE)


_UNTYPED = {
    *("Any", "object", "Row", "RowMapping", "Record", "Mapping", "MutableMapping", "dict", "Dict"),
    *("Result", "ScalarResult", "AsyncResult", "CursorResult", "Select", "Query", "tuple", "Tuple"),
    *("list", "List", "Sequence", "Iterable", "Iterator", "AsyncIterator", "Generator", "set"),
    *("Optional", "Union", "Annotated", "Callable", "Awaitable", "Coroutine", "TypeVar", "Self"),
}
_PASSES_ON = {
    *("list", "tuple", "set", "frozenset", "sorted", "iter", "next", "reversed", "min", "max"),
    *("filter", "cast", "copy", "deepcopy", "anext", "aiter", "islice", "chain", "gather"),
    *("wait_for", "shield", "dict", "first", "aliased", "with_polymorphic"),
}
_OTHER_JOINS = {"foreign_keys", "primaryjoin", "secondary"}  # of a relationship: it says how
_DEEP = 60  # of expressions in expressions; what is further down is not known
_SAME_TABLE = {
    "c",
    "columns",
    "__table__",
    "excluded",
    "inserted",
    "_mapping",
    "__mapper__",
    "query",
}


class Program(Resolver):
    """All modules that were read together."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.too_deep: list[Module] = []
        self.names: dict[str, set[str]] = {CUSTOMERS: set(), STATISTICS: set()}
        self.classes: list[Class] = []
        self.functions: dict[str, list[Routine]] = {}
        self._values: dict[object, Value] = {}
        self._fields: dict[str, list[tuple[Class, ast.expr]]] = {}
        self._depth = 0
        self.modules: list[Module] = []
        for module in modules:
            try:
                bind(module)
            except RecursionError:
                self.too_deep.append(module)
            else:
                self.modules.append(module)
                self.classes += module.classes
                for function in module.functions:
                    self.functions.setdefault(function.node.name, []).append(function)
                for name, each, annotation in module.fields:
                    self._fields.setdefault(name, []).append((each, annotation))
        super().__init__(self.modules)
        self.tables: dict[Class, str] = {}
        self._mapped_by_call: dict[Class, Value] = {}
        self._find_imperative()
        for each in self.classes:
            table = self._table(each, set())
            if table:
                self.tables[each] = table
        self._values.clear()  # some were asked for before the tables were known
        self.names = {
            table: {each.node.name for each, mapped in self.tables.items() if mapped == table}
            for table in (CUSTOMERS, STATISTICS)
        }
        self._stylists = {each for each in self.classes if self._is_of_stylists(each)}
        self.relations = {*self._relations()}
        self.going = self._going()

    # Tables

    def _table(self, each: Class, seen: set[Class]) -> str | None:
        """The table that a class is mapped to, itself or by a class that it inherits from."""
        if each in seen:
            return None
        if each in self._mapped_by_call:
            return next(iter(self._mapped_by_call[each].labels), None)
        for bound in each.scope.names.get("__tablename__", []):
            text = self._text_of_bound(bound, each.scope)
            return _label(text) if text else OTHER
        for bound in each.scope.names.get("__table__", []):
            if bound.expression is not None:
                labels = self.value(bound.expression, each.scope).labels
                if labels:
                    return next(iter(labels))
        for bound in each.scope.names.get("model", []) if each.node.name == "Meta" else []:
            made = bound.expression and self.resolve(bound.expression, each.scope)  # by a factory
            if isinstance(made, Class):
                return self._table(made, seen | {each})
        for base in each.node.bases:
            found = self.resolve(base, each.scope.parent or each.scope)
            if isinstance(found, Class):
                if any(bound.definition for bound in found.scope.names.get("__tablename__", [])):
                    return _named_after(each.node.name)
                table = self._table(found, seen | {each})
                if table:
                    return table
        return None

    def _text_of_bound(self, bound: Bound, scope: Scope) -> str | None:
        """The text of a name, or what a function of that name returns (declared_attr)."""
        if bound.expression is not None:
            return self.text(bound.expression, scope)
        if isinstance(bound.definition, Routine):
            for node in own_nodes(bound.definition.node):
                if isinstance(node, ast.Return) and node.value is not None:
                    return self.text(node.value, bound.definition.scope)
        return None

    def _find_imperative(self) -> None:
        for module in self.modules:
            for call in ast.walk(module.tree):
                if (
                    isinstance(call, ast.Call)
                    and last_name(call.func) in ("map_imperatively", "mapper")
                    and len(call.args) >= 2
                ):
                    mapped = self.resolve(call.args[0], module.scope)
                    if isinstance(mapped, Class):
                        self._mapped_by_call[mapped] = self.value(call.args[1], module.scope)

    def mapped_with(self, each: Class) -> Iterator[Class]:
        """A class and those that it inherits from."""
        yield each
        for base in each.node.bases:
            found = self.resolve(base, each.scope.parent or each.scope)
            if isinstance(found, Class) and found is not each:
                yield from self.mapped_with(found)

    def _going(self) -> dict[str, str]:
        """The attributes of customers that go, each with what it uses."""
        going = {name: f"{CUSTOMERS}.{name}" for name in COLUMNS}
        for mapped, table in self.tables.items():
            for each in self.mapped_with(mapped):
                for name, bounds in each.scope.names.items():
                    for bound in bounds:
                        target = self._goes(bound, each, name) if table == CUSTOMERS else None
                        if target:
                            going.setdefault(name, target)
                        if table == STATISTICS and bound.expression is not None:
                            backref = _keyword_text(bound.expression, "backref")
                            if backref:
                                going.setdefault(backref, STATISTICS)
        return going

    def _is_of_stylists(self, each: Class) -> bool:
        texts = (
            self._text_of_bound(at, each.scope) for at in each.scope.names.get("__tablename__", [])
        )
        return any(text and text.removeprefix("public.") == STYLISTS for text in texts)

    def _relations(self) -> Iterator[ast.expr]:
        """Relationships of customers and stylists that name no key: it is the preferred stylist's,
        unless customers have another one."""
        names = {each.node.name for each in self._stylists}
        customers = [each for each, table in self.tables.items() if table == CUSTOMERS]
        for each in customers:
            for name, bounds in each.scope.names.items():
                for bound in bounds:
                    text = ast.unparse(bound.expression) if bound.expression else ""
                    words = {*re.findall(r"\w+", text)}
                    is_key = "ForeignKey" in words and words & {STYLISTS, *names}
                    if is_key and PREFERRED not in {name, *words}:
                        return
        for classes, others in ((customers, names), (self._stylists, self.names[CUSTOMERS])):
            for each in classes:
                for bounds in each.scope.names.values():
                    yield from (
                        bound.expression
                        for bound in bounds
                        if bound.expression is not None and _relates(bound, others)
                    )

    def _goes(self, bound: Bound, each: Class, name: str) -> str | None:
        if bound.expression in self.relations:
            return column(PREFERRED)
        for expression in filter(None, (bound.annotation, bound.expression)):
            if STATISTICS in self.annotated(expression, each.scope).labels:
                return STATISTICS
        if not isinstance(bound.expression, ast.Call):
            return None
        if any(self._is_class_of(node, STATISTICS, each.scope) for node in bound.expression.args):
            return STATISTICS
        for node in ast.walk(bound.expression):
            word = (
                node.id
                if isinstance(node, ast.Name)
                else node.value
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
                else ""
            )
            owner, _, last = word.rpartition(".")
            is_own = not owner or owner in {CUSTOMERS, *self.names[CUSTOMERS]}
            if last in COLUMNS and is_own and last_name(bound.expression.func) != "ForeignKey":
                return f"{CUSTOMERS}.{last}"
        return None

    def _is_class_of(self, node: ast.expr, table: str, scope: Scope) -> bool:
        found = self.resolve(node, scope)
        return isinstance(found, Class) and self.tables.get(found) == table

    # Values

    def annotated(self, node: ast.expr, scope: Scope) -> Value:
        """What an annotation says."""
        match node:
            case ast.Constant(value=str(text)):
                parsed = parsed_text(text)
                return self.annotated(parsed, scope) if parsed else UNKNOWN
            case ast.BinOp(left=left, right=right):
                return self.annotated(left, scope) | self.annotated(right, scope)
            case ast.Subscript(value=container, slice=inner):
                if isinstance(inner, ast.Tuple):
                    parts = tuple(self.annotated(each, scope) for each in inner.elts)
                    known = [each for each in parts if each.labels]
                    whole = UNKNOWN
                    for each in known:
                        whole |= each
                    if last_name(container) in ("tuple", "Tuple"):
                        return Value(whole.labels, Nature.INSTANCE, parts)
                    legacy = whole.labels - {OTHER}
                    return Value(legacy, Nature.INSTANCE) if legacy else UNKNOWN
                found = self.annotated(inner, scope)
                return (
                    found
                    if CUSTOMERS in found.labels or STATISTICS in found.labels
                    else (found if last_name(container) in _UNTYPED | {"Mapped"} else KNOWN_OTHER)
                )
            case ast.Name() | ast.Attribute():
                named = self.resolve(node, scope)
                if isinstance(named, Class):
                    return Value(frozenset({self.tables.get(named, OTHER)}), Nature.INSTANCE)
                if last_name(node) in _UNTYPED:
                    return UNKNOWN
                return KNOWN_OTHER
        return UNKNOWN

    def bound_value(self, bound: Bound, scope: Scope) -> Value:
        """The value of a name."""
        if bound in self._values:
            return self._values[bound]
        self._values[bound] = UNKNOWN  # of itself, nothing is known
        self._values[bound] = found = self._bound_value(bound, scope)
        return found

    def _bound_value(self, bound: Bound, scope: Scope) -> Value:
        if bound.is_self_of:
            return self._class_value(bound.is_self_of, Nature.INSTANCE)
        if isinstance(bound.definition, Class):
            return self._class_value(bound.definition, Nature.CLASS)
        if bound.imported and bound.imported[1]:
            module = self.find_module(bound.imported[0], scope.module)
            if module is not None:
                return self.name_value(bound.imported[1], module.scope)
            if bound.imported[1] == "CustomerBookingStats":
                return Value(frozenset({STATISTICS}), Nature.CLASS)
            return UNKNOWN
        if bound.annotation is not None:
            said = self.annotated(bound.annotation, scope)
            if said.labels or bound.expression is None:
                return _part(said, bound.path)
        if bound.expression is None:
            return UNKNOWN
        return _part(self.value(bound.expression, scope), bound.path)

    def _class_value(self, each: Class, nature: Nature) -> Value:
        meta = each.scope.names.get("Meta", [])
        for bound in meta:  # a factory's
            if isinstance(bound.definition, Class) and bound.definition in self.tables:
                return Value(frozenset({self.tables[bound.definition]}), nature)
        return Value(frozenset({self.tables.get(each, OTHER)}), nature)

    def name_value(self, name: str, scope: Scope) -> Value:
        """The value of a name in a scope."""
        found = scope.lookup(name)
        if found is None:
            starred = self.resolve_name(name, scope, frozenset())
            if isinstance(starred, Class):
                return self._class_value(starred, Nature.CLASS)
            return UNKNOWN
        where, bounds = found
        value = UNKNOWN
        for bound in bounds:
            value |= self.bound_value(bound, where)
        return value

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """What is known of an expression."""
        key = node, scope
        if key not in self._values:
            if self._depth > _DEEP:
                return UNKNOWN
            self._depth += 1
            try:
                self._values[key] = self._value(node, scope)
            finally:
                self._depth -= 1
        return self._values[key]

    def _value(self, node: ast.expr, scope: Scope) -> Value:
        match node:
            case ast.Name(id=name):
                return self.name_value(name, scope)
            case ast.Await(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
                return self.value(inner, scope)
            case ast.BoolOp(values=values):
                return self._any(values, scope)
            case ast.IfExp(body=body, orelse=orelse):
                return self.value(body, scope) | self.value(orelse, scope)
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt):
                return self.value(elt, scope)
            case ast.DictComp(value=inner):
                return self.value(inner, scope)
            case ast.Tuple(elts=elements):
                parts = tuple(self.value(each, scope) for each in elements)
                whole = UNKNOWN
                for each in parts:
                    whole |= each
                return Value(whole.labels, whole.nature, parts)
            case ast.List(elts=elements):
                return self._any(elements, scope)
            case ast.Dict(values=elements):
                found = self._any([each for each in elements if each], scope)
                return found if CUSTOMERS in found.labels else KNOWN_OTHER
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Subscript(value=holder, slice=index):
                return self._item(self.value(holder, scope), index)
            case ast.Call():
                return self._call(node, scope)
        text = self.text(node, scope)
        if text is not None and " " in text:
            rows = sql.rows(text)
            if rows is not sql.Rows.UNKNOWN:
                label = CUSTOMERS if rows is sql.Rows.CUSTOMERS else OTHER
                return Value(frozenset({label}), Nature.QUERY)
        return UNKNOWN

    def _any(self, nodes: list[ast.expr], scope: Scope) -> Value:
        value = UNKNOWN
        for node in nodes:
            value |= self.value(node, scope)
        return value

    def _item(self, value: Value, index: ast.expr) -> Value:
        if isinstance(index, ast.Constant):
            if isinstance(index.value, str) and index.value in (CUSTOMERS, STATISTICS):
                return Value(frozenset({index.value}), Nature.CLASS)  # metadata.tables["…"]
            if isinstance(index.value, int) and index.value < len(value.parts):
                return value.parts[index.value]
        return value

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        found = self.resolve(node, scope)
        if isinstance(found, Class):
            return self._class_value(found, Nature.CLASS)
        holder = self.resolve(node.value, scope)
        if isinstance(holder, Module) and node.attr in holder.scope.names:
            return self.name_value(node.attr, holder.scope)
        if node.attr in (CUSTOMERS, STATISTICS) and last_name(node.value) == "classes":
            return Value(frozenset({node.attr}), Nature.CLASS)  # automap
        value = self.value(node.value, scope)
        if node.attr in _SAME_TABLE:
            return value
        for table, names in self.names.items():
            if node.attr in names and table in value.labels:
                return Value(frozenset({table}), Nature.INSTANCE)  # row.Customer
        return self._field(node.attr)

    def _field(self, name: str) -> Value:
        """What all classes say that have such a field."""
        value = UNKNOWN
        for each, annotation in self._fields.get(name, []):
            said = self.annotated(annotation, each.scope)
            if not said.labels:
                return UNKNOWN
            value |= said
        return value if value.labels & {CUSTOMERS, STATISTICS} else UNKNOWN

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        name = last_name(node.func)
        first = node.args[0] if node.args else None
        if name in ("Table", "table") and first is not None:
            text = self.text(first, scope)
            if text is not None:
                return Value(frozenset({_label(text)}), Nature.CLASS)
        if name in _PASSES_ON:
            passed = self._any(node.args, scope)
            if passed.labels or isinstance(node.func, ast.Name):
                return passed
        named = self.resolve(node.func, scope)
        if isinstance(named, Class):
            return self._class_value(named, Nature.CLASS).of(Nature.INSTANCE)
        if isinstance(named, Routine):
            return self._returned(named)
        if self._is_ours(node.func, scope):
            return KNOWN_OTHER
        if isinstance(node.func, ast.Attribute):
            receiver = self.value(node.func.value, scope)
            if receiver.labels and receiver.nature in (Nature.QUERY, Nature.CLASS):
                if name in ("with_entities", "with_only_columns"):
                    return self._selected(node.args, scope)
                return receiver.of(Nature.QUERY)
            given = self._selected(node.args, scope)
            if given.labels:
                return given
            methods = [each for each in self.functions.get(name, []) if each.owner]
            if methods:
                value = UNKNOWN
                for method in methods:
                    value |= self._returned(method)
                return value
            return receiver if CUSTOMERS in receiver.labels else UNKNOWN
        return self._selected(node.args, scope)

    def _selected(self, nodes: list[ast.expr], scope: Scope) -> Value:
        """What a query or its execution has of the classes, tables and statements given."""
        values = [self.value(each, scope) for each in nodes]
        values = [each for each in values if each.nature in (Nature.QUERY, Nature.CLASS)]
        whole = UNKNOWN
        for each in values:
            whole |= each
        if not whole.labels:
            return UNKNOWN
        if len(nodes) > 1 and len(values) == len(nodes):
            return Value(
                whole.labels, Nature.QUERY, tuple(each.of(Nature.INSTANCE) for each in values)
            )
        return Value(whole.labels, Nature.QUERY, whole.parts)

    def _is_ours(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a function is imported from convo_tenancy, which knows no legacy side."""
        dotted = dotted_name(node)
        found = scope.lookup(dotted.split(".")[0]) if dotted else None
        return bool(
            found
            and any(
                each.imported and each.imported[0].split(".")[0] == "convo_tenancy"
                for each in found[1]
            )
        )

    def _returned(self, function: Routine) -> Value:
        if function in self._values:
            return self._values[function]
        self._values[function] = UNKNOWN
        value = UNKNOWN
        if function.node.returns is not None:
            value = self.annotated(function.node.returns, function.module.scope)
        if not value.labels:
            for node in own_nodes(function.node):
                if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                    value |= self.value(node.value, function.scope)
        self._values[function] = value
        return value


def _part(value: Value, path: tuple[int, ...]) -> Value:
    for index in path:
        value = (
            value.parts[index] if index < len(value.parts) else Value(value.labels, value.nature)
        )
    return value


def _label(table: str) -> str:
    name = table.removeprefix("public.")
    return name if name in (CUSTOMERS, STATISTICS) else OTHER


def _named_after(name: str) -> str:
    """The table of a class whose base makes it from the class's name."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return next(
        (table for table in (CUSTOMERS, STATISTICS) if table in (snake, snake + "s")), OTHER
    )


def _relates(bound: Bound, others: set[str]) -> bool:
    """Whether it is a relationship to one of these classes, by the key that there is."""
    call = bound.expression
    if not isinstance(call, ast.Call) or last_name(call.func) not in RELATIONSHIPS:
        return False
    if any(keyword.arg in _OTHER_JOINS for keyword in call.keywords):
        return False
    named = call.args[0] if call.args else bound.annotation
    return named is not None and not others.isdisjoint(re.findall(r"\w+", ast.unparse(named)))


def _keyword_text(node: ast.expr, name: str) -> str | None:
    """Of relationship(…, backref="name") or backref=backref("name")."""
    if not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            value = keyword.value
            if isinstance(value, ast.Call) and value.args:
                value = value.args[0]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return None
