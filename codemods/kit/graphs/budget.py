"""A counter that starts anew with each turn of a thread that LangGraph remembers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..cut import replace
from ..finding import Edit
from ..libraries.langgraph import Graph, graphs
from ..libraries.langgraph_actions import START
from ..names import FunctionNode
from ..source import Source, is_none
from .counting import Unclear, add_item, returned_with
from .states import State, state_of
from .tries import Loop, reachable_from

RUNS = frozenset(["invoke", "ainvoke", "stream", "astream", "astream_events", "astream_log", "batch", "abatch"])
READS = frozenset(["get_state", "aget_state", "get_graph", "get_state_history", "aget_state_history", "get_prompts", "name", "checkpointer"])


def fresh_budget(loop: Loop, state: State, key: str) -> list[Edit]:
    """The edits that set the counter to 0 when a turn begins; none where each run has a new state. Raises Unclear."""
    graph = loop.graph
    inputs = list(_inputs(graph))
    lasting = graph.checkpointed or _is_part(graph, state, key) or any(given is not None and _is_fed_back(source, given) for source, _, given in inputs)
    if not lasting:
        return []
    entries = {end for start, end, _ in graph.edges if start == START}
    by_router = any(router.start == START for router in graph.routers)
    if len(entries) == 1 and not by_router:
        node = graph.nodes.get(next(iter(entries)))
        if node is not None and node.name not in loop.nodes and node.name not in reachable_from(graph, loop.nodes) and len(node.actions) == 1:
            return returned_with(node.actions[0], state, key, "0")
    filtered = any(given.arg in ("input", "input_schema") for given in graph.made.keywords)
    if filtered or not inputs or state.kind != "dict" or any(use is None for _, use, _ in inputs):
        raise Unclear("thread-budget", "its state outlives a run, and no place in sight begins every turn")
    edits: list[Edit] = []
    for source, _, given in inputs:
        edits += _from_zero(source, given, key) if given is not None else []
    return edits


def _from_zero(source: Source, given: ast.expr, key: str) -> list[Edit]:
    """The counter in the input of one run."""
    if is_none(given) or (isinstance(given, ast.Call) and source.qualified(given.func).endswith(".Command")):
        return []  # goes on with the turn that was interrupted
    if isinstance(given, ast.Dict):
        return add_item(source, given, key, "0")
    if isinstance(given, ast.Name):
        return replace(source, given, f'{{**{given.id}, "{key}": 0}}')
    raise Unclear("thread-budget", "its state outlives a run, and an input of it can't be read here")


def _is_part(graph: Graph, state: State, key: str) -> bool:
    """Whether the compiled graph is a node of another one, whose state would keep the counter from run to run."""
    return any(
        _keeps(source, call, state, key)
        for source in graph.source.project
        for call in source.nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_node"
        for value in [*call.args, *(given.value for given in call.keywords)]
        if isinstance(value, (ast.Name, ast.Attribute, ast.Call))
        for origin in source.origins(value)
        if origin.node in graph.compiles
    )


def _keeps(source: Source, call: ast.Call, part: State, key: str) -> bool:
    """Whether the graph to which `call` adds a node has the key in its state; LangGraph drops what that class does not declare."""
    for outer in graphs(source):
        if any(node.call is call for node in outer.nodes.values()):
            whole = state_of(outer)
            if whole is None or not whole.whole or key in whole.keys:
                return True
            return part.owner is not None and whole.owner is not None and part.owner in _above(whole.source, whole.owner)
    return True


def _above(source: Source, owner: ast.ClassDef, hops: int = 0) -> Iterator[ast.ClassDef]:
    """The class and those of the project that it derives from."""
    yield owner
    for base in owner.bases if hops < 6 else ():
        for origin in source.origins(base):
            if isinstance(origin.node, ast.ClassDef):
                yield from _above(origin.source, origin.node, hops + 1)


def _is_fed_back(source: Source, given: ast.expr) -> bool:
    """`state = graph.invoke(state)`: what came out goes in again."""
    if not isinstance(given, ast.Name):
        return False
    home = source.scope(given).home(given.id)
    for binding in source.bindings(given.id, home) if home is not None else ():
        value = binding.value.value if isinstance(binding.value, ast.Await) else binding.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in RUNS:
            return True
    return False


def _inputs(graph: Graph) -> Iterator[tuple[Source, ast.expr | None, ast.expr | None]]:
    """Every use of the compiled graph in sight, with the input of those that run it; the use is None for one that can't be followed."""
    for call in graph.compiles:
        yield from _goes(graph, graph.source, call, set())


