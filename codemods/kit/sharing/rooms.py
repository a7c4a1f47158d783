"""Group chats: what one says is sent to everybody who is connected."""

from __future__ import annotations

import ast

from ..callgraph import Function, callees
from ..source import Source
from ..waits.waiting import calls_in
from .stations import Station

SENDS = frozenset({"send", "send_text", "send_json", "send_str", "send_message", "put", "put_nowait"})


def is_group_chat(station: Station) -> bool:
    """Whether a websocket's handler sends to all sockets, by itself or through helpers, and no key names the room."""
    if station.handler is None or station.handler.kind != "websocket" or (station.key is not None and station.key.meaning == "conversation"):
        return False
    return _broadcasts(Function(station.source, station.function), 0)  # type: ignore[arg-type]


def _broadcasts(function: Function, depth: int) -> bool:
    source = function.source
    for call in calls_in(source, function.node):
        if _to_each(source, call):
            return True
        if depth < 3 and any(other.node is not function.node and _broadcasts(other, depth + 1) for other in callees(source, call)):
            return True
    return False


def _to_each(source: Source, call: ast.Call) -> bool:
    """`for socket in sockets: await socket.send_text(text)`."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in SENDS or not isinstance(func.value, ast.Name):
        return False
    for above in source.parents(call):
        if isinstance(above, ast.For) and any(isinstance(each, ast.Name) and each.id == func.value.id for each in ast.walk(above.target)):
            return True
        if isinstance(above, (ast.ListComp, ast.GeneratorExp, ast.SetComp)) and any(
            isinstance(each, ast.Name) and each.id == func.value.id for part in above.generators for each in ast.walk(part.target)
        ):
            return True
    return False
