"""Where a list goes: the other names that it gets, and whether a model is given what is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..callers import argument, callers
from ..callgraph import Function, callees, referred
from ..libraries.messages import COPIES, GROWS, NAMED, RUNS, SDKS, SHOWS, SPOKEN
from ..names import FunctionNode, last_part
from ..source import Source
from .key import parameters

MAX_PLACES = 60
MAX_HOPS = 6
RUNNERS = ("to_thread", "run_in_executor", "run_in_threadpool", "partial", "submit", "run_sync")

Place = tuple[Source, ast.expr]


def everywhere(places: Iterable[Place]) -> list[Place]:
    """These reads of a list, and those of the names under which it is known elsewhere: locals, parameters of helpers, what a dependency gives."""
    found: dict[ast.AST, Place] = {}
    todo = [*places]
    while todo and len(found) < MAX_PLACES:
        source, node = todo.pop(0)
        if node not in found:
            found[node] = source, node
            todo += _renamed(source, node)
    return [*found.values()]


def _renamed(source: Source, node: ast.expr) -> Iterator[Place]:
    above = source.parent(node)
    if isinstance(above, ast.Assign) and above.value is node and source.function(above) is not None:
        yield from _loads(source, above.targets)
    elif isinstance(above, ast.NamedExpr) and above.value is node:
        yield from _loads(source, [above.target])
    elif isinstance(above, ast.withitem) and above.optional_vars is not None:  # what a context manager yields
        yield from _loads(source, [above.optional_vars])
    elif isinstance(above, (ast.Return, ast.Yield)) and (function := source.function(above)) is not None:
        mentions = callers(source, function)
        yield from mentions.calls
        for other, mention in mentions.others:
            yield from depending(other, mention)
    else:
        call = source.parent(above) if isinstance(above, ast.keyword) else above
        if isinstance(call, ast.Call) and node is not call.func:
            yield from parameters_for(source, call, node)


def _loads(source: Source, targets: Iterable[ast.expr]) -> Iterator[Place]:
    for target in targets:
        if isinstance(target, ast.Name):
            home = source.scope(target).home(target.id)
            if home is not None and home.kind == "function":
                yield from ((source, load) for load in source.names.uses(target.id, home))
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" and (owner := source.class_of(target)) is not None:
            yield from ((source, load) for load in source.attributes(target.attr) if isinstance(load.ctx, ast.Load) and source.class_of(load) is owner)


def parameters_for(source: Source, call: ast.Call, node: ast.expr) -> Iterator[Place]:
    """The reads of the parameters, in functions of the project, that get an argument of a call."""
    for function in callees(source, call):
        method = function.constructs or isinstance(function.source.parent(function.node), ast.ClassDef)
        for name in _names(function.node):
            if argument(function.node, call, name, method=method) is node:
                yield from _reads(function, name)
    if last_part(call.func) in RUNNERS:
        after = next((place for place, given in enumerate(call.args) if isinstance(given, (ast.Name, ast.Attribute)) and referred(source, given)), None)
        if after is not None and node in call.args[after + 1 :]:
            for function in referred(source, call.args[after]):
                names = [name for name in _names(function.node) if name not in ("self", "cls")]
                place = call.args.index(node) - after - 1
                yield from _reads(function, names[place]) if place < len(names) else ()


def _names(function: FunctionNode) -> list[str]:
    return [arg.arg for arg in parameters(function)]


def _reads(function: Function, name: str) -> Iterator[Place]:
    yield from ((function.source, load) for load in function.source.names.uses(name, function.source.names.inner[function.node]))


def depending(source: Source, mention: ast.AST) -> Iterator[Place]:
    """The reads of the parameters that `Depends(get_log)` fills."""
    call = source.parent(mention)
    if not isinstance(call, ast.Call) or last_part(call.func) not in ("Depends", "Security"):
        return
    holder = next((above for above in source.parents(call) if isinstance(above, (ast.stmt, ast.Lambda))), None)
    if isinstance(holder, FunctionNode):
        args = holder.args
        given = dict(zip([arg.arg for arg in [*args.posonlyargs, *args.args]][::-1], args.defaults[::-1])) | {
            arg.arg: default for arg, default in zip(args.kwonlyargs, args.kw_defaults) if default is not None
        }
        for arg in parameters(holder):
            if given.get(arg.arg) is call or (arg.annotation is not None and call in ast.walk(arg.annotation)):
                yield from _reads(Function(source, holder), arg.arg)
    elif isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Name):  # Log = Annotated[list, Depends(get_log)]
        alias = holder.targets[0].id
        loads = [(source, each) for each in source.names.uses(alias, source.names.module)]
        loads += [(other, each) for other, binding in source.project.importers(source, alias) for each in other.uses(binding)]
        for home, load in loads:
            function = next((each for each in home.parents(load) if isinstance(each, ast.stmt)), None)
            for arg in parameters(function) if isinstance(function, FunctionNode) else ():
                if arg.annotation is load and isinstance(function, FunctionNode):
                    yield from _reads(Function(home, function), arg.arg)


# to a model


def reaches_model(places: Iterable[Place]) -> bool:
    """Whether a model is given the list, or a text or list made of what is in it."""
    seen: set[ast.AST] = set()
    return any(_given(source, node, 0, seen) for source, node in places)


def _given(source: Source, node: ast.expr, hops: int, seen: set[ast.AST], telling: bool = False) -> bool:
    """`telling`: it stands under a name that says that these are messages."""
    if hops > MAX_HOPS or node in seen:
        return False
    seen.add(node)
    while True:
        above = source.parent(node)
        if isinstance(above, ast.Subscript) and above.value is node:
            node = above
        elif isinstance(above, (ast.BinOp, ast.Starred, ast.List, ast.Tuple, ast.IfExp, ast.BoolOp, ast.JoinedStr, ast.FormattedValue, ast.Await, ast.NamedExpr)):
            if isinstance(above, ast.IfExp) and above.test is node:
                return False
            node = above
        elif isinstance(above, (ast.ListComp, ast.GeneratorExp)) and (node is above.elt or any(each.iter is node for each in above.generators)):
            node = above
        elif isinstance(above, ast.Dict) and node in above.values:
            key = above.keys[above.values.index(node)]
            word = key.value if isinstance(key, ast.Constant) else ""
            if key is not None and word not in NAMED and word not in ("role", "content", "parts", "text", "question"):
                return False
            telling = telling or word in NAMED
            node = above
        elif isinstance(above, ast.Attribute) and isinstance(outer := source.parent(above), ast.Call) and outer.func is above and above.attr in COPIES:
            node = outer
        elif isinstance(above, (ast.Call, ast.keyword)):
            call = source.parent(above) if isinstance(above, ast.keyword) else above
            if not isinstance(call, ast.Call) or node is call.func:
                return False
            if last_part(call.func) in COPIES or last_part(call.func) in SPOKEN:
                node = call
                continue
            return _taken(source, call, node, above.arg or "" if isinstance(above, ast.keyword) else "", hops, seen, telling)
        else:
            break
    return any(_given(home, load, hops + 1, seen, telling) for home, load in _after(source, node, above))


def _after(source: Source, node: ast.expr, above: ast.AST | None) -> Iterator[Place]:
    """The reads of what an expression becomes: a local, the element of a loop, what a helper answers."""
    targets: list[ast.expr] = []
    if isinstance(above, ast.Assign) and above.value is node:
        targets = above.targets
    elif isinstance(above, (ast.AugAssign, ast.AnnAssign)) and above.value is node:
        targets = [above.target]
    elif isinstance(above, (ast.For, ast.AsyncFor)) and above.iter is node:
        targets = [each for each in ast.walk(above.target) if isinstance(each, ast.Name)]
    elif isinstance(above, ast.Return) and isinstance(function := source.function(above), FunctionNode):
        yield from callers(source, function).calls
    yield from _loads(source, targets)


def _taken(source: Source, call: ast.Call, node: ast.expr, word: str, hops: int, seen: set[ast.AST], telling: bool) -> bool:
    name = last_part(call.func)
    if name in SHOWS:
        return False
    if isinstance(call.func, ast.Attribute) and name in GROWS and isinstance(call.func.value, ast.Name):
        return any(_given(source, load, hops + 1, seen, telling) for _, load in _loads(source, [call.func.value]) if load is not call.func.value)
    inside = [*parameters_for(source, call, node)]
    if inside or callees(source, call):
        return any(_given(other, load, hops + 1, seen, telling or word in NAMED) for other, load in inside)
    if name in RUNS and (not word or word in NAMED or telling):
        return True
    path = source.qualified(call.func)
    if path.partition(".")[0] in SDKS:
        return path.rpartition(".")[2][:1].islower()
    if name in ("post", "request", "stream") and telling:
        return True
    if source.made_by(call.func).partition(".")[0] in SDKS:
        return True  # `llm(messages)`
    return word in ("messages", "chat_history", "contents") and bool(name) and name[:1].islower()
