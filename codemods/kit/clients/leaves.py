"""What an expression is known to be: its leaves, whether a call streams, and how a thing is spoken of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..flow import moves
from ..libraries.sdk import Thing
from ..mappings import holds
from ..names import COMPREHENSIONS
from ..source import Source, keyword

ASKED = frozenset(
    "chat.completions.create chat.completions.parse chat.completions.stream responses.create responses.parse responses.stream messages.create messages.stream "
    "embeddings.create audio.transcriptions.create audio.speech.create images.generate moderations.create".split()
)


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


def unmistakable(source: Source, call: ast.Call) -> bool:
    """Whether an unknown object is asked as only a model's client is, and what it gives is used at once, as no coroutine can be."""
    assert isinstance(call.func, ast.Attribute)
    words: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        words.insert(0, node.attr)
        node = node.value
    asked = any(".".join(words[-length:]) in ASKED for length in (2, 3))
    if not asked or not any(given.arg in ("model", None) for given in call.keywords):
        return False
    if _used_at_once(source, call):
        return True
    above = source.parent(call)
    target = above.targets[0] if isinstance(above, ast.Assign) and len(above.targets) == 1 else None
    home = source.scope(target).home(target.id) if isinstance(target, ast.Name) else None
    if home is None or not isinstance(target, ast.Name):
        return False
    bound = source.bindings(target.id, home)
    uses = [use for binding in bound for use in source.uses(binding)]
    return len(bound) == 1 and bool(uses) and all(_used_at_once(source, use) or isinstance(source.parent(use), (ast.Return, ast.Call)) for use in uses) and any(_used_at_once(source, use) for use in uses)


def _used_at_once(source: Source, node: ast.AST) -> bool:
    above = source.parent(node)
    if isinstance(above, (ast.Attribute, ast.Subscript)):
        return above.value is node
    if isinstance(above, ast.withitem):
        return isinstance(source.parent(above), ast.With)
    if isinstance(above, COMPREHENSIONS):
        return any(each.iter is node and not each.is_async for each in above.generators)
    return isinstance(above, ast.For) and above.iter is node


def named(thing: Thing) -> str:
    if thing.kind:
        return "method"
    if thing.value in ("client", "Instructor"):
        return "client"
    return "page" if "Page" in thing.value else "response" if "Response" in thing.value else "stream"


def escape(thing: Thing) -> str:
    return "client-escapes" if thing.value in ("client", "Instructor") else "stream-escapes"
