"""The graphs that a file builds with LangGraph: their state, nodes, edges and routers, each builder object for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..names import FunctionNode
from ..source import Source
from .langgraph_actions import END, START, Action, actions_of, constant, decisions, declared_labels, origin_path

BUILDERS = frozenset(["langgraph.graph.StateGraph", "langgraph.graph.state.StateGraph"])
METHODS = frozenset(
    [
        "add_node", "add_edge", "add_conditional_edges", "add_sequence", "set_entry_point", "set_finish_point", "set_conditional_entry_point", "compile", "validate", "set_node_defaults",
    ]
)  # fmt: skip
TOOL_NODES = frozenset(["langgraph.prebuilt.ToolNode", "langgraph.prebuilt.tool_node.ToolNode", "langgraph.prebuilt.ToolExecutor"])
TOOLS_CONDITION = frozenset(["langgraph.prebuilt.tools_condition", "langgraph.prebuilt.tool_node.tools_condition"])
# states that LangGraph and LangChain bring: a subclass may add keys
LIBRARY_STATES = frozenset(["langgraph.graph.MessagesState", "langgraph.graph.message.MessagesState", "langgraph.prebuilt.chat_agent_executor.AgentState", "langchain.agents.AgentState"])


@dataclass(slots=True, eq=False)
class Node:
    name: str
    call: ast.Call
    value: ast.expr | None
    actions: list[Action]
    calls: list[str] = field(default_factory=list)  # dotted paths of what made the value, of those outside of the project


@dataclass(slots=True, eq=False)
class Router:
    """`add_conditional_edges`: `labels` gives the destination of each label; `mapped`: a mapping in writing says so."""

    start: str
    call: ast.Call
    value: ast.expr | None
    action: Action | None
    path: str  # of a router that is not the project's
    labels: dict[object, str]
    mapped: bool
    keys: dict[object, tuple[Source, ast.expr]]  # the labels as they are written
    open: bool  # it may go where no label says


@dataclass(slots=True, eq=False)
class Graph:
    source: Source
    made: ast.Call
    name: str = ""
    state: ast.expr | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str, ast.Call]] = field(default_factory=list)
    routers: list[Router] = field(default_factory=list)
    compiles: list[ast.Call] = field(default_factory=list)
    unclear: list[ast.AST] = field(default_factory=list)  # parts that can't be read

    @property
    def checkpointed(self) -> bool:
        """Whether some compile() gives it a memory of its threads, or may."""
        return any(
            given.arg is None or (given.arg == "checkpointer" and not (isinstance(given.value, ast.Constant) and not given.value.value))
            for call in self.compiles
            for given in call.keywords
        ) or any(call.args for call in self.compiles)  # fmt: skip

    @property
    def interrupted(self) -> set[str]:
        """Nodes before or behind which a human is asked; "*" for all."""
        found: set[str] = set()
        for call in self.compiles:
            for given in call.keywords:
                if given.arg in ("interrupt_before", "interrupt_after"):
                    items = given.value.elts if isinstance(given.value, (ast.List, ast.Tuple)) else [given.value]
                    found.update(str(constant(self.source, item) or "*") for item in items)
        return found


def graphs(source: Source) -> list[Graph]:
    """Every graph whose builder is made in this file."""
    return source.remember("langgraph graphs", lambda: _read(source))  # type: ignore[no-any-return]


def _read(source: Source) -> list[Graph]:
    found: dict[ast.Call, Graph] = {}
    for call in source.calls(BUILDERS):
        state = call.args[0] if call.args else next((given.value for given in call.keywords if given.arg in ("state_schema", "schema")), None)
        found[call] = Graph(source, call, state=state)
    if not found:
        return []
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            graph = next((found[made] for made in _builders(source, call.func.value, call, found)), None)
            if graph is not None:
                _take(graph, call.func.attr, call)
    for call in source.nodes(ast.Call):
        for arg in [*call.args, *(given.value for given in call.keywords)]:
            if isinstance(arg, (ast.Name, ast.Attribute)):
                for made in _builders(source, arg, call, found):
                    found[made].unclear.append(call)  # somebody else may add to it
    return list(found.values())


def _builders(source: Source, node: ast.expr, at: ast.Call, known: dict[ast.Call, Graph], hops: int = 0) -> list[ast.Call]:
    """The `StateGraph(...)` that an expression is at the call `at`."""
    if isinstance(node, ast.Call):
        if node in known:
            return [node]
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and node.func.attr != "compile" and hops < 60:
            return _builders(source, node.func.value, at, known, hops + 1)
    if isinstance(node, ast.Name):
        home = source.scope(node).home(node.id)
        bindings = [each for each in (source.bindings(node.id, home) if home is not None else []) if each.kind == "assign"]
        made = [(each.node.lineno, found) for each in bindings if isinstance(each.value, ast.Call) for found in _builders(source, each.value, at, known, hops + 1)]  # type: ignore[attr-defined]
        if made:  # of several in a row, the last one above
            above = [each for each in made if each[0] <= at.lineno] or made
            return [max(above, key=lambda each: each[0])[1]]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return [origin.node for origin in source.origins(node) if isinstance(origin.node, ast.Call) and origin.node in known]
    return []


def _take(graph: Graph, method: str, call: ast.Call) -> None:
    source = graph.source
    args = list(call.args)
    given = {each.arg: each.value for each in call.keywords if each.arg}
    if any(isinstance(arg, ast.Starred) for arg in args) or any(each.arg is None for each in call.keywords):
        graph.unclear.append(call)
        return
    if method == "add_node":
        _take_node(graph, call, args, given)
    elif method in ("add_edge", "set_entry_point", "set_finish_point"):
        ends = args + [given[name] for name in ("start_key", "end_key", "key") if name in given]
        names = [constant(source, end) if not isinstance(end, (ast.List, ast.Tuple)) else [constant(source, each) for each in end.elts] for end in ends]
        pair = [START, *names] if method == "set_entry_point" else [*names, END] if method == "set_finish_point" else names
        starts = pair[0] if pair and isinstance(pair[0], list) else pair[:1]
        if len(pair) != 2 or not isinstance(pair[1], str) or not all(isinstance(each, str) for each in starts):
            graph.unclear.append(call)
            return
        graph.edges += [(str(each), pair[1], call) for each in starts]
    elif method in ("add_conditional_edges", "set_conditional_entry_point"):
        _take_router(graph, call, method, args, given)
    elif method == "add_sequence":
        graph.unclear.append(call)
    elif method == "compile":
        graph.compiles.append(call)


def _take_node(graph: Graph, call: ast.Call, args: list[ast.expr], given: dict[str, ast.expr]) -> None:
    source = graph.source
    first = args[0] if args else given.get("node")
    value = args[1] if len(args) > 1 else given.get("action")
    if first is None:
        graph.unclear.append(call)
        return
    name = constant(source, first)
    if name is None and value is None:
        value = first
        actions = actions_of(source, value)
        name = actions[0].node.name if len(actions) == 1 and isinstance(actions[0].node, FunctionNode) else None
    if not isinstance(name, str):
        graph.unclear.append(call)
        return
    actions = actions_of(source, value)
    graph.nodes[name] = Node(name, call, value, actions, [source.qualified(value.func)] if isinstance(value, ast.Call) else [origin_path(source, value)])


def _take_router(graph: Graph, call: ast.Call, method: str, args: list[ast.expr], given: dict[str, ast.expr]) -> None:
    source = graph.source
    if method == "add_conditional_edges":
        begin = args[0] if args else given.get("source")
        args = args[1:]
    else:
        begin = None
    start = constant(source, begin) if begin is not None else (START if method != "add_conditional_edges" else None)
    value = args[0] if args else given.get("path")
    mapping = args[1] if len(args) > 1 else given.get("path_map", given.get("conditional_edge_mapping"))
    if isinstance(mapping, ast.Constant) and mapping.value is None:
        mapping = None
    if not isinstance(start, str) or value is None:
        graph.unclear.append(call)
        return
    actions = actions_of(source, value)
    action = actions[0] if len(actions) == 1 else None
    router = Router(start, call, value, action, origin_path(source, value), {}, mapping is not None, {}, False)
    if mapping is not None:
        _take_mapping(source, mapping, router)
    elif action is not None:
        labels = declared_labels(action)
        if labels is None:
            labels = []
            for home, expr in decisions(action):
                label = constant(home, expr)
                if isinstance(label, str):
                    labels.append((label, home, expr))
                else:
                    router.open = True
        for label, home, expr in labels:
            router.labels[label] = label
            router.keys.setdefault(label, (home, expr))
    else:
        router.open = True
    graph.routers.append(router)


def _take_mapping(source: Source, mapping: ast.expr, router: Router) -> None:
    home, literal = source, mapping
    if isinstance(mapping, (ast.Name, ast.Attribute)):
        found = source.origins(mapping)
        if len(found) == 1 and isinstance(found[0].node, ast.expr):
            home, literal = found[0].source, found[0].node
    if isinstance(literal, ast.Dict):
        for key, value in zip(literal.keys, literal.values, strict=True):
            label, end = (constant(home, key) if key is not None else None), constant(home, value)
            if key is None or label is None or not isinstance(end, str):
                router.open = True
            else:
                router.labels[label] = end
                router.keys[label] = (home, key)
    elif isinstance(literal, (ast.List, ast.Tuple)):
        for item in literal.elts:
            end = constant(home, item)
            if isinstance(end, str):
                router.labels[end] = end
                router.keys[end] = (home, item)
            else:
                router.open = True
    else:
        router.open = True


def nodes_in(graph: Graph, names: Iterable[str]) -> list[Node]:
    return [graph.nodes[name] for name in sorted(names) if name in graph.nodes]


def actions_in(graph: Graph, names: Iterable[str]) -> list[Action]:
    return [action for node in nodes_in(graph, names) for action in node.actions]
