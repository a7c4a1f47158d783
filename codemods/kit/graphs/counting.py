"""One more key in a graph's state: declared in its class, and given back by a node on every return."""

from __future__ import annotations

import ast

from ..cut import UNUSUAL_LAYOUT, add_keyword, insert_after, replace, uncuttable
from ..finding import Edit
from ..libraries.langgraph_actions import Action
from ..names import FunctionNode
from ..source import Source, keyword, spreads_keywords
from .states import State, falls_off, returned_values


class Unclear(Exception):
    """What can't be edited for certain: the reason's code and one sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def reading(state: State, action: Action, key: str) -> str:
    """How the action reads the number under a key that may not be there yet."""
    name = action.state.arg if action.state is not None else "state"
    return f'{name}.get("{key}", 0)' if state.kind == "dict" else f"{name}.{key}"


def declared(state: State, key: str) -> list[Edit]:
    """The key as the last field of the state's class."""
    assert state.owner is not None
    source, owner = state.source, state.owner
    fields = [each for each in owner.body if isinstance(each, ast.AnnAssign)]
    if not fields and not all(isinstance(each, (ast.Pass, ast.Expr)) for each in owner.body):
        raise Unclear("unclear-state", f"the class {owner.name} is not laid out as fields")
    if state.kind == "dataclass" and any(_must_come_first(other, each, owner) for other in source.project for each in other.nodes(ast.ClassDef)):
        raise Unclear("unclear-state", f"a class derives from {owner.name}, and its fields have no defaults")
    last = fields[-1] if fields else owner.body[-1]
    if last.lineno == owner.lineno:
        raise Unclear("unclear-state", f"the class {owner.name} is written on one line")
    default = "" if state.kind == "dict" else " = 0"
    return insert_after(source, last, f"{source.indent(last)}{key}: int{default}\n")


def _must_come_first(source: Source, other: ast.ClassDef, owner: ast.ClassDef) -> bool:
    """Whether a dataclass derived from `owner` has fields that may not follow one with a default."""
    if not any(origin.node is owner for base in other.bases for origin in source.origins(base)):
        return False
    return any(isinstance(each, ast.AnnAssign) and each.value is None for each in other.body)


def returned_with(action: Action, state: State, key: str, value: str) -> list[Edit]:
    """`key` with `value` in everything that an action gives back. Raises Unclear."""
    source, node = action.source, action.node
    edits: list[Edit] = []
    for given in returned_values(action):
        if given is not None and not (isinstance(given, ast.Constant) and given.value is None):
            edits += _with_key(action, state, given, key, value)
    if isinstance(node, ast.Lambda):
        return edits
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) and source.function(each) is node for each in ast.walk(node)):
        raise Unclear("unclear-node", f"{node.name} is a generator")
    for statement in source.nodes(ast.Return):
        if source.function(statement) is node and (statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)):
            edits += replace(source, statement, f'return {{"{key}": {value}}}')
    if falls_off(node.body):
        edits += insert_after(source, node.body[-1], f'{source.indent(node.body[0])}return {{"{key}": {value}}}\n')
    return edits


def _with_key(action: Action, state: State, given: ast.expr, key: str, value: str) -> list[Edit]:
    source = action.source
    if isinstance(given, ast.Dict):
        return add_item(source, given, key, value)
    if isinstance(given, ast.IfExp):
        return [*_with_key(action, state, given.body, key, value), *_with_key(action, state, given.orelse, key, value)]
    if isinstance(given, ast.Call):
        if isinstance(given.func, ast.Name) and given.func.id == "dict" and not source.qualified(given.func) and not spreads_keywords(given):
            return add_keyword(source, given, key, value)
        if any(origin.node is state.owner and state.owner is not None for origin in (source.origins(given.func) if isinstance(given.func, (ast.Name, ast.Attribute)) else ())):
            if spreads_keywords(given) or given.args:
                raise Unclear("unclear-node", "a returned state is made from a mapping that is spread")
            return add_keyword(source, given, key, value)
        if (update := keyword(given, "update")) is not None and source.qualified(given.func).endswith(".Command"):
            return _with_key(action, state, update.value, key, value)
    if isinstance(given, ast.Name) and action.state is not None and given.id == action.state.arg and state.kind != "dict":
        raise Unclear("unclear-node", "the node changes its state in place and returns it")
    if _is_mapping(action, given):
        return replace(source, given, f'{{**{source.code(given)}, "{key}": {value}}}')
    raise Unclear("unclear-node", f"what {getattr(action.node, 'name', 'the node')} returns can't be read here")


