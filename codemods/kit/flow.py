"""Where a value goes: the places that read it, hold it and pass it on, across names, attributes, functions and files."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from .names import COMPREHENSIONS, FunctionNode
from .origins import SAME_VALUE, class_of
from .source import Source

Kind = Literal["name", "attr", "returns", "state", "item"]
FIELDS = ("dataclasses.field", "pydantic.Field", "pydantic.PrivateAttr", "sqlmodel.Field", "attr.ib", "attrs.field", "attr.field")
APPLICATIONS = ("aiohttp.web.Application", "aiohttp.web_app.Application")
DEPENDS = ("fastapi.Depends", "fastapi.params.Depends", "fastapi.Security")


@dataclass(frozen=True, slots=True)
class Holder:
    """What keeps a value: a name of a scope, an attribute of a class, a function's return, an attribute of some `.state`, or a dict's item.

    `owner` is the scope's node, the class or the function; a `state` has none. What is returned in a tuple has its index for a name.
    An item is called `clients['openai']`, and `clients[]` when its key can't be told; one of an aiohttp application is a `state` called `['openai']`.
    """

    kind: Kind
    source: Source | None
    owner: ast.AST | None
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One step of a value.

    From an expression: member, changed (an attribute is set), called, argument (`node` is the call), same (`node` has the same
    value), awaited, iterated, entered, held, tested (read without keeping it), unknown.
    From a holder: value (`node` has the value), held (by another holder), maybe (an attribute of that name on something unknown), unknown.
    """

    kind: str
    source: Source
    node: ast.AST
    holder: Holder | None = None


def moves(source: Source, node: ast.AST) -> list[Move]:
    """Where the value of one expression goes from here."""
    above = source.parent(node)
    if isinstance(above, ast.Attribute):
        return [Move("member" if isinstance(above.ctx, ast.Load) else "changed", source, above)]
    if isinstance(above, ast.Call):
        return [Move("called", source, above)] if above.func is node else _passed(source, above, node, "")
    if isinstance(above, ast.keyword):
        call = source.parent(above)
        return _passed(source, call, node, above.arg or "") if isinstance(call, ast.Call) and above.arg else [Move("unknown", source, above)]
    if isinstance(above, ast.BoolOp) or (isinstance(above, ast.IfExp) and above.test is not node):
        return [Move("same", source, above)]
    if isinstance(above, ast.NamedExpr):
        return [Move("same", source, above), *held(source, above.target)]
    if isinstance(above, ast.Await):
        return [Move("awaited", source, above)]
    if isinstance(above, ast.Assign):
        return [move for target in above.targets for move in held(source, target)]
    if isinstance(above, ast.AnnAssign):
        return held(source, above.target)
    if isinstance(above, ast.Dict):
        return _entry(source, above, node)
    if isinstance(above, ast.Tuple) and isinstance(assign := source.parent(above), ast.Assign):
        return _unpacked(source, assign, above, node)
    if isinstance(above, ast.Tuple) and isinstance(source.parent(above), ast.Return) and (function := source.function(above)) is not None:
        return [Move("held", source, above, Holder("returns", source, function, str(above.elts.index(node))))]  # type: ignore[arg-type]
    if isinstance(above, (ast.Return, ast.Yield)):
        function = source.function(above)
        return [Move("held", source, above, Holder("returns", source, function, ""))] if function is not None else [Move("unknown", source, above)]
    if isinstance(above, (ast.For, ast.AsyncFor)) and above.iter is node:
        return [Move("iterated", source, above)]
    if isinstance(above, COMPREHENSIONS):
        clause = next((clause for clause in above.generators if clause.iter is node), None)
        return [Move("iterated", source, clause)] if clause is not None else [Move("unknown", source, above)]
    if isinstance(above, ast.YieldFrom):
        return [Move("iterated", source, above)]
    if isinstance(above, ast.withitem):
        return [Move("entered", source, above)]
    if isinstance(above, ast.Lambda):
        return [Move("held", source, above, holder)] if above.body is node and (holder := _factory(source, above) or _provided(source, above)) else [Move("unknown", source, above)]
    if isinstance(above, FunctionNode) and (holder := default_of(source, above, node)) is not None:
        return [Move("held", source, above, holder)]
    if isinstance(above, (ast.Expr, ast.UnaryOp, ast.If, ast.While, ast.Assert, ast.IfExp, ast.FormattedValue)):
        return [Move("tested", source, above)]
    if isinstance(above, ast.Compare) and all(isinstance(test, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) for test in above.ops):
        return [Move("tested", source, above)]
    return [Move("unknown", source, above if above is not None else node)]


def _unpacked(source: Source, assign: ast.Assign, group: ast.Tuple, node: ast.AST) -> list[Move]:
    found = []
    for target in assign.targets:
        if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(group.elts) and not any(isinstance(e, ast.Starred) for e in target.elts):
            found += held(source, target.elts[[part is node for part in group.elts].index(True)])
        else:
            found.append(Move("unknown", source, group))
    return found


