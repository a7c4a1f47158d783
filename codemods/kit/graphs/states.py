"""The state of a LangGraph graph: its class and keys, and what functions read of it and write to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..libraries.langgraph import LIBRARY_STATES, Graph
from ..libraries.langgraph_actions import Action
from ..names import FunctionNode
from ..origins import annotation_path
from ..source import Source

Kind = Literal["dict", "pydantic", "dataclass"]
TYPED_DICTS = frozenset(["typing.TypedDict", "typing_extensions.TypedDict"])


@dataclass(slots=True)
class State:
    """`owner` is the class statement in the project; None for a class that a library brings, whose path is `library`."""

    kind: Kind
    source: Source
    owner: ast.ClassDef | None
    library: str = ""
    keys: set[str] = field(default_factory=set)
    reduced: set[str] = field(default_factory=set)  # keys whose values are added up, not replaced
    whole: bool = True  # all keys are in sight


def state_of(graph: Graph) -> State | None:
    """The state class of a graph; None when it can't be told."""
    if graph.state is None:
        return None
    found = graph.source.origins(graph.state)
    if len(found) != 1:
        return None
    origin = found[0]
    if origin.kind == "import" and origin.path in LIBRARY_STATES:
        return State("dict", graph.source, None, origin.path, {"messages"}, {"messages"}, origin.path.endswith("MessagesState"))
    if isinstance(origin.node, ast.ClassDef):
        return _of_class(origin.source, origin.node)
    return None


def _of_class(source: Source, owner: ast.ClassDef, hops: int = 0) -> State | None:
    kind: Kind | None = None
    if any("dataclass" in source.qualified(each.func if isinstance(each, ast.Call) else each) for each in owner.decorator_list):
        kind = "dataclass"
    state = State("dict", source, owner)
    for base in owner.bases:
        path = annotation_path(source, base)
        if path in TYPED_DICTS:
            kind = kind or "dict"
            continue
        if path in LIBRARY_STATES:
            kind = kind or "dict"
            state.keys.add("messages")
            state.reduced.add("messages")
            state.whole = state.whole and path.endswith("MessagesState")
            continue
        if path in ("pydantic.BaseModel", "pydantic.main.BaseModel"):
            kind = kind or "pydantic"
            continue
        for origin in source.origins(base):
            above = _of_class(origin.source, origin.node, hops + 1) if isinstance(origin.node, ast.ClassDef) and hops < 6 else None
            if above is None:
                state.whole = False
            else:
                kind = kind or above.kind
                state.keys |= above.keys
                state.reduced |= above.reduced
                state.whole = state.whole and above.whole
    if kind is None:
        return None
    state.kind = kind
    for statement in owner.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            state.keys.add(statement.target.id)
            if isinstance(statement.annotation, ast.Subscript) and source.qualified(statement.annotation.value).endswith("Annotated"):
                state.reduced.add(statement.target.id)
    return state


@dataclass(slots=True)
class Reads:
    """Keys that a function reads of its state; `whole`: it hands all of it on."""

    keys: set[str] = field(default_factory=set)
    whole: bool = False


def bodies(action: Action, depth: int = 3) -> list[tuple[Source, FunctionNode | ast.Lambda, str]]:
    """The action and the functions of the project to which it hands its state on: (file, def, the name of the state there)."""
    if action.state is None:
        return []
    found: list[tuple[Source, FunctionNode | ast.Lambda, str]] = [(action.source, action.node, action.state.arg)]
    for source, node, name in found:
        if len(found) > 12 or depth <= 0:
            break
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, (ast.Name, ast.Attribute)):
                continue
            place = next((index for index, arg in enumerate(call.args) if isinstance(arg, ast.Name) and arg.id == name), None)
            if place is None:
                continue
            for origin in source.origins(call.func):
                if isinstance(origin.node, FunctionNode) and all(origin.node is not known for _, known, _ in found):
                    args = [arg for arg in [*origin.node.args.posonlyargs, *origin.node.args.args] if arg.arg not in ("self", "cls")]
                    if place < len(args):
                        found.append((origin.source, origin.node, args[place].arg))
    return found


def text_of(action: Action) -> str:
    return "\n".join(source.code(node) for source, node, _ in bodies(action)) or action.source.code(action.node)


def reads(action: Action) -> Reads:
    """What the action reads of its state, also in the functions that it hands it to."""
    result = Reads()
    known = {(id(node), name) for _, node, name in bodies(action)}
    for source, body, name in bodies(action):
        for node in ast.walk(body):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                key = key_of(source, node)
                if key is not None:
                    result.keys.add(key)
                    continue
                above = source.parent(node)
                if isinstance(above, ast.Call) and isinstance(above.func, (ast.Name, ast.Attribute)):
                    inner = [origin.node for origin in source.origins(above.func)]
                    if any(id(each) == number for each in inner for number, _ in known):
                        continue
                result.whole = True
    return result


