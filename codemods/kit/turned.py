"""Sync generator functions that may become async ones: nothing but async code iterates them, or a response that takes both."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from .callgraph import generators
from .clients.swap import ASYNC_ITERATORS_WELCOME
from .finding import Edit, Import
from .flow import DEPENDS
from .names import FunctionNode
from .reads import references
from .source import Source

ASYNC_TYPES = {"Iterator": "AsyncIterator", "Iterable": "AsyncIterable", "Generator": "AsyncGenerator"}


@dataclass(slots=True)
class Turn:
    """A generator function that can be turned, with the loops over it that turn with it."""

    source: Source
    function: ast.FunctionDef
    loops: list[tuple[Source, ast.For | ast.comprehension]] = field(default_factory=list)
    blocking: bool = False  # whether async code iterates it, which then waits in its steps


def turn_of(source: Source, function: FunctionNode | None) -> Turn | None:
    """How a sync generator function is turned; None when it is none, or others need it as it is."""
    if not isinstance(function, ast.FunctionDef) or function not in generators(source) or function.decorator_list:
        return None
    if any(source.function(node) is function and node.value is not None for node in source.nodes(ast.Return)):
        return None
    turn = Turn(source, function)
    uses = references(source, function)
    for reference in uses:
        other = reference.source
        call = other.parent(reference.node)
        if isinstance(call, ast.Call) and other.qualified(call.func) in DEPENDS:
            continue  # a dependency that yields may be async
        if reference.kind != "value" or not isinstance(call, ast.Call) or call.func is not reference.node or not _taken(turn, other, call):
            return None
    return turn if uses else None


def _taken(turn: Turn, source: Source, node: ast.expr, named: bool = False) -> bool:
    above = source.parent(node)
    if isinstance(above, ast.Call):
        welcome = source.qualified(above.func) in ASYNC_ITERATORS_WELCOME or _is_streaming(source, above.func)
        return welcome and bool(above.args) and above.args[0] is node
    if isinstance(above, ast.keyword) and above.arg == "content":
        call = source.parent(above)
        return isinstance(call, ast.Call) and source.qualified(call.func) in ASYNC_ITERATORS_WELCOME
    if isinstance(above, ast.For) and above.iter is node and source.in_async(above):
        turn.loops.append((source, above))
        turn.blocking = True
        return True
    if isinstance(above, ast.Assign) and not named and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        home = source.scope(above).home(above.targets[0].id)
        bound = source.bindings(above.targets[0].id, home) if home is not None else []
        return len(bound) == 1 and bool(source.uses(bound[0])) and all(_taken(turn, source, use, True) for use in source.uses(bound[0]))
    return False


def _is_streaming(source: Source, func: ast.expr) -> bool:
    """A response class of the project's own, on top of the framework's."""
    return any(
        origin.kind == "class" and isinstance(origin.node, ast.ClassDef) and any(origin.source.qualified(base) in ASYNC_ITERATORS_WELCOME for base in origin.node.bases)
        for origin in source.origins(func)
    )


def turned(turn: Turn) -> tuple[list[Edit], list[tuple[str, Import]]]:
    """The edits that make an async generator function of it, with the loops over it."""
    source, function = turn.source, turn.function
    start = source.start(function)
    edits = [source.edit(start, start, "async ")]
    needs: list[tuple[str, Import]] = []
    for other, loop in turn.loops:
        edits += asynced(other, loop)
    returns = function.returns
    if returns is not None:
        outer = returns.value if isinstance(returns, ast.Subscript) else returns
        home, _, name = source.qualified(outer).rpartition(".")
        if home in ("typing", "collections.abc") and name in ASYNC_TYPES:
            from .imports import spell

            text, more = spell(source, home, ASYNC_TYPES[name], function)
            edits.append(source.edit(source.start(outer), source.stop(outer), text))
            needs += [(source.path, need) for need in more]
            parts = returns.slice.elts if isinstance(returns, ast.Subscript) and isinstance(returns.slice, ast.Tuple) else []
            if name == "Generator" and len(parts) == 3:
                edits.append(source.edit(source.stop(parts[1]), source.stop(parts[2]), ""))
    return edits, needs


def asynced(source: Source, node: ast.For | ast.With | ast.comprehension) -> list[Edit]:
    """`async` before a for, a with, or the for of a comprehension."""
    if isinstance(node, ast.comprehension):
        groups = (source.nodes(ast.ListComp), source.nodes(ast.SetComp), source.nodes(ast.DictComp), source.nodes(ast.GeneratorExp))
        whole = next(each for group in groups for each in group if node in each.generators)
        start = source.start(whole)
        lead = source.slice(start, source.start(node.target))
        found = re.search(r"\bfor[\s(\\]*$", lead)
        if found is None:
            return [source.edit(-1, -1, "unusual-layout")]
        start += len(lead[: found.start()].encode("utf-8"))
    else:
        start = source.start(node)
    return [source.edit(start, start, "async ")]
