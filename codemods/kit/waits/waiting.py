"""What a call waits for: the network, a process, a file, a database, or nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..callers import arguments_of
from ..libraries import langchain
from ..libraries.blocking import (
    ANY_METHOD,
    BY_MAKER,
    CALLED,
    CALLS,
    CONSUMERS,
    KINDS,
    LAST_NAMES,
    METHODS,
    QUICK_PATH,
    RUNS,
    SDK_CALLS,
    SDK_CLIENTS,
    Kind,
    What,
)
from ..libraries.callables import may_be_object
from ..names import last_part
from ..origins import annotation_path, origins_of
from ..source import MAX_HOPS, Origin, Source, is_none

_SDK_ROOTS = frozenset(package.partition(".")[0] for package in SDK_CLIENTS)


@dataclass(frozen=True, slots=True)
class Wait:
    """A call that waits: for what, under which name, and in a method of what kind of object."""

    source: Source
    call: ast.Call
    what: What
    name: str
    kind: Kind | None = None
    object: ast.expr | None = None  # of that kind


def path_of(source: Source, node: ast.AST | None) -> str:
    """`Source.qualified`, with the built-in functions named too."""
    if isinstance(node, ast.Name) and node.id in ("open", "input", "list", "tuple", "set", "sum", "map", "filter", "sorted", "enumerate", "iter", "zip", "min", "max"):
        return f"builtins.{node.id}" if source.scope(node).home(node.id) is None else source.qualified(node)
    return source.qualified(node)


def wait_of(source: Source, call: ast.Call) -> Wait | None:
    """What the call itself waits for, by the tables; project functions are not looked into."""
    key = ("wait", call)
    if key not in source.memo:
        source.memo[key] = _wait_of(source, call)
    return source.memo[key]  # type: ignore[no-any-return]


def _wait_of(source: Source, call: ast.Call) -> Wait | None:
    func = call.func
    last = last_part(func)
    if last in LAST_NAMES or isinstance(func, ast.Name):
        path = path_of(source, func)
        if path in CALLS:
            return Wait(source, call, CALLS[path], path.removeprefix("builtins."))
        if path in CONSUMERS and len(call.args) > CONSUMERS[path]:
            kind = kind_of(source, call.args[CONSUMERS[path]])
            if kind is not None and ("" in kind.lazy or (kind.name == "file")):
                return Wait(source, call, kind.what, path.removeprefix("builtins."), kind, call.args[CONSUMERS[path]])
    if not isinstance(func, ast.Attribute):
        return None
    if last in QUICK_PATH and (kind := kind_of(source, func.value)) is not None and kind.name == "path":
        return Wait(source, call, "quick", f"Path.{last}", kind, func.value)
    if candidates := _candidates(source, last):
        kind = kind_of(source, func.value)
        if kind is not None and kind.name in candidates and (kind.waits(last) or last in kind.lazy):
            return Wait(source, call, kind.what, f"{kind.name}.{last}" if " " not in kind.name else f"{last}() of a {kind.name}", kind, func.value)
    return _model_call(source, call, func)


def _model_call(source: Source, call: ast.Call, func: ast.Attribute) -> Wait | None:
    """A call of a language model: what the SDKs' clients and LangChain's objects do when they are not awaited."""
    present = imported_roots(source)
    begins = func.attr == "create" and isinstance(func.value, ast.Attribute) and func.value.attr == "chats"  # Google's: nothing is sent yet
    if func.attr in SDK_CALLS and not begins and not _SDK_ROOTS.isdisjoint(present):
        base: ast.expr = func.value
        while isinstance(base, ast.Attribute) and not source.qualified(base):
            made = source.made_by(base)
            if made:
                break
            base = base.value
        made = source.made_by(base) or _made_by_callers(source, base)
        if any(made.startswith(f"{package}.") and made.rpartition(".")[2] in names for package, names in SDK_CLIENTS.items()):
            return Wait(source, call, "model", f"{made.rpartition('.')[2]}.{func.attr}")
    if func.attr in RUNS and any(root.startswith("lang") for root in present):
        kind = langchain.kind_of(source, func.value)
        if kind is not None and kind.family in RUNS[func.attr]:
            return Wait(source, call, "model", f"{func.attr}() of a {kind.family.replace('-', ' ')}")
    return None


def _made_by_callers(source: Source, node: ast.expr, hops: int = 0) -> str:
    """What makes the value of a parameter, by what every call gives; "" where they differ or can't all be seen."""
    given = arguments_of(source, node) if hops < 3 else None
    makers = {other.made_by(value) or _made_by_callers(other, value, hops + 1) for other, value in given or () if not is_none(value)}
    return makers.pop() if len(makers) == 1 else ""


def called_model(source: Source, call: ast.Call) -> Wait | None:
    """`chain({"question": q})`: a chain or a model that is called like a function."""
    func = call.func
    if not isinstance(func, (ast.Name, ast.Attribute)) or not may_be_object(source, func):
        return None
    kind = langchain.kind_of(source, func)
    return Wait(source, call, "model", f"calling the {kind.family.replace('-', ' ')}") if kind is not None and kind.family in CALLED else None


