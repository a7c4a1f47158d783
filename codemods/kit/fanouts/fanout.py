"""Where many awaitables are started together, and what decides how many they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..names import Binding
from ..source import Source

GATHERS = frozenset({"asyncio.gather", "asyncio.as_completed", "asyncio.wait", "tqdm.asyncio.tqdm.gather", "tqdm.asyncio.tqdm_asyncio.gather", "tqdm.asyncio.tqdm.as_completed", "tqdm.asyncio.tqdm_asyncio.as_completed"})  # fmt: skip
STARTERS = frozenset({"asyncio.create_task", "asyncio.ensure_future", "asyncio.shield", "asyncio.tasks.create_task"})
GROUPS = frozenset({"asyncio.TaskGroup", "asyncio.taskgroups.TaskGroup"})
START_METHODS = frozenset({"create_task", "ensure_future"})
START_NAMES = frozenset({*START_METHODS, *(path.rpartition(".")[2] for path in GATHERS | STARTERS)})
SAME_LENGTH = frozenset({"enumerate", "sorted", "list", "tuple", "set", "reversed", "iter", "frozenset", "dict"})
VIEWS = frozenset({"items", "keys", "values", "copy"})
CUT = frozenset({"itertools.islice", "islice", "random.sample", "heapq.nlargest", "heapq.nsmallest", "itertools.batched", "more_itertools.take"})
PART = re.compile(r"(^|_)(batch|chunk|slice|window)$", re.IGNORECASE)  # a variable that holds one part of a list
PARTS = re.compile(r"(^|_)(batch|batches|chunk|chunks|chunked|batched|windows)($|_)", re.IGNORECASE)  # a call or variable that gives the parts


@dataclass(frozen=True, slots=True)
class Element:
    """One awaitable of many: `node` makes it, `place` starts them all, `counted` is what decides how many."""

    node: ast.expr
    place: ast.Call
    counted: ast.expr | None = None
    mapped: ast.Call | None = None  # `map(f, xs)`: node is f


def fanouts(source: Source) -> dict[ast.AST, Element]:
    """Every element, by its node, of which a number that is not written in the code is started together."""
    return source.remember("fanouts", lambda: {each.node: each for each in _elements(source)})  # type: ignore[no-any-return]


def _elements(source: Source) -> Iterator[Element]:
    found: dict[ast.AST, Element] = {}
    for call in source.index.calls(START_NAMES, source.index.aliases):
        path = source.qualified(call.func)
        if path in GATHERS:
            whole = path.endswith("gather")
            for arg in call.args if whole else call.args[:1]:
                if not whole or isinstance(arg, ast.Starred):
                    for element in _of_iterable(source, arg.value if isinstance(arg, ast.Starred) else arg, call):
                        found.setdefault(element.node, element)
        elif started(source, call) is not None and (counted := _many(source, call, _group(source, call))) is not None and _kept(source, call):
            node = started(source, call)
            if node is not None:
                found.setdefault(node, Element(node, call, counted))
    yield from found.values()


def started(source: Source, call: ast.expr) -> ast.expr | None:
    """The coroutine that a call like `create_task(...)` starts; None for any other call."""
    if not isinstance(call, ast.Call) or not call.args:
        return None
    if source.qualified(call.func) in STARTERS or (isinstance(call.func, ast.Attribute) and call.func.attr in START_METHODS):
        return call.args[0]
    return None


def _of_iterable(source: Source, node: ast.expr, place: ast.Call, hops: int = 0) -> Iterator[Element]:
    """The elements that an iterable of awaitables is made of."""
    if hops > 6:
        return
    if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        counted = _counted(source, [clause.iter for clause in node.generators])
        if counted is not None:
            yield from _unwrapped(source, node.elt, place, counted)
    elif isinstance(node, ast.DictComp):
        counted = _counted(source, [clause.iter for clause in node.generators])
        if counted is not None:
            for part in (node.key, node.value):
                if isinstance(part, ast.Call):
                    yield from _unwrapped(source, part, place, counted)
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for part in node.elts:
            if isinstance(part, ast.Starred):
                yield from _of_iterable(source, part.value, place, hops + 1)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _of_iterable(source, node.left, place, hops + 1)
        yield from _of_iterable(source, node.right, place, hops + 1)
    elif isinstance(node, ast.Call):
        yield from _of_call(source, node, place, hops)
    elif isinstance(node, ast.Name):
        yield from _of_name(source, node, place, hops)


def _of_call(source: Source, node: ast.Call, place: ast.Call, hops: int) -> Iterator[Element]:
    name = node.func.id if isinstance(node.func, ast.Name) and not source.qualified(node.func) else ""
    if name == "map" and len(node.args) >= 2 and source.scope(node).home("map") is None:
        counted = _counted(source, node.args[1:])
        if counted is not None:
            yield Element(node.args[0], place, counted, mapped=node)
    elif name in SAME_LENGTH and len(node.args) == 1:
        yield from _of_iterable(source, node.args[0], place, hops + 1)
    elif isinstance(node.func, ast.Attribute) and node.func.attr in VIEWS and not node.args:
        yield from _of_iterable(source, node.func.value, place, hops + 1)
    else:
        yield from _of_function(source, node, place, hops)


def _of_function(source: Source, node: ast.Call, place: ast.Call, hops: int) -> Iterator[Element]:
    """What a plain function of this file makes and gives back, or yields: `gather(*self._jobs(texts))`."""
    if not isinstance(node.func, (ast.Name, ast.Attribute)) or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    for origin in source.origins(node.func):
        function = origin.node
        if origin.kind != "function" or origin.source is not source or not isinstance(function, ast.FunctionDef):
            continue
        made: list[Element] = []
        gives: list[ast.Return | ast.Yield] = [*source.nodes(ast.Return), *source.nodes(ast.Yield)]
        for given in gives:
            if source.function(given) is not function or given.value is None:
                continue
            if isinstance(given, ast.Return):
                made += _of_iterable(source, given.value, place, hops + 1)
            elif (counted := _many(source, given)) is not None:
                made += _unwrapped(source, given.value, place, counted)
        yield from (each for each in made if each.counted is not None and _open_argument(source, node, function, each.counted))


def _open_argument(source: Source, call: ast.Call, function: ast.FunctionDef, counted: ast.expr) -> bool:
    """Whether what a function counts by is open-ended at this call of it as well."""
    if not isinstance(counted, ast.Name) and _is_cut(counted):
        return False
    places = [arg.arg for arg in [*function.args.posonlyargs, *function.args.args] if arg.arg not in ("self", "cls")]
    named = {arg.arg for arg in function.args.kwonlyargs} | set(places)
    for name in {inner.id for inner in ast.walk(counted) if isinstance(inner, ast.Name)} & named:
        given = next((each.value for each in call.keywords if each.arg == name), None)
        if given is None and name in places and places.index(name) < len(call.args):
            given = call.args[places.index(name)]
        if given is None or not open_ended(source, given):
            return False
    return True


def _of_name(source: Source, node: ast.Name, place: ast.Call, hops: int) -> Iterator[Element]:
    """A list that this function fills: its value, and what is appended in loops."""
    home = source.scope(node).home(node.id)
    bindings = source.bindings(node.id, home) if home is not None else []
    if not bindings or any(binding.kind not in ("assign", "annotation", "augmented") or binding.unpacked for binding in bindings):
        return
    if any(_is_cut(binding.value) for binding in bindings if binding.value is not None):
        return
    for binding in bindings:
        if binding.kind == "augmented" and isinstance(binding.node, ast.AugAssign):
            yield from _of_iterable(source, binding.node.value, place, hops + 1)
        elif binding.value is not None:
            yield from _of_iterable(source, binding.value, place, hops + 1)
    for use in source.uses(bindings[0]):
        above = source.parent(use)
        outer = source.parent(above) if above is not None else None
        if isinstance(above, ast.Attribute) and isinstance(outer, ast.Call) and outer.func is above and outer.args:
            if above.attr in ("append", "add") and (counted := _many(source, outer, bindings[0])) is not None:
                yield from _unwrapped(source, outer.args[0], place, counted)
            elif above.attr == "extend":
                yield from _of_iterable(source, outer.args[0], place, hops + 1)
        elif (
            isinstance(above, ast.Subscript)
            and isinstance(above.ctx, ast.Store)
            and isinstance(outer, ast.Assign)
            and (counted := _many(source, outer, bindings[0])) is not None
        ):
            yield from _unwrapped(source, outer.value, place, counted)


def _unwrapped(source: Source, node: ast.expr, place: ast.Call, counted: ast.expr) -> Iterator[Element]:
    """The coroutine itself: what `create_task` starts, both sides of a conditional, the value behind a name of the loop."""
    if isinstance(node, ast.IfExp):
        yield from _unwrapped(source, node.body, place, counted)
        yield from _unwrapped(source, node.orelse, place, counted)
    elif (inner := started(source, node)) is not None:
        yield from _unwrapped(source, inner, place, counted)
    elif isinstance(node, ast.Name):
        binding = source.binding(node)
        if binding is not None and binding.kind == "assign" and not binding.unpacked and isinstance(binding.value, ast.Call):
            yield from _unwrapped(source, binding.value, place, counted)
    elif isinstance(node, ast.Call):
        yield Element(node, place, counted)


def _group(source: Source, call: ast.Call) -> Binding | None:
    """Where the TaskGroup was entered whose task this is: at its end all have been waited for."""
    group = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(group, ast.Name) and source.made_by(group) in GROUPS:
        return source.binding(group)
    return None


def _kept(source: Source, call: ast.Call) -> bool:
    """Whether somebody waits for the tasks: those of a TaskGroup, or collected in a comprehension, a list or a mapping."""
    if isinstance(call.func, ast.Attribute) and source.made_by(call.func.value) in GROUPS:
        return True
    above = source.parent(call)
    if isinstance(above, (ast.ListComp, ast.SetComp, ast.DictComp)):
        return True
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute) and above.func.attr in ("append", "add"):
        return isinstance(above.func.value, ast.Name)
    return isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Subscript) and isinstance(above.targets[0].value, ast.Name)


def _many(source: Source, node: ast.AST, since: Binding | None = None) -> ast.expr | None:
    """What the loops around a node go over, of those that no constant bounds; None when it is run a fixed number of times.

    Loops that stand around the binding `since` as well start again with an empty list each time: they do not count.
    """
    function = source.function(node)
    around = set(source.parents(since.node)) if since is not None else set()
    iterables: list[ast.expr] = []
    for above in source.parents(node):
        if above is function or isinstance(above, (ast.Lambda, ast.ClassDef)):
            break
        if above in around:
            continue
        if isinstance(above, (ast.For, ast.AsyncFor)) and node is not above.iter:
            iterables.append(above.iter)
        elif isinstance(above, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            iterables += [clause.iter for clause in above.generators]
    return _counted(source, iterables)


def _counted(source: Source, iterables: list[ast.expr]) -> ast.expr | None:
    return next((iterable for iterable in iterables if open_ended(source, iterable)), None)


def _is_cut(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and node.slice.upper is not None


def open_ended(source: Source, node: ast.expr, hops: int = 0) -> bool:
    """Whether nothing in the code bounds the length of an iterable."""
    if hops > 8:
        return True
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return any(open_ended(source, part.value, hops + 1) for part in node.elts if isinstance(part, ast.Starred))
    if isinstance(node, ast.Dict):
        return any(key is None and open_ended(source, value, hops + 1) for key, value in zip(node.keys, node.values, strict=True))
    if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
        return any(open_ended(source, clause.iter, hops + 1) for clause in node.generators)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.BitOr)):
        return open_ended(source, node.left, hops + 1) or open_ended(source, node.right, hops + 1)
    if isinstance(node, ast.BoolOp):
        return any(open_ended(source, part, hops + 1) for part in node.values)
    if isinstance(node, ast.IfExp):
        return open_ended(source, node.body, hops + 1) or open_ended(source, node.orelse, hops + 1)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Slice):
            return node.slice.upper is None and open_ended(source, node.value, hops + 1)
        return True
    if isinstance(node, ast.Call):
        return _open_call(source, node, hops)
    if isinstance(node, ast.Name):
        return _open_name(source, node, hops)
    if isinstance(node, ast.Attribute):
        return not _fixed(source, node)
    return not isinstance(node, ast.Constant)


def _open_call(source: Source, node: ast.Call, hops: int) -> bool:
    path = source.qualified(node.func)
    name = node.func.id if isinstance(node.func, ast.Name) and not path else path
    last = node.func.attr if isinstance(node.func, ast.Attribute) else name.rpartition(".")[2]
    if name == "range":
        return any(not _constant(source, arg) for arg in node.args)
    if name in CUT or (PART.search(last) and not PARTS.fullmatch(last)):
        return False
    if name in SAME_LENGTH and node.args:
        return open_ended(source, node.args[0], hops + 1)
    if name == "zip" and node.args:
        return all(open_ended(source, arg.value if isinstance(arg, ast.Starred) else arg, hops + 1) for arg in node.args)
    if name in ("map", "filter") and len(node.args) == 2:
        return open_ended(source, node.args[1], hops + 1)
    if isinstance(node.func, ast.Attribute) and last in VIEWS and not node.args:
        return open_ended(source, node.func.value, hops + 1)
    return True


def _open_name(source: Source, node: ast.Name, hops: int) -> bool:
    home = source.scope(node).home(node.id)
    bindings = source.bindings(node.id, home) if home is not None else []
    if PART.search(node.id) or _guarded(source, node):
        return False
    if any(binding.kind == "for" and _gives_parts(source, binding.value) for binding in bindings):
        return False
    if any(_is_cut(binding.value) and not binding.unpacked for binding in bindings):
        return False
    if len(bindings) == 1:
        binding = bindings[0]
        if binding.kind == "assign" and not binding.unpacked and binding.value is not None:
            return open_ended(source, binding.value, hops + 1) or _grows(source, binding)
        if binding.kind in ("import", "class"):
            return not _fixed(source, node)
    return True


def _gives_parts(source: Source, node: ast.AST | None) -> bool:
    """Whether a loop over the node goes from part to part of a list."""
    if isinstance(node, ast.Call):
        return bool(PARTS.search(source.code(node.func).rpartition(".")[2]))
    if isinstance(node, ast.Name):
        binding = source.binding(node)
        return bool(PARTS.search(node.id)) or (binding is not None and _gives_parts(source, binding.value))
    return isinstance(node, (ast.ListComp, ast.GeneratorExp)) and _is_cut(node.elt)


def _fixed(source: Source, node: ast.expr) -> bool:
    """Whether a value is on every way a literal of this project, or an Enum's members."""
    for origin in source.origins(node):
        made = origin.node
        if origin.kind == "class" and isinstance(made, ast.ClassDef):
            if not any(origin.source.qualified(base).startswith("enum.") for base in made.bases):
                return False
        elif not isinstance(made, (ast.List, ast.Tuple, ast.Set, ast.Dict)) or open_ended(origin.source, made):
            return False
        elif not (made.keys if isinstance(made, ast.Dict) else made.elts):
            return False  # empty here: filled elsewhere
    return True