def held(source: Source, target: ast.expr) -> list[Move]:
    holder = holder_of(source, target)
    return [Move("held", source, target, holder)] if holder is not None else [Move("unknown", source, target)]


def holder_of(source: Source, target: ast.AST | None) -> Holder | None:
    """The holder that an assignment to `target` fills."""
    if isinstance(target, ast.Name):
        home = source.scope(target).home(target.id)
        if home is None:
            return None
        return Holder("attr" if home.kind == "class" else "name", source, home.node, target.id)
    if isinstance(target, ast.Subscript):
        return _item(source, target)
    if not isinstance(target, ast.Attribute):
        return None
    owner = instance_of(source, target.value)
    if owner is not None:
        return Holder("attr", owner[0], owner[1], target.attr)
    if isinstance(target.value, ast.Attribute) and target.value.attr == "state":
        return Holder("state", None, None, target.attr)
    path = source.qualified(target)
    found = source.project.lookup(path, source.path) if path else None
    if found is not None and found[1] and found[1] in found[0].names.module.bindings:
        return Holder("name", found[0], found[0].tree, found[1])
    return None


def _item(source: Source, node: ast.Subscript) -> Holder | None:
    key = key_of(source, node.slice)
    if key and of_application(source, node.value):
        return Holder("state", None, None, f"[{key}]")
    path = source.qualified(node.value)
    found = source.project.lookup(path, source.path) if path else None
    if found is not None and found[1] and found[1] in found[0].names.module.bindings:
        return Holder("item", found[0], found[0].tree, f"{found[1]}[{key}]")
    return _item_of(holder_of(source, node.value), key) if isinstance(node.value, (ast.Name, ast.Attribute)) else None


def _item_of(container: Holder | None, key: str) -> Holder | None:
    if container is None or container.kind not in ("name", "attr"):
        return None
    return Holder("item", container.source, container.owner, f"{container.name}[{key}]")


def _entry(source: Source, display: ast.Dict, node: ast.AST) -> list[Move]:
    """The items of every dict that a display is assigned to."""
    key = next((key for key, value in zip(display.keys, display.values, strict=True) if value is node), None)
    above = source.parent(display)
    targets = above.targets if isinstance(above, ast.Assign) else [above.target] if isinstance(above, ast.AnnAssign) else []
    holders = [_item_of(holder_of(source, target), key_of(source, key)) if key is not None else None for target in targets]
    return [Move("held", source, display, holder) if holder is not None else Move("unknown", source, display) for holder in holders] or [Move("unknown", source, display)]


def container_of(item: Holder) -> tuple[Holder, str]:
    """The holder of the dict, and the key."""
    name, _, key = item.name.partition("[")
    return Holder("attr" if isinstance(item.owner, ast.ClassDef) else "name", item.source, item.owner, name), key[:-1]


def key_of(source: Source, node: ast.AST) -> str:
    """A key that is always the same one: a constant, or a member of an enumeration by its dotted path; else nothing."""
    if isinstance(node, ast.Constant):
        return repr(node.value)
    return source.qualified(node) if isinstance(node, ast.Attribute) else ""


def of_application(source: Source, node: ast.AST) -> bool:
    """Whether an expression is an aiohttp application, which keeps what its handlers share."""
    if isinstance(node, ast.Attribute) and node.attr == "app":
        return any(bound.origin.partition(".")[0] == "aiohttp" for found in source.names.module.bindings.values() for bound in found if bound.kind == "import")
    origins = source.origins(node)
    if source.made_by(node) in APPLICATIONS:
        return True
    known = isinstance(node, ast.Name) and node.id == "app" and all(origin.kind == "parameter" for origin in origins)
    return known and any(bound.origin.partition(".")[0] == "aiohttp" for found in source.names.module.bindings.values() for bound in found if bound.kind == "import")


def instance_of(source: Source, node: ast.AST) -> tuple[Source, ast.ClassDef] | None:
    """The class of the project of which an expression is an instance (or which it names), if it can be but one."""
    classes = [class_of(origin) for origin in source.origins(node)]
    return classes[0] if classes and all(each is not None and each == classes[0] for each in classes) else None


