"""Async clients that an instance of the project's classes holds: they outlive the event loop that used them first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..source import Source
from .forks import Loop, loops
from .inherited import ASYNC, CACHING
from .model_loops import asks

_NAMES = frozenset(path.rpartition(".")[2] for path in ASYNC | CACHING)


@dataclass(frozen=True, slots=True)
class Held:
    """A constructor's call in `self.client = AsyncOpenAI()`, whose it is, and the loops in which it is used."""

    node: ast.Call
    owner: ast.ClassDef
    attr: str
    loops: tuple[Loop, ...]
    caches: bool


def held(source: Source) -> Iterator[Held]:
    """Those of instances that are made when a file is imported, and that are used in more than one event loop."""
    if not loops(source.project):
        return
    for call in source.index.calls(_NAMES, source.index.aliases):
        statement, made = source.parent(call), source.qualified(call.func)
        if made not in ASYNC | CACHING or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            continue
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        function, owner = source.function(statement), source.class_of(statement)
        if owner is None or (function is not None and function.name != "__init__"):
            continue
        attr = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) and function is None else ""
        if not attr or not _made_at_import(source, owner):
            continue
        own = [node for node in source.attributes(attr) if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and source.class_of(node) is owner]
        loads: dict[ast.AST, Source] = {node: source for node in own if node is not target and (made not in CACHING or asks(source, node))}
        reached = tuple(loop for loop in loops(source.project) if loop.reaches(loads)) if loads else ()
        if len(reached) > 1 or any(loop.again for loop in reached):
            yield Held(call, owner, attr, reached, made in CACHING)


def _made_at_import(source: Source, owner: ast.ClassDef) -> bool:
    for other in source.project.mentioning(owner.name):
        for call in other.index.calls([owner.name]):
            if other.function(call) is None and isinstance(other.parent(call), (ast.Assign, ast.AnnAssign)) and any(origin.node is owner for origin in other.origins(call.func)):
                return True
    return False