def _goes(graph: Graph, source: Source, node: ast.AST, seen: set[ast.AST]) -> Iterator[tuple[Source, ast.expr | None, ast.expr | None]]:
    """Where an expression that is the compiled graph goes: run on the spot, or held by a name, an attribute, a function's return."""
    if node in seen:
        return
    seen.add(node)
    outer = source.parent(node)
    call = source.parent(outer) if outer is not None else None
    if isinstance(outer, ast.Attribute):
        if isinstance(call, ast.Call) and call.func is outer and outer.attr in RUNS:
            given = call.args[0] if call.args else next((each.value for each in call.keywords if each.arg == "input"), None)
            yield source, (outer if given is not None and "batch" not in outer.attr else None), given
        elif outer.attr not in READS and not _builds(source, node):
            yield source, None, None
    elif isinstance(outer, (ast.Assign, ast.AnnAssign)):
        for target in outer.targets if isinstance(outer, ast.Assign) else [outer.target]:
            readers = _readers(graph, source, target)
            if readers is None:
                yield source, None, None
            for where, use in readers or ():
                yield from _goes(graph, where, use, seen)
    elif isinstance(outer, ast.Return) and (function := source.function(outer)) is not None:
        called = list(_calls_of(source, function))
        if not called or any(each is None for _, each in called):
            yield source, None, None
        for where, each in called:
            if each is not None:
                yield from _goes(graph, where, each, seen)
    elif isinstance(outer, ast.Await):
        yield from _goes(graph, source, outer, seen)
    elif not isinstance(outer, ast.Expr):
        yield source, None, None


def _readers(graph: Graph, source: Source, target: ast.expr) -> list[tuple[Source, ast.expr]] | None:
    """The reads of what an assignment fills; None when they can't all be told."""
    if isinstance(target, ast.Attribute):
        return [
            (other, node)
            for other in source.project.mentioning(target.attr)
            for node in other.attributes(target.attr)
            if isinstance(node.ctx, ast.Load) and any(origin.node in graph.compiles for origin in other.origins(node))
        ]
    if not isinstance(target, ast.Name) or target.id in (source.exports() or set()):
        return None
    home = source.scope(target).home(target.id)
    bindings = [each for each in (source.bindings(target.id, home) if home is not None else []) if each.kind == "assign"]
    found: list[tuple[Source, ast.expr]] = [(source, use) for use in (source.uses(bindings[0]) if bindings else [])]
    if home is source.names.module:
        for other in source.project.mentioning(target.id):
            if other is source:
                continue
            for bound in other.index.imports.get(target.id, ()):
                if bound.scope is other.names.module and _names(source, other, bound.origin, target.id):
                    found += [(other, use) for use in other.uses(bound)]
    return found


def _calls_of(source: Source, function: FunctionNode) -> Iterator[tuple[Source, ast.expr | None]]:
    """The calls of a function; None for a use that is no call."""
    for other in source.project.mentioning(function.name):
        nodes: list[ast.expr] = [*other.names.loads.get(function.name, []), *other.attributes(function.name)]
        for node in nodes:
            if any(origin.node is function for origin in other.origins(node)):
                above = other.parent(node)
                yield other, above if isinstance(above, ast.Call) and above.func is node else None


def _builds(source: Source, use: ast.AST) -> bool:
    """Whether the name is read as the builder that it was before: `graph = graph.compile()`."""
    outer = source.parent(use)
    return isinstance(outer, ast.Attribute) and outer.attr in ("compile", "add_node", "add_edge", "add_conditional_edges", "set_entry_point", "set_finish_point")


def _names(source: Source, other: Source, dotted: str, name: str) -> bool:
    found = source.project.lookup(dotted, other.path)
    return found is not None and found[0] is source and found[1] == name
