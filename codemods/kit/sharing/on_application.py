"""What lies on the application, in the ways of all frameworks: `app.state.chain`, `app["chain"]`, `app.config["CHAIN"]`, `app.ctx.chain`, a lifespan's state."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..names import FunctionNode
from ..source import Source
from .reach import enclosing, reached
from .shared import cells_in, groups_in, reads
from .starting import LIFESPANS

NAMES = ("app", "application", "current_app", "web_app", "flask_app", "fastapi_app", "sanic_app", "_app")
CLASSES = ("FastAPI", "Starlette", "Flask", "Quart", "Sanic", "Litestar", "Application", "Bottle", "Robyn")
SHELVES = ("state", "config", "extensions", "ctx", "shared_ctx", "plugins", "context")
REQUESTS = ("request", "req", "websocket", "ws", "conn", "connection")


def slot_on_application(source: Source, node: ast.AST) -> tuple[str, str] | None:
    """The shelf ("" is the application itself) and the name there of what an expression reads or sets."""
    if isinstance(node, ast.Subscript):
        holder, name = node.value, ast.unparse(node.slice)
    elif isinstance(node, ast.Attribute):
        holder, name = node.value, repr(node.attr)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        holder, name = node.func.value, ast.unparse(node.args[0])
    else:
        return None
    if _is_application(source, holder):
        return ("", name) if name.strip("'") not in SHELVES else None
    if isinstance(holder, ast.Attribute) and holder.attr in SHELVES and _is_application(source, holder.value):
        return holder.attr, name
    return None


def _is_application(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in ("app", "current_app", "application")
    if not isinstance(node, ast.Name):
        return False
    return node.id in NAMES or source.made_by(node).rpartition(".")[2] in CLASSES


def application_slot(source: Source, owner: ast.ClassDef, slots: Iterable[str]) -> str:
    """The attribute of an application's own class that requests ask the application for: `request.app.chain`; "" without one."""
    if not any(source.qualified(base).rpartition(".")[2] in CLASSES for base in owner.bases):
        return ""
    return next((slot for slot in slots if read_on_application(source, ("", repr(slot.removeprefix("self."))))), "")


def is_state(source: Source, node: ast.expr) -> bool:
    """Whether an attribute is on the state of an application, not of a request."""
    state = node.value if isinstance(node, ast.Attribute) else None
    if not isinstance(state, ast.Attribute) or state.attr != "state":
        return False
    holder = state.value
    return not (isinstance(holder, ast.Name) and (holder.id in REQUESTS or source.made_by(holder).endswith((".Request", ".WebSocket", ".HTTPConnection"))))


def read_on_application(source: Source, slot: tuple[str, str]) -> bool:
    """Whether a request asks the application for a thing."""
    name = slot[1].strip("'")
    word = name.encode()
    for other in source.project:
        if word not in other.utf8:
            continue
        nodes: list[ast.expr] = [*other.attributes(name), *other.nodes(ast.Subscript), *other.index.calls(("get",))]
        for node in nodes:
            if isinstance(getattr(node, "ctx", None), ast.Store) or slot_on_application(other, node) != slot:
                continue
            around = enclosing(other, node)
            if around is not None and reached(other, around):
                return True
    return False


def given(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """What is given to the application by a call: `app.config.update(CHAIN=chain)`, `setattr(app.state, "chain", chain)`."""
    for call in source.index.calls(("update", "from_mapping", "setdefault", "setattr")):
        pairs: list[tuple[str, ast.expr]] = []
        holder: ast.expr | None = None
        if isinstance(call.func, ast.Attribute):
            holder = call.func.value
            pairs = [(repr(word.arg), word.value) for word in call.keywords if word.arg]
            pairs += [(ast.unparse(key), value) for each in call.args if isinstance(each, ast.Dict) for key, value in zip(each.keys, each.values, strict=True) if key is not None]
            pairs += [(ast.unparse(call.args[0]), call.args[1])] if call.func.attr == "setdefault" and len(call.args) == 2 else []
        elif len(call.args) == 3:
            holder, pairs = call.args[0], [(ast.unparse(call.args[1]), call.args[2])]
        around = enclosing(source, call)
        if holder is None or (around is not None and reached(source, around)):
            continue
        for name, value in pairs:
            slot = slot_on_application(source, ast.Subscript(holder, ast.Constant(ast.literal_eval(name)))) if name[:1] in "'\"" else None
            if slot is not None and _remembers(source, value) and read_on_application(source, slot):
                yield value, "app-state", f"{ast.unparse(holder)} keeps {name} for all requests"


def _remembers(source: Source, value: ast.expr) -> bool:
    return any(isinstance(origin.node, ast.Call) and any(True for _ in cells_in(origin.source, origin.node)) for origin in source.origins(value)) or any(
        isinstance(origin.node, ast.Call) and any(_remembers(origin.source, word.value) for word in origin.node.keywords if word.arg == "memory") for origin in source.origins(value)
    )  # fmt: skip


def yielded(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """What a lifespan yields for `request.state`."""
    for function, yields in source.index.yields.items():
        if not isinstance(function, FunctionNode) or not any(source.qualified(each) in LIFESPANS for each in function.decorator_list):
            continue
        scope = source.names.inner[function]
        groups = groups_in(source, function.body, scope)
        for node in yields:
            given = node.value if isinstance(node, ast.Yield) and isinstance(node.value, ast.Dict) else None
            for key, value in zip(given.keys, given.values, strict=True) if given is not None else ():
                name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
                kept = any(True for _ in cells_in(source, value)) or any(reads(source, value, scope, group.slots) for group in groups)
                if name and kept and _read_on_requests(source, name):
                    yield value, "app-state", f"{function.name} gives it to all requests, as request.state.{name}"


def _read_on_requests(source: Source, name: str) -> bool:
    for other in source.project.mentioning(name):
        for attribute in other.attributes(name):
            around = enclosing(other, attribute)
            if isinstance(attribute.value, ast.Attribute) and attribute.value.attr == "state" and around is not None and reached(other, around):
                return True
    return False
