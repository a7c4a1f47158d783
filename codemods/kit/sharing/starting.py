"""What a service runs when it starts, and when it stops."""

from __future__ import annotations

import ast

from ..callers import callers
from ..names import FunctionNode, last_part
from ..source import Source

LIFESPANS = ("contextlib.asynccontextmanager", "contextlib.contextmanager")
STARTS = ("on_event", "before_serving", "before_server_start", "on_startup", "startup", "main_process_start")


def starts(source: Source, function: FunctionNode) -> bool:
    """Whether a service runs a function when it starts."""
    names = [source.qualified(each.func if isinstance(each, ast.Call) else each) or ast.unparse(each) for each in function.decorator_list]
    return any(name in LIFESPANS or name.rpartition(".")[2].partition("(")[0] in STARTS for name in names)


def stops(source: Source, function: FunctionNode) -> bool:
    """Whether a function is surely run when a service stops, and no sooner, or by nobody at all."""
    if any("shutdown" in (text := ast.unparse(each)) or "stop" in text or "after_serving" in text for each in function.decorator_list):
        return True
    if any(source.qualified(each) in (*LIFESPANS, "atexit.register") for each in function.decorator_list):
        return True
    mentions = callers(source, function)
    if function.decorator_list or mentions.calls or mentions.runs:
        return False
    return all(_given_for_stop(other, node) for other, node in mentions.others)


def _given_for_stop(source: Source, node: ast.AST) -> bool:
    """`on_shutdown=[close]`, `app.on_cleanup.append(close)`, `app.add_event_handler("shutdown", close)`, `atexit.register(close)`."""
    above = source.parent(node)
    while isinstance(above, (ast.List, ast.Tuple)):
        above = source.parent(above)
    if isinstance(above, ast.keyword):
        return above.arg == "on_shutdown"
    if not isinstance(above, ast.Call):
        return False
    holder = above.func.value if isinstance(above.func, ast.Attribute) else None
    first = above.args[0]
    named = isinstance(first, ast.Constant) and first.value == "shutdown"
    return named or source.qualified(above.func) == "atexit.register" or (holder is not None and last_part(holder) in ("on_shutdown", "on_cleanup"))