def key_of(source: Source, node: ast.Name) -> str | None:
    """The key that is read right here: `state["x"]`, `state.get("x")`, `state.x`, `"x" in state`."""
    above = source.parent(node)
    if isinstance(above, ast.Subscript) and above.value is node and isinstance(above.slice, ast.Constant) and isinstance(above.slice.value, str):
        return above.slice.value
    if isinstance(above, ast.Attribute):
        outer = source.parent(above)
        if isinstance(outer, ast.Call) and outer.func is above:
            if above.attr in ("get", "pop", "setdefault") and outer.args and isinstance(outer.args[0], ast.Constant):
                return str(outer.args[0].value)
            return "" if above.attr in ("get", "items", "keys", "values", "copy", "model_dump", "dict") else above.attr
        return above.attr
    if isinstance(above, ast.Compare) and isinstance(above.left, ast.Constant) and isinstance(above.ops[0], (ast.In, ast.NotIn)):
        return str(above.left.value)
    return None


def mentions_key(source: Source, node: ast.AST, name: str, key: str, hops: int = 0) -> bool:
    """Whether an expression comes from `state[key]`, names of the function followed."""
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Name) or not isinstance(inner.ctx, ast.Load):
            continue
        if inner.id == name:
            if key_of(source, inner) == key:
                return True
        elif hops < 4:
            home = source.scope(inner).home(inner.id)
            if home is None or home.kind not in ("function", "lambda", "comprehension"):
                continue
            for binding in source.bindings(inner.id, home):
                if binding.value is not None and binding.value is not node and mentions_key(source, binding.value, name, key, hops + 1):
                    return True
    return False


def returned_values(action: Action) -> list[ast.expr | None]:
    """What an action returns: the expressions; None for a bare `return`, and for an end that is fallen off."""
    source, node = action.source, action.node
    if isinstance(node, ast.Lambda):
        return [node.body]
    found: list[ast.expr | None] = [each.value for each in source.nodes(ast.Return) if source.function(each) is node]
    if falls_off(node.body):
        found.append(None)
    return found


def falls_off(body: list[ast.stmt]) -> bool:
    """Whether a block may run to its end."""
    last = body[-1]
    if isinstance(last, (ast.Return, ast.Raise, ast.Continue)):
        return False
    if isinstance(last, ast.If):
        return not last.orelse or falls_off(last.body) or falls_off(last.orelse)
    if isinstance(last, (ast.With, ast.AsyncWith)):
        return falls_off(last.body)
    if isinstance(last, ast.Try):
        if last.finalbody and not falls_off(last.finalbody):
            return False
        return falls_off([*last.body, *last.orelse]) or any(falls_off(handler.body) for handler in last.handlers)
    if isinstance(last, ast.Match):
        return not (isinstance(last.cases[-1].pattern, ast.MatchAs) and last.cases[-1].pattern.pattern is None) or any(falls_off(case.body) for case in last.cases)
    if isinstance(last, ast.While) and isinstance(last.test, ast.Constant) and last.test.value:
        return any(isinstance(inner, ast.Break) for inner in ast.walk(last))
    return True


def written(action: Action) -> Iterator[tuple[Source, str, ast.expr]]:
    """Every (key, value) of the mappings that an action gives back, as far as they are in sight."""
    source = action.source
    for value in returned_values(action):
        for mapping in mappings(source, value):
            for key, item in zip(mapping.keys, mapping.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield source, key.value, item
    name = action.state.arg if action.state is not None else ""
    for node in ast.walk(action.node):  # in place
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            base = target.value if isinstance(target, (ast.Subscript, ast.Attribute)) else None
            if isinstance(base, ast.Name) and base.id == name:
                key_name = target.attr if isinstance(target, ast.Attribute) else target.slice.value if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) else None
                if isinstance(key_name, str):
                    yield source, key_name, ast.BinOp(target, node.op, node.value) if isinstance(node, ast.AugAssign) else node.value


def mappings(source: Source, value: ast.AST | None, hops: int = 0) -> list[ast.Dict]:
    """The dict literals that a returned value comes from."""
    if isinstance(value, ast.Dict):
        return [value]
    if isinstance(value, ast.IfExp):
        return [*mappings(source, value.body, hops + 1), *mappings(source, value.orelse, hops + 1)]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not source.qualified(value.func) and not value.args:
        named = [each for each in value.keywords if each.arg is not None]
        return [ast.Dict([ast.Constant(each.arg) for each in named], [each.value for each in named])]
    if isinstance(value, ast.Call):
        given = [each.value for each in value.keywords if each.arg == "update"]
        return [found for each in given for found in mappings(source, each, hops + 1)]
    if isinstance(value, ast.Name) and hops < 3:
        home = source.scope(value).home(value.id)
        found = source.bindings(value.id, home) if home is not None else []
        return [each for binding in found if binding.kind == "assign" and not binding.unpacked and binding.value is not None for each in mappings(source, binding.value, hops + 1)]
    return []
