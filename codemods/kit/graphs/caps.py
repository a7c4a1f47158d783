"""Whether something in a LangGraph cycle counts its rounds, under any name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..libraries.langgraph import TOOLS_CONDITION, Graph, Router, actions_in
from ..libraries.langgraph_actions import Action
from ..names import FunctionNode
from ..source import Source
from .states import State, bodies, key_of, mentions_key, text_of, written

COUNTED = re.compile(r"count|attempt|retr(y|ies)|iter|loop|step|revision|round|tries|turn|num_|max|limit|depth|budget|remaining|cycle|times", re.IGNORECASE)
OWN_LIMITS = ("remaining_steps", "is_last_step", "recursion_limit", "RemainingSteps")


def is_capped(graph: Graph, state: State | None, router: Router, names: set[str]) -> bool:
    """Whether the router, or a node of the cycle, compares something that counts: under any name."""
    actions = actions_in(graph, names)
    deciders = [each.action for each in graph.routers if each.start in names and each.action is not None and (each is router or each.start == router.start)]
    if router.action is None and router.path not in TOOLS_CONDITION:
        return True  # a router that can't be read
    counters = {key for action in actions for source, key, value in written(action) if _counts(source, action, key, value)}
    if state is not None and state.owner is not None:
        counters |= {key for key in state.reduced if _added(state, key)}
    for action in [*deciders, *actions]:
        text = text_of(action)
        if any(word in text for word in OWN_LIMITS):
            return True
        for source, body, name in bodies(action):
            for test in ast.walk(body):
                if isinstance(test, ast.Compare) and _compares_count(source, test, name, counters):
                    return True
                if isinstance(test, ast.Call) and action in deciders and _asks_for_count(source, test):
                    return True
    return False


def uncounted(graph: Graph, state: State | None, router: Router, names: set[str]) -> str:
    """A key that the router compares as a counter, though the state's class has no such key and no node writes it."""
    if state is None or state.owner is None or not state.whole or router.action is None or router.action.state is None:
        return ""
    source, name = router.action.source, router.action.state.arg
    compared = {
        key
        for test in ast.walk(router.action.node)
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
        for inner in ast.walk(test)
        if isinstance(inner, ast.Name) and inner.id == name and (key := key_of(source, inner)) and COUNTED.search(key) and key.isidentifier()
    }
    known = state.keys | {key for action in actions_in(graph, graph.nodes) for _, key, _ in written(action)}
    return next(iter(sorted(compared - known)), "") if compared and not compared & known and names else ""


def _asks_for_count(source: Source, call: ast.Call) -> bool:
    """Whether a function of the project that is given a part of the state compares something that counts."""
    if not isinstance(call.func, (ast.Name, ast.Attribute)):
        return False
    return any(
        isinstance(test, ast.Compare) and _compares_count(origin.source, test, "", set())
        for origin in source.origins(call.func)
        if isinstance(origin.node, FunctionNode)
        for test in ast.walk(origin.node)
    )


def _counts(source: Source, action: Action, key: str, value: ast.expr) -> bool:
    """Whether a key is written as its own old value and a number more or less."""
    name = action.state.arg if action.state is not None else ""
    for inner in _with_names(source, value):
        if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, (ast.Add, ast.Sub)):
            continue
        numbers = [side for side in (inner.left, inner.right) if isinstance(side, ast.Constant) and isinstance(side.value, int)]
        if numbers and mentions_key(source, inner, name, key):
            return True
    return False


def _with_names(source: Source, value: ast.expr, hops: int = 0) -> Iterator[ast.AST]:
    for inner in ast.walk(value):
        yield inner
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and hops < 3:
            home = source.scope(inner).home(inner.id)
            for binding in source.bindings(inner.id, home) if home is not None and home.kind == "function" else ():
                if binding.value is not None and binding.kind == "assign":
                    yield from _with_names(source, binding.value, hops + 1)
                elif isinstance(binding.node, ast.AugAssign):
                    yield ast.BinOp(inner, binding.node.op, binding.node.value)


def _added(state: State, key: str) -> bool:
    """Whether a key is a number that is added up: `Annotated[int, operator.add]`."""
    if state.owner is None:
        return False
    for statement in state.owner.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.target.id == key and isinstance(statement.annotation, ast.Subscript):
            inner = statement.annotation.slice
            return isinstance(inner, ast.Tuple) and state.source.code(inner.elts[0]) in ("int", "float")
    return False


def _compares_count(source: Source, test: ast.Compare, name: str, counters: set[str]) -> bool:
    if not isinstance(test.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)):
        return False
    sides = [test.left, *test.comparators]
    if any(mentions_key(source, side, name, key) for side in sides for key in counters):
        return True
    if isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return False
    for side in sides:
        for inner in _with_names(source, side):
            word = inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else inner.value if isinstance(inner, ast.Constant) and isinstance(inner.value, str) else ""
            if word and COUNTED.search(word):
                return True
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "len":
                return True
    return False
