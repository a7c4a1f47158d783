"""Event loops that come and go in one process: an async client that outlives its loop fails in the next."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..callgraph import Function, callees, referred
from ..flow import Holder, container_of
from ..handlers import handlers, has_own_loops
from ..names import FunctionNode, last_part
from ..reads import references
from ..source import Source
from ..waits.waiting import calls_in
from .swap import Client

RUNS = ("asyncio.run", "anyio.run", "asgiref.sync.async_to_sync", "uvloop.run", "trio.run")


def outlived(client: Client) -> ast.Call | FunctionNode | None:
    """A call that makes a loop each time it runs, or a handler that gets one each time, and in it uses a client that is kept longer; None without one."""
    source = client.roots[0][0]
    if not any(_kept(holder) for holder in client.holders):
        return None
    users = {site.source.function(site.node) for site in client.every_site()}
    found = (call for other in source.project for call in _runs(other) if users & _reached(callees(other, call.args[0]) if isinstance(call.args[0], ast.Call) else referred(other, call.args[0])))
    views = (each for each in handlers(source.project).values() if has_own_loops(each) and users & _reached([Function(each.source, each.function)]))
    return next(found, None) or next((each.function for each in views), None)


def _kept(holder: Holder) -> bool:
    """Whether what is held outlives the function that fills it."""
    if holder.kind == "state":
        return False
    if holder.kind == "item":
        return _kept(container_of(holder)[0])
    if holder.kind == "name":
        return isinstance(holder.owner, ast.Module)
    if holder.kind == "returns" and isinstance(holder.owner, FunctionNode) and holder.source is not None:
        return any("cache" in ast.dump(decorator) for decorator in holder.owner.decorator_list)
    if holder.kind == "attr" and holder.source is not None and isinstance(holder.owner, ast.ClassDef):
        if holder.source.names.inner[holder.owner].bindings.get(holder.name):
            return True
        made = (call for other in holder.source.project for call in other.nodes(ast.Call) if other.function(call) is None for origin in other.origins(call.func) if origin.node is holder.owner)
        return next(made, None) is not None
    return False


def _runs(source: Source) -> Iterator[ast.Call]:
    for call in source.nodes(ast.Call):
        path = source.qualified(call.func)
        until = isinstance(call.func, ast.Attribute) and call.func.attr == "run_until_complete"
        if (path in RUNS or until) and call.args and not _once(source, call):
            yield call


def _once(source: Source, call: ast.Call, depth: int = 0) -> bool:
    """Whether a call is made but once in a process: at module level, or in functions that are called once from there, or from outside."""
    function = source.function(call)
    for around in source.parents(call):
        if isinstance(around, (ast.For, ast.While, ast.AsyncFor)):
            return False
        if around is function:
            break
    if function is None:
        return not any(isinstance(around, ast.Lambda) for around in source.parents(call))
    if depth > 3 or any(_word(decorator) not in ("command", "callback") for decorator in function.decorator_list):
        return False
    uses = references(source, function)
    calls = [(use.source, above) for use in uses if isinstance(above := use.source.parent(use.node), ast.Call) and above.func is use.node]
    if source.class_of(function) is not None and not uses:
        return False
    return len(calls) == len(uses) <= 1 and all(_once(other, each, depth + 1) for other, each in calls)


def _word(decorator: ast.expr) -> str:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return last_part(node)


def _reached(start: list[Function]) -> set[ast.AST | None]:
    """Every function that these may run, themselves among them."""
    todo = [*start]
    seen: set[ast.AST | None] = {function.node for function in todo}
    while todo and len(seen) < 300:
        function = todo.pop()
        for call in calls_in(function.source, function.node):
            passed = [arg for arg in (*call.args, *(given.value for given in call.keywords)) if isinstance(arg, (ast.Name, ast.Attribute))]
            for other in (*callees(function.source, call), *(each for arg in passed for each in referred(function.source, arg))):
                if other.node not in seen:
                    seen.add(other.node)
                    todo.append(other)
    return seen
