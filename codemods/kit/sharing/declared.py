"""`global chain` in functions to which the name no longer means anything of the module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..cut import replace
from ..finding import Edit
from ..move import without
from ..names import Scope
from ..source import Source
from .reach import imports_of


def undeclared(source: Source, scope: Scope, names: Iterable[str]) -> list[Edit]:
    """The edits that take names of a scope out of such statements: what a function makes for itself must not be everybody's."""
    edits: list[Edit] = []
    for other, home, known in _everywhere(source, scope, {*names}):
        said: list[ast.Global | ast.Nonlocal] = [*other.nodes(ast.Global), *other.nodes(ast.Nonlocal)]
        for statement in said:
            gone = [name for name in statement.names if name in known and other.scope(statement).home(name) is home]
            if gone:
                edits += _cut(other, statement, [name for name in statement.names if name not in gone])
    return edits


def _everywhere(source: Source, scope: Scope, names: set[str]) -> Iterator[tuple[Source, Scope, set[str]]]:
    """The files, and where and under which names the objects live there."""
    yield source, scope, names
    if scope is source.names.module:
        for name in names:
            for other, binding in imports_of(source, name):
                yield other, other.names.module, {binding.name}


def _cut(source: Source, statement: ast.Global | ast.Nonlocal, left: list[str]) -> list[Edit]:
    if left:
        word = "global" if isinstance(statement, ast.Global) else "nonlocal"
        return replace(source, statement, f"{word} {', '.join(left)}")
    block = next(body for name in ("body", "orelse", "finalbody") if statement in (body := getattr(source.parent(statement), name, ())))
    return replace(source, statement, "pass") if len(block) == 1 else [without(source, statement, statement)]
