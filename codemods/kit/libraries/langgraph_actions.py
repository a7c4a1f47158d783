"""What the nodes and edges of a LangGraph graph run: functions, the labels that they return, and constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..names import FunctionNode
from ..origins import annotation_path
from ..source import Source, keyword

START, END = "__start__", "__end__"
CONSTANTS = {f"{module}.{name}": value for module in ("langgraph.graph", "langgraph.constants", "langgraph.graph.graph", "langgraph.types") for name, value in (("START", START), ("END", END))}
INTERRUPTS = frozenset(["langgraph.types.interrupt", "langgraph.types.NodeInterrupt", "langgraph.errors.NodeInterrupt", "langgraph.errors.GraphInterrupt"])
COMMANDS = frozenset(["langgraph.types.Command", "langgraph.graph.Command"])
SENDS = frozenset(["langgraph.types.Send", "langgraph.constants.Send", "langgraph.graph.Send"])


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """What a node or an edge runs: a function of the project, or a lambda."""

    source: Source
    node: FunctionNode | ast.Lambda
    maker: FunctionNode | None = None  # the function that makes and returns it, once for each call

    @property
    def state(self) -> ast.arg | None:
        """The parameter that takes the state."""
        args = [*self.node.args.posonlyargs, *self.node.args.args]
        owner = self.source.class_of(self.node) if isinstance(self.node, FunctionNode) else None
        bound = owner is not None and self.source.parent(self.node) is owner and not any(self.source.code(each) == "staticmethod" for each in getattr(self.node, "decorator_list", []))
        args = args[1:] if bound else args
        return args[0] if args else None


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
        elif origin.kind == "function" and isinstance(node, FunctionNode) and (maker := origin.source.function(node)) is not None and not _wraps(maker, node):
            found.append(Action(origin.source, node, maker))
        elif origin.kind in ("value", "instance") and (method := _called(origin.source, node)) is not None:
            found.append(method)
    return found


def _wraps(maker: FunctionNode, made: FunctionNode) -> bool:
    """Whether what is made hands its arguments to a function that its maker was given: that one decides, not this."""
    taken = {arg.arg for arg in [*made.args.posonlyargs, *made.args.args, *([made.args.vararg] if made.args.vararg else [])]}
    given = {arg.arg for arg in [*maker.args.posonlyargs, *maker.args.args, *maker.args.kwonlyargs]}
    return any(
        isinstance(call.func, ast.Name) and call.func.id in given and any(isinstance(part, ast.Name) and part.id in taken for arg in call.args for part in [arg.value if isinstance(arg, ast.Starred) else arg])
        for call in ast.walk(made)
        if isinstance(call, ast.Call)
    )


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