def _candidates(source: Source, method: str) -> frozenset[str]:
    """The names of the kinds that wait in a method of that name and of which the files seen together can have an object."""
    known: dict[str, frozenset[str]] = source.project.remember("kinds by method", dict)
    if method not in known:
        known[method] = frozenset(kind.name for kind in (*METHODS.get(method, ()), *ANY_METHOD) if roots(kind) & imported_roots(source))
    return known[method]


def roots(kind: Kind) -> frozenset[str]:
    """The packages of which a file must import one to have an object of the kind."""
    made = kind.made_by or (("sqlalchemy.x", "sqlmodel.x") if "SQLAlchemy" in kind.name else ("pymongo.x",) if "mongo" in kind.name else ("boto3.x",))
    return frozenset(path.partition(".")[0] for path in made)


def imported_roots(source: Source) -> frozenset[str]:
    """The first part of everything that the files seen together import, and "builtins"."""

    return source.project.remember("imported-roots", lambda: frozenset({"builtins"}.union(*(other.index.roots for other in source.project))))  # type: ignore[no-any-return]


# objects


def kind_of(source: Source, node: ast.AST | None, hops: int = 0) -> Kind | None:
    """The kind of a value that the tables know; None for anything else, and where its origins disagree."""
    if node is None or hops > MAX_HOPS:
        return None
    key = ("kind", node)
    if key not in source.memo:
        source.memo[key] = None  # what a circle sees
        source.memo[key] = _kind(source, node, hops)
    return source.memo[key]  # type: ignore[no-any-return]


def _kind(source: Source, node: ast.AST, hops: int) -> Kind | None:
    found: set[str] = set()
    for origin in source.origins(node, hops):
        if origin.kind == "parameter":
            continue  # `session or requests.Session()`: what it may be besides is believed to be alike
        kind = _of_origin(origin, hops + 1)
        if kind is None:
            return None
        found.add(kind.name)
    return KINDS[found.pop()] if len(found) == 1 else None


def _of_origin(origin: Origin, hops: int) -> Kind | None:
    source, node = origin.source, origin.node
    if origin.kind == "annotation":
        return BY_MAKER.get(annotation_path(source, node))
    if origin.kind in ("instance", "class") and isinstance(node, ast.ClassDef):
        return _of_class(source, node) if origin.kind == "instance" else None
    if origin.kind != "value":
        return None
    if isinstance(node, ast.Await) and isinstance(node.value, ast.Call) and node.value.args and source.qualified(node.value.func) == "asyncio.to_thread":
        return _made_by_calling(source, node.value.args[0], hops)
    if isinstance(node, ast.Call):
        return _made_by_calling(source, node.func, hops)
    if isinstance(node, ast.Attribute):
        return _given(kind_of(source, node.value, hops), node.attr)
    if isinstance(node, ast.Subscript):
        return _given(kind_of(source, node.value, hops), "[]")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return next((kind for side in (node.left, node.right) if (kind := kind_of(source, side, hops)) is not None and kind.name == "path"), None)
    return None


def _made_by_calling(source: Source, func: ast.expr, hops: int) -> Kind | None:
    path = path_of(source, func)
    if path in BY_MAKER:
        return BY_MAKER[path]
    if isinstance(func, ast.Attribute):
        kind = kind_of(source, func.value, hops)
        return _given(kind, func.attr) if kind is not None and func.attr in kind.gives else None
    for made in origins_of(source, func, hops):
        if made.kind == "class" and isinstance(made.node, ast.ClassDef):
            return _of_class(made.source, made.node)
    return _given(kind_of(source, func, hops), "()")


def _of_class(source: Source, owner: ast.ClassDef, hops: int = 0) -> Kind | None:
    """What a class of the project derives from."""
    for base in owner.bases if hops < 5 else ():
        if (kind := BY_MAKER.get(annotation_path(source, base))) is not None:
            return kind
        for origin in source.origins(base):
            inherits = origin.kind == "class" and isinstance(origin.node, ast.ClassDef) and origin.node is not owner
            if inherits and (kind := _of_class(origin.source, origin.node, hops + 1)) is not None:  # type: ignore[arg-type]
                return kind
    return None


def _given(kind: Kind | None, attr: str) -> Kind | None:
    if kind is None:
        return None
    name = kind.gives.get(attr) or (kind.gives.get("*") if attr not in ("[]", "()") else None)
    return KINDS.get(name or "")


def calls_in(source: Source, function: ast.AST) -> list[ast.Call]:
    """The calls that a function's own body makes, without those of lambdas and functions inside."""

    def read() -> dict[ast.AST | None, list[ast.Call]]:
        found: dict[ast.AST | None, list[ast.Call]] = {}
        for call in source.nodes(ast.Call):
            found.setdefault(source.function(call), []).append(call)
        return found

    return source.remember("calls-by-function", read).get(function, [])  # type: ignore[no-any-return]


def body(source: Source, function: ast.AST) -> list[ast.AST]:
    """`inner`, remembered."""
    return source.remember(("body", function), lambda: [*inner(function)])  # type: ignore[no-any-return]


def inner(node: ast.AST) -> Iterator[ast.AST]:
    """What a function's body holds, without what stands in functions, lambdas and classes inside."""
    todo = list(getattr(node, "body", []))[::-1]
    while todo:
        part = todo.pop()
        yield part
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(reversed(list(ast.iter_child_nodes(part))))
