"""The graphs that a file builds with LangGraph: their state, nodes, edges and routers, each builder object for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..names import FunctionNode
from ..origins import annotation_path
from ..source import Source, keyword

BUILDERS = frozenset(["langgraph.graph.StateGraph", "langgraph.graph.state.StateGraph"])
START, END = "__start__", "__end__"
CONSTANTS = {f"{module}.{name}": value for module in ("langgraph.graph", "langgraph.constants", "langgraph.graph.graph", "langgraph.types") for name, value in (("START", START), ("END", END))}
METHODS = frozenset(
    [
        "add_node", "add_edge", "add_conditional_edges", "add_sequence", "set_entry_point", "set_finish_point", "set_conditional_entry_point", "compile", "validate", "set_node_defaults",
    ]
)  # fmt: skip
TOOL_NODES = frozenset(["langgraph.prebuilt.ToolNode", "langgraph.prebuilt.tool_node.ToolNode", "langgraph.prebuilt.ToolExecutor"])
TOOLS_CONDITION = frozenset(["langgraph.prebuilt.tools_condition", "langgraph.prebuilt.tool_node.tools_condition"])
INTERRUPTS = frozenset(["langgraph.types.interrupt", "langgraph.types.NodeInterrupt", "langgraph.errors.NodeInterrupt", "langgraph.errors.GraphInterrupt"])
COMMANDS = frozenset(["langgraph.types.Command", "langgraph.graph.Command"])
SENDS = frozenset(["langgraph.types.Send", "langgraph.constants.Send", "langgraph.graph.Send"])
# states that LangGraph and LangChain bring: a subclass may add keys
LIBRARY_STATES = frozenset(["langgraph.graph.MessagesState", "langgraph.graph.message.MessagesState", "langgraph.prebuilt.chat_agent_executor.AgentState", "langchain.agents.AgentState"])


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """What a node or an edge runs: a function of the project, or a lambda. `skip`: parameters before the state (self)."""

    source: Source
    node: FunctionNode | ast.Lambda

    @property
    def state(self) -> ast.arg | None:
        """The parameter that takes the state."""
        args = [*self.node.args.posonlyargs, *self.node.args.args]
        owner = self.source.class_of(self.node) if isinstance(self.node, FunctionNode) else None
        bound = owner is not None and self.source.parent(self.node) is owner and not any(self.source.code(each) == "staticmethod" for each in getattr(self.node, "decorator_list", []))
        args = args[1:] if bound else args
        return args[0] if args else None


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


def origin_path(source: Source, value: ast.expr | None) -> str:
    """The dotted path of what a value is, or is an instance of."""
    if value is None:
        return ""
    for origin in source.origins(value):
        if isinstance(origin.node, ast.Call) and origin.kind == "value":
            return origin.source.qualified(origin.node.func)
        if origin.path:
            return origin.path
    return ""


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


def declared_labels(action: Action) -> list[tuple[str, Source, ast.expr]] | None:
    """The labels of a `-> Literal["a", "b"]`."""
    if not isinstance(action.node, FunctionNode) or action.node.returns is None:
        return None
    returns = action.node.returns
    if not isinstance(returns, ast.Subscript) or action.source.qualified(returns.value).rpartition(".")[2] != "Literal":
        return None
    items = returns.slice.elts if isinstance(returns.slice, ast.Tuple) else [returns.slice]
    return [(label, action.source, item) for item in items if isinstance(label := constant(action.source, item), str)]


def decisions(action: Action) -> list[tuple[Source, ast.expr]]:
    """The expressions that a router returns, taken apart at conditionals and lists."""
    source = action.source
    if isinstance(action.node, ast.Lambda):
        values: list[ast.expr] = [action.node.body]
    else:
        values = [node.value for node in source.nodes(ast.Return) if node.value is not None and source.function(node) is action.node]
    return [(source, part) for value in values for whole in _assigned(source, action, value) for part in _parts(whole)]


def _assigned(source: Source, action: Action, value: ast.expr) -> list[ast.expr]:
    """What a local name that is returned was given, if all of it can be read."""
    if not isinstance(value, ast.Name) or source.names.inner.get(action.node) is not source.scope(value).home(value.id):
        return [value]
    bindings = source.bindings(value.id, source.names.inner[action.node])
    given = [each.value for each in bindings if each.kind == "assign" and not each.unpacked and each.value is not None]
    return given if len(given) == len([each for each in bindings if each.kind != "annotation"]) else [value]


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.IfExp):
        yield from _parts(node.body)
        yield from _parts(node.orelse)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for item in node.elts:
            yield from _parts(item)
    else:
        yield node


def constant(source: Source, node: ast.expr | None, hops: int = 0) -> str | bool | int | None:
    """The text, number or truth value that an expression is: a literal, a constant of the project, START, END, an Enum's member."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (str, bool, int)) else None
    if not isinstance(node, (ast.Name, ast.Attribute)) or hops > 4:
        return None
    path = source.qualified(node)
    if path in CONSTANTS:
        return CONSTANTS[path]
    if isinstance(node, ast.Attribute) and node.attr == "value":
        return constant(source, node.value, hops + 1)
    found = source.origins(node)
    if len(found) != 1:
        return None
    if found[0].kind == "import":
        return CONSTANTS.get(found[0].path)
    return constant(found[0].source, found[0].node, hops + 1) if isinstance(found[0].node, ast.Constant) else None


