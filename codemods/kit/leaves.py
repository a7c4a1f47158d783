"""What an expression is known to be: its leaves, whether a call streams, and how a thing is spoken of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .flow import moves
from .libraries.sdk import Thing
from .mappings import holds
from .source import Source, keyword


def leaves(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of which one is the value."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            yield from leaves(part)
    elif isinstance(node, ast.IfExp):
        yield from leaves(node.body)
        yield from leaves(node.orelse)
    elif isinstance(node, ast.NamedExpr):
        yield from leaves(node.value)
    elif isinstance(node, ast.expr):
        yield node


def streams(source: Source, call: ast.Call) -> bool | None:
    """Whether a call asks for a stream; None when it can't be told."""
    given = keyword(call, "stream")
    if given is not None:
        value = given.value
        if isinstance(value, ast.Name):
            found = {origin.node.value for origin in source.origins(value) if isinstance(origin.node, ast.Constant)}
            if len(found) == len(source.origins(value)) == 1:
                return bool(found.pop())
        if isinstance(value, ast.Constant):
            return bool(value.value)
        return False if source.qualified(value).endswith("NOT_GIVEN") else None
    return False if holds(source, call, "stream") in ("no", "none") else None


def iterated(source: Source, call: ast.Call) -> bool:
    above = moves(source, call)
    return len(above) == 1 and (above[0].kind == "iterated" or (above[0].kind == "argument" and source.code(above[0].node.func) == "list"))  # type: ignore[attr-defined]


def named(thing: Thing) -> str:
    if thing.kind:
        return "method"
    if thing.value in ("client", "Instructor"):
        return "client"
    return "page" if "Page" in thing.value else "response" if "Response" in thing.value else "stream"


def escape(thing: Thing) -> str:
    return "client-escapes" if thing.value in ("client", "Instructor") else "stream-escapes"


def in_tests(source: Source) -> bool:
    """Tests put mocks in a client's place."""
    *folders, name = source.path.split("/")
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py" or bool({"test", "tests"} & set(folders))
