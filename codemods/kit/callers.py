"""Who calls a function of the project, and how it is given one more argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from .finding import Edit
from .names import FunctionNode
from .origins import class_of
from .source import Source, keyword, spreads_arguments, spreads_keywords

# calls that run a function with the arguments behind it: at which place the function stands, and whether keywords are handed on
RUNNERS = {
    "asyncio.to_thread": (0, True), "fastapi.concurrency.run_in_threadpool": (0, True), "starlette.concurrency.run_in_threadpool": (0, True),
    "functools.partial": (0, True), "asgiref.sync.sync_to_async": (0, False), "anyio.to_thread.run_sync": (0, False),
}  # fmt: skip
RUNNER_METHODS = {"run_in_executor": (1, False), "add_task": (0, True), "submit": (0, True), "call_soon": (0, False)}
HARMLESS = frozenset(
    "staticmethod classmethod property functools.wraps tenacity.retry backoff.on_exception asyncio.coroutine contextlib.contextmanager contextlib.asynccontextmanager "
    "langsmith.traceable retry.retry traceback".split()
)  # fmt: skip


@dataclass(slots=True)
class Callers:
    """Every known mention of a function: calls, and others that hand it on or hide who calls it."""

    calls: list[tuple[Source, ast.Call]] = field(default_factory=list)
    runs: list[tuple[Source, ast.Call, bool]] = field(default_factory=list)  # the function is an argument; whether keywords may follow it
    others: list[tuple[Source, ast.AST]] = field(default_factory=list)


def callers(source: Source, function: FunctionNode) -> Callers:
    """Every mention of the function in the files that are seen together."""
    return source.remember(("callers", function), lambda: _callers(source, function))  # type: ignore[no-any-return]


def _callers(source: Source, function: FunctionNode) -> Callers:
    found = Callers()
    owner = source.parent(function)
    method = isinstance(owner, ast.ClassDef)
    if function.name == "__call__" and isinstance(owner, ast.ClassDef):
        found.calls += _calls_of_instances(source, owner)
    for other in source.project.mentioning(function.name):
        if not method:
            names = dict.fromkeys([function.name, *(binding.name for binding in other.index.imports.get(function.name, ()))])
            for load in (load for name in names for load in other.names.loads.get(name, ())):
                if _means(other, load, source, function):
                    _sort(other, load, found)
        if isinstance(owner, ast.ClassDef) and is_property(source, function):
            found.others += [(other, each) for each in other.attributes(function.name) if isinstance(each.ctx, ast.Load) and _reads(other, each, source, owner, function)]
        elif method or other is not source:
            for attribute in other.attributes(function.name):
                if isinstance(attribute.ctx, ast.Load):
                    verdict = _attribute_means(other, attribute, source, function)
                    if verdict == "yes":
                        _sort(other, attribute, found)
                    elif verdict == "perhaps":
                        found.others.append((other, attribute))
    return found


def _calls_of_instances(source: Source, owner: ast.ClassDef) -> Iterator[tuple[Source, ast.Call]]:
    """`agent(text)`, where `agent = Agent()`."""
    for other in source.project:
        for call in other.nodes(ast.Call):
            for origin in other.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else ():
                made = origin.node.func if origin.kind == "value" and isinstance(origin.node, ast.Call) else None
                if (origin.kind == "instance" and origin.node is owner) or (made is not None and any(each.node is owner for each in origin.source.origins(made))):
                    yield other, call


def _means(other: Source, load: ast.Name, source: Source, function: FunctionNode) -> bool:
    home = other.scope(load).home(load.id)
    if home is None:
        return False
    for binding in other.bindings(load.id, home):
        if binding.node is function:
            return True
        if binding.kind == "import" and binding.origin.rpartition(".")[2] == function.name:
            return any(origin.node is function for origin in other.origins(load))
    return False


def _attribute_means(other: Source, attribute: ast.Attribute, source: Source, function: FunctionNode) -> str:
    origins = other.origins(attribute)
    if any(origin.node is function for origin in origins):
        return "yes"
    if any(origin.kind in ("unknown", "parameter") for origin in origins) and isinstance(source.parent(function), ast.ClassDef):
        base = other.origins(attribute.value)
        return "perhaps" if all(origin.kind in ("unknown", "parameter") for origin in base) and len(function.name) > 6 else "no"
    return "no"


def is_property(source: Source, function: FunctionNode) -> bool:
    """Whether a method is read like an attribute."""
    return any(_plain(each) == "property" or source.qualified(each).rpartition(".")[2] == "cached_property" for each in function.decorator_list)


def _reads(other: Source, attribute: ast.Attribute, source: Source, owner: ast.ClassDef, function: FunctionNode) -> bool:
    """Whether an attribute is this property of the class, or of one that inherits it."""
    for base in other.origins(attribute.value):
        found = class_of(base)
        if found is not None and (found[1] is owner or any(each is function for each in _inherited(*found, function.name))):
            return True
    return False


def _inherited(source: Source, owner: ast.ClassDef, name: str, depth: int = 0) -> Iterator[ast.AST]:
    """The method of a name that instances of a class have."""
    own = [each for each in owner.body if isinstance(each, FunctionNode) and each.name == name]
    if own or depth > 4:
        yield from own[:1]
        return
    for base in owner.bases:
        for origin in source.origins(base):
            if isinstance(origin.node, ast.ClassDef):
                yield from _inherited(origin.source, origin.node, name, depth + 1)


def _sort(other: Source, mention: ast.expr, found: Callers) -> None:
    above = other.parent(mention)
    if isinstance(above, ast.Call) and above.func is mention:
        found.calls.append((other, above))
        return
    if isinstance(above, ast.Call) and mention in above.args:
        path = other.qualified(above.func)
        name = above.func.attr if isinstance(above.func, ast.Attribute) else ""
        place = RUNNERS.get(path) or RUNNER_METHODS.get(name)
        if place is not None and above.args.index(mention) == place[0]:
            found.runs.append((other, above, place[1]))
            return
    found.others.append((other, mention))


def arguments_of(source: Source, name: ast.expr) -> list[tuple[Source, ast.expr]] | None:
    """What a parameter may be, by every call of its function and its default; None when it is no parameter or calls can't all be seen."""
    home = source.scope(name).home(name.id) if isinstance(name, ast.Name) else None
    function = home.node if home is not None else None
    if not isinstance(name, ast.Name) or home is None or not isinstance(function, FunctionNode) or isinstance(source.parent(function), ast.ClassDef):
        return None
    bindings = home.bindings[name.id]
    found = callers(source, function)
    if len(bindings) != 1 or bindings[0].kind != "param" or found.runs or found.others or not found.calls:
        return None
    places = [arg.arg for arg in [*function.args.posonlyargs, *function.args.args]]
    place = places.index(name.id) if name.id in places else len(places)
    default = bindings[0].value
    given: list[tuple[Source, ast.expr]] = []
    for other, call in found.calls:
        word = keyword(call, name.id)
        value = word.value if word is not None else call.args[place] if len(call.args) > place else default
        if value is None or spreads_arguments(call) or spreads_keywords(call):
            return None
        given.append((source if value is default else other, value))
    return given