def _is_mapping(action: Action, given: ast.expr) -> bool:
    """Whether a returned expression is a mapping on every known way."""
    source = action.source
    if isinstance(given, ast.Name):
        if action.state is not None and given.id == action.state.arg:
            return source.names.inner[action.node].bindings.get(given.id, [])[1:] == []
        home = source.scope(given).home(given.id)
        bindings = source.bindings(given.id, home) if home is not None else []
        values = [binding.value for binding in bindings if binding.kind == "assign" and not binding.unpacked]
        known = [each for each in bindings if each.kind not in ("annotation",)]
        return bool(values) and len(values) == len(known) and all(value is not None and _literal(source, value) for value in values)
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.BitOr):
        return all(_literal(source, side) for side in (given.left, given.right))
    if isinstance(given, ast.Call) and isinstance(given.func, (ast.Name, ast.Attribute)):
        functions = source.origins(given.func)
        plain = all(origin.kind == "function" and isinstance(origin.node, ast.FunctionDef) for origin in functions)
        return plain and all(isinstance(origin.node, ast.Dict) for origin in source.origins(given))
    return False


def _literal(source: Source, value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return True
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not source.qualified(value.func)


def add_item(source: Source, mapping: ast.Dict, key: str, value: str) -> list[Edit]:
    """One more item behind the last of a dict literal, laid out as the others are."""
    item = f'"{key}": {value}'
    stop = source.stop(mapping)
    if not mapping.values:
        if source.slice(source.start(mapping) + 1, stop - 1).strip():
            return uncuttable(source, UNUSUAL_LAYOUT)
        return [source.edit(source.start(mapping), stop, f"{{{item}}}")]
    last_key, last = mapping.keys[-1], mapping.values[-1]
    end = source.stop(last)
    tail = source.slice(end, stop - 1)
    while tail.lstrip().startswith(")"):  # a value in parentheses
        end += len(tail[: tail.index(")") + 1].encode())
        tail = source.slice(end, stop - 1)
    begin = source.start(last_key) if last_key is not None else source.start(last) - 2
    lead = source.slice(source.line_start(source.line_of(begin)), begin)
    comma = tail.lstrip().startswith(",")
    if lead.strip() or not any(mark in tail for mark in "\r\n"):
        return [source.edit(end, end, f", {item}")]
    at = end + len(tail[: tail.index(",") + 1].encode()) if comma else end
    rest = source.slice(at, stop - 1)
    line_end = at + len(rest[: min(rest.index(mark) for mark in "\r\n" if mark in rest)].encode())
    edits = [source.edit(line_end, line_end, f"{source.newline}{lead}{item}{',' if comma else ''}")]
    return edits if comma else [source.edit(end, end, ","), *edits] if line_end > end else [source.edit(end, end, f",{source.newline}{lead}{item}")]


def shared(action: Action) -> bool:
    """Whether the function is given to a graph, or called, in more than one place of what is in sight."""
    if not isinstance(action.node, FunctionNode):
        return False
    return any(_mentions(action.source, node) > 1 for node in (action.node, action.maker) if node is not None)


def _mentions(home: Source, function: FunctionNode) -> int:
    found = 0
    for source in home.project:
        for load in source.names.loads.get(function.name, []):
            if any(origin.node is function for origin in source.origins(load)):
                found += 1
        for attribute in source.nodes(ast.Attribute):
            if attribute.attr == function.name and isinstance(attribute.ctx, ast.Load) and any(origin.node is function for origin in source.origins(attribute)):
                found += 1
    return found
