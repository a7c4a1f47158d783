"""New statements at the top level of a file, and names that nothing there has yet."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .finding import Edit
from .source import Source


def free(source: Source, *names: str) -> str:
    """The first of the names that nothing in the file has; else the last one with an underscore behind it."""
    taken = set(source.names.loads) | {bound for scope in source.names.inner.values() for bound in scope.bindings}
    name = next((each for each in names if each not in taken), names[-1])
    while name in taken:
        name = f"{name}_"
    return name


def above(source: Source, nodes: Iterable[ast.AST], text: str) -> list[Edit]:
    """Top-level statements before the one that holds the first of the nodes, and before the comment on it; `text` has four spaces a level."""
    first = min((top(source, node) for node in nodes), key=lambda statement: statement.lineno)
    line = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))])
    lines = source.utf8.splitlines()
    while line > 1 and lines[line - 2].startswith(b"#") and not lines[line - 2].startswith(b"#!"):
        line -= 1
    blank = 0
    while line - 2 - blank >= 0 and not lines[line - 2 - blank].strip():
        blank += 1
    lead = "\n" * (max(0, 2 - blank) if line > 1 else 0)
    unit = source.indent_unit
    body = "\n".join(unit * ((len(each) - len(each.lstrip(" "))) // 4) + each.lstrip(" ") for each in text.splitlines())
    start = source.line_start(line)
    return [source.edit(start, start, f"{lead}{body}\n\n\n".replace("\n", source.newline))]


def top(source: Source, node: ast.AST) -> ast.stmt:
    """The statement of the module that holds the node."""
    statement = source.statement(node)
    for outer in source.parents(statement):
        if isinstance(outer, ast.stmt):
            statement = outer
    return statement
