"""Code that changes the list of messages in place, as only a history in this process lets it: `memory.chat_memory.messages = [...]`."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..source import Source
from .stations import Station

CHANGES = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort"})


def cuts_messages(stations: Iterable[Station]) -> bool:
    """Whether a station changes the list of what was said."""
    return any(_cuts(each.source, node) for each in stations for node in each.nodes)


def _cuts(source: Source, node: ast.AST, depth: int = 0) -> bool:
    above = source.parent(node)
    while isinstance(above, (ast.Attribute, ast.Await)) or (isinstance(above, ast.Call) and above.func is not node and node not in above.args):
        if isinstance(above, ast.Attribute) and above.attr == "messages":
            return _changed(source, above)
        node, above = above, source.parent(above)
    if isinstance(above, ast.Assign) and above.value is node and depth < 2:
        for target in above.targets:
            if isinstance(target, ast.Name) and any(_cuts(source, load, depth + 1) for load in source.names.uses(target.id, source.scope(target))):
                return True
    return False


def _changed(source: Source, messages: ast.Attribute) -> bool:
    if not isinstance(messages.ctx, ast.Load):
        return True
    above = source.parent(messages)
    if isinstance(above, ast.Subscript):
        return not isinstance(above.ctx, ast.Load)
    return isinstance(above, ast.Attribute) and above.attr in CHANGES and isinstance(source.parent(above), ast.Call)
