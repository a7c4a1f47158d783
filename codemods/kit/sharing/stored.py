"""What is built with a shared object and kept for the next request: there the first one's key would be everybody's."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from ..names import FunctionNode
from ..source import Source
from .key import meaning_of
from .on_application import slot_on_application
from .overlooked import MAKERS
from .reach import lasting
from .stations import Station, Unclear

FILLS = ("setdefault", "append", "add", "insert", "put")
OWN = ("g", "request", "req", "websocket", "ws", "session")  # what one request has for itself


def object_to_stored(stations: Iterable[Station], giving: Collection[Station] = ()) -> None:
    """Raises Unclear where a station puts what holds the object into something that lasts. `giving`: those that answer with it."""
    every = list(stations)
    gives = {id(each) for each in giving}
    for _ in every:
        before = len(gives)
        for each in every:
            nodes = [use.node for use in each.uses] + [call for call, below, _ in each.calls if id(below) in gives]
            for node in nodes:
                answered, target = _way(each.source, node)
                if target is not None:
                    raise Unclear("handed-on", f"{ast.unparse(target)} keeps what {each.name} builds with it for the next request", each.source, target)
                if answered:
                    gives.add(id(each))
        if len(gives) == before:
            return


def _way(source: Source, node: ast.AST, depth: int = 0) -> tuple[bool, ast.expr | None]:
    """Whether what holds a node is returned, and the lasting thing that it is put into."""
    above = source.parent(node)
    while isinstance(above, (ast.keyword, ast.Call, ast.Await, ast.BoolOp, ast.IfExp, ast.Tuple, ast.List, ast.Dict, ast.NamedExpr)):
        if isinstance(above, ast.Call):
            if above.func is node:
                return False, None
            if isinstance(above.func, ast.Attribute) and above.func.attr in FILLS and node in above.args:
                keyed = any(_is_key(each) for each in above.args[:-1])
                return False, above.func.value if not keyed and _lasts(source, above.func.value) else None
            if not _constructs(source, above):
                return False, None
        node, above = above, source.parent(above)
    if isinstance(above, (ast.Return, ast.Yield)):
        return True, None
    if not isinstance(above, (ast.Assign, ast.AnnAssign)) or above.value is not node:
        return False, None
    answered = False
    for target in above.targets if isinstance(above, ast.Assign) else [above.target]:
        if isinstance(target, ast.Name):
            scope = source.scope(target)
            if target.id in scope.globals:
                return False, target
            for load in source.names.uses(target.id, scope) if depth < 3 else ():
                also, kept = _way(source, load, depth + 1)
                if kept is not None:
                    return False, kept
                answered = answered or also
        elif isinstance(target, ast.Subscript):
            if not _is_key(target.slice) and _lasts(source, target.value):
                return False, target
        elif isinstance(target, ast.Attribute) and _lasts(source, target.value):
            return False, target
    return answered, None


def _constructs(source: Source, call: ast.Call) -> bool:
    path = source.qualified(call.func) or (ast.unparse(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else "")
    return path.startswith("langchain") or any(part[:1].isupper() for part in path.split("."))


def _is_key(node: ast.expr) -> bool:
    """Whether a session's key is in an expression."""
    words = [each.id if isinstance(each, ast.Name) else each.attr for each in ast.walk(node) if isinstance(each, (ast.Name, ast.Attribute))]
    return any(meaning_of(word) is not None for word in words)


def _lasts(source: Source, holder: ast.expr) -> bool:
    """Whether the next request finds the same thing."""
    if slot_on_application(source, ast.Attribute(holder, "any", ast.Load())) is not None:
        return True
    root = holder
    while isinstance(root, (ast.Attribute, ast.Subscript)):
        root = root.value
    if not isinstance(root, ast.Name) or root.id in OWN:
        return False
    function = source.function(root)
    owner = source.parent(function) if function is not None else None
    if isinstance(function, FunctionNode) and isinstance(owner, ast.ClassDef) and [arg.arg for arg in function.args.args[:1]] == [root.id]:
        return function.name not in MAKERS and lasting(source, owner)
    home = source.scope(root).home(root.id)
    return home is source.names.module