def _grows(source: Source, binding: Binding) -> bool:
    """Whether a literal list is added to."""
    for use in source.uses(binding):
        above = source.parent(use)
        if isinstance(above, ast.Attribute) and above.attr in ("append", "extend", "add", "update", "insert", "setdefault"):
            return True
        if isinstance(above, ast.Subscript) and isinstance(above.ctx, ast.Store):
            return True
    return False


def _constant(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "len") and node.args:
        if node.func.id == "min":
            return any(_constant(source, arg) for arg in node.args)
        return not open_ended(source, node.args[0])
    if isinstance(node, (ast.Name, ast.Attribute)):
        found = source.origins(node)
        return all(isinstance(origin.node, ast.Constant) and origin.kind == "value" for origin in found)
    return False


def _guarded(source: Source, node: ast.Name) -> bool:
    """Whether the function gives up, or cuts, when there are too many: `if len(xs) > 20: raise ...`."""
    function = source.function(node)
    if function is None:
        return False
    for branch in source.nodes(ast.If):
        if source.function(branch) is function and branch.lineno < node.lineno and branch.body and _measures(branch.test, node.id):
            last = branch.body[-1]
            if isinstance(last, (ast.Raise, ast.Return)) or (isinstance(last, ast.Assign) and _is_cut(last.value)):
                return True
    return False


def _measures(test: ast.expr, name: str) -> bool:
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], (ast.Gt, ast.GtE)):
        return False
    left = test.left
    return (
        isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "len" and bool(left.args) and isinstance(left.args[0], ast.Name) and left.args[0].id == name
    )  # fmt: skip
