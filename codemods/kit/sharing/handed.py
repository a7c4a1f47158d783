"""Where a list goes: the other names that it gets, and whether a model is given what is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..callers import argument, callers
from ..callgraph import Function, callees, referred
from ..libraries.messages import COPIES, GROWS, NAMED, RUNS, SDKS, SHOWS, SPOKEN
from ..names import FunctionNode, Scope, last_part
from ..source import Source, targets_of
from .key import parameters

ELEMENTS = (ast.GeneratorExp, ast.ListComp, ast.SetComp)
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
    node = chosen(source, node)
    above = source.parent(node)
    if (assigned := assigned_to(source, node)) is not None and source.function(assigned[0]) is not None:
        yield from _loads(source, assigned[1], assigned[0])
        for target in assigned[1]:
            yield from _kept_at(source, target)
    elif isinstance(above, ast.NamedExpr) and above.value is node:
        yield from _loads(source, [above.target], source.statement(above))
    elif isinstance(above, ast.withitem) and above.optional_vars is not None:  # what a context manager yields
        yield from _loads(source, [above.optional_vars], source.statement(above))
    elif isinstance(above, ast.Lambda) and isinstance(maker := source.parent(above), ast.Call) and last_part(maker.func) == "defaultdict":
        statement = source.statement(maker)
        for target in targets_of(statement):
            yield from _items_of(source, target)
    elif isinstance(above, (ast.Return, ast.Yield)) and (function := source.function(above)) is not None:
        mentions = callers(source, function)
        yield from mentions.calls
        for other, mention in mentions.others:
            yield from depending(other, mention)
    else:
        call = source.parent(above) if isinstance(above, ast.keyword) else above
        if isinstance(call, ast.Call) and node is not call.func:
            yield from parameters_for(source, call, node)


def assigned_to(source: Source, node: ast.expr) -> tuple[ast.stmt, list[ast.expr]] | None:
    """The assignment of which an expression is the value, or a part (`messages, count = SYSTEM, 0`), and what gets it."""
    above = source.parent(node)
    if isinstance(above, (ast.Assign, ast.AnnAssign)):
        return (above, targets_of(above)) if above.value is node else None
    outer = source.parent(above) if isinstance(above, ast.Tuple) else None
    if not isinstance(above, ast.Tuple) or not isinstance(outer, ast.Assign) or outer.value is not above:
        return None
    parts = [target.elts[above.elts.index(node)] for target in outer.targets if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(above.elts)]
    return (outer, parts) if len(parts) == len(outer.targets) else None


def chosen(source: Source, node: ast.expr) -> ast.expr:
    """The expression that may come to the same list: `history or SYSTEM`, `histories.get(key, SYSTEM)`."""
    while True:
        above = source.parent(node)
        if isinstance(above, ast.BoolOp) or (isinstance(above, ast.IfExp) and above.test is not node):
            node = above
        elif isinstance(above, ast.Call) and is_default(above, node):
            node = above
        else:
            return node


def is_default(call: ast.Call, node: ast.expr) -> bool:
    """Whether it is what a mapping gives for a key that is not in it."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("get", "setdefault", "pop") and len(call.args) == 2 and call.args[1] is node


def _kept_at(source: Source, target: ast.expr) -> Iterator[Place]:
    """The reads of what an item of a mapping, or an attribute of an instance, is set to: `histories[key]`, `self.messages`."""
    if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
        yield from _items_of(source, target.value)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" and (owner := source.class_of(target)) is not None:
        yield from ((source, each) for each in source.attributes(target.attr) if isinstance(each.ctx, ast.Load) and source.class_of(each) is owner and isinstance(each.value, ast.Name))


def _items_of(source: Source, holder: ast.expr) -> Iterator[Place]:
    """`histories[key]` and `histories.get(key)`, of a name."""
    home = source.scope(holder).home(holder.id) if isinstance(holder, ast.Name) else None
    for load in source.names.uses(holder.id, home) if home is not None and isinstance(holder, ast.Name) else ():
        asked = item_of(source, load)
        if asked is not None:
            yield source, asked[0]


def item_of(source: Source, mapping: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """What is read out of a mapping, and its key: `histories[key]`, `histories.get(key)`."""
    above = source.parent(mapping)
    if isinstance(above, ast.Subscript) and above.value is mapping:
        return (above, above.slice) if isinstance(above.ctx, ast.Load) else None
    call = source.parent(above) if isinstance(above, ast.Attribute) and above.attr in ("get", "setdefault") else None
    return (call, call.args[0]) if isinstance(call, ast.Call) and call.func is above and call.args else None


def _loads(source: Source, targets: Iterable[ast.expr], since: ast.stmt) -> Iterator[Place]:
    for target in targets:
        if isinstance(target, ast.Name):
            home = source.scope(target).home(target.id)
            if home is not None and home.kind == "function":
                yield from ((source, load) for load in reads_of(source, target.id, home) if not is_replaced(source, load, since))
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" and (owner := source.class_of(target)) is not None:
            yield from ((source, load) for load in source.attributes(target.attr) if isinstance(load.ctx, ast.Load) and source.class_of(load) is owner)


def reads_of(source: Source, name: str, home: Scope) -> Iterator[ast.Name]:
    """Every read of a local, `name += ...` among them."""
    yield from source.names.uses(name, home)
    yield from (each.node.target for each in home.bindings.get(name, ()) if isinstance(each.node, ast.AugAssign) and isinstance(each.node.target, ast.Name))


def is_replaced(source: Source, load: ast.Name, since: ast.stmt | None = None) -> bool:
    """Whether a local, or parameter, surely stands for a new list by then: it is set anew after `since`, before this read and on the way to it."""
    home = source.scope(load).home(load.id)
    bindings = home.bindings.get(load.id, ()) if home is not None else ()
    if len(bindings) < 2:
        return False
    around = {source.parent(each): each for each in [load, *source.parents(load)]}
    for binding in bindings:
        anew = binding.node
        if not isinstance(anew, (ast.Assign, ast.AnnAssign)) or anew is since or isinstance(binding.value, (ast.Name, ast.Attribute, ast.BoolOp, ast.IfExp, ast.NamedExpr)):
            continue
        if isinstance(binding.value, ast.Subscript) and not isinstance(binding.value.slice, ast.Slice):
            continue
        way = around.get(source.parent(anew))
        if way is not None and source.stop(anew) <= source.start(way) and (since is None or source.stop(since) <= source.start(anew)):
            return True
    return False


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
    loads = reads_of(function.source, name, function.source.names.inner[function.node])
    yield from ((function.source, load) for load in loads if not is_replaced(function.source, load))


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


def reaches_model(places: Iterable[Place], telling: bool = False) -> bool:
    """Whether a model is given the list, or a text or list made of what is in it."""
    seen: set[ast.AST] = set()
    return any(_given(source, node, 0, seen, telling) for source, node in places)


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
        elif isinstance(above, ELEMENTS) and (node is above.elt or any(each.iter is node for each in above.generators)):
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
    if targets and isinstance(above, ast.stmt):
        yield from _loads(source, targets, above)


def _taken(source: Source, call: ast.Call, node: ast.expr, word: str, hops: int, seen: set[ast.AST], telling: bool) -> bool:
    name = last_part(call.func)
    if name in SHOWS:
        return False
    if isinstance(call.func, ast.Attribute) and name in GROWS and isinstance(call.func.value, ast.Name):
        return any(_given(source, load, hops + 1, seen, telling) for _, load in _loads(source, [call.func.value], source.statement(call)) if load is not call.func.value)
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
