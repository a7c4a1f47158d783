"""States of a graph that are kept by hand for all requests: `state = graph.invoke(state)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..source import Source
from .reach import lasting


def states(source: Source) -> Iterator[tuple[ast.Assign, str]]:
    """The assignments by which a graph goes on, and the name of what it goes on with."""
    for assign in source.nodes(ast.Assign) if b"langgraph" in source.utf8 else ():
        if name := _goes_on(source, assign):
            yield assign, name


def _goes_on(source: Source, assign: ast.Assign) -> str:
    """The name, set under `global` or on an instance, of a state with which a graph is run and which is what that gives: `state = graph.invoke(state)`."""
    target, value = assign.targets[0], assign.value.value if isinstance(assign.value, ast.Await) else assign.value
    run = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("invoke", "ainvoke") and bool(value.args)
    if not run or not isinstance(value, ast.Call) or not any(ast.unparse(node) == ast.unparse(target) for node in ast.walk(value.args[0]) if isinstance(node, (ast.Name, ast.Attribute))):
        return ""
    if isinstance(target, ast.Name):
        return target.id if target.id in source.scope(target).globals else ""
    owner = source.class_of(target) if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" else None
    return ast.unparse(target) if owner is not None and lasting(source, owner) else ""
