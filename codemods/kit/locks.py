"""Locks of threads that are held around a place: nothing there may let the event loop go on meanwhile.

Kept over an `await`, such a lock stops the loop for good: the next task waits for it in the loop's own thread, and the one that holds
it never gets its turn to let go.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .libraries.blocking import LOCKS
from .names import last_part
from .source import Source

_NAMED = re.compile(r"(?<![bc])(?<!un)lock|mutex|semaphore")
_TIES = ("threading", "multiprocessing", "filelock", "portalocker", "fasteners")


def held_lock(source: Source, node: ast.AST) -> str:
    """The lock, as written, that a plain `with` or an `acquire` before holds around the node; "" for none."""
    return next((source.code(lock).partition("\n")[0] for lock in held(source, node) if is_lock(source, lock)), "")


def held(source: Source, node: ast.AST) -> Iterator[ast.expr]:
    """What is entered by a plain `with`, or acquired, around the node in its own function."""
    function = source.function(node)
    below = node
    for above in source.parents(node):
        if above is function:
            break
        if isinstance(above, ast.With) and below in above.body:
            yield from (item.context_expr for item in above.items)
        below = above
    for asked in source.attributes("acquire"):
        call = source.parent(asked)
        if source.start(asked) < source.start(node) and source.function(asked) is function and isinstance(call, ast.Call) and not source.awaited(call) and not _let_go(source, asked, node):
            yield asked.value


def in_turn(source: Source, node: ast.AST) -> bool:
    """Whether a lock of asyncio, or what is named so, lets one task after the other come here."""
    function = source.function(node)
    for above in source.parents(node):
        if above is function:
            return False
        if isinstance(above, ast.AsyncWith) and any("lock" in source.code(item.context_expr).lower() or source.made_by(item.context_expr) == "asyncio.Lock" for item in above.items):
            return True
    return False


def is_lock(source: Source, expr: ast.expr, hops: int = 0) -> bool:
    if isinstance(expr, ast.Call) and hops < 3 and _helper_holds(source, expr, hops):
        return True
    made = source.made_by(expr)
    if made in LOCKS or made.partition(".")[0] in _TIES:
        return True
    named = expr.func if isinstance(expr, ast.Call) else expr
    name = last_part(named)
    return not made and bool(_NAMED.search(name.lower()))


def _helper_holds(source: Source, call: ast.Call, hops: int) -> bool:
    """Whether a context manager of the project holds a lock while its block runs: around its `yield`."""
    for origin in source.origins(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else ():
        for place in origin.source.index.yields.get(origin.node, ()) if isinstance(origin.node, ast.FunctionDef) else ():
            if any(is_lock(origin.source, lock, hops + 1) for lock in held(origin.source, place)):
                return True
    return False


def _let_go(source: Source, asked: ast.Attribute, node: ast.AST) -> bool:
    """Whether the lock is released on the way from its `acquire` to the node."""
    lock, statement = ast.dump(asked.value), source.statement(asked)
    for freed in source.attributes("release"):
        if not source.start(asked) < source.start(freed) < source.start(node) or ast.dump(freed.value) != lock:
            continue
        end: ast.AST = source.statement(freed)
        above = source.parent(end)
        while isinstance(above, ast.Try) and end in above.finalbody:
            end, above = above, source.parent(above)
        if above is source.parent(statement):
            return True
    return False
