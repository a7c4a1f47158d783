"""What lies on the application, in the ways of all frameworks: `app.state.chain`, `app["chain"]`, `app.config["CHAIN"]`, `app.ctx.chain`, a lifespan's state."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..callers import argument, callers
from ..names import Binding, FunctionNode
from ..source import Source
from .reach import enclosing, reached, shelf_of
from .shared import cells_in, groups_in, reads
from .starting import LIFESPANS

NAMES = ("app", "application", "current_app", "web_app", "flask_app", "fastapi_app", "sanic_app", "_app")
CLASSES = ("FastAPI", "Starlette", "Flask", "Quart", "Sanic", "Litestar", "Application", "Bottle", "Robyn")
SHELVES = ("state", "config", "extensions", "ctx", "shared_ctx", "plugins", "context")
REQUESTS = ("request", "req", "websocket", "ws", "conn", "connection")
ASKS = ("get", "pop", "setdefault")  # of a mapping, with a key in front
UNKNOWN = "?"


def slot_on_application(source: Source, node: ast.AST) -> tuple[str, str] | None:
    """The shelf ("" is the application itself) and the name there of what an expression reads or sets."""
    if isinstance(node, ast.Attribute):
        shelf = shelf_on(source, node.value)
        return (shelf, repr(node.attr)) if shelf or (shelf == "" and node.attr not in SHELVES) else None
    asked = asked_by_key(node)
    if asked is None or (isinstance(node, ast.Call) and last_word(node) != "get"):
        return None
    holder, key = asked
    shelf = shelf_on(source, holder)
    if shelf is None:
        return None
    name = key_there(source, key)
    return shelf, name if name != UNKNOWN else ast.unparse(key)


def asked_by_key(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """The mapping and the key of `app["chain"]`, `app.get("chain")`, `app.pop("chain", None)`."""
    if isinstance(node, ast.Subscript):
        return node.value, node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKS and node.args:
        return node.func.value, node.args[0]
    return None


def holder_of(node: ast.AST) -> ast.expr | None:
    """Of what something is asked: `app.state` of `app.state.chain` and `getattr(app.state, "chain")`, `app` of `app["chain"]` and `app.get("chain")`."""
    if isinstance(node, ast.Attribute):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return node.args[0]
    return (asked_by_key(node) or (None,))[0]


def last_word(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def key_there(source: Source, key: ast.expr) -> str:
    """A key in writing, as its `repr`; of a name of a module that stands for anything but a text, the file and the name; "?" where it can't be told."""
    if isinstance(key, ast.Constant):
        return repr(key.value)
    found = shelf_of(source, key) if isinstance(key, (ast.Name, ast.Attribute)) else None
    binding = key_binding(*found) if found is not None else None
    if found is None or binding is None:
        return UNKNOWN
    return repr(binding.value.value) if isinstance(binding.value, ast.Constant) else f"{found[0].path}:{found[1]}"


def key_binding(source: Source, name: str) -> Binding | None:
    """What gives a name of a module its only value: `CHAIN = "chain"`, `CHAIN = web.AppKey("chain", ConversationChain)`."""
    bindings = source.names.module.bindings.get(name, [])
    return bindings[0] if len(bindings) == 1 and isinstance(bindings[0].value, (ast.Constant, ast.Call)) else None


def shelf_on(source: Source, holder: ast.expr, depth: int = 0) -> str | None:
    """The shelf of an application ("" is itself), also under a name of its own: `config = current_app.config`; None for anything else."""
    if _is_application(source, holder):
        return ""
    if isinstance(holder, ast.Attribute) and holder.attr in SHELVES:
        return holder.attr if shelf_on(source, holder.value, depth) == "" else None
    home = source.scope(holder).home(holder.id) if isinstance(holder, ast.Name) and depth < 3 else None
    bindings = home.bindings.get(holder.id, []) if home is not None and isinstance(holder, ast.Name) else []
    if len(bindings) != 1 or home is None:
        return None
    if bindings[0].kind == "assign" and not bindings[0].unpacked and isinstance(bindings[0].value, (ast.Attribute, ast.Name, ast.Call)):
        return shelf_on(source, bindings[0].value, depth + 1)
    if bindings[0].kind == "param" and isinstance(home.node, FunctionNode) and bindings[0].annotation is None:
        method = isinstance(source.parent(home.node), ast.ClassDef)
        for other, call in callers(source, home.node).calls:
            given = argument(home.node, call, bindings[0].name, method=method)
            if given is not None and (shelf := shelf_on(other, given, depth + 1)) is not None:
                return shelf
    return None


def _is_application(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "_get_current_object" and _is_application(source, node.func.value)
    if isinstance(node, ast.Attribute):
        return node.attr in ("app", "current_app", "application", "config_dict")
    if not isinstance(node, ast.Name):
        return False
    if node.id not in NAMES:
        return source.made_by(node).rpartition(".")[2] in CLASSES
    home = source.scope(node).home(node.id)
    bindings = home.bindings.get(node.id, []) if home is not None else []
    return not (len(bindings) == 1 and isinstance(bindings[0].value, (ast.Dict, ast.List, ast.DictComp)))


def holder_on_application(source: Source, target: ast.expr) -> str:
    """What holds the thing that is assigned to, on an application, as `Group.me` says it: `app[key]`, `app.config[key]`, `app.ctx`, `app`; "" for anything else."""
    if not isinstance(target, (ast.Attribute, ast.Subscript)):
        return ""
    holder = target.value
    root = holder.value if isinstance(holder, ast.Attribute) else holder
    shelf = shelf_on(source, holder) if isinstance(root, ast.Name) and root.id not in REQUESTS else None
    if isinstance(target, ast.Subscript):
        return f"{ast.unparse(holder)}[key]" if shelf in ("", "config", "extensions") and key_there(source, target.slice) != UNKNOWN else ""
    if shelf == "" and isinstance(holder, ast.Name) and target.attr not in SHELVES:
        made = source.made_by(holder)
        return holder.id if not made or made.rpartition(".")[2] in CLASSES or made == "flask.current_app" else ""
    return ast.unparse(holder) if shelf in ("ctx", "shared_ctx") else ""


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
    name = slot[1].strip("'").rpartition(":")[2]
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
