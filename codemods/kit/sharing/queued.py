"""Workers that answer requests from a queue: started once, they take one question after the other and put the answer where the request waits for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ..callers import callers
from ..names import FunctionNode, last_part
from ..source import Source, targets_of
from .reach import enclosing, reached
from .shared import cells_in

PUTS = ("put", "put_nowait", "send_nowait")
GETS = ("get", "get_nowait", "receive")


def workers(source: Source) -> Mapping[FunctionNode, str]:
    """Every function in the files that are seen together that takes in a loop what requests put into a queue, and what that is called."""
    project = source.project

    def read() -> dict[FunctionNode, str]:
        if not any(b"Queue" in each.utf8 or b"queue" in each.utf8 for each in project):
            return {}
        taken = [found for other in project for call in other.index.calls(GETS) if (found := _taken(other, call)) is not None]
        if not taken:
            return {}
        filled = {last_part(call.func.value) for other in project for call in other.index.calls(PUTS) if isinstance(call.func, ast.Attribute) and _by_request(other, call)}
        return {function: name for function, name in taken if name in filled}

    return project.remember("queue workers", read)  # type: ignore[no-any-return]


def _taken(source: Source, call: ast.Call) -> tuple[FunctionNode, str] | None:
    """The function that takes, in a loop, and the queue: `await queue.get()`; a mapping's `get` is given a key."""
    name = last_part(call.func.value) if isinstance(call.func, ast.Attribute) and not call.args else ""
    function = source.function(call)
    if not name or function is None:
        return None
    looped = any(isinstance(above, (ast.While, ast.For, ast.AsyncFor)) and source.function(above) is function for above in source.parents(call))
    return (function, name) if looped and not reached(source, function) else None


def _by_request(source: Source, call: ast.Call) -> bool:
    around = enclosing(source, call)
    return around is not None and bool(reached(source, around))


def worker_behind(source: Source, function: FunctionNode, seen: frozenset[FunctionNode] = frozenset()) -> tuple[str, str] | None:
    """The worker that runs a function, and the queue from which it takes what requests ask."""
    known = workers(source)
    if not known or function in seen:
        return None
    for worker in [function, *(inner for inner in known if function in source.parents(inner))]:
        if worker in known:
            return worker.name, known[worker]
    for other, call in callers(source, function).calls:
        around = enclosing(other, call)
        if around is not None and (found := worker_behind(other, around, seen | {function})) is not None:
            return found
    return None


def told(found: tuple[str, str]) -> tuple[str, str]:
    """A reason code and one sentence."""
    return "handed-on", f"{found[0]} answers with it all that requests put into {found[1]}"


def made_by_workers(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """What a worker makes before it begins to answer, and what the function makes around it."""
    for worker, queue in workers(source).items():
        if worker not in source.names.inner:
            continue
        every: list[ast.Assign | ast.AnnAssign] = [*source.nodes(ast.Assign), *source.nodes(ast.AnnAssign)]
        for statement in every:
            around = source.function(statement)
            value = statement.value
            if around is None or value is None or (around is not worker and around not in source.parents(worker)) or not any(True for _ in cells_in(source, value)):
                continue
            looped = any(isinstance(above, (ast.While, ast.For, ast.AsyncFor)) and source.function(above) is around for above in source.parents(statement))
            names = [target.id for target in targets_of(statement) if isinstance(target, ast.Name)]
            used = [load for name in names for load in source.names.uses(name, source.names.inner[around]) if source.function(load) is worker]
            if used and not looped:
                reason, sentence = told((worker.name, queue))
                yield statement, reason, f"{names[0]} is shared by all requests; {sentence}"
