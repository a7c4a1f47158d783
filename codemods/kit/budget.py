"""A counter that starts anew with each turn of a thread that LangGraph remembers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .counting import Unclear, add_item, returned_with
from .cut import replace
from .finding import Edit
from .libraries.langgraph import Graph
from .libraries.langgraph_actions import START
from .source import Source, is_none
from .states import State
from .tries import Loop, reachable_from

RUNS = frozenset(["invoke", "ainvoke", "stream", "astream", "astream_events", "astream_log", "batch", "abatch"])
READS = frozenset(["get_state", "aget_state", "get_graph", "get_state_history", "aget_state_history", "get_prompts", "name", "checkpointer"])


def fresh_budget(loop: Loop, state: State, key: str) -> list[Edit]:
    """The edits that set the counter to 0 when a turn begins; none where each run has a new state. Raises Unclear."""
    graph = loop.graph
    inputs = list(_inputs(graph))
    lasting = graph.checkpointed or _is_part(graph) or any(given is not None and _is_fed_back(source, given) for source, _, given in inputs)
    if not lasting:
        return []
    entries = {end for start, end, _ in graph.edges if start == START}
    by_router = any(router.start == START for router in graph.routers)
    if len(entries) == 1 and not by_router:
        node = graph.nodes.get(next(iter(entries)))
        if node is not None and node.name not in loop.nodes and node.name not in reachable_from(graph, loop.nodes) and len(node.actions) == 1:
            return returned_with(node.actions[0], state, key, "0")
    if not inputs or state.kind != "dict" or any(use is None for _, use, _ in inputs):
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


def _is_part(graph: Graph) -> bool:
    """Whether the compiled graph is a node of another one, which may hand its state through."""
    return any(
        origin.node in graph.compiles
        for source in graph.source.project
        for call in source.nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_node"
        for value in [*call.args, *(given.value for given in call.keywords)]
        if isinstance(value, (ast.Name, ast.Attribute, ast.Call))
        for origin in source.origins(value)
    )


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
        above = graph.source.parent(call)
        if not isinstance(above, (ast.Assign, ast.AnnAssign)):
            yield graph.source, None, None
            continue
        targets = above.targets if isinstance(above, ast.Assign) else [above.target]
        for target in targets:
            if not isinstance(target, ast.Name):
                yield graph.source, None, None
                continue
            yield from _uses(graph, target)


def _uses(graph: Graph, target: ast.Name) -> Iterator[tuple[Source, ast.expr | None, ast.expr | None]]:
    source = graph.source
    home = source.scope(target).home(target.id)
    bindings = [each for each in (source.bindings(target.id, home) if home is not None else []) if each.kind == "assign"]
    if target.id in (source.exports() or set()):
        yield source, None, None
    reads = [(source, use) for use in (source.uses(bindings[0]) if bindings else [])]
    if home is source.names.module:
        for other in source.project:
            if other is not source:
                reads += [(other, use) for found in other.names.module.bindings.values() for bound in found if bound.kind == "import" and _names(source, other, bound.origin, target.id) for use in other.uses(bound)]
    for where, use in reads:
        outer = where.parent(use)
        call = where.parent(outer) if outer is not None else None
        if isinstance(outer, ast.Attribute) and isinstance(call, ast.Call) and call.func is outer and outer.attr in RUNS:
            given = call.args[0] if call.args else next((each.value for each in call.keywords if each.arg == "input"), None)
            yield where, (use if given is not None and "batch" not in outer.attr else None), given
        elif not (isinstance(outer, ast.Attribute) and outer.attr in READS) and not _builds(where, use):
            yield where, None, None


def _builds(source: Source, use: ast.Name) -> bool:
    """Whether the name is read as the builder that it was before: `graph = graph.compile()`."""
    outer = source.parent(use)
    return isinstance(outer, ast.Attribute) and outer.attr in ("compile", "add_node", "add_edge", "add_conditional_edges", "set_entry_point", "set_finish_point")


def _names(source: Source, other: Source, dotted: str, name: str) -> bool:
    found = source.project.lookup(dotted, other.path)
    return found is not None and found[0] is source and found[1] == name