# one more argument


def takes_more(source: Source, function: FunctionNode, name: str) -> bool:
    """Whether the function may get a parameter of that name: nothing wraps its signature, and nothing in it is called so."""
    if any(source.qualified(d.func if isinstance(d, ast.Call) else d) not in HARMLESS and _plain(d) not in HARMLESS for d in function.decorator_list):
        return False
    return name not in source.names.inner[function].bindings and not function.args.kwarg


def _plain(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def add_parameter(source: Source, function: FunctionNode, name: str, annotation: str = "") -> list[Edit]:
    """One more parameter, behind those without a default, else by keyword only."""
    args = function.args
    text = f"{name}: {annotation}" if annotation and (function.returns is not None or any(arg.annotation for arg in args.args)) else name
    every = [*args.posonlyargs, *args.args]
    if not args.kwonlyargs and args.vararg is None and not args.defaults and every:
        stop = source.stop(every[-1])
        if not args.args:  # a keyword gives nothing to what stands before the slash
            stop = source.utf8.index(b"/", stop) + 1
        return [source.edit(stop, stop, f", {text}")]
    if args.kwonlyargs:
        first = args.kwonlyargs[0]
        return [source.edit(source.start(first), source.start(first), f"{text}, ")]
    if args.vararg is not None:
        return [source.edit(source.stop(args.vararg), source.stop(args.vararg), f", {text}")]
    if args.defaults:
        last_default = args.defaults[-1]
        stop = _behind(source, function, source.stop(last_default))
        return [source.edit(stop, stop, f", *, {text}")]
    opening = source.utf8.index(b"(", source.start(function) + len(function.name))
    return [source.edit(opening + 1, opening + 1, f"{text}, " if args.kwarg is not None else text)]


def _behind(source: Source, function: FunctionNode, offset: int) -> int:
    """Past closing brackets that belong to a default in parentheses."""
    end = source.start(function.body[0])
    depth = 0
    start = source.utf8.index(b"(", source.start(function) + len(function.name))
    place = start
    for place in range(start, end):
        byte = source.utf8[place : place + 1]
        depth += byte in (b"(", b"[", b"{")
        depth -= byte in (b")", b"]", b"}")
        if depth == 0:
            break
    between = source.utf8[offset:place]
    return offset + len(between) - len(between.lstrip(b")")) if between.strip() not in (b"", b",") and b"#" not in between else offset


def add_argument(source: Source, call: ast.Call, name: str, value: str) -> list[Edit]:
    """`name=value` behind the call's other arguments."""
    from .cut import add_keyword

    if keyword(call, name) is not None:
        return []
    return add_keyword(source, call, name, value)


def argument(function: FunctionNode, call: ast.Call, name: str, *, method: bool) -> ast.expr | None:
    """What a call gives for a parameter; None when it gives nothing."""
    given = keyword(call, name)
    if given is not None:
        return given.value
    names = [arg.arg for arg in [*function.args.posonlyargs, *function.args.args]]
    names = names[1:] if method and not any(ast.unparse(each) == "staticmethod" for each in function.decorator_list) else names
    place = names.index(name) if name in names else len(call.args)
    return call.args[place] if place < len(call.args) and not any(isinstance(each, ast.Starred) for each in call.args) else None
