"""Where an `await` or an `async for` may stand, and the edits that put it there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .cut import IN_FSTRING, sure
from .finding import Edit
from .names import COMPREHENSIONS
from .source import Source

# what takes coroutines and runs them: no await inside
TAKERS = frozenset(
    f"asyncio.{name}"
    for name in (
        "gather",
        "create_task",
        "ensure_future",
        "wait_for",
        "shield",
        "wait",
        "as_completed",
        "run_coroutine_threadsafe",
        "run",
    )
)
# what consumes an iterator before it returns
EAGER = frozenset(["list", "tuple", "set", "frozenset", "dict", "sum", "sorted", "min", "max"])
EAGER_METHODS = frozenset(["join", "extend", "update", "writelines"])
# what iterates a plain iterator in a thread of its own
THREADED = frozenset(
    "fastapi.responses.StreamingResponse starlette.responses.StreamingResponse "
    "fastapi.StreamingResponse sse_starlette.EventSourceResponse "
    "sse_starlette.sse.EventSourceResponse".split()
)
# what takes a function, and at which place, to call it in a thread
OFFLOADERS = {
    "asyncio.to_thread": 0,
    "anyio.to_thread.run_sync": 0,
    "starlette.concurrency.run_in_threadpool": 0,
    "fastapi.concurrency.run_in_threadpool": 0,
    "chainlit.make_async": 0,
    "asgiref.sync.sync_to_async": 0,
}


@dataclass(frozen=True, slots=True)
class Place:
    """How a call that becomes asynchronous is written where it stands.

    verb: "await" (put one before it), "bare" (a coroutine is wanted, or an await is there already), "iterate" (the edits make the code
    around iterate asynchronously), "leave" (what stands there is right), "refuse" (with a reason code and a sentence).
    """

    verb: str
    edits: tuple[Edit, ...] = ()
    reason: str = ""
    message: str = ""


def place_to_await(source: Source, call: ast.Call) -> Place:
    """For a call that becomes a coroutine."""
    above = source.parent(call)
    if isinstance(above, ast.Await):
        return Place("bare")
    if _early(source, call):
        return Place(
            "refuse",
            reason="called-too-early",
            message="the call is made before the thread starts, which then gets its result instead of a function",
        )
    if _wanted(source, call):
        return Place("bare")
    if source.in_async(call):
        return Place("await")
    generators = [scope for scope in _comprehensions(source, call) if isinstance(scope, ast.GeneratorExp)]
    if len(generators) == 1 and (edits := _listed(source, generators[0])) is not None:
        return Place("await", tuple(edits))
    return Place(
        "refuse",
        reason="generator-expression",
        message="an await in a generator expression would make it an async generator",
    )


def place_to_iterate(source: Source, call: ast.Call) -> Place:
    """For a call whose iterator becomes an async one."""
    if not sure(source, call):
        return Place("refuse", reason=IN_FSTRING, message="the code is laid out in a way that can't be cut safely")
    return _iterated(source, call)


HANDED_ON = Place(
    "refuse", reason="stream-handed-on", message="the stream is handed to code that iterates it as a plain iterator"
)


def _iterated(source: Source, node: ast.expr, named: bool = False) -> Place:
    above = source.parent(node)
    if isinstance(above, ast.AsyncFor) and above.iter is node:
        return Place("iterate")
    if isinstance(above, ast.For) and above.iter is node:
        if not source.in_async(above):
            return Place("leave")  # a sync function inside: who calls it is asked elsewhere
        return Place("iterate", (source.edit(source.start(above), source.start(above), "async "),))
    if (
        isinstance(above, COMPREHENSIONS)
        and (clause := next((each for each in above.generators if each.iter is node), None)) is not None
    ):
        return _in_comprehension(source, above, clause)
    if isinstance(above, ast.Call) and node in above.args:
        if source.qualified(above.func) in THREADED:
            return Place("leave")
        if _eager(source, above) and source.in_async(above):
            return Place("iterate", tuple(_collected(source, above, node)))
        return HANDED_ON
    if (
        isinstance(above, ast.Starred)
        and isinstance(source.parent(above), (ast.List, ast.Tuple, ast.Set, ast.Call))
        and source.in_async(above)
    ):
        return Place("iterate", tuple(_around(source, node, "[chunk async for chunk in ", "]")))
    if isinstance(above, (ast.Assign, ast.AnnAssign)) and above.value is node and not named:
        return _through_name(source, above)
    return HANDED_ON


def _in_comprehension(
    source: Source, whole: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, clause: ast.comprehension
) -> Place:
    if clause.is_async:
        return Place("iterate")
    edits: list[Edit] = []
    if isinstance(whole, ast.GeneratorExp):
        above = source.parent(whole)
        brackets = _listed(source, whole)
        if brackets is not None:
            edits += brackets
        elif isinstance(above, ast.For) and above.iter is whole and source.in_async(above):
            edits.append(source.edit(source.start(above), source.start(above), "async "))
        elif isinstance(above, ast.Call) and source.qualified(above.func) in THREADED:
            return Place("leave")
        else:
            return Place(
                "refuse",
                reason="generator-expression",
                message="an async for would make the generator expression an async generator",
            )
    elif not source.in_async(whole):
        return Place("leave")
    start = source.start(whole)
    lead = source.slice(start, source.start(clause.target))
    found = re.search(r"\bfor[\s(\\]*$", lead)
    if found is None:
        return Place(
            "refuse", reason="unusual-layout", message="the code is laid out in a way that can't be cut safely"
        )
    offset = start + len(lead[: found.start()].encode("utf-8"))
    return Place("iterate", (*edits, source.edit(offset, offset, "async ")))


def _through_name(source: Source, assign: ast.Assign | ast.AnnAssign) -> Place:
    """`stream = chain.stream(x)`: every use of the name must be able to iterate asynchronously."""
    target = assign.target if isinstance(assign, ast.AnnAssign) else assign.targets[0]
    if not isinstance(target, ast.Name) or (isinstance(assign, ast.Assign) and len(assign.targets) > 1):
        return HANDED_ON
    home = source.scope(assign).home(target.id)
    bindings = (
        [binding for binding in source.bindings(target.id, home) if binding.node is assign] if home is not None else []
    )
    if len(bindings) != 1 or home is None or len(source.bindings(target.id, home)) != 1 or home.kind != "function":
        return HANDED_ON
    places = [_iterated(source, use, named=True) for use in source.uses(bindings[0])]
    if places and all(place.verb == "leave" for place in places):
        return Place("leave")
    if places and all(place.verb == "iterate" for place in places):
        return Place("iterate", tuple(edit for place in places for edit in place.edits))
    return HANDED_ON


def _comprehensions(source: Source, node: ast.AST) -> Iterator[ast.AST]:
    scope = source.scope(node)
    while scope.kind == "comprehension" and scope.parent is not None:
        yield scope.node
        scope = scope.parent


def _eager(source: Source, call: ast.Call) -> bool:
    """Whether a call consumes its first argument before it returns."""
    if isinstance(call.func, ast.Name):
        return call.func.id in EAGER and source.scope(call.func).home(call.func.id) is None
    return isinstance(call.func, ast.Attribute) and call.func.attr in EAGER_METHODS


def _listed(source: Source, generator: ast.GeneratorExp) -> list[Edit] | None:
    """The generator expression as a list comprehension, where it is consumed at once; None elsewhere."""
    above = source.parent(generator)
    if isinstance(above, ast.Starred):
        eager = isinstance(source.parent(above), (ast.Call, ast.List, ast.Tuple, ast.Set))
    else:
        eager = (
            isinstance(above, ast.Call)
            and generator in above.args
            and (_eager(source, above) or source.qualified(above.func) in TAKERS)
        )
    if not eager or not source.in_async(generator) or not sure(source, generator):
        return None
    start, stop = source.start(generator), source.stop(generator)
    if isinstance(above, ast.Call) and source.stop(above) == stop:  # the call's own brackets
        return [source.edit(start + 1, start + 1, "["), source.edit(stop - 1, stop - 1, "]")]
    return [source.edit(start, start + 1, "["), source.edit(stop - 1, stop, "]")]


def _collected(source: Source, call: ast.Call, node: ast.expr) -> list[Edit]:
    """`list(stream)` as `[chunk async for chunk in stream]`; other consumers get such a list."""
    if isinstance(call.func, ast.Name) and call.func.id == "list" and len(call.args) == 1 and not call.keywords:
        return (
            [
                source.edit(source.start(call), source.start(node), "[chunk async for chunk in "),
                source.edit(source.stop(node), source.stop(call), "]"),
            ]
            if _tight(source, call, node)
            else _around(source, node, "[chunk async for chunk in ", "]")
        )
    return _around(source, node, "[chunk async for chunk in ", "]")


def _tight(source: Source, call: ast.Call, node: ast.expr) -> bool:
    """Whether nothing but brackets stands between a call and its one argument."""
    return (
        source.slice(source.stop(call.func), source.start(node)) == "("
        and source.slice(source.stop(node), source.stop(call)) == ")"
    )


def _around(source: Source, node: ast.expr, before: str, after: str) -> list[Edit]:
    start, stop = source.start(node), source.stop(node)
    return [source.edit(start, start, before), source.edit(stop, stop, after)]


def _early(source: Source, call: ast.Call) -> bool:
    above = source.parent(call)
    if not isinstance(above, ast.Call) or call not in above.args:
        return False
    place = OFFLOADERS.get(source.qualified(above.func))
    if place is None and isinstance(above.func, ast.Attribute) and above.func.attr == "run_in_executor":
        place = 1
    return place is not None and above.args.index(call) == place


def _wanted(source: Source, node: ast.expr) -> bool:
    """Whether the place wants a coroutine: an element of `gather`, the argument of `create_task`."""
    above = source.parent(node)
    if isinstance(above, ast.Call):
        if node in above.args and _takes(source, above):
            return True
        appended = (
            isinstance(above.func, ast.Attribute)
            and above.func.attr == "append"
            and isinstance(above.func.value, ast.Name)
            and node in above.args
        )
        return appended and _gathered(source, above.func.value)  # type: ignore[attr-defined]
    if isinstance(above, (ast.List, ast.Tuple, ast.Set, ast.Starred)):
        return _wanted(source, above)
    if isinstance(above, (ast.ListComp, ast.GeneratorExp, ast.SetComp)) and above.elt is node:
        return _wanted(source, above)
    if isinstance(above, ast.Assign) and above.value is node and isinstance(node, (ast.List, ast.ListComp, ast.Tuple)):
        return any(isinstance(target, ast.Name) and _gathered(source, target) for target in above.targets)
    return False


def _gathered(source: Source, name: ast.Name) -> bool:
    home = source.scope(name).home(name.id)
    if home is None:
        return False
    for use in source.names.uses(name.id, home):
        above = source.parent(use)
        if isinstance(above, ast.Starred):
            above = source.parent(above)
        if isinstance(above, ast.Call) and use is not above.func and _takes(source, above):
            return True
    return False


def _takes(source: Source, call: ast.Call) -> bool:
    return source.qualified(call.func) in TAKERS or (
        isinstance(call.func, ast.Attribute) and call.func.attr in ("create_task", "ensure_future")
    )
