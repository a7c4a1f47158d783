"""`global chain` in functions to which the name no longer means anything of the module."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from ..cut import replace
from ..finding import Edit
from ..move import lead, movable, without
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
                edits += unsaid(other, statement, gone)
    return edits


def _everywhere(source: Source, scope: Scope, names: set[str]) -> Iterator[tuple[Source, Scope, set[str]]]:
    """The files, and where and under which names the objects live there."""
    yield source, scope, names
    if scope is source.names.module:
        for name in names:
            for other, binding in imports_of(source, name):
                yield other, other.names.module, {binding.name}


def unsaid(source: Source, statement: ast.Global | ast.Nonlocal, gone: Collection[str]) -> list[Edit]:
    """The statement without some of its names; without any, it goes, and what comments say beside it stays."""
    left = [name for name in statement.names if name not in gone]
    if left:
        word = "global" if isinstance(statement, ast.Global) else "nonlocal"
        return replace(source, statement, f"{word} {', '.join(left)}")
    block = next(body for name in ("body", "orelse", "finalbody") if statement in (body := getattr(source.parent(statement), name, ())))
    start, stop = source.start(statement), source.stop(statement)
    line = source.line_of(start)
    behind = next((each for each in block if source.start(each) > start), None)
    if behind is not None and source.line_of(source.start(behind)) == line:
        return [source.edit(start, source.start(behind), "")]
    if len(block) == 1 or not movable(source, statement):
        return replace(source, statement, "pass")
    rest = source.slice(stop, source.line_start(line + 1))
    if rest.strip():
        return [source.edit(start, stop + len(rest) - len(rest.lstrip()), "")]
    if lead(source, statement) < source.line_start(line):
        return [source.edit(source.line_start(line), source.line_start(line + 1), "")]
    return [without(source, statement, statement)]