def actions_of(source: Source, value: ast.expr | None) -> list[Action]:
    """The functions of the project that a node's or an edge's value may be."""
    if isinstance(value, ast.Lambda):
        return [Action(source, value)]
    if isinstance(value, ast.Call) and source.qualified(value.func) == "functools.partial" and len(value.args) == 1:
        return actions_of(source, value.args[0])
    if isinstance(value, ast.Call) and source.qualified(value.func).rpartition(".")[2] in ("RunnableLambda", "traceable", "timed") and len(value.args) == 1 and not value.keywords:
        return actions_of(source, value.args[0])
    if not isinstance(value, (ast.Name, ast.Attribute, ast.Call)):
        return []
    found: list[Action] = []
    for origin in source.origins(value):
        node = origin.node
        if (origin.kind == "function" and isinstance(node, FunctionNode) and not isinstance(value, ast.Call)) or isinstance(node, ast.Lambda):
            found.append(Action(origin.source, node))
        elif origin.kind in ("value", "instance") and (method := _called(origin.source, node)) is not None:
            found.append(method)
    return found


def _called(source: Source, node: ast.AST | None) -> Action | None:
    """The `__call__` of an instance of a project's class."""
    owners = [(source, node)] if isinstance(node, ast.ClassDef) else []
    if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        owners = [(origin.source, origin.node) for origin in source.origins(node.func) if isinstance(origin.node, ast.ClassDef)]
    for home, owner in owners:
        for statement in owner.body:
            if isinstance(statement, FunctionNode) and statement.name == "__call__":
                return Action(home, statement)
    return None


def gotos(action: Action) -> tuple[set[str], bool]:
    """Where the `Command(goto=...)` of a node may lead, and whether that is all."""
    source = action.source
    found: set[str] = set()
    certain = True
    if isinstance(action.node, FunctionNode) and isinstance(action.node.returns, ast.Subscript) and annotation_path(source, action.node.returns) in COMMANDS:
        inner = action.node.returns.slice
        items = inner.slice if isinstance(inner, ast.Subscript) else None
        parts = items.elts if isinstance(items, ast.Tuple) else [items] if items is not None else []
        found.update(label for each in parts if isinstance(label := constant(source, each), str))
        if found:
            return found, True
    for call in source.calls(COMMANDS):
        if source.function(call) is not action.node:
            continue
        goto = keyword(call, "goto")
        if goto is None:
            continue
        for part in _parts(goto.value):
            label = constant(source, part)
            if isinstance(label, str):
                found.add(label)
            else:
                certain = False
    return found, certain


def uses(source: Source, action: Action, *paths: frozenset[str]) -> bool:
    """Whether the action calls one of the dotted paths."""
    wanted = frozenset().union(*paths)
    return any(source.qualified(call.func) in wanted for call in ast.walk(action.node) if isinstance(call, ast.Call))