def _passed(source: Source, call: ast.Call, node: ast.AST, keyword: str) -> list[Move]:
    """Where an argument goes: into parameters of the project's functions, into fields of its classes, or who knows where."""
    path = source.qualified(call.func)
    if path in SAME_VALUE and path not in DEPENDS:
        return [Move("same", source, call)]
    if path in FIELDS and keyword == "default_factory":
        holder = field_target(source, call)
        return [Move("held", source, call, holder)] if holder is not None else [Move("unknown", source, call)]
    position = call.args.index(node) if node in call.args else -1
    if path == "functools.partial" and call.args and position != 0:
        return _bound(source, call, position - 1, keyword)
    if any(isinstance(arg, ast.Starred) for arg in call.args[: position + 1]):
        return [Move("argument", source, call)]
    if owners := _own_classes(source, call):
        holders = [field_of(*owner, position, keyword) for owner in owners]
        return [Move("held", source, call, holder) if holder is not None else Move("argument", source, call) for holder in holders]
    found = []
    for origin in source.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else []:
        holder = None
        if origin.kind == "function" and isinstance(origin.node, FunctionNode):
            holder = parameter(origin.source, origin.node, position, keyword, call.func)
        elif origin.kind == "class" and isinstance(origin.node, ast.ClassDef):
            holder = field_of(origin.source, origin.node, position, keyword)
        found.append(Move("held", source, call, holder) if holder is not None else Move("argument", source, call))
    return found or [Move("argument", source, call)]


def _own_classes(source: Source, call: ast.Call) -> list[tuple[Source, ast.ClassDef]]:
    """The classes that `super().__init__(...)` and, in a classmethod, `cls(...)` make."""
    owner = source.class_of(call)
    func, function = call.func, source.function(call)
    if owner is None or function is None:
        return []
    if isinstance(func, ast.Attribute) and func.attr == "__init__" and isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name) and func.value.func.id == "super":
        origins = [origin for base in owner.bases for origin in source.origins(base)]
        return [(origin.source, origin.node) for origin in origins if origin.kind == "class" and isinstance(origin.node, ast.ClassDef)][:1]
    args = function.args.posonlyargs + function.args.args
    if isinstance(func, ast.Name) and args and func.id == args[0].arg and decorated(source, function, "classmethod"):
        return [(source, owner)]
    return []


def _bound(source: Source, call: ast.Call, position: int, keyword: str) -> list[Move]:
    """Where an argument of `partial(function, ...)` goes."""
    holders = [
        parameter(origin.source, origin.node, position, keyword, call.args[0]) if origin.kind == "function" and isinstance(origin.node, FunctionNode) else None
        for origin in source.origins(call.args[0])
    ]
    return [Move("held", source, call, holder) if holder is not None else Move("argument", source, call) for holder in holders] or [Move("argument", source, call)]


def parameter(source: Source, function: FunctionNode, position: int, keyword: str, callee: ast.AST | None = None) -> Holder | None:
    """The parameter that an argument fills; `callee` tells whether a method's first one is filled already."""
    args = function.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    if keyword:
        return Holder("name", source, function, keyword) if keyword in names or keyword in [arg.arg for arg in args.kwonlyargs] else None
    bound = isinstance(callee, ast.Attribute) or function.name == "__init__"
    if bound and isinstance(source.parent(function), ast.ClassDef) and not decorated(source, function, "staticmethod"):
        position += 1
    return Holder("name", source, function, names[position]) if position < len(names) else None


def field_of(source: Source, owner: ast.ClassDef, position: int, keyword: str) -> Holder | None:
    """What an argument of a class's call fills: a parameter of `__init__`, or a field."""
    initial = next((method for method in owner.body if isinstance(method, FunctionNode) and method.name == "__init__"), None)
    if initial is not None:
        return parameter(source, initial, position, keyword)
    fields = [each.target.id for each in owner.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
    name = keyword if keyword in fields else fields[position] if not keyword and position < len(fields) else ""
    return Holder("attr", source, owner, name) if name else None


def _factory(source: Source, node: ast.Lambda) -> Holder | None:
    """The field of which a lambda is the default_factory."""
    above = source.parent(node)
    call = source.parent(above) if isinstance(above, ast.keyword) and above.arg == "default_factory" else None
    return field_target(source, call) if isinstance(call, ast.Call) and source.qualified(call.func) in FIELDS else None


def _provided(source: Source, node: ast.Lambda) -> Holder | None:
    """The parameter of which `Depends(lambda: value)` is the default."""
    call = source.parent(node)
    above = source.parent(call) if isinstance(call, ast.Call) and source.qualified(call.func) in DEPENDS else None
    return default_of(source, above, call) if isinstance(above, FunctionNode) and call is not None else None


def field_target(source: Source, call: ast.Call) -> Holder | None:
    above = source.parent(call)
    return holder_of(source, above.target) if isinstance(above, ast.AnnAssign) else None


def default_of(source: Source, function: FunctionNode, node: ast.AST) -> Holder | None:
    scope = source.names.inner[function]
    name = next((name for name, found in scope.bindings.items() if any(each.kind == "param" and each.value is node for each in found)), "")
    return Holder("name", source, function, name) if name else None


def decorated(source: Source, function: FunctionNode, *names: str) -> bool:
    return any((source.qualified(d) or (d.id if isinstance(d, ast.Name) else "")).rpartition(".")[2] in names for d in function.decorator_list)
