"""What lies on the application, in the ways of all frameworks: `app.state.chain`, `app["chain"]`, `app.config["CHAIN"]`, `app.ctx.chain`, a lifespan's state."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..names import FunctionNode
from ..source import Source
from .reach import enclosing, reached
from .shared import cells_in, groups_in, reads

NAMES = ("app", "application", "current_app", "web_app", "flask_app", "fastapi_app", "sanic_app", "_app")
CLASSES = ("FastAPI", "Starlette", "Flask", "Quart", "Sanic", "Litestar", "Application", "Bottle", "Robyn")
SHELVES = ("state", "config", "extensions", "ctx", "shared_ctx", "plugins", "context")
LIFESPANS = ("contextlib.asynccontextmanager", "contextlib.contextmanager")


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
